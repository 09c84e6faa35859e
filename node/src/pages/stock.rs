//! What lies here and at the other stalls, by SKU.

use axum::extract::State;
use axum::response::Response;
use engine::ids::DeviceId;
use maud::{Markup, html};
use serde::Deserialize;
use shell::client::escape;
use shell::extract::Query;
use shell::page::words::quantity;
use shell::page::{PageProblem, Visitor};
use shell::read::{ItemStock, StallStock, StockPage, View, stock_page};
use transport::env::Env;

use super::{Pages, side, status};

/// Rows of one page of stock.
const ROWS: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct StockQuery {
    after: Option<String>,
}

/// All stock, page by page.
pub(super) async fn show<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
    Query(StockQuery { after }): Query<StockQuery>,
) -> Result<Response, PageProblem> {
    let status = status(&pages).await?;
    let read = move |view: &View<'_>| stock_page(view, after.as_deref(), ROWS);
    let stock = pages.api.library.read(read).await?.body;
    Ok(side(&status, &visitor).page(&section(&stock, &status.device)))
}

/// The table, and the way to what comes after it.
pub(super) fn section(stock: &StockPage, stall: &DeviceId) -> Markup {
    html! {
        section #stock {
            h2 { "Stock" }
            div .scroll {
                table {
                    thead {
                        tr {
                            th { "Item" }
                            th .number { "Here" }
                            th .number { "Set aside" }
                            th .number { "All stalls" }
                        }
                    }
                    tbody { @for item in &stock.items { (row(item, stall)) } }
                }
            }
            @if stock.items.is_empty() {
                p .note { "No goods were received or sold yet." }
            }
            @if let Some(next) = &stock.next {
                p { a .button href={ "/stock?after=" (escape(next)) } { "More stock" } }
            }
        }
    }
}

fn row(item: &ItemStock, stall: &DeviceId) -> Markup {
    let own = item.stalls.iter().find(|row| row.stall == *stall);
    let (here, aside) = own.map_or((0, 0), |own: &StallStock| (own.on_hand, own.reserved));
    html! {
        tr data-sku=(item.sku) {
            th scope="row" {
                @if let Some(name) = &item.name {
                    (name) " " small { (item.sku) }
                } @else {
                    (item.sku)
                }
            }
            td .number .here { (signed(here)) }
            td .number { @if aside != 0 { (quantity(aside)) } }
            td .number { (signed(item.quantity)) }
        }
    }
}

/// Less than nothing is a delivery that nobody entered, and worth a look.
fn signed(thousandths: i128) -> Markup {
    html! {
        @if thousandths < 0 {
            span .badge .warn { (quantity(thousandths)) }
        } @else {
            (quantity(thousandths))
        }
    }
}
