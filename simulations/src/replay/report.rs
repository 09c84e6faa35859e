//! What came of a replay, as a table for people and as JSON for programs.
//!
//! All figures are integers; what people read as a fraction is written digit by digit.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use crate::replay::agreement::{Digest, Subject};
use crate::replay::cluster::{CURRENCY, Wire};
use crate::replay::drills::Drills;
use crate::replay::limits::DIFFERENCES_LISTED;
use crate::sales::totals::Sums;

/// What came of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The file, or the built-in market and its seed.
    pub source: String,
    /// The local date of the first basket.
    pub first_day: Option<String>,
    /// The local date of the last basket.
    pub last_day: Option<String>,
    /// Concurrent tills at each stall.
    pub tills: u16,
    /// The stalls, the busiest first.
    pub stalls: Vec<StallOutcome>,
    /// What the control states for all stalls together.
    pub centre: Sums,
    /// What every replica states.
    pub digests: Vec<StatedDigest>,
    /// What each replica found when it checked its logs.
    pub checked: Vec<Checked>,
    /// From the first sale sent to the last acknowledged, in milliseconds, drills included.
    pub selling_ms: u64,
    /// Acknowledged baskets in a second of that, over all stalls.
    pub sales_per_second: u64,
    /// Bytes at the control's sockets, from the end of stocking to the last receipt.
    pub wire: Wire,
    /// Both directions of that for 1,000 lines sold.
    pub wire_bytes_per_1000_lines: u64,
    /// The drills, unless the run was calm.
    pub drills: Option<Drills>,
    /// From the last sale, with every link up, until all replicas stated the same.
    pub heal_to_equal_ms: u64,
    /// From then until no stall had an event without a receipt.
    pub heal_to_receipted_ms: u64,
    /// Whatever differs from the input or failed a check. Empty is what it must be.
    pub differences: Vec<String>,
    /// The daemons left running.
    pub kept: Vec<Kept>,
}

/// What came of one stall.
#[derive(Debug, Clone, Serialize)]
pub struct StallOutcome {
    /// Its name, after the store.
    pub name: String,
    /// What the control states for it.
    #[serde(flatten)]
    pub sums: Sums,
    /// Times that a sale was sent again because no answer came.
    pub sent_again: u64,
    /// Sales sent again that were on disk already, and were not sold twice.
    pub replayed: u64,
}

/// A digest that every replica states.
#[derive(Debug, Clone, Serialize)]
pub struct StatedDigest {
    /// What it is of.
    #[serde(flatten)]
    pub of: Subject,
    /// The digest and its vector.
    #[serde(flatten)]
    pub stated: Digest,
}

/// What a replica checked: every chain from its start, every kept head's signature.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// The replica.
    pub name: String,
    /// Logs on its disk.
    pub logs: u64,
    /// Events in them.
    pub events: u64,
    /// Signed heads over them.
    pub heads: u64,
}

/// A daemon left running.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// What people call it.
    pub name: String,
    /// Its HTTP API.
    pub api: String,
    /// The file with the operator's token.
    pub token_file: String,
    /// Its data directory.
    pub data: String,
    /// Its process id.
    pub pid: u32,
}

impl Outcome {
    /// Prints the table, or with `json` one JSON object and nothing else.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
        } else {
            print!("{self}");
        }
        Ok(())
    }

    /// Fails, listing them, when anything differs.
    pub fn verdict(&self) -> anyhow::Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        let listed = self.differences.iter().take(DIFFERENCES_LISTED);
        let listed: String = listed.map(|difference| format!("\n  {difference}")).collect();
        let more = self.differences.len().saturating_sub(DIFFERENCES_LISTED);
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        bail!("the books differ from the input:{listed}{more}")
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.fmt_books(f)?;
        self.fmt_digests(f)?;
        self.fmt_pace(f)?;
        self.fmt_drills(f)?;
        writeln!(
            f,
            "heal      all replicas stated the same {} after the last sale, every event was \
             receipted after {}",
            seconds(self.heal_to_equal_ms),
            seconds(self.heal_to_receipted_ms)
        )?;
        let (differences, replicas) = (self.differences.len(), self.checked.len());
        match differences {
            0 => writeln!(
                f,
                "books     0 lines, 0 units, 0 cents of difference between the input and each of \
                 {replicas} replicas"
            )?,
            _ => writeln!(f, "books     {differences} DIFFERENCES from the input")?,
        }
        self.fmt_kept(f)
    }
}

