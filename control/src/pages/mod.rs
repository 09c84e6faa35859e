//! The live page of the centre: stalls with lag and digest badge, totals, the catalogue with its
//! conflicts, forks and what is disputed. HTML in front of the same calls as the API, for the
//! operator alone; it decides nothing.
//!
//! | file | shows |
//! |---|---|
//! | [`stalls`] | every stall; forks and disputed events in plain words |
//! | [`catalogue`] | the items; what was set apart, and the forms that settle it |
//!
//! What does not fit together is shown by `shell::page::findings`.

mod catalogue;
mod stalls;
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
use shell::page::words::count;
use shell::page::{Door, Frame, PageProblem, Posted, Visitor, frame, login, totals};
use shell::problem::Problem;
use shell::read::{Summary, View, scope_of, summary_of};
use transport::env::Env;

use crate::api::{Api, ask, unexpected};
use crate::core::{Answer, Call, StallStatus, Status};
use catalogue::Shown;

const HINT: &str = "Show the operator's token once. It is in the file admin.token in the control's \
                    data directory.";

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

/// Every page of the control.
pub fn routes<E: Env>(api: Api<E>) -> Router {
    let door = Door::new(api.env.clone(), api.access.clone(), "Tentpole control", HINT);
    Router::new()
        .route("/", get(home::<E>))
        .route("/live", get(live::<E>))
        .route("/catalogue", get(catalogue::show::<E>))
        .route("/settle", post(settle::<E>))
        .route("/catalogue/settle", post(catalogue::settle::<E>))
        .merge(login::routes())
        .with_state(Pages { api, door })
}

/// What the live page shows. Books that are being rebuilt keep none of the others from view.
struct Seen {
    status: Status,
    stalls: Vec<StallStatus>,
    currency: String,
    summary: Result<Summary, ReadError>,
    catalogue: Result<Shown, ReadError>,
    findings: Result<findings::Open, ReadError>,
}

async fn home<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
) -> Result<Response, PageProblem> {
    visitor.must_be_operator()?;
    let seen = look(&pages).await?;
    let links = [
        ("#stalls", "Stalls"),
        ("#totals", "Totals"),
        ("#findings", "Findings"),
        ("#catalogue", "Catalogue"),
    ];
    let frame = Frame {
        title: &seen.status.name,
        visitor: Some(visitor.0.till()),
        live: Some("/live"),
        links: &links,
    };
    Ok(frame.page(&parts(&seen)))
}

async fn live<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
) -> Result<Response, PageProblem> {
    visitor.must_be_operator()?;
    Ok(frame::fragment(parts(&look(&pages).await?)))
}

fn parts(seen: &Seen) -> Markup {
    html! {
        (stalls::alarms(&seen.status))
        (stalls::section(&seen.stalls))
        (part("totals", &seen.summary, |summary| sales(summary, seen.status.events)))
        (part("findings", &seen.findings, |open| findings::section(open, &seen.currency)))
        (part("catalogue", &seen.catalogue, |shown| catalogue::section(shown, &seen.currency)))
    }
}

fn sales(summary: &Summary, events: u64) -> Markup {
    html! {
        section #totals {
            h2 { "Sales" }
            div .scroll { (totals::table(summary)) }
            p .note { "Over " (count(i128::from(events), "event")) " held here." }
        }
    }
}

async fn look<E: Env>(pages: &Pages<E>) -> Result<Seen, Problem> {
    let Answer::Stalls(stalls) = ask(&pages.api, Call::Stalls).await? else {
        return Err(unexpected());
    };
    let status = status(pages).await?;
    let (library, scope) = (&pages.api.library, scope_of(&pages.api.merchant));
    let currency = library.currency.clone();
    let read = move |view: &View<'_>| {
        Ok(Seen {
            status,
            stalls,
            summary: summary_of(view, currency.clone()),
            catalogue: catalogue::read(view.store, scope, None, catalogue::ROWS_LIVE),
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
    visitor.must_be_operator()?;
    match ask(&pages.api, Call::Settle(form.into_event(&visitor.0)?)).await? {
        Answer::Written(_) => Ok(Redirect::to("/#findings").into_response()),
        _ => Err(unexpected().into()),
    }
}

async fn status<E: Env>(pages: &Pages<E>) -> Result<Status, Problem> {
    match ask(&pages.api, Call::Status).await? {
        Answer::Status(status) => Ok(*status),
        _ => Err(unexpected()),
    }
}
