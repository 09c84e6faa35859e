//! How a run went, as numbers: what `--json` prints.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::marks::Marks;

/// How a run went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The hash over everything that happened, in hex.
    pub trace_hash: String,
    /// Virtual seconds, healing included.
    pub sim_seconds: f64,
    /// Real seconds.
    pub wall_seconds: f64,
    /// Virtual over real seconds, rounded down.
    pub speed: u64,
    /// Datagrams that left a socket.
    pub datagrams: u64,
    /// What did not hold; nothing in a good run.
    pub violations: Vec<Failed>,
    /// States that were reached, and how often.
    pub marks: Marks,
    /// Virtual milliseconds from the end of faults until all hosts had converged; none if they did
    /// not.
    pub healing_ms: Option<u64>,
    /// What the scenario measures.
    pub sales: Sales,
    /// What promised goods came to.
    pub promised: Promised,
    /// What passed over the network.
    pub network: Passed,
    /// Places at which branches of a log part, as the control knows.
    pub forks: u64,
    /// Starts of daemons that failed.
    pub failed_starts: u64,
    /// What checkers counted.
    pub measures: BTreeMap<&'static str, i64>,
}

/// A checker that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// When it was found, in virtual milliseconds.
    pub at_ms: u64,
    /// Which.
    pub checker: &'static str,
    /// What it found.
    pub text: String,
}

/// Customers and their money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sales {
    /// Customers who came.
    pub asked: u64,
    /// Sales that tills were told stand.
    pub acknowledged: u64,
    /// Sales refused as a whole.
    pub refused: u64,
    /// Sales nobody answered for until the end.
    pub unanswered: u64,
    /// Acknowledged facts, refunds and deliveries included, that the control does not hold at the
    /// end: their disk was destroyed or is switched off.
    pub lost: u64,
    /// Refunds that stand.
    pub refunds: u64,
    /// Pieces sold.
    pub units: u64,
    /// Minor units of sales less refunds, as tills were told.
    pub money: i64,
    /// The same in the control's books.
    pub money_at_control: i64,
}

/// Promised goods, in pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Promised {
    /// Came in.
    pub stock: i64,
    /// Sold, as tills were told.
    pub sold: u64,
    /// Customers went without.
    pub refused: u64,
    /// Sales that waited for others to give rights, and got them.
    pub fetched: u64,
    /// Sold that was not there, as the control's books have it.
    pub oversold: i64,
    /// What forks and forfeits may oversell at most, as they say.
    pub exposure: i64,
}

/// What passed over the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Bytes of all datagrams that were sent, headers included; those between stalls count once.
    pub bytes_sent: u64,
    /// Bytes that arrived.
    pub bytes_arrived: u64,
    /// Datagrams that did not arrive.
    pub dropped: u64,
}

impl Outcome {
    /// Whether every checker held.
    pub fn held(&self) -> bool {
        self.violations.is_empty()
    }

    /// Some lines for a person.
    pub fn in_words(&self) -> String {
        let Self { sales, promised, network, .. } = self;
        let mut lines = vec![
            format!(
                "{} seed {}: {} customers, {} sales acknowledged, {} refused, {} lost with their \
                 disks; {} units, {}.{:02} USD",
                self.scenario,
                self.seed,
                sales.asked,
                sales.acknowledged,
                sales.refused,
                sales.lost,
                sales.units,
                sales.money / 100,
                (sales.money % 100).abs()
            ),
            format!(
                "promised: {} pieces, {} sold, {} refused, {} fetched, {} oversold ({} declared)",
                promised.stock,
                promised.sold,
                promised.refused,
                promised.fetched,
                promised.oversold,
                promised.exposure
            ),
            match self.healing_ms {
                Some(ms) => format!("converged {ms} ms after the last fault; {} forks", self.forks),
                None => format!("not converged; {} forks", self.forks),
            },
            format!(
                "{:.0} s in {:.2} s: {} x; {} datagrams, {} bytes; trace {}",
                self.sim_seconds,
                self.wall_seconds,
                self.speed,
                self.datagrams,
                network.bytes_sent,
                self.trace_hash
            ),
        ];
        let reached = self.marks.iter().filter(|(_, times)| *times > 0);
        let reached: Vec<String> = reached.map(|(name, n)| format!("{name} {n}")).collect();
        lines.push(format!("marks: {}", reached.join(", ")));
        for failed in &self.violations {
            let Failed { at_ms, checker, text } = failed;
            lines.push(format!("{checker} did not hold at {} ms: {text}", at_ms));
        }
        lines.join("\n")
    }
}
