//! A market night with faults, drawn from a seed: sales, cuts, broken paths, crashes; then the
//! faults stop, and everything must converge within a bound of virtual time.

use std::time::Duration;

use anyhow::bail;
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use node::core::Request;
use serde::Serialize;
use transport::env::Instant;

use super::checks::{self, Digests};
use super::network::Quality;
use super::tenant::Tenant;
use super::world::{Draw, World};

/// What a night is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Night {
    /// Draws everything else.
    pub seed: u64,
    /// Stalls of one merchant.
    pub stalls: usize,
    /// Sales over all stalls.
    pub sales: u64,
    /// How long sales and faults go on.
    pub length: Duration,
    /// Faults over that time.
    pub faults: u64,
    /// How the links are.
    pub quality: Quality,
}

impl Night {
    /// A short night with everything in it.
    pub fn new(seed: u64) -> Self {
        let quality =
            Quality { delay_ms: 20, jitter_ms: 60, lost_permille: 50, repeated_permille: 20 };
        let length = Duration::from_secs(60);
        Self { seed, stalls: 4, sales: 120, length, faults: 12, quality }
    }
}

/// How a night went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// A hash over everything sent, in order; equal seeds give equal hashes.
    pub trace_hash: String,
    /// Virtual milliseconds, faults and healing.
    pub sim_ms: u64,
    /// Sales acknowledged.
    pub acknowledged: usize,
    /// Sales asked for while a stall was down.
    pub refused: usize,
    /// Virtual milliseconds from the end of faults to equal digests and nothing at risk.
    pub heal_ms: u64,
    /// Messages and segments sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Events verified over all disks.
    pub events_verified: u64,
}

/// Healed hosts converge within this.
const HEAL_MAX: Duration = Duration::from_secs(120);
/// How often the oracles look.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs a night.
pub fn run(night: Night) -> anyhow::Result<Outcome> {
    let mut world = set_up(night)?;
    let asked = plan_sales(night, &mut world);
    plan_faults(night, &mut world);
    let mut digests = Digests::default();
    let mut at = Instant::default();
    while at.0 < night.length {
        at = at.after(LOOK_EVERY);
        world.run_until(at)?;
        digests.check(&mut world)?;
    }
    heal(&mut world)?;
    let healed_at = at;
    loop {
        at = at.after(LOOK_EVERY);
        world.run_until(at)?;
        digests.check(&mut world)?;
        if checks::converged(&mut world)? {
            break;
        }
        if at.since(healed_at) >= HEAL_MAX {
            let state = checks::describe(&mut world)?;
            bail!("not converged {HEAL_MAX:?} after the last fault\n{state}");
        }
    }
    checks::sales_are_all_there(&world, &asked)?;
    checks::totals_add_up(&world)?;
    checks::nothing_forked(&mut world)?;
    let events_verified = checks::chains_verify(&world)?;
    Ok(Outcome {
        seed: night.seed,
        trace_hash: world.trace_hash(),
        sim_ms: millis(at.0),
        acknowledged: world.acknowledged.len(),
        refused: world.refused.len(),
        heal_ms: millis(at.since(healed_at)),
        sent: world.sent,
        sent_bytes: world.sent_bytes,
        events_verified,
    })
}

/// A control and stalls of one merchant. Each stall also knows the one before it.
fn set_up(night: Night) -> anyhow::Result<World> {
    let mut world = World::new(night.seed, night.quality);
    let merchants = vec!["main".to_owned(); night.stalls];
    for setup in Tenant::default().setups(&merchants) {
        let host = world.add(setup)?;
        if host > 0 {
            world.link(0, host);
        }
        if host > 1 {
            world.link(host - 1, host);
        }
    }
    Ok(world)
}

fn plan_sales(night: Night, world: &mut World) -> Vec<Request> {
    let mut draw = Draw::new(night.seed, 10);
    let mut asked = Vec::new();
    for number in 0..night.sales {
        let host = 1 + draw.below(night.stalls as u64) as usize;
        let at = Duration::from_millis(draw.below(millis(night.length)));
        let request = Request::Sale(sale(host, number, &mut draw), Vec::new());
        world.ask_after(at, host, request.clone());
        asked.push(request);
    }
    asked
}

fn sale(host: usize, number: u64, draw: &mut Draw) -> Sale {
    let lines: Vec<Line> = (0..=draw.below(4))
        .map(|_| Line {
            sku: format!("item-{}", draw.below(20)),
            quantity: 1000 * (1 + draw.below(3)),
            amount: draw.below(2_000) as i64,
            unit_price: None,
            discount: 0,
            tax: 0,
        })
        .collect();
    let amount = lines.iter().map(|line| line.amount).sum();
    Sale {
        key: Key { till: format!("till-{host}"), number: KeyNumber::Counter(number) },
        cashier: String::new(),
        sold_at_ms: 0,
        offset_minutes: 0,
        business_day: 20_454,
        currency: *b"USD",
        price_bundle: None,
        lines,
        tenders: vec![Tender { kind: TenderKind::Cash, amount }],
        tip: 0,
        ..Sale::default()
    }
}

fn plan_faults(night: Night, world: &mut World) {
    let mut draw = Draw::new(night.seed, 11);
    let hosts = night.stalls as u64 + 1;
    for _ in 0..night.faults {
        let at = Duration::from_millis(draw.below(millis(night.length)));
        let span = Duration::from_millis(500 + draw.below(15_000));
        let (a, b) = (draw.below(hosts) as usize, draw.below(hosts) as usize);
        match draw.below(3) {
            0 => world.do_after(at, move |world| {
                world.network.set_cut(a, b, true);
                world.do_after(span, move |world| {
                    world.network.set_cut(a, b, false);
                    Ok(())
                });
                Ok(())
            }),
            1 => world.do_after(at, move |world| world.break_between(a, b)),
            _ => world.do_after(at, move |world| {
                if world.hosts[a].machine.is_none() {
                    return Ok(());
                }
                world.crash(a)?;
                world.do_after(span, move |world| restart(world, a));
                Ok(())
            }),
        }
    }
}

fn restart(world: &mut World, host: usize) -> anyhow::Result<()> {
    if world.hosts[host].machine.is_none() { world.start(host) } else { Ok(()) }
}

fn heal(world: &mut World) -> anyhow::Result<()> {
    world.network.heal();
    (0..world.hosts.len()).try_for_each(|host| restart(world, host))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
