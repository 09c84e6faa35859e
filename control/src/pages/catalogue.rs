//! The catalogue as it stands, prices set apart first; and the forms that settle one.
//!
//! A conflict stays until somebody sets the price again, here or at the API: the same edit.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::books;
use engine::catalogue::{Item, ItemEdit};
use engine::ids::Scope;
use engine::store::{Read, ReadError};
use maud::{Markup, html};
use serde::Deserialize;
use shell::client::escape;
use shell::extract::Query;
use shell::page::words::amount;
use shell::page::{Frame, PageProblem, Posted, Visitor};
use shell::read::{View, scope_of};
use transport::env::Env;

use super::{Pages, status};
use crate::api::{ask, unexpected};
use crate::core::{Answer, Call};

/// Items on the live page; the rest has a page of its own.
pub(super) const ROWS_LIVE: usize = 20;
/// Items of one page.
const ROWS: usize = 200;
/// Conflicts shown at once; the next ones come up as these are settled.
const CONFLICTS: usize = 50;

/// What is shown of a catalogue.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Items by SKU.
    items: Vec<(String, Item)>,
    /// Where the next page begins after.
    next: Option<String>,
    /// Items in all.
    count: usize,
    /// Items whose name or price was set apart, the first of them.
    clashes: Vec<(String, Item)>,
    /// How many there are.
    clashing: usize,
}

/// Reads a page of a catalogue, and every conflict in it.
pub(super) fn read(
    store: &dyn Read,
    scope: Scope,
    after: Option<&str>,
    rows: usize,
) -> Result<Shown, ReadError> {
    let mut shown = Shown::default();
    books::items(store, scope, &mut |sku, item| {
        shown.count += 1;
        if !item.price_conflicts.is_empty() || !item.name_conflicts.is_empty() {
            shown.clashing += 1;
            if shown.clashes.len() < CONFLICTS {
                shown.clashes.push((sku.to_owned(), item.clone()));
            }
        }
        if after.is_none_or(|after| sku > after) {
            match shown.items.len() < rows {
                true => shown.items.push((sku.to_owned(), item)),
                false => shown.next = shown.items.last().map(|(sku, _)| sku.clone()),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(shown)
}

#[derive(Debug, Deserialize)]
pub(super) struct AfterQuery {
    after: Option<String>,
}

/// The whole catalogue, page by page.
pub(super) async fn show<E: Env>(
    visitor: Visitor,
    State(pages): State<Pages<E>>,
    Query(AfterQuery { after }): Query<AfterQuery>,
) -> Result<Response, PageProblem> {
    visitor.must_be_operator()?;
    let status = status(&pages).await?;
    let (library, scope) = (&pages.api.library, scope_of(&pages.api.merchant));
    let read = move |view: &View<'_>| read(view.store, scope, after.as_deref(), ROWS);
    let shown = library.read(read).await?.body;
    let links = &[("/", "Back to the market")];
    let visitor = Some(visitor.0.till());
    let frame = Frame { title: &status.name, visitor, live: None, links };
    Ok(frame.page(&section(&shown, &library.currency)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettleForm {
    sku: String,
    name: Option<String>,
    /// Minor units.
    price: Option<i64>,
}

/// Sets a name or a price, which settles a conflict about it.
pub(super) async fn settle<E: Env>(
    State(pages): State<Pages<E>>,
    Posted { visitor, form: SettleForm { sku, name, price } }: Posted<SettleForm>,
) -> Result<Response, PageProblem> {
    visitor.must_be_operator()?;
    let edit = ItemEdit { sku, name, price, ..ItemEdit::default() };
    let scope = scope_of(&pages.api.merchant);
    match ask(&pages.api, Call::EditCatalogue(scope, vec![edit])).await? {
        Answer::Done(_) => Ok(Redirect::to("/#catalogue").into_response()),
        _ => Err(unexpected().into()),
    }
}

/// Conflicts, then the items.
pub(super) fn section(shown: &Shown, currency: &str) -> Markup {
    html! {
        section #catalogue {
            h2 { "Catalogue" }
            @if shown.clashing > 0 {
                p .warn {
                    @match shown.clashing {
                        1 => "One item was set differently at two places. ",
                        clashing => { (clashing) " items were set differently at two places. " }
                    }
                    "Choose what holds."
                }
                @for (sku, item) in &shown.clashes { (clash(sku, item, currency)) }
            }
            div .scroll {
                table {
                    thead {
                        tr {
                            th { "Item" }
                            th .number { "Price, " (currency) }
                            th { "" }
                        }
                    }
                    tbody { @for (sku, item) in &shown.items { (row(sku, item, currency)) } }
                }
            }
            p .note { (shown.count) " items in all." }
            @if let Some(next) = &shown.next {
                p { a .button href={ "/catalogue?after=" (escape(next)) } { "More items" } }
            }
        }
    }
}

fn clash(sku: &str, item: &Item, currency: &str) -> Markup {
    html! {
        div .finding data-clash=(sku) {
            h3 { (named(sku, item)) }
            @if !item.price_conflicts.is_empty() {
                p { "Prices set apart:" }
                div .row {
                    @for price in &item.price_conflicts {
                        @let text = amount(i128::from(*price), currency);
                        @let stands = item.price == Some(*price);
                        (choice(sku, "price", &price.to_string(), &text, stands))
                    }
                }
            }
            @if !item.name_conflicts.is_empty() {
                p { "Names set apart:" }
                div .row {
                    @for name in &item.name_conflicts {
                        (choice(sku, "name", name, name, item.name.as_ref() == Some(name)))
                    }
                }
            }
        }
    }
}

fn choice(sku: &str, field: &str, value: &str, text: &str, stands: bool) -> Markup {
    html! {
        form method="post" action="/catalogue/settle" {
            input type="hidden" name="sku" value=(sku);
            input type="hidden" name=(field) value=(value);
            button { (text) @if stands { " (shown now)" } }
        }
    }
}

fn row(sku: &str, item: &Item, currency: &str) -> Markup {
    html! {
        tr data-item=(sku) {
            th scope="row" { (named(sku, item)) }
            td .number {
                @match item.price {
                    Some(price) => (amount(i128::from(price), currency)),
                    None => span .badge .warn { "no price" },
                }
            }
            td {
                @if item.withdrawn { span .badge { "withdrawn" } }
                @if !item.price_conflicts.is_empty() { span .badge .warn { "price set apart" } }
            }
        }
    }
}

fn named(sku: &str, item: &Item) -> Markup {
    html! {
        @if let Some(name) = &item.name {
            (name) " " small { (sku) }
        } @else {
            (sku)
        }
    }
}
