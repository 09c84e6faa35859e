//! What goes wrong on purpose while the tills sell: one stall loses its network for a third of its
//! year, another its power in the middle.
//!
//! Points in time are shares of the stall's own baskets, so a drill always falls among its sales.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::Serialize;

use crate::replay::books;
use crate::replay::cluster::{Cluster, Replica, Site};
use crate::replay::limits::{ASK_EVERY, DOWN_FOR, STILL_FOR};
use crate::replay::report::milliseconds;
use crate::replay::selling::Queue;

/// How both drills went.
#[derive(Debug, Clone, Serialize)]
pub struct Drills {
    /// The stall that was taken off the network.
    pub offline: Offline,
    /// The stall that was killed.
    pub killed: Killed,
}

/// A stall sold without its network, and caught up.
#[derive(Debug, Clone, Serialize)]
pub struct Offline {
    /// Its name.
    pub stall: String,
    /// Baskets acknowledged there that the control did not have when the link came back.
    pub baskets: u64,
    /// Events it stated as at risk just before.
    pub at_risk_events: Option<u64>,
    /// How long the link was down, in milliseconds.
    pub down_ms: u64,
    /// From the link's return until the control had all of those baskets, while sales went on.
    pub caught_up_ms: u64,
    /// When the link was up again.
    #[serde(skip)]
    pub up: Instant,
}

/// A stall was killed and came back.
#[derive(Debug, Clone, Serialize)]
pub struct Killed {
    /// Its name.
    pub stall: String,
    /// Baskets acknowledged before that.
    pub after_baskets: u64,
    /// From its start until it answered again: opening the store and finding the logs' tips.
    pub recovered_ms: u64,
}

/// Runs both drills beside the selling. With three stalls or more they hit different stalls.
pub(crate) async fn run(cluster: &mut Cluster, queues: &[Arc<Queue>]) -> anyhow::Result<Drills> {
    let (alone, last) = (1.min(queues.len() - 1), 2.min(queues.len() - 1));
    let killed = if queues.len() == 2 { 0 } else { last };
    let (control, stall) = (cluster.control.site.clone(), cluster.stalls[alone].site.clone());
    let (offline, killed) = tokio::try_join!(
        offline(&control, &stall, &queues[alone]),
        kill(&mut cluster.stalls[killed], &queues[killed]),
    )?;
    Ok(Drills { offline, killed })
}

async fn offline(control: &Site, stall: &Site, queue: &Queue) -> anyhow::Result<Offline> {
    sold(queue, queue.total() / 3).await;
    stall.ask(&["link", "down"]).await?;
    let down = Instant::now();
    let seen = settled(control, &stall.name).await?;
    sold(queue, queue.total() * 2 / 3).await;
    if books::baskets_of(control, &stall.name).await? != seen {
        bail!("{} synced while its link was down", stall.name);
    }
    let status = stall.api.get("/v1/status").await?;
    let down_ms = milliseconds(down.elapsed());
    let acknowledged = queue.acknowledged();
    stall.ask(&["link", "up"]).await?;
    let up = Instant::now();
    reaches(control, &stall.name, acknowledged).await?;
    Ok(Offline {
        stall: stall.name.clone(),
        baskets: acknowledged.saturating_sub(seen),
        at_risk_events: status["at_risk"]["events"].as_u64(),
        down_ms,
        caught_up_ms: milliseconds(up.elapsed()),
        up,
    })
}

async fn kill(stall: &mut Replica, queue: &Queue) -> anyhow::Result<Killed> {
    sold(queue, queue.total() / 2).await;
    stall.daemon.kill()?;
    let after_baskets = queue.acknowledged();
    tokio::time::sleep(DOWN_FOR).await;
    let started = Instant::now();
    stall.daemon.start_again()?;
    stall.ready().await?;
    let recovered_ms = milliseconds(started.elapsed());
    Ok(Killed { stall: stall.site.name.clone(), after_baskets, recovered_ms })
}

/// Waits until so many baskets of the stall are acknowledged. A stall that never gets there makes
/// the selling fail, which ends this too.
async fn sold(queue: &Queue, baskets: u64) {
    while queue.acknowledged() < baskets {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The baskets of a stall at the control, once they stand still: what was under way when its link
/// went down may still land.
async fn settled(control: &Site, stall: &str) -> anyhow::Result<u64> {
    let started = Instant::now();
    let mut last = books::baskets_of(control, stall).await?;
    loop {
        tokio::time::sleep(DOWN_FOR).await;
        let now = books::baskets_of(control, stall).await?;
        if now == last {
            return Ok(now);
        }
        if started.elapsed() > STILL_FOR {
            bail!("{stall} goes on syncing while its link is down");
        }
        last = now;
    }
}

/// Waits until the control has so many baskets of a stall.
async fn reaches(control: &Site, stall: &str, baskets: u64) -> anyhow::Result<()> {
    let (mut most, mut moved) = (0, Instant::now());
    loop {
        let now = books::baskets_of(control, stall).await?;
        if now >= baskets {
            return Ok(());
        }
        if now > most {
            (most, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STILL_FOR {
            bail!("the control stays at {now} of {baskets} baskets of {stall}; see its log");
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
