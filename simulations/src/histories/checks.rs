//! What must hold of machines: one place, one set of books; nothing lost; chains that verify.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use anyhow::{Context, ensure};
use engine::ids::{EventId, Scope};
use engine::keys;
use engine::log::segment::Codec;
use engine::log::vector::VersionVector;
use engine::replica::verify;
use engine::store::{Read, Row};

use super::books;
use super::conserved;
use super::steps::Flavour;
use super::world::{World, scope};

/// What was stated so far, by where it holds: scope, projection and vector.
#[derive(Default)]
pub struct Seen {
    rows: BTreeMap<String, (String, String, Vec<Row>)>,
    /// For each fact, what its machine held when it was appended.
    pub causes: BTreeMap<EventId, BTreeSet<EventId>>,
    /// Comparisons of a projection at one vector by two machines or times.
    pub equal: u64,
    /// Comparisons of a projection with the reference.
    pub compared: u64,
}

impl World {
    /// Compares what a machine states with all that was stated at the same place, and with the
    /// reference.
    pub fn compare(&mut self, at: usize) -> anyhow::Result<()> {
        let machine = &self.machines[at];
        for scope in [scope(), Scope::Tenant] {
            for row in machine.replica.digests(scope)? {
                let place = format!("{scope} {} {}", row.projection.name(), row.vector);
                let rows = projection_rows(machine.disk.as_ref(), row.projection as u8, scope)?;
                let said = (machine.name.clone(), row.digest.to_string(), rows);
                let held = self.seen.rows.entry(place).or_insert_with(|| said.clone());
                ensure!(
                    (&held.1, &held.2) == (&said.1, &said.2),
                    "{} and {} hold the same events and have other books of {}:{}",
                    held.0,
                    said.0,
                    row.projection.name(),
                    difference(&held.2, &said.2)
                );
                self.seen.equal += 1;
            }
            let reference = self.reference(at, scope)?;
            let machine = &self.machines[at];
            let compared = books::agree(&machine.replica, scope, &reference)
                .with_context(|| format!("the books of {} in {scope}", machine.name))?;
            self.seen.compared += compared;
            conserved::check(self, at, scope, &reference)?;
        }
        Ok(())
    }

    /// Everything that must be so once everyone has everything.
    pub fn check_settled(&mut self) -> anyhow::Result<()> {
        let all = self.events(0)?;
        ensure!(self.acknowledged.is_subset(&all), "a fact that stood is gone");
        for at in 0..self.machines.len() {
            let machine = &self.machines[at];
            let name = machine.name.clone();
            ensure!(
                self.events(at)? == all,
                "{name} holds other events than {}",
                self.machines[0].name
            );
            ensure!(
                machine.replica.vector() == self.machines[0].replica.vector(),
                "{name} is at another place than {}",
                self.machines[0].name
            );
            ensure!(machine.replica.staged() == 0, "{name} still waits for parents");
            let report = verify::verify(machine.disk.as_ref())?;
            ensure!(report.ok(), "{name} does not verify: {:?}", report.problems);
            ensure!(report.events == all.len() as u64, "{name} verifies {} events", report.events);
        }
        self.check_newcomer()
    }

    /// Someone who gets everything at once has the same books.
    fn check_newcomer(&mut self) -> anyhow::Result<()> {
        let key = self.machines[2].key.clone();
        let mut newcomer = self.newcomer("a newcomer", key)?;
        for bytes in self.machines[0].segments(&VersionVector::default(), Codec::Zstd)? {
            newcomer.admit(&bytes, 0)?;
        }
        newcomer.commit()?;
        self.machines.push(newcomer);
        let at = self.machines.len() - 1;
        ensure!(
            self.machines[at].replica.vector() == self.machines[0].replica.vector(),
            "a newcomer does not get everything"
        );
        let seen = self.compare(at);
        self.machines.pop();
        seen
    }

    /// What lies on a machine's disk.
    pub fn events(&self, at: usize) -> anyhow::Result<BTreeSet<EventId>> {
        let mut out = BTreeSet::new();
        let (from, to) = keys::all_events();
        self.machines[at].disk.scan(&from, &to, &mut |key, _| {
            out.extend(keys::read_event_id(key));
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// Whether everybody in this history keeps to the rules.
    pub fn is_honest(&self) -> bool {
        self.flavour != Flavour::Lying
    }
}

fn projection_rows(disk: &dyn Read, projection: u8, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let (from, to) = keys::prefix(keys::row(projection, scope, &[]));
    let mut out = Vec::new();
    disk.scan(&from, &to, &mut |key, value| {
        out.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

fn difference(a: &[Row], b: &[Row]) -> String {
    let only = |these: &[Row], those: &[Row]| -> String {
        let rows = these.iter().filter(|row| !those.contains(row)).take(4);
        rows.map(|(key, value)| {
            let tail = key.get(19..).unwrap_or_default();
            format!("\n    {} = {}", tail.escape_ascii(), value.escape_ascii())
        })
        .collect()
    };
    format!("\n  only the first has{}\n  only the second has{}", only(a, b), only(b, a))
}
