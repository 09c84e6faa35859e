//! The acts of a replay, in order: load, start and enrol, stock, sell through the drills, heal,
//! hold the books against the input.
//!
//! It says what happens when; how is in the modules beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;

use crate::replay::Options;
use crate::replay::agreement::{self, Statement};
use crate::replay::books::{self, Expected};
use crate::replay::cluster::{Cluster, Site, Wire};
use crate::replay::drills::{self, Drills};
use crate::replay::progress::{say, show};
use crate::replay::report::{
    Checked, Kept, Outcome, StallOutcome, StatedDigest, milliseconds, thousands,
};
use crate::replay::selling::{Queue, sell};
use crate::replay::stocking;
use crate::sales::{Sales, Source};

/// What will be sold where, and what the books must say then.
struct Plan {
    source: String,
    names: Vec<String>,
    stores: Vec<u64>,
    sales: Sales,
    expected: Expected,
}

/// All acts. Prints nothing on stdout.
pub(super) async fn play(options: &Options) -> anyhow::Result<Outcome> {
    let plan = plan(options).await?;
    let baskets = thousands(plan.sales.baskets.len() as u64);
    say(&format!("input: {}; {baskets} baskets at {} stores", plan.source, plan.stores.len()));
    let mut cluster = Box::pin(Cluster::start(&options.place, &plan.names)).await?;
    say(&format!("started and enrolled: control and {}", plan.names.join(", ")));
    stock(&mut cluster, &plan).await?;
    let before = cluster.control.site.wire().await?;
    let sold = Box::pin(sell_through(&mut cluster, &plan, options)).await?;
    let mut outcome = Box::pin(settle(&mut cluster, &plan, &sold, before)).await?;
    outcome.tills = options.tills;
    if options.place.keep {
        outcome.kept = cluster.keep()?.into_iter().map(kept).collect();
    } else {
        cluster.stop().await?;
    }
    Ok(outcome)
}

/// Loads the input and adds it up, off the async threads.
async fn plan(options: &Options) -> anyhow::Result<Plan> {
    let (count, skip) = (usize::from(options.stores), usize::from(options.skip_stores));
    let (source, days) = (options.source(), options.days);
    let work = move || {
        let mut sales = source.load()?;
        let stores = sales.busiest(count, skip)?;
        sales.narrow(&stores, days);
        let totals = source.totals(&stores, days)?;
        let names = stores.iter().map(|store| name_of(*store)).collect();
        let expected = totals.into_iter().map(|(store, sums)| (name_of(store), sums)).collect();
        let source = match &source {
            Source::File(path) => path.display().to_string(),
            Source::Market { seed } => format!("the built-in market, seed {seed}"),
        };
        anyhow::Ok(Plan { source, names, stores, sales, expected })
    };
    tokio::task::spawn_blocking(work).await.context("loading the sales broke off")?
}

fn name_of(store: u64) -> String {
    format!("store {store}")
}

/// Fills catalogue and shelves, and waits until every replica has heard of it.
async fn stock(cluster: &mut Cluster, plan: &Plan) -> anyhow::Result<()> {
    let items = stocking::items(&plan.sales);
    stocking::list(&cluster.control.site.api, &items).await?;
    let day = plan.sales.baskets.first().map(|basket| basket.day().to_owned());
    if let Some(day) = &day {
        stocking::publish(&cluster.control.site.api, day).await?;
    }
    agreement::reached(cluster).await.context("while the catalogue and its prices spread")?;
    for (stall, store) in cluster.stalls.iter().zip(&plan.stores) {
        let shelves = stocking::taken(plan.sales.of_store(*store));
        stocking::receive(&stall.site.api, day.as_deref().unwrap_or_default(), &shelves).await?;
    }
    agreement::reached(cluster).await.context("while the opening stock spread")?;
    say(&format!("stocked: {} products, the shelves hold what will sell", items.len()));
    Ok(())
}

/// What the selling left behind.
struct Sold {
    queues: Vec<Arc<Queue>>,
    drills: Option<Drills>,
    selling_ms: u64,
    /// When the last sale was acknowledged and every link was up.
    healed: Instant,
}