impl Outcome {
    fn fmt_books(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let day = |day: &Option<String>| day.clone().unwrap_or_default();
        writeln!(f, "\n{}, {} to {}\n", self.source, day(&self.first_day), day(&self.last_day))?;
        let heading = ["", "baskets", "lines", "quantity", CURRENCY];
        let [name, baskets, lines, quantity, money] = heading;
        writeln!(f, "{name:<14}{baskets:>10}{lines:>11}{quantity:>20}{money:>16}")?;
        let stalls = self.stalls.iter().map(|stall| (stall.name.as_str(), &stall.sums));
        for (name, sums) in stalls.chain([("centre", &self.centre)]) {
            writeln!(
                f,
                "{name:<14}{:>10}{:>11}{:>20}{:>16}",
                thousands(sums.baskets),
                thousands(sums.lines),
                decimal(sums.quantity_thousandths, 3),
                decimal(sums.amount_cents.unsigned_abs(), 2),
            )?;
        }
        Ok(())
    }

    fn fmt_digests(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for StatedDigest { of, stated } in &self.digests {
            let (digest, replicas) = (&stated.digest, self.checked.len());
            let short = digest.get(..32).unwrap_or(digest);
            writeln!(
                f,
                "digest    {short}  {} v{}, {replicas} replicas",
                of.projection, of.version
            )?;
        }
        for Checked { name, logs, events, heads } in &self.checked {
            let events = thousands(*events);
            writeln!(f, "verified  {name}: {logs} logs, {events} events, {heads} signed heads")?;
        }
        writeln!(f)
    }

    fn fmt_pace(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (sales, each) = (thousands(self.sales_per_second), self.tills);
        writeln!(
            f,
            "pace      {} sales in {}: {sales} sales/s over {} stalls with {each} tills each",
            thousands(self.centre.baskets),
            seconds(self.selling_ms),
            self.stalls.len(),
        )?;
        writeln!(
            f,
            "wire      {} bytes in, {} out at the control: {} bytes a line",
            thousands(self.wire.received_bytes),
            thousands(self.wire.sent_bytes),
            decimal(self.wire_bytes_per_1000_lines, 3),
        )
    }

    fn fmt_drills(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(Drills { offline, killed }) = &self.drills else { return Ok(()) };
        writeln!(
            f,
            "offline   {}: {} baskets sold in {} without its link, at the control {} after its \
             return",
            offline.stall,
            thousands(offline.baskets),
            seconds(offline.down_ms),
            seconds(offline.caught_up_ms),
        )?;
        let sum = |of: fn(&StallOutcome) -> u64| self.stalls.iter().map(of).sum::<u64>();
        writeln!(
            f,
            "killed    {} after {} baskets: answered again {} after its start; {} sales were sent \
             again, {} of them were on disk",
            killed.stall,
            thousands(killed.after_baskets),
            seconds(killed.recovered_ms),
            thousands(sum(|stall| stall.sent_again)),
            thousands(sum(|stall| stall.replayed)),
        )
    }

    fn fmt_kept(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.kept.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nleft running:")?;
        for Kept { name, api, token_file, .. } in &self.kept {
            writeln!(f, "  {name:<12} {api}  token in {token_file}")?;
        }
        let pids: Vec<String> = self.kept.iter().map(|kept| kept.pid.to_string()).collect();
        writeln!(f, "end them with: kill {}", pids.join(" "))
    }
}

