//! A large catalogue: what a start with it takes in time and memory, before and after a new season.
//!
//! The catalogue is built here, on a store in memory; each start happens in a process of its own,
//! so that the kernel's figure of the most memory ever held is that of the start alone. It fails
//! when a start takes more memory than is promised, or when nothing is saved by a new season.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use engine::catalogue::{Field, ItemEdit};
use engine::ids::{Epoch, MerchantId, Scope};
use engine::projections::catalogue as rows;
use engine::replica::Replica;
use engine::store::memory::MemoryStore;
use engine::store::{Batch, Read, Store};
use serde::{Deserialize, Serialize};

use crate::protocol::tenant::{START_MS, Tenant};
use crate::replay::progress::say;
use crate::replay::report::{decimal, milliseconds, thousands};

/// The most memory that a start may take beyond the rows themselves, in bytes.
const START_BYTES_MAX: u64 = 256 << 20;

/// Edits after which the control starts anew, and so writes on as another actor.
const EDITS_A_START: u64 = 1_000;

/// How large a catalogue.
#[derive(Debug, Clone, Args)]
pub struct CatalogueOptions {
    /// Items, each with five fields
    #[arg(long, default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub items: u64,
    /// Changes, each of one price
    #[arg(long, default_value_t = 20_000,
          value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub changes: u64,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub json: bool,
    /// Start on the rows in this file, and print what that took
    #[arg(long, hide = true)]
    pub start: Option<PathBuf>,
}

/// What it took.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogueOutcome {
    /// Items in the catalogue.
    pub items: u64,
    /// Changes of one price each.
    pub changes: u64,
    /// What an edit of one price took until its batch was closed, on average, in microseconds.
    pub edit_us: u64,
    /// A start with all of that history.
    pub with_history: Start,
    /// Opening a new season, in milliseconds.
    pub season_ms: u64,
    /// A start after that.
    pub new_season: Start,
}

/// What one start took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// From a store to a replica that can edit, in milliseconds.
    pub load_ms: u64,
    /// The most memory held, less what was held before it began, in bytes.
    pub peak_bytes: Option<u64>,
    /// Items that it then shows.
    pub items: u64,
}

/// Builds the catalogue and starts with it, twice.
pub(super) fn run(options: &CatalogueOptions) -> anyhow::Result<CatalogueOutcome> {
    let store = Arc::new(MemoryStore::default());
    say("building");
    let edit_us = build(&store, options)?;
    let with_history = start_apart(&store)?;
    let mut replica = open(&store, u64::MAX - 1)?;
    let began = Instant::now();
    replica.open_season(scope(), "bench", false, START_MS)?;
    commit(&mut replica, &store)?;
    let season_ms = milliseconds(began.elapsed());
    let new_season = start_apart(&store)?;
    let outcome = CatalogueOutcome {
        items: options.items,
        changes: options.changes,
        edit_us,
        with_history,
        season_ms,
        new_season,
    };
    outcome.verdict()?;
    Ok(outcome)
}

impl CatalogueOutcome {
    fn verdict(&self) -> anyhow::Result<()> {
        for start in [self.with_history, self.new_season] {
            ensure!(start.items == self.items, "{} items are shown", start.items);
            let peak = start.peak_bytes.unwrap_or_default();
            ensure!(peak <= START_BYTES_MAX, "a start took {peak} bytes");
        }
        let (history, fresh) = (self.with_history.peak_bytes, self.new_season.peak_bytes);
        ensure!(fresh <= history, "a new season saves no memory: {fresh:?} after {history:?}");
        Ok(())
    }
}

/// Starts on the rows in a file; what the other process does.
pub(super) fn start(path: &Path) -> anyhow::Result<Start> {
    let store = Arc::new(read_rows(path)?);
    let before = peak_memory();
    let began = Instant::now();
    let replica = open(&store, u64::MAX)?;
    let load_ms = milliseconds(began.elapsed());
    let peak_bytes = peak_memory().zip(before).map(|(after, before)| after - before);
    drop(replica);
    let items = rows::page(store.as_ref(), scope(), None, usize::MAX, |_| true)?.len() as u64;
    Ok(Start { load_ms, peak_bytes, items })
}

fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name("bench"))
}

fn open(store: &Arc<MemoryStore>, epoch: u64) -> anyhow::Result<Replica> {
    let tenant = Tenant::default();
    let store: Arc<dyn Store> = store.clone();
    let mut replica = Replica::open(tenant.control(), tenant.id(), Epoch(epoch), store)?;
    replica.take_charter(&tenant.charter())?;
    Ok(replica)
}

fn commit(replica: &mut Replica, store: &MemoryStore) -> anyhow::Result<()> {
    let batch = replica.close()?;
    store.write(&batch)?;
    replica.committed();
    Ok(())
}