async fn sell_through(
    cluster: &mut Cluster,
    plan: &Plan,
    options: &Options,
) -> anyhow::Result<Sold> {
    let (mut queues, mut stalls) = (Vec::new(), Vec::new());
    for (stall, store) in cluster.stalls.iter().zip(&plan.stores) {
        let queue = Queue::new(&stall.site.name, plan.sales.of_store(*store).cloned().collect());
        stalls.push((Arc::clone(&queue), stall.site.add_tills(options.tills).await?));
        queues.push(queue);
    }
    let total = queues.iter().map(|queue| queue.total()).sum();
    let done = || queues.iter().map(|queue| queue.acknowledged()).sum();
    let began = Instant::now();
    let selling = async {
        sell(stalls).await?;
        anyhow::Ok(Instant::now())
    };
    let drilling = async {
        match options.calm {
            true => Ok(None),
            false => drills::run(cluster, &queues).await.map(Some),
        }
    };
    let showing = async {
        show("sold", total, done).await;
        Ok(())
    };
    let (last, drills, ()) = tokio::try_join!(selling, drilling, showing)?;
    let healed = drills.as_ref().map_or(last, |drills| last.max(drills.offline.up));
    let selling_ms = milliseconds(last - began);
    Ok(Sold { queues, drills, selling_ms, healed })
}

/// Waits for agreement and receipts, and then questions every replica.
async fn settle(
    cluster: &mut Cluster,
    plan: &Plan,
    sold: &Sold,
    before: Wire,
) -> anyhow::Result<Outcome> {
    say("healed; waiting until every replica states the same digests");
    let statement = agreement::reached(cluster).await?;
    let heal_to_equal_ms = milliseconds(sold.healed.elapsed());
    let sites = cluster.sites();
    agreement::all_receipted(&sites[1..]).await?;
    let heal_to_receipted_ms = milliseconds(sold.healed.elapsed());
    let wire = cluster.control.site.wire().await?.since(before);
    let (mut differences, mut checked) = (Vec::new(), Vec::new());
    for site in &sites {
        differences.extend(books::differences(site, &plan.expected).await?);
        checked.push(verify(site, &mut differences).await?);
    }
    let (stated, centre) = books::stated(&cluster.control.site).await?;
    let lines: u64 = plan.expected.values().map(|sums| sums.lines).sum();
    let baskets = plan.sales.baskets.len() as u64;
    Ok(Outcome {
        source: plan.source.clone(),
        first_day: plan.sales.baskets.first().map(|b| b.day().to_owned()),
        last_day: plan.sales.baskets.last().map(|b| b.day().to_owned()),
        tills: 0,
        stalls: stalls(sold, &stated),
        centre,
        digests: digests(&statement),
        checked,
        selling_ms: sold.selling_ms,
        sales_per_second: (baskets * 1000).checked_div(sold.selling_ms).unwrap_or_default(),
        wire,
        wire_bytes_per_1000_lines: (wire.bytes() * 1000).checked_div(lines).unwrap_or_default(),
        drills: sold.drills.clone(),
        heal_to_equal_ms,
        heal_to_receipted_ms,
        differences,
        kept: Vec::new(),
    })
}

fn stalls(sold: &Sold, stated: &Expected) -> Vec<StallOutcome> {
    let outcome = |queue: &Arc<Queue>| StallOutcome {
        name: queue.stall.clone(),
        sums: stated.get(&queue.stall).cloned().unwrap_or_default(),
        sent_again: queue.retried(),
        replayed: queue.replayed(),
    };
    sold.queues.iter().map(outcome).collect()
}

fn digests(statement: &Statement) -> Vec<StatedDigest> {
    let stated: BTreeMap<_, _> = statement.clone();
    stated.into_iter().map(|(of, stated)| StatedDigest { of, stated }).collect()
}

/// Has a replica check every chain and signature on its disk.
async fn verify(site: &Site, differences: &mut Vec<String>) -> anyhow::Result<Checked> {
    let answer = site.ask(&["verify"]).await?;
    if answer["ok"] != Value::Bool(true) {
        differences.push(format!("{}: verify found {}", site.name, answer["problems"]));
    }
    let count = |member: &str| answer[member].as_u64().unwrap_or_default();
    Ok(Checked {
        name: site.name.clone(),
        logs: count("logs"),
        events: count("events"),
        heads: count("heads"),
    })
}

fn kept((site, pid): (Site, u32)) -> Kept {
    Kept {
        api: site.api.base().to_owned(),
        token_file: site.data.join("admin.token").display().to_string(),
        data: site.data.display().to_string(),
        name: site.name,
        pid,
    }
}
