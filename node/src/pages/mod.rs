//! The live page of a stall: sell by touch, what is at risk now, stock, peers. HTML in front of the
//! same calls as the API; it decides nothing.
//!
//! | file | shows |
//! |---|---|
//! | [`risk`] | what only this disk holds, and whether the link is up |
//! | [`shop`], [`shelf`] | the basket; the buttons that fill it |
//! | [`sold`] | a sale that stands |
//! | [`stock`] | what lies here and elsewhere |

mod risk;
mod shelf;
mod shop;
mod sold;
mod stock;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::{get, post};
use engine::store::Read;
use maud::{Markup, html};
use shell::page::{Door, Frame, PageProblem, Visitor, frame, login};
use shell::problem::Problem;
use shell::read::{StockPage, Summary, from_snapshot, stock_page, summary_of};
use transport::env::Env;

use crate::api::{Api, ask, unexpected};
use crate::core::{Answer, Call, Status};

/// Rows of stock on the live page; the rest has a page of its own.
const STOCK_ROWS: usize = 50;

const HINT: &str = "Show a token once: this till's, from `tentpole-node till add NAME`, or the \
                    operator's, from the file admin.token in the node's data directory.";

/// What the pages share.
#[derive(Clone)]
struct Pages<E: Env> {
    api: Api<E>,
    door: Door,
}

impl<E: Env> FromRef<Pages<E>> for Door {
    fn from_ref(pages: &Pages<E>) -> Self {
        pages.door.clone()
    }
}

/// Every page of the node.
pub fn routes<E: Env>(api: Api<E>) -> Router {
    let door = Door::new(api.env.clone(), api.access.clone(), "Tentpole stall", HINT);
    Router::new()
        .route("/", get(home::<E>))
        .route("/live", get(live::<E>))
        .route("/items", get(shelf::find::<E>))
        .route("/sell", post(shop::sell::<E>))
        .route("/sold/{id}", get(sold::show::<E>))
        .route("/stock", get(stock::show::<E>))
        .merge(login::routes())
        .with_state(Pages { api, door })
}

/// What the live page shows, all of one moment.
struct Seen {
    status: Status,
    wall_ms: u64,
    summary: Summary,
    stock: StockPage,
}

async fn home<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
) -> Result<Response, PageProblem> {
    let seen = look(&pages).await?;
    let (device, currency) = (seen.status.device, pages.api.library.currency.clone());
    let shelf = move |store: &dyn Read| shelf::on_sale(store, device, "");
    let shelf = from_snapshot(pages.api.library.store.clone(), shelf).await?;
    let body = html! {
        (risk::banner(&seen.status, seen.wall_ms, &seen.summary.currency))
        (shop::counter(&shelf, &currency))
        (parts(&seen))
    };
    let links = [("#sell", "Sell"), ("#stock", "Stock"), ("#peers", "Peers")];
    let frame = Frame {
        title: &seen.status.name,
        visitor: Some(visitor.0.till()),
        live: Some("/live"),
        links: &links,
    };
    Ok(frame.page(&body))
}

async fn live<E: Env>(_: Visitor, State(pages): State<Pages<E>>) -> Result<Response, PageProblem> {
    let seen = look(&pages).await?;
    let banner = risk::banner(&seen.status, seen.wall_ms, &seen.summary.currency);
    Ok(frame::fragment(html! { (banner) (parts(&seen)) }))
}

/// What stands below the counter.
fn parts(seen: &Seen) -> Markup {
    html! {
        (sold::so_far(&seen.summary, &seen.status.device))
        (stock::section(&seen.stock, &seen.status.device))
        (risk::peers(&seen.status))
    }
}

async fn look<E: Env>(pages: &Pages<E>) -> Result<Seen, Problem> {
    let status = status(pages).await?;
    let library = pages.api.library.clone();
    let read = move |store: &dyn Read| {
        Ok((summary_of(store, library.currency)?, stock_page(store, None, STOCK_ROWS)?))
    };
    let (summary, stock) = from_snapshot(library.store.clone(), read).await?;
    Ok(Seen { status, wall_ms: pages.api.env.now().wall_ms, summary, stock })
}

async fn status<E: Env>(pages: &Pages<E>) -> Result<Status, Problem> {
    match ask(&pages.api, Call::Status).await? {
        Answer::Status(status) => Ok(*status),
        other => Err(unexpected(&other)),
    }
}

/// The frame of a page beside the live one.
fn side<'a>(status: &'a Status, visitor: &'a Visitor) -> Frame<'a> {
    let links = &[("/", "Back to the counter")];
    Frame { title: &status.name, visitor: Some(visitor.0.till()), live: None, links }
}
