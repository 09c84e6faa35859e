//! The live page of a stall: sell by touch, what is at risk now, stock, peers. HTML in front of the
//! same calls as the API; it decides nothing.
//!
//! | file | shows |
//! |---|---|
//! | [`risk`] | what only this disk holds, and whether the link is up |
//! | [`shop`], [`shelf`] | the basket; the buttons that fill it |
//! | [`sold`] | a sale that stands |
//! | [`stock`] | what lies here and elsewhere |
//!
//! What does not fit together is shown by `shell::page::findings`.

mod risk;
mod shelf;
mod shop;
mod sold;
mod stock;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use engine::store::ReadError;
use maud::{Markup, html};
use shell::page::findings::{self, SettleForm};
use shell::page::frame::part;
use shell::page::{Door, Frame, PageProblem, Posted, Visitor, frame, login};
use shell::problem::Problem;
use shell::read::{StockPage, Summary, View, stock_page, summary_of};
use transport::env::Env;

use crate::api::{Api, ask, unexpected};
use crate::core::{Answer, Call, Request, Status};

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
        .route("/settle", post(settle::<E>))
        .merge(login::routes())
        .with_state(Pages { api, door })
}

/// What the live page shows. Books that are being rebuilt keep none of the others from view.
struct Seen {
    status: Status,
    wall_ms: u64,
    currency: String,
    summary: Result<Summary, ReadError>,
    stock: Result<StockPage, ReadError>,
    findings: Result<findings::Open, ReadError>,
}

async fn home<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
) -> Result<Response, PageProblem> {
    let seen = look(&pages).await?;
    let now_ms = shelf::now_ms(&pages);
    let shelf = move |view: &View<'_>| shelf::on_sale(view, now_ms, "");
    let shelf = pages.api.library.read(shelf).await?.body;
    let body = html! {
        (risk::banner(&seen.status, seen.wall_ms, &seen.currency))
        (shop::counter(&shelf, &seen.currency))
        (parts(&seen))
    };
    let links =
        [("#sell", "Sell"), ("#stock", "Stock"), ("#findings", "Findings"), ("#peers", "Peers")];
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
    let banner = risk::banner(&seen.status, seen.wall_ms, &seen.currency);
    Ok(frame::fragment(html! { (banner) (parts(&seen)) }))
}

/// What stands below the counter.
fn parts(seen: &Seen) -> Markup {
    html! {
        (part("totals", &seen.summary, |summary| sold::so_far(summary, &seen.status.device)))
        (part("stock", &seen.stock, |stock| stock::section(stock, &seen.status.device)))
        (part("findings", &seen.findings, |open| findings::section(open, &seen.currency)))
        (risk::peers(&seen.status))
    }
}

async fn look<E: Env>(pages: &Pages<E>) -> Result<Seen, Problem> {
    let status = status(pages).await?;
    let library = &pages.api.library;
    let (currency, wall_ms) = (library.currency.clone(), pages.api.env.now().wall_ms);
    let read = move |view: &View<'_>| {
        Ok(Seen {
            status,
            wall_ms,
            summary: summary_of(view, currency.clone()),
            stock: stock_page(view, None, STOCK_ROWS),
            findings: findings::open(view),
            currency,
        })
    };
    Ok(library.read(read).await?.body)
}

async fn settle<E: Env>(
    State(pages): State<Pages<E>>,
    Posted { visitor, form }: Posted<SettleForm>,
) -> Result<Response, PageProblem> {
    let request = Request::Settle(form.into_event(&visitor.0)?);
    match ask(&pages.api, Call::Write(Box::new(request))).await? {
        Answer::Written(_) => Ok(Redirect::to("/#findings").into_response()),
        other => Err(unexpected(&other).into()),
    }
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
