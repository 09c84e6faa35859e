//! The catalogue as it stands, prices set apart first; and the forms that settle one.
//!
//! A conflict stays until somebody sets the price again, here or at the API: the same edit.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::books;
use engine::catalogue::{Field, Item, ItemEdit, Value};
use engine::ids::Scope;
use engine::projections::catalogue::item_of;
use engine::store::{Read, ReadError};
use maud::{Markup, html};
use serde::Deserialize;
use shell::client::escape;
use shell::extract::Query;
use shell::page::words::amount;
use shell::page::{Frame, PageProblem, Posted, Visitor};
use shell::problem::Problem;
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
    /// Items of which something was set apart, the first of them.
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
        if !item.conflicts.is_empty() {
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
    /// What was set apart, as the conflict calls it.
    field: String,
    /// The value chosen, as it is shown.
    value: String,
}

/// Sets a field to one of the values that were set apart, which settles the conflict.
pub(super) async fn settle<E: Env>(
    State(pages): State<Pages<E>>,
    Posted { visitor, form: SettleForm { sku, field, value } }: Posted<SettleForm>,
) -> Result<Response, PageProblem> {
    visitor.must_be_operator()?;
    let scope = scope_of(&pages.api.merchant);
    let asked = sku.clone();
    let read = move |view: &View<'_>| item_of(view.store, scope, &asked);
    let item = pages.api.library.read(read).await?.body.unwrap_or_default();
    let Some((field, value)) = chosen(&item, &field, &value) else {
        let text = format!("{field} of {sku} stands so no more; look again");
        return Err(Problem::bad_reference(text).into());
    };
    let edit = ItemEdit::of(sku).set(field, value);
    match ask(&pages.api, Call::EditCatalogue(scope, vec![edit])).await? {
        Answer::Done(_) => Ok(Redirect::to("/#catalogue").into_response()),
        _ => Err(unexpected().into()),
    }
}

/// The field and the value that a form names, of those that stand in conflict.
fn chosen(item: &Item, field: &str, value: &str) -> Option<(Field, Value)> {
    let value = item.conflicts.get(field)?.iter().find(|stands| stands.to_string() == value)?;
    // A name in a language is shown as `name.LANGUAGE` and kept under `name_LANGUAGE`.
    let key = field.replacen("name.", "name_", 1).replace('-', "_").to_lowercase();
    Some((Field::parse(&key)?, value.clone()))
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
            @for (field, values) in &item.conflicts {
                p { "Set apart: " (field) }
                div .row {
                    @for value in values { (choice(sku, item, field, value, currency)) }
                }
            }
        }
    }
}

fn choice(sku: &str, item: &Item, field: &str, value: &Value, currency: &str) -> Markup {
    let (text, stands) = match (field, value) {
        ("price", Value::Number(price)) => {
            (amount(i128::from(*price), currency), item.price == Some(*price))
        }
        ("name", Value::Text(name)) => (name.clone(), item.name.as_ref() == Some(name)),
        _ => (value.to_string(), false),
    };
    html! {
        form method="post" action="/catalogue/settle" {
            input type="hidden" name="sku" value=(sku);
            input type="hidden" name="field" value=(field);
            input type="hidden" name="value" value=(value);
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
                @if !item.conflicts.is_empty() { span .badge .warn { "set apart" } }
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
