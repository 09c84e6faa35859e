//! People at tills: they bring a basket, wait a moment while the stall asks others for promised
//! goods that it lacks, and go with the rest if those do not come.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::event::sale::{Key, Sale};
use node::core::Request;

use super::limits::{ANSWER, ASK_AGAIN, ASKS_MAX};
use super::requests;
use crate::scenario;
use crate::world::World;
use crate::world::agenda::Agenda;
use crate::world::tills::Refused;

/// A basket at a till.
#[derive(Debug, Clone)]
struct Visit {
    number: u32,
    sale: Sale,
    asks: u32,
    round: u32,
}

/// What a till does later.
#[derive(Debug)]
pub enum Later {
    /// Looks whether there is an answer.
    Look,
    /// Asks for a sale again.
    Again(usize, Key),
    /// A host that was stopped is started.
    Start(usize),
    /// A stranger throws its next datagram.
    Throw(usize),
}

/// Counts of what customers got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Customers who came.
    pub asked: u64,
    /// Sales that stand, as tills were told.
    pub sold: u64,
    /// Sales that were refused as a whole: the stall was down, or nothing was left of the basket.
    pub refused: u64,
    /// Customers who brought something back, and got their money.
    pub refunded: u64,
    /// Refunds that were refused.
    pub not_refunded: u64,
    /// Pieces of all sales that stand.
    pub pieces: u64,
    /// Pieces of promised goods in them.
    pub promised_sold: u64,
    /// Pieces of promised goods that customers went without.
    pub promised_refused: u64,
    /// Sales that waited for promised goods, and got them.
    pub fetched: u64,
    /// Minor units of sales less refunds that stand.
    pub money: i64,
}

/// All customers.
#[derive(Debug, Default)]
pub struct Customers {
    at_tills: BTreeMap<(usize, Key), Visit>,
    /// Under which key a sale of a host was made.
    sold_as: BTreeMap<(usize, u32), Key>,
    promised: Vec<String>,
    acknowledged: usize,
    refused: usize,
    /// Counts.
    pub counts: Counts,
}

impl Customers {
    /// Nobody yet; these goods are promised.
    pub fn new(promised: Vec<String>) -> Self {
        Self { promised, ..Self::default() }
    }

    /// A customer comes.
    pub fn come(&mut self, world: &mut World, later: &mut Agenda<Later>, sale: &scenario::Sale) {
        let now = world.now();
        self.counts.asked += 1;
        let visit =
            Visit { number: sale.number, sale: requests::sale(sale, now), asks: 0, round: 0 };
        self.ask(world, later, sale.host, visit);
    }

    /// A customer brings a sale back; nobody comes if it was never made.
    pub fn come_back(&mut self, world: &mut World, refund: scenario::Refund) {
        let host = refund.host;
        let key = self.sold_as.get(&(host, refund.number));
        let sold = key.and_then(|key| world.tills.by_key(host, key));
        let Some(sold) = sold else { return };
        if let Request::Sale(sale, _) = &sold.request {
            let request = requests::refund(refund, sold.id, sale, world.now());
            world.ask(host, request);
        }
    }

    /// A till asks again.
    pub fn again(
        &mut self,
        world: &mut World,
        later: &mut Agenda<Later>,
        (host, key): (usize, Key),
    ) {
        if let Some(visit) = self.at_tills.remove(&(host, key)) {
            self.ask(world, later, host, visit);
        }
    }

    /// How many are at a till.
    pub fn len(&self) -> usize {
        self.at_tills.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.at_tills.is_empty()
    }

    /// Takes in what tills were told since the last time. Gives whether something was acknowledged.
    pub fn hear(&mut self, world: &mut World, later: &mut Agenda<Later>) -> bool {
        let told = world.tills.acknowledged.len();
        for place in self.acknowledged..told {
            let fact = &world.tills.acknowledged[place];
            let (host, total) = (fact.host, fact.total);
            match &fact.request {
                Request::Sale(sale, _) => self.is_sold(host, sale, total),
                Request::Refund(_) => {
                    self.counts.refunded += 1;
                    self.counts.money -= total;
                }
                _ => {}
            }
        }
        let heard = told > self.acknowledged;
        self.acknowledged = told;
        // What is asked anew here may be turned away at once, and is heard in the same turn.
        while let Some((at, host, key, why)) = world.tills.refused.get(self.refused).cloned() {
            self.refused += 1;
            self.is_refused(world, later, (at, host, key), why);
        }
        heard
    }

    fn ask(&mut self, world: &mut World, later: &mut Agenda<Later>, host: usize, visit: Visit) {
        let sale = visit.sale.clone();
        if sale.lines.iter().any(|line| self.promised.contains(&line.sku)) {
            later.put(world.now() + ANSWER, Later::Look);
        }
        self.at_tills.insert((host, sale.key.clone()), visit);
        world.ask(host, Request::Sale(sale, Vec::new()));
    }

    fn is_sold(&mut self, host: usize, sale: &Sale, total: i64) {
        let visit = self.at_tills.remove(&(host, sale.key.clone()));
        let counts = &mut self.counts;
        counts.sold += 1;
        counts.money += total;
        for line in &sale.lines {
            let pieces = line.quantity / 1_000;
            counts.pieces += pieces;
            if self.promised.contains(&line.sku) {
                counts.promised_sold += pieces;
            }
        }
        if let Some(visit) = visit {
            counts.fetched += u64::from(visit.asks > 0);
            self.sold_as.insert((host, visit.number), sale.key.clone());
        }
    }

    fn is_refused(
        &mut self,
        world: &mut World,
        later: &mut Agenda<Later>,
        (at, host, key): (Duration, usize, Key),
        why: Refused,
    ) {
        let Some(visit) = self.at_tills.get_mut(&(host, key.clone())) else {
            self.counts.not_refunded += u64::from(!key.till.starts_with("dock"));
            return;
        };
        let Refused::Short(short) = why else {
            self.at_tills.remove(&(host, key));
            self.counts.refused += 1;
            return;
        };
        if visit.asks < ASKS_MAX && !short.asked.is_empty() {
            visit.asks += 1;
            later.put((at + ASK_AGAIN).max(world.now()), Later::Again(host, key));
            return;
        }
        let Some(visit) = self.at_tills.remove(&(host, key)) else { return };
        self.go_without(world, later, host, visit, &short.sku);
    }

    /// The customer goes without one item, and takes the rest.
    fn go_without(
        &mut self,
        world: &mut World,
        later: &mut Agenda<Later>,
        host: usize,
        mut visit: Visit,
        sku: &str,
    ) {
        let counts = &mut self.counts;
        visit.sale.lines.retain(|line| {
            let goes = line.sku == sku;
            counts.promised_refused += if goes { line.quantity / 1_000 } else { 0 };
            !goes
        });
        if visit.sale.lines.is_empty() {
            counts.refused += 1;
            return;
        }
        visit.round += 1;
        visit.asks = 0;
        visit.sale.key = requests::sale_key(host, visit.number, visit.round);
        visit.sale.tenders[0].amount = visit.sale.lines.iter().map(|line| line.amount).sum();
        self.ask(world, later, host, visit);
    }
}
