//! A stall with a till that remembers what it was told.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use super::{Api, Daemon, eventually, tea};

/// A sale that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sold {
    /// The sale's id.
    pub id: String,
    /// Minor units charged.
    pub amount: i64,
}

/// A stall's daemon, and its till `t1`.
pub struct Stall {
    daemon: Daemon,
    /// Every sale that the till was told stands.
    pub sold: Vec<Sold>,
    token: String,
    next_key: u64,
}

impl Stall {
    /// A stall that has joined. It is started, and its till is made.
    pub async fn open(mut daemon: Daemon) -> Self {
        daemon.start().await;
        let till = daemon.api().post("/v1/tills", &json!({ "name": "t1" })).await;
        let token = till["token"].as_str().expect("a token").to_owned();
        Self { daemon, sold: Vec::new(), token, next_key: 1 }
    }

    /// The same till at a copy of the stall's disk.
    pub fn copy(&self, daemon: Daemon) -> Self {
        let (token, next_key) = (self.token.clone(), self.next_key);
        Self { daemon, sold: Vec::new(), token, next_key }
    }

    /// Its device id.
    pub async fn device(&self) -> String {
        self.status().await["device"].as_str().expect("a device").to_owned()
    }

    /// The till's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The till's access.
    pub fn till(&self) -> Api {
        self.door().with_token(&self.token)
    }

    /// Rings up so many sales, each for another amount.
    pub async fn sell(&mut self, count: usize) {
        let till = self.till();
        for _ in 0..count {
            let key = self.next_key;
            self.next_key += 1;
            let amount = 100 + i64::try_from(key).expect("few sales");
            let answer = till.must_write("/v1/sales", &key.to_string(), &tea(amount)).await;
            let id = answer.body["sale"].as_str().expect("an id").to_owned();
            self.sold.push(Sold { id, amount });
        }
    }

    /// What all its sales come to.
    pub fn amount(&self) -> i64 {
        self.sold.iter().map(|sold| sold.amount).sum()
    }

    /// Takes sync off, as a drill.
    pub async fn link_down(&self) {
        assert_eq!(self.ask(&["link", "down"]).await["up"], false);
    }

    /// Takes sync on again.
    pub async fn link_up(&self) {
        assert_eq!(self.ask(&["link", "up"]).await["up"], true);
    }

    /// Minor units that no control has receipted.
    pub async fn at_risk(&self) -> Value {
        self.status().await["at_risk"].clone()
    }

    /// Waits until the centre has receipted everything.
    pub async fn wait_nothing_at_risk(&self) {
        eventually(&format!("nothing at {} is at risk", self.name()), async || {
            let status = self.status().await;
            match status["at_risk"] == json!({ "events": 0, "amount": 0 }) {
                true => Ok(()),
                false => Err(format!("{status:#}")),
            }
        })
        .await;
    }

    /// Waits until the session with this peer is open, or is not.
    pub async fn wait_connected(&self, peer: &str, connected: bool) {
        let what = format!("{} and {peer} connected: {connected}", self.name());
        eventually(&what, async || {
            let peers = self.status().await["peers"].clone();
            let found = peers.as_array().into_iter().flatten().find(|row| row["name"] == peer);
            match found.is_some_and(|row| row["connected"] == true) == connected {
                true => Ok(()),
                false => Err(format!("{peers:#}")),
            }
        })
        .await;
    }
}

impl Deref for Stall {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

impl DerefMut for Stall {
    fn deref_mut(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}
