//! The tills: each takes the next basket of its stall, sells it over HTTP, and goes on only when
//! the sale was acknowledged.
//!
//! A till counts its sales, and the count is the idempotency key. While the stall does not answer,
//! the same bytes go out again under the same key, so a sale whose answer was lost is not sold
//! twice. Any answer other than 201 ends the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::replay::api::{Answer, Api, refusal, shown};
use crate::replay::cluster::CURRENCY;
use crate::replay::limits::{RETRY_AFTER, SALE_WITHIN};
use crate::sales::Basket;

/// The baskets of one stall in time order, and how far its tills are.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The stall's name, for errors.
    pub stall: String,
    baskets: Vec<Basket>,
    next: AtomicUsize,
    acknowledged: AtomicU64,
    retried: AtomicU64,
    replayed: AtomicU64,
}

impl Queue {
    /// A queue of which nothing is sold yet.
    pub fn new(stall: &str, baskets: Vec<Basket>) -> Arc<Self> {
        Arc::new(Self {
            stall: stall.to_owned(),
            baskets,
            next: AtomicUsize::new(0),
            acknowledged: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            replayed: AtomicU64::new(0),
        })
    }

    /// Baskets in all.
    pub fn total(&self) -> u64 {
        self.baskets.len() as u64
    }

    /// Baskets acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Times that a sale was sent again.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Sales sent again that the stall had on disk already.
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<&Basket> {
        self.baskets.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Sells all baskets of all stalls, every till at once; the first error ends all of them.
pub(crate) async fn sell(stalls: Vec<(Arc<Queue>, Vec<Api>)>) -> anyhow::Result<()> {
    let mut tills = JoinSet::new();
    for (queue, apis) in stalls {
        for api in apis {
            tills.spawn(till(api, Arc::clone(&queue)));
        }
    }
    while let Some(done) = tills.join_next().await {
        done.context("a till ended early")??;
    }
    Ok(())
}

async fn till(api: Api, queue: Arc<Queue>) -> anyhow::Result<()> {
    let mut count: u64 = 0;
    while let Some(basket) = queue.take() {
        count += 1;
        let sold = ring_up(&api, &count.to_string(), basket, &queue).await;
        sold.with_context(|| format!("basket {} at {}", basket.id, queue.stall))?;
        queue.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sells one basket, trying again until it is answered. Anything but the answer it must get is an
/// error.
pub(crate) async fn ring_up(
    api: &Api,
    key: &str,
    basket: &Basket,
    queue: &Queue,
) -> anyhow::Result<()> {
    let sale = Sale::of(basket);
    let body = serde_json::to_vec(&sale)?;
    let answer = answered(api, key, body, queue).await?;
    if answer.status != StatusCode::CREATED {
        bail!("was answered {}", refusal(answer.status, &answer.body));
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (total, change) = (basket.amount_cents(), sale.paid() - basket.amount_cents());
    if said["total"].as_i64() != Some(total) || said["change"].as_i64() != Some(change) {
        let said = shown(&answer.body);
        bail!("comes to {total} with {change} change, and the stall said {said}");
    }
    Ok(())
}

/// Sends until there is an answer. A connection may break at any byte: until the whole answer is
/// here, nobody knows whether the sale is on disk.
async fn answered(api: &Api, key: &str, body: Vec<u8>, queue: &Queue) -> anyhow::Result<Answer> {
    let began = Instant::now();
    loop {
        match api.post_bytes("/v1/sales", Some(key), body.clone()).await {
            Ok(answer) => {
                queue.replayed.fetch_add(u64::from(answer.replayed), Ordering::Relaxed);
                return Ok(answer);
            }
            Err(e) if began.elapsed() > SALE_WITHIN => {
                return Err(e).with_context(|| format!("was not answered within {SALE_WITHIN:?}"));
            }
            Err(_) => {
                queue.retried.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// A sale as `POST /v1/sales` takes it.
#[derive(Debug, Serialize)]
struct Sale<'a> {
    sold_at: &'a str,
    currency: &'static str,
    lines: Vec<SaleLine<'a>>,
    tenders: Vec<Tender>,
}

#[derive(Debug, Serialize)]
struct SaleLine<'a> {
    sku: &'a str,
    quantity: u64,
    amount: i64,
    discount: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    zero_quantity: bool,
}

#[derive(Debug, Serialize)]
struct Tender {
    kind: &'static str,
    amount: i64,
}

impl<'a> Sale<'a> {
    fn of(basket: &'a Basket) -> Self {
        let lines = basket.lines.iter().map(|line| SaleLine {
            sku: &line.sku,
            quantity: line.quantity_thousandths,
            amount: line.amount_cents,
            discount: line.discount_cents,
            zero_quantity: line.quantity_thousandths == 0,
        });
        Self {
            sold_at: &basket.sold_at,
            currency: CURRENCY,
            lines: lines.collect(),
            tenders: tenders(basket),
        }
    }

    fn paid(&self) -> i64 {
        self.tenders.iter().map(|tender| tender.amount).sum()
    }
}

/// The input does not say how a basket was paid: every third is paid in cash, in whole dollars,
/// with change; the others by card, to the cent. A sale needs a tender even when nothing is due.
fn tenders(basket: &Basket) -> Vec<Tender> {
    let cents = basket.amount_cents();
    match basket.id % 3 {
        0 => vec![Tender { kind: "cash", amount: (cents + 99) / 100 * 100 }],
        _ => vec![Tender { kind: "card", amount: cents }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sales::Line;

    fn check(id: u64, lines: &[(u64, i64)], expected: Value) {
        let lines = lines.iter().map(|(quantity, amount)| Line {
            sku: "1004906".into(),
            quantity_thousandths: *quantity,
            amount_cents: *amount,
            discount_cents: 7,
        });
        let sold_at = "2017-01-01T10:00:00-05:00".to_owned();
        let basket = Basket { store: 1, id, sold_at, lines: lines.collect() };
        let sale = serde_json::to_value(Sale::of(&basket)).expect("a sale");
        let (lines, tenders) = (&sale["lines"], &sale["tenders"]);
        assert_eq!(serde_json::json!([lines, tenders, sale["sold_at"]]), expected);
    }

    #[test]
    fn a_sale_says_what_was_charged_and_how_it_was_paid() {
        let line = |quantity: u64, amount: i64| {
            let sku = "1004906";
            serde_json::json!({"sku": sku, "quantity": quantity, "amount": amount, "discount": 7})
        };
        let at = "2017-01-01T10:00:00-05:00";
        let cash = serde_json::json!([{"kind": "cash", "amount": 400}]);
        let both = [line(1000, 199), line(2000, 120)];
        check(3, &[(1000, 199), (2000, 120)], serde_json::json!([both, cash, at]));
        let card = serde_json::json!([{"kind": "card", "amount": 199}]);
        check(4, &[(1000, 199)], serde_json::json!([[line(1000, 199)], card, at]));
    }

    #[test]
    fn a_line_of_quantity_zero_says_so_and_nothing_is_paid_as_nothing() {
        let line = serde_json::json!(
            {"sku": "1004906", "quantity": 0, "amount": 0, "discount": 7, "zero_quantity": true}
        );
        let nothing = serde_json::json!([{"kind": "cash", "amount": 0}]);
        check(3, &[(0, 0)], serde_json::json!([[line], nothing, "2017-01-01T10:00:00-05:00"]));
    }

    #[test]
    fn every_basket_is_taken_once() {
        let basket = |id| Basket { store: 1, id, sold_at: String::new(), lines: Vec::new() };
        let queue = Queue::new("store 1", (0..3).map(basket).collect());
        let taken: Vec<Option<u64>> = (0..4).map(|_| queue.take().map(|b| b.id)).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), None]);
    }
}
