//! A market: one control with a catalogue, and the stalls that join it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::daemon::free_address;
use super::{Daemon, Sold, Stall, eventually};

/// A control in a directory of its own, where stalls are put too.
pub struct Market {
    /// The centre.
    pub control: Daemon,
    dir: TempDir,
}

/// An address that nobody answers at.
pub fn dead_address() -> SocketAddr {
    free_address()
}

impl Market {
    /// Founds a tenant that sells tea and cakes in dollars, and starts its control.
    pub async fn open() -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut control = Daemon::control(dir.path());
        control.ask(&["init", "--tenant", "fair", "--currency", "USD"]).await;
        control.start().await;
        let items = json!({ "items": [
            { "sku": "tea", "name": "Tea", "price": 100 },
            { "sku": "cake", "name": "Cake", "price": 250 },
        ] });
        control.api().post("/v1/catalogue/items", &items).await;
        Self { control, dir }
    }

    /// Where everything of this market lies.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A join token for a stall of this name.
    pub async fn invite(&self, name: &str) -> String {
        let made = self.control.ask(&["invite", "--name", name]).await;
        made["token"].as_str().expect("a token").to_owned()
    }

    /// A stall that has joined and is not started.
    pub async fn joined(&self, name: &str) -> Daemon {
        self.joined_with(name, &self.invite(name).await).await
    }

    /// A stall that has joined with this token and is not started.
    pub async fn joined_with(&self, name: &str, token: &str) -> Daemon {
        let daemon = Daemon::stall(self.folder(), name);
        daemon.ask(&["join", token]).await;
        daemon
    }

    /// A stall that has joined, runs, and knows the catalogue.
    pub async fn stall(&self, name: &str) -> Stall {
        self.stall_with(name, &[]).await
    }

    /// A stall that was given more flags. It needs the control to run.
    pub async fn stall_with(&self, name: &str, flags: &[&str]) -> Stall {
        let mut daemon = self.joined(name).await;
        daemon.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let stall = Stall::open(daemon).await;
        self.wait_equal_digests(&[&stall]).await;
        stall
    }

    /// Waits until the control and these stalls hold the same and state the same.
    pub async fn wait_equal_digests(&self, stalls: &[&Stall]) {
        for stall in stalls {
            wait_equal_digests(&self.control, stall).await;
        }
    }

    /// Every event at the centre, as `export` prints it.
    pub async fn events(&self) -> Vec<Value> {
        let output = self.control.command(&["export"]).await;
        assert_eq!(output.code, 0, "{output:?}");
        let lines = output.stdout.lines();
        lines.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Every sale at the centre, in order of ids.
    pub async fn sales(&self) -> Vec<Sold> {
        let events = self.events().await;
        let sales = events.iter().filter(|event| event["kind"] == "sale-completed");
        let mut sales: Vec<Sold> = sales.map(sold).collect();
        sales.sort();
        sales
    }

    /// Expects the centre's sales, and its sums, to be those that these stalls acknowledged: each
    /// once, and none besides.
    pub async fn must_have_every_sale_once(&self, stalls: &[&Stall]) {
        let mut expected: Vec<Sold> =
            stalls.iter().flat_map(|stall| stall.sold.iter().cloned()).collect();
        expected.sort();
        assert_eq!(self.sales().await, expected);
        let total = self.control.total().await;
        let amount: i64 = expected.iter().map(|sold| sold.amount).sum();
        assert_eq!((&total["baskets"], &total["amount"]), (&json!(expected.len()), &json!(amount)));
    }

    /// How the centre sees a stall.
    pub async fn row_of(&self, name: &str) -> Value {
        let stalls = self.control.api().get("/v1/stalls").await["stalls"].clone();
        let row = stalls.as_array().into_iter().flatten().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no {name} in {stalls:#}")).clone()
    }
}

/// Waits until two replicas hold the same and state the same.
pub async fn wait_equal_digests(a: &Daemon, b: &Daemon) {
    eventually(&format!("{} and {} state equal digests", a.name(), b.name()), async || {
        let (at_a, at_b) = (a.digests().await, b.digests().await);
        match at_a == at_b && at_a.as_array().is_some_and(|rows| !rows.is_empty()) {
            true => Ok(()),
            false => Err(format!("{}: {at_a:#}\n{}: {at_b:#}", a.name(), b.name())),
        }
    })
    .await;
}

fn sold(event: &Value) -> Sold {
    let id = event["id"].as_str().expect("an id").to_owned();
    let lines = event["body"]["lines"].as_array().into_iter().flatten();
    Sold { id, amount: lines.map(|line| line["amount"].as_i64().expect("an amount")).sum() }
}