/// Imports the items and changes prices one by one. Gives what an edit took on average.
fn build(store: &Arc<MemoryStore>, options: &CatalogueOptions) -> anyhow::Result<u64> {
    let mut replica = open(store, 1)?;
    let items: Vec<ItemEdit> = (0..options.items).map(item).collect();
    for group in items.chunks(5_000) {
        replica.edit_catalogue(scope(), group, START_MS)?;
        commit(&mut replica, store)?;
    }
    let began = Instant::now();
    for number in 0..options.changes {
        if number % EDITS_A_START == EDITS_A_START - 1 {
            replica = open(store, 2 + number)?;
        }
        let sku = super::sku(number.wrapping_mul(7_919) % options.items);
        let price = 1_000 + number.cast_signed();
        let events =
            replica.edit_catalogue(scope(), &[ItemEdit::of(sku).price(price)], START_MS)?;
        ensure!(events.len() == 1, "one edit is one event, and not {}", events.len());
        commit(&mut replica, store)?;
    }
    let took = u64::try_from(began.elapsed().as_micros())?;
    Ok(took / options.changes)
}

fn item(number: u64) -> ItemEdit {
    ItemEdit::of(super::sku(number))
        .text(Field::Name, format!("Item number {number}"))
        .price(number.cast_signed() % 900 + 99)
        .text(Field::Unit, "piece")
        .text(Field::Tax, "standard")
        .text(Field::Category, format!("Aisle {}", number % 40))
}

/// Starts in another process.
fn start_apart(store: &MemoryStore) -> anyhow::Result<Start> {
    let name = format!("tentpole-bench-catalogue-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    write_rows(store, &path)?;
    say("starting");
    let program = std::env::current_exe()?;
    let done = Command::new(program).args(["bench", "catalogue", "--start"]).arg(&path).output();
    fs::remove_file(&path)?;
    let done = done?;
    ensure!(done.status.success(), "a start failed: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).context("what a start printed")
}

/// `key length u32 LE | value length u32 LE | key | value`, for each row.
fn write_rows(store: &MemoryStore, path: &Path) -> anyhow::Result<()> {
    let mut out = Vec::new();
    store.scan(&[0], &[u8::MAX], &mut |key, value| {
        out.extend((key.len() as u32).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(key);
        out.extend(value);
        ControlFlow::Continue(())
    })?;
    Ok(fs::write(path, out)?)
}

fn read_rows(path: &Path) -> anyhow::Result<MemoryStore> {
    let bytes = fs::read(path)?;
    let (mut rest, mut batch) = (bytes.as_slice(), Batch::default());
    let length = |bytes: [u8; 4]| u32::from_le_bytes(bytes) as usize;
    while let Some((lengths, body)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *lengths;
        let (key, value) = (length([a, b, c, d]), length([e, f, g, h]));
        let (row, left) = body.split_at_checked(key + value).context("the file is cut off")?;
        batch.put(row[..key].to_vec(), row[key..].to_vec());
        rest = left;
    }
    let store = MemoryStore::default();
    store.write(&batch)?;
    Ok(store)
}

/// The most memory that this process ever held, in bytes. `None` where there is no `/proc`.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

impl Display for CatalogueOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (items, changes) = (thousands(self.items), thousands(self.changes));
        writeln!(f, "catalogue {items} items, {changes} changes of one price each")?;
        writeln!(f, "edit      {} us each, rows included", thousands(self.edit_us))?;
        let mut start = |name: &str, start: Start| {
            let bytes = start.peak_bytes.map_or("unknown".to_owned(), |bytes| {
                format!("{} MiB", decimal((bytes * 10) >> 20, 1))
            });
            writeln!(f, "start     {} ms, {bytes}, {name}", thousands(start.load_ms))
        };
        start("with that history", self.with_history)?;
        start("after a new season", self.new_season)?;
        writeln!(f, "season    opened in {} ms", thousands(self.season_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_shows_what_was_built_before_and_after_a_new_season() {
        let options = CatalogueOptions { items: 50, changes: 120, json: false, start: None };
        let store = Arc::new(MemoryStore::default());
        build(&store, &options).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        write_rows(&store, &path).unwrap();
        assert_eq!(start(&path).unwrap().items, 50);
        let mut replica = open(&store, 7).unwrap();
        replica.open_season(scope(), "next", false, START_MS).unwrap();
        commit(&mut replica, &store).unwrap();
        write_rows(&store, &path).unwrap();
        assert_eq!(start(&path).unwrap().items, 50);
    }

    #[test]
    fn a_start_beyond_its_bounds_is_a_failure() {
        let good = Start { load_ms: 1, peak_bytes: Some(10), items: 5 };
        let outcome = |with_history: Start, new_season: Start| CatalogueOutcome {
            items: 5,
            changes: 5,
            edit_us: 1,
            with_history,
            season_ms: 1,
            new_season,
        };
        outcome(good, good).verdict().unwrap();
        let large = Start { peak_bytes: Some(START_BYTES_MAX + 1), ..good };
        assert!(outcome(large, good).verdict().is_err());
        assert!(outcome(good, Start { peak_bytes: Some(11), ..good }).verdict().is_err());
        assert!(outcome(Start { items: 4, ..good }, good).verdict().is_err());
    }
}
