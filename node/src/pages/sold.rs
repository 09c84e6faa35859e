//! A sale that stands, as its event says it; and what was sold so far.

use axum::extract::State;
use axum::response::Response;
use engine::books;
use engine::decide;
use engine::event::sale::{Sale, TenderKind};
use engine::event::{Payload, codec};
use engine::ids::{DeviceId, EventId};
use engine::keys;
use engine::replica::lanes::StoredEvent;
use engine::store::ReadError;
use maud::{Markup, html};
use serde::Deserialize;
use shell::extract::{Path, Query};
use shell::page::frame::part;
use shell::page::words::{amount, count, money, quantity};
use shell::page::{PageProblem, Visitor};
use shell::problem::Problem;
use shell::read::{Summary, View, summary_of};
use transport::env::Env;

use super::{Pages, side, status};

#[derive(Debug, Deserialize)]
pub(super) struct SoldQuery {
    again: Option<String>,
}

/// The page after a sale. Reloading it sells nothing.
pub(super) async fn show<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
    Path(id): Path<String>,
    Query(SoldQuery { again }): Query<SoldQuery>,
) -> Result<Response, PageProblem> {
    let unknown = || Problem::not_found(format!("there is no sale {id:?} here"));
    let event: EventId = id.parse().map_err(|_| unknown())?;
    let status = status(&pages).await?;
    let currency = pages.api.library.currency.clone();
    let read = move |view: &View<'_>| Ok((sale(view, &event)?, summary_of(view, currency)));
    let (sale, summary) = pages.api.library.read(read).await?.body;
    let sale = sale.ok_or_else(unknown)?;
    let body = html! {
        (receipt(&event, &sale, again.is_some()))
        (part("totals", &summary, |summary| so_far(summary, &status.device)))
    };
    Ok(side(&status, &visitor).page(&body))
}

fn sale(view: &View<'_>, id: &EventId) -> Result<Option<Sale>, ReadError> {
    let log = books::money::log_of(view.store, &id.log)?;
    if !log.is_some_and(|log| view.shows(log.scope)) {
        return Ok(None);
    }
    let row = view.store.get(&keys::event(id))?;
    let stored = row.as_deref().and_then(StoredEvent::from_bytes);
    let event = stored.and_then(|stored| codec::decode_event(&stored.bytes).ok());
    Ok(match event.map(|event| event.payload) {
        Some(Payload::SaleCompleted(sale)) => Some(sale),
        _ => None,
    })
}

/// What the customer is told. `data-sold` lets the script drop the basket that this was.
fn receipt(id: &EventId, sale: &Sale, again: bool) -> Markup {
    let currency = String::from_utf8_lossy(&sale.currency).into_owned();
    let total = i128::from(sale.total().unwrap_or(0)) + i128::from(sale.tip);
    html! {
        section #sold data-sold=(sale.key.number) {
            @if again {
                p #again .warn role="status" {
                    "This basket was sent more than once. It is one sale, and was sold once."
                }
            }
            p .good role="status" { "Sold, and kept on this stall's disk." }
            div .sum .big { span { "Paid" } span #total { (money(total, &currency)) } }
            @for (at, tender) in (0..).zip(&sale.tenders) {
                div .sum {
                    span {
                        (tender_name(tender.kind))
                        @if sale.accepted_offline.contains(&at) { ", accepted offline" }
                    }
                    span { (money(i128::from(tender.amount), &currency)) }
                }
            }
            div .sum .big {
                span { "Change" }
                span #change-due { (money(i128::from(decide::change(sale)), &currency)) }
            }
            p { a #next .button .main href="/" { "Next customer" } }
            (lines(sale, &currency))
            @if sale.receipt > 0 {
                p { "Receipt " strong #receipt { (sale.receipt) } " of till " (sale.key.till) }
            }
            p .note { "Sale " code #sale-id { (id) } }
        }
    }
}

fn lines(sale: &Sale, currency: &str) -> Markup {
    html! {
        table {
            tbody {
                @for line in &sale.lines {
                    tr {
                        th scope="row" { (line.sku) }
                        td .number { (quantity(i128::from(line.quantity))) }
                        td .number { (amount(i128::from(line.amount), currency)) }
                    }
                }
            }
        }
    }
}

fn tender_name(kind: TenderKind) -> &'static str {
    match kind {
        TenderKind::Cash => "Cash",
        TenderKind::Card => "Card",
        TenderKind::Voucher => "Voucher",
    }
}

/// What this stall sold so far.
pub(super) fn so_far(summary: &Summary, stall: &DeviceId) -> Markup {
    let own = summary.stalls.iter().find(|row| row.stall == *stall);
    let totals = own.map(|row| row.totals).unwrap_or_default();
    html! {
        section #totals data-net=(totals.net) {
            h2 { "This stall so far" }
            div .big { (money(totals.net, &summary.currency)) }
            small {
                (count(totals.sums.baskets, "sale"))
                @if totals.sums.refunds > 0 { ", " (count(totals.sums.refunds, "refund")) }
                @if totals.sums.voids > 0 { ", " (count(totals.sums.voids, "void")) }
            }
        }
    }
}