/// A whole number with its thousands set apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number counted in tenths, hundredths, ... as a decimal fraction.
pub(crate) fn decimal(number: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let width = places as usize;
    format!("{}.{:0width$}", thousands(number / one), number % one)
}

/// Whole milliseconds, as every span here is kept.
pub(crate) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A span as people say it.
pub(crate) fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        _ => format!("{} s", decimal(milliseconds / 10, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::drills::{Killed, Offline};

    fn sample(differences: &[&str]) -> Outcome {
        let sums = Sums {
            baskets: 4194,
            lines: 41_334,
            quantity_thousandths: 7_197_948_500,
            amount_cents: 14_816_907,
            discount_cents: 1_805_327,
        };
        let name = "store 367".to_owned();
        let offline = Offline {
            stall: name.clone(),
            baskets: 1400,
            at_risk_events: Some(1400),
            down_ms: 4_321,
            caught_up_ms: 80,
            up: std::time::Instant::now(),
        };
        let killed = Killed { stall: name.clone(), after_baskets: 2097, recovered_ms: 410 };
        Outcome {
            source: "a.whl".to_owned(),
            first_day: Some("2017-01-01".to_owned()),
            last_day: Some("2017-12-31".to_owned()),
            tills: 8,
            stalls: vec![StallOutcome { name, sums: sums.clone(), sent_again: 9, replayed: 3 }],
            centre: sums,
            digests: Vec::new(),
            checked: vec![Checked { name: "control".to_owned(), logs: 5, events: 4300, heads: 70 }],
            selling_ms: 12_345,
            sales_per_second: 339,
            wire: Wire { sent_bytes: 1000, received_bytes: 250_000 },
            wire_bytes_per_1000_lines: 6_072,
            drills: Some(Drills { offline, killed }),
            heal_to_equal_ms: 40,
            heal_to_receipted_ms: 60,
            differences: differences.iter().map(|text| (*text).to_owned()).collect(),
            kept: Vec::new(),
        }
    }

    #[test]
    fn figures_are_written_without_a_float() {
        let cases = [
            (thousands(0), "0"),
            (thousands(999), "999"),
            (thousands(1_469_307), "1,469,307"),
            (decimal(7, 2), "0.07"),
            (decimal(14_816_907, 2), "148,169.07"),
            (seconds(999), "999 ms"),
            (seconds(12_345), "12.34 s"),
        ];
        for (written, expected) in cases {
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn the_table_tells_books_pace_and_drills() {
        let table = sample(&[]).to_string();
        let told = [
            "store 367          4,194     41,334       7,197,948.500      148,169.07",
            "verified  control: 5 logs, 4,300 events, 70 signed heads",
            "339 sales/s over 1 stalls with 8 tills each",
            "6.072 bytes a line",
            "1,400 baskets sold in 4.32 s without its link, at the control 80 ms after its return",
            "9 sales were sent again, 3 of them were on disk",
            "0 lines, 0 units, 0 cents of difference",
        ];
        for line in told {
            assert!(table.contains(line), "{line}\nis not in{table}");
        }
    }

    #[test]
    fn differences_fail_the_run_and_are_listed() {
        assert!(sample(&[]).verdict().is_ok());
        let refused = sample(&["control: store 367: 1 cents stated, 2 in the input"; 30]);
        assert!(refused.to_string().contains("30 DIFFERENCES"));
        let said = refused.verdict().expect_err("a failure").to_string();
        assert!(said.contains("1 cents stated") && said.ends_with("and 10 more"), "{said}");
    }

    #[test]
    fn json_has_every_figure_under_its_own_name() {
        let json = serde_json::to_value(sample(&[])).expect("JSON");
        assert_eq!(json["stalls"][0]["amount_cents"], 14_816_907);
        assert_eq!(json["drills"]["offline"]["caught_up_ms"], 80);
        assert_eq!(json["wire"]["received_bytes"], 250_000);
    }
}
