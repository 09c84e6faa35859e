//! What must hold: nothing acknowledged is lost, nothing is doubled, equal vectors mean equal
//! digests, every chain verifies.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, ensure};
use engine::books;
use engine::event::{Payload, codec};
use engine::ids::{Lane, Scope};
use engine::keys;
use engine::replica::lanes::StoredEvent;
use engine::replica::verify;
use engine::store::{Read, Store};
use node::core::Request;

use super::world::World;

/// Digests by what they hold at: two hosts that are at the same place must state the same.
#[derive(Default)]
pub struct Digests(BTreeMap<String, String>);

impl Digests {
    /// Compares what every host states now, with all that was stated before.
    pub fn check(&mut self, world: &mut World) -> anyhow::Result<()> {
        for host in 0..world.hosts.len() {
            for (place, digest) in stated(world, host)? {
                let held = self.0.entry(place.clone()).or_insert_with(|| digest.clone());
                ensure!(*held == digest, "host {host} states another digest at {place}");
            }
        }
        Ok(())
    }
}

fn stated(world: &mut World, host: usize) -> anyhow::Result<Vec<(String, String)>> {
    let Some(machine) = world.hosts[host].machine.as_mut() else { return Ok(Vec::new()) };
    let replica = &machine.device().replica;
    let mut out = Vec::new();
    for scope in books::scopes(replica.store().as_ref())? {
        for row in replica.digests(scope)? {
            let place = format!("{} {} {}", scope, row.projection.name(), row.vector);
            out.push((place, row.digest.to_string()));
        }
    }
    Ok(out)
}

/// Whether every running host is at the same place and nothing is at risk.
pub fn converged(world: &mut World) -> anyhow::Result<bool> {
    let mut first: Option<Vec<(String, String)>> = None;
    for host in 0..world.hosts.len() {
        let Some(machine) = world.hosts[host].machine.as_mut() else { return Ok(false) };
        if machine.device().replica.at_risk()?.events > 0 {
            return Ok(false);
        }
        let now = stated(world, host)?;
        match &first {
            None => first = Some(now),
            Some(held) if *held == now => {}
            Some(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Every sale that was acknowledged is held by the control exactly once, and none that nobody
/// asked for.
pub fn sales_are_all_there(world: &World, asked: &[Request]) -> anyhow::Result<()> {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for payload in payloads(world.hosts[0].store.as_ref(), Lane::Ledger)? {
        if let Payload::SaleCompleted(sale) = payload {
            *held.entry(format!("{:?}", sale.key)).or_default() += 1;
        }
    }
    for entry in &world.acknowledged {
        if let Request::Sale(sale, _) = &entry.request {
            let key = format!("{:?}", sale.key);
            let times = held.get(&key).copied().unwrap_or(0);
            ensure!(times == 1, "acknowledged sale {key} is held {times} times");
        }
    }
    let mut known = BTreeMap::new();
    for request in asked {
        if let Request::Sale(sale, _) = request {
            known.insert(format!("{:?}", sale.key), ());
        }
    }
    for (key, times) in held {
        ensure!(times == 1, "sale {key} is held {times} times");
        ensure!(known.contains_key(&key), "sale {key} was never asked for");
    }
    Ok(())
}

/// The control's sums equal those of the sales it holds, added up independently.
pub fn totals_add_up(world: &World) -> anyhow::Result<()> {
    let store = world.hosts[0].store.as_ref();
    let (mut baskets, mut amount, mut quantity) = (0_i128, 0_i128, 0_i128);
    for payload in payloads(store, Lane::Ledger)? {
        if let Payload::SaleCompleted(sale) = payload {
            baskets += 1;
            amount += sale.lines.iter().map(|line| i128::from(line.amount)).sum::<i128>();
            quantity += sale.lines.iter().map(|line| i128::from(line.quantity)).sum::<i128>();
        }
    }
    let mut sums = engine::projections::sales::Sums::default();
    for scope in books::scopes(store)? {
        books::summary(store, scope)?.values().for_each(|stall| sums += *stall);
    }
    ensure!(
        (sums.baskets, sums.amount, sums.quantity) == (baskets, amount, quantity),
        "the books say {} baskets, {} minor units, {} thousandths; the events {baskets}, {amount}, \
         {quantity}",
        sums.baskets,
        sums.amount,
        sums.quantity
    );
    Ok(())
}

/// Every log on every disk verifies.
pub fn chains_verify(world: &World) -> anyhow::Result<u64> {
    let mut events = 0;
    for (index, host) in world.hosts.iter().enumerate() {
        let report = verify::verify(host.store.snapshot().as_ref())?;
        ensure!(report.ok(), "host {index}: {:?}", report.problems);
        events += report.events;
    }
    Ok(events)
}

/// No fork where no disk was cloned.
pub fn nothing_forked(world: &mut World) -> anyhow::Result<()> {
    for (index, host) in world.hosts.iter_mut().enumerate() {
        let Some(machine) = host.machine.as_mut() else { continue };
        let forks = machine.device().replica.forks()?;
        ensure!(forks.is_empty(), "host {index} sees forks: {forks:?}");
    }
    ensure!(world.closed.is_empty(), "honest peers were cut off: {:?}", world.closed);
    Ok(())
}

/// Where every host stands, for the message of a check that failed.
pub fn describe(world: &mut World) -> anyhow::Result<String> {
    let mut out = String::new();
    for (index, host) in world.hosts.iter_mut().enumerate() {
        let Some(machine) = host.machine.as_mut() else { continue };
        let device = machine.device();
        let risk = device.replica.at_risk()?.events;
        let staged = device.replica.staged();
        writeln!(out, "host {index}: {risk} at risk, {staged} staged")?;
        for (log, leaves) in &device.replica.vector().0 {
            let at: Vec<String> =
                leaves.iter().map(|leaf| format!("{}@{}", leaf.seq, leaf.epoch)).collect();
            writeln!(out, "  {:?} {:?}: {}", log.device, log.lane, at.join(" "))?;
        }
        for session in device.router.sessions() {
            let (peer, open, sent) = (session.peer(), session.is_open(), session.in_flight());
            writeln!(out, "  session {peer:?} open {open}, {sent} bytes in flight")?;
        }
    }
    Ok(out)
}

fn payloads(store: &dyn Read, lane: Lane) -> anyhow::Result<Vec<Payload>> {
    let mut out = Vec::new();
    for log in books::vector(store)?.0.keys().filter(|log| log.lane == lane) {
        debug_assert!(log.scope != Scope::Tenant || lane == Lane::Authority);
        let (from, to) = keys::log_events(&log.id());
        let mut rows = Vec::new();
        store.scan(&from, &to, &mut |_, row| {
            rows.push(row.to_vec());
            std::ops::ControlFlow::Continue(())
        })?;
        for row in rows {
            let stored = StoredEvent::from_bytes(&row).context("an event row is garbled")?;
            out.push(codec::decode_event(&stored.bytes)?.payload);
        }
    }
    Ok(out)
}
