//! One control and its stalls: initialised, enrolled by token, started, and asked for.
//!
//! It decides nothing about what is sold or broken.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use serde_json::Value;

use crate::replay::Place;
use crate::replay::api::Api;
use crate::replay::commands::{ask, run, text};
use crate::replay::directory;
use crate::replay::limits::{ASK_EVERY, START_WITHIN};
use crate::replay::processes::{Addresses, Daemon, Programs, free_addresses};

/// The currency of everything sold here.
pub(crate) const CURRENCY: &str = "USD";

/// What is known of a daemon, and how to speak with it.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// What people call it: `control`, `store 367`.
    pub name: String,
    /// Its program, also for commands beside it.
    pub program: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens.
    pub addresses: Addresses,
    /// The operator's access.
    pub api: Api,
}

impl Site {
    /// A command beside the running daemon.
    pub async fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        ask(&self.program, &self.data, arguments).await
    }

    /// Makes tills `t1`, `t2`, ... and gives the access of each.
    pub async fn add_tills(&self, count: u16) -> anyhow::Result<Vec<Api>> {
        let mut tills = Vec::new();
        for number in 1..=count {
            let made = self.ask(&["till", "add", &format!("t{number}")]).await?;
            tills.push(self.api.with_token(&text(&made, "token")?));
        }
        Ok(tills)
    }

    /// Bytes that it sent to and received from other daemons since its start.
    pub async fn wire(&self) -> anyhow::Result<Wire> {
        let status = self.api.get("/v1/status").await?;
        let count = |member: &str| status["wire"][member].as_u64();
        match (count("sent_bytes"), count("received_bytes")) {
            (Some(sent_bytes), Some(received_bytes)) => Ok(Wire { sent_bytes, received_bytes }),
            _ => bail!("the status of {} has no `wire` counters", self.name),
        }
    }
}

/// Bytes between daemons, as one of them counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Wire {
    /// Sent by it.
    pub sent_bytes: u64,
    /// Received by it.
    pub received_bytes: u64,
}

impl Wire {
    /// Both directions.
    pub fn bytes(self) -> u64 {
        self.sent_bytes + self.received_bytes
    }

    /// What was added after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_sub(earlier.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(earlier.received_bytes),
        }
    }
}

/// A daemon under care, with what is known of it.
#[derive(Debug)]
pub(crate) struct Replica {
    /// How to speak with it.
    pub site: Site,
    /// Its process.
    pub daemon: Daemon,
}

impl Replica {
    /// Waits until the daemon answers its operator.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let asked = Instant::now();
        while self.site.api.get("/v1/status").await.is_err() {
            self.daemon.still_runs()?;
            if asked.elapsed() > START_WITHIN {
                bail!(
                    "{} did not answer within {START_WITHIN:?}; {}",
                    self.site.name,
                    self.daemon.log_end()
                );
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }
}

/// The control and the stalls enrolled with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Where all data and logs are.
    pub dir: PathBuf,
    /// The centre.
    pub control: Replica,
    /// The stalls, in the order they were named.
    pub stalls: Vec<Replica>,
}

impl Cluster {
    /// Claims the directory, starts a control and enrols a stall for each name.
    pub async fn start(place: &Place, stalls: &[String]) -> anyhow::Result<Self> {
        let programs = Programs::find(place.bin_dir.as_deref())?;
        let dir = directory::claim(&place.dir)?;
        let mut addresses = free_addresses(stalls.len() + 1)?.into_iter();
        let mut next = || addresses.next().expect("invariant: one was picked for each daemon");
        let control = start_control(&programs.control, &dir, next()).await?;
        let mut cluster = Self { dir, control, stalls: Vec::new() };
        for name in stalls {
            let stall = cluster.enrol(&programs.node, name, next()).await?;
            cluster.stalls.push(stall);
        }
        Ok(cluster)
    }

    /// The control and all stalls.
    pub fn replicas(&mut self) -> impl Iterator<Item = &mut Replica> {
        std::iter::once(&mut self.control).chain(&mut self.stalls)
    }

    /// The sites of all, the control's first.
    pub fn sites(&self) -> Vec<Site> {
        let all = std::iter::once(&self.control).chain(&self.stalls);
        all.map(|replica| replica.site.clone()).collect()
    }

    /// Stops every daemon; one that does not stop cleanly is an error.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Daemon::stop_all(self.replicas().map(|replica| &mut replica.daemon)).await
    }

    /// Lets every daemon run on. Gives what is known of each, with its process id.
    pub fn keep(self) -> anyhow::Result<Vec<(Site, u32)>> {
        let all = std::iter::once(self.control).chain(self.stalls);
        let kept: Vec<(Site, u32)> =
            all.filter_map(|r| r.daemon.keep().map(|pid| (r.site, pid))).collect();
        let pids: Vec<u32> = kept.iter().map(|(_, pid)| *pid).collect();
        directory::note_kept(&self.dir, &pids)?;
        Ok(kept)
    }

    async fn enrol(
        &self,
        program: &Path,
        name: &str,
        addresses: Addresses,
    ) -> anyhow::Result<Replica> {
        let meeting = self.control.site.addresses.quic.to_string();
        let invited = ["invite", "--name", name, "--address", &meeting];
        let token = text(&self.control.site.ask(&invited).await?, "token")?;
        let data = self.dir.join(name.replace(' ', "-"));
        ask(program, &data, &["join", &token]).await?;
        start(name, program, data, addresses).await
    }
}

async fn start_control(
    program: &Path,
    dir: &Path,
    addresses: Addresses,
) -> anyhow::Result<Replica> {
    let data = dir.join("control");
    let tenant = ["init", "--tenant", "Demo Market", "--merchant", "demo", "--currency", CURRENCY];
    run(program, &data, &tenant).await?;
    start("control", program, data, addresses).await
}

async fn start(
    name: &str,
    program: &Path,
    data: PathBuf,
    addresses: Addresses,
) -> anyhow::Result<Replica> {
    let listen = |address: SocketAddr| address.to_string();
    let (api, quic) = (listen(addresses.api), listen(addresses.quic));
    let shown = data.to_string_lossy().into_owned();
    let arguments = ["--data", &shown, "run", "--api", &api, "--listen", &quic];
    let daemon = Daemon::start(name, program, &arguments, data.with_extension("log"))?;
    let (name, program) = (name.to_owned(), program.to_owned());
    // The token is there once the daemon is; until then there is nobody to be.
    let nobody = Api::new(addresses.api, "")?;
    let site = Site { name, program, data, addresses, api: nobody };
    let mut replica = Replica { site, daemon };
    wait_for_token(&mut replica).await?;
    replica.site.api = Api::operator(addresses.api, &replica.site.data)?;
    replica.ready().await?;
    Ok(replica)
}

async fn wait_for_token(replica: &mut Replica) -> anyhow::Result<()> {
    let asked = Instant::now();
    while !replica.site.data.join("api.addr").exists() {
        replica.daemon.still_runs()?;
        if asked.elapsed() > START_WITHIN {
            bail!("{} does not listen; {}", replica.site.name, replica.daemon.log_end());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Ok(())
}
