//! The buttons that fill a basket: what the catalogue has on sale, found by name or SKU.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::Response;
use engine::books;
use engine::store::ReadError;
use maud::{Markup, html};
use serde::Deserialize;
use shell::extract::Query;
use shell::page::words::money;
use shell::page::{PageProblem, Visitor, frame};
use shell::read::View;
use transport::env::Env;

use super::Pages;

/// Buttons shown at once; more are found by typing.
const BUTTONS_MAX: usize = 60;
/// What may be typed to find an item, in bytes.
const FIND_BYTES_MAX: usize = 64;

/// What is on sale and fits what was typed.
pub(super) struct Shelf {
    /// The first of them by name, at most [`BUTTONS_MAX`].
    pub(super) buttons: Vec<Button>,
    /// How many there are.
    pub(super) found: usize,
}

/// One item on sale.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Button {
    pub(super) name: String,
    pub(super) sku: String,
    /// Minor units; an item that nobody priced cannot be sold by touch.
    pub(super) price: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FindQuery {
    #[serde(default)]
    find: String,
}

/// The buttons for what was typed.
pub(super) async fn find<E: Env>(
    _: Visitor,
    State(pages): State<Pages<E>>,
    Query(FindQuery { find }): Query<FindQuery>,
) -> Result<Response, PageProblem> {
    let find: String = find.chars().take(FIND_BYTES_MAX).collect();
    let read = move |view: &View<'_>| on_sale(view, &find);
    let shelf = pages.api.library.read(read).await?.body;
    Ok(frame::fragment(buttons(&shelf, &pages.api.library.currency)))
}

/// What this stall's merchant has on sale, with `find` in the name or the SKU.
pub(super) fn on_sale(view: &View<'_>, find: &str) -> Result<Shelf, ReadError> {
    let find = find.trim().to_lowercase();
    let mut buttons = Vec::new();
    for scope in &view.scopes {
        books::items(view.store, *scope, &mut |sku, item| {
            let name = item.name.unwrap_or_else(|| sku.to_owned());
            let fits = name.to_lowercase().contains(&find) || sku.to_lowercase().contains(&find);
            if fits && !item.withdrawn {
                buttons.push(Button { name, sku: sku.to_owned(), price: item.price });
            }
            ControlFlow::Continue(())
        })?;
    }
    buttons.sort_unstable();
    let found = buttons.len();
    buttons.truncate(BUTTONS_MAX);
    Ok(Shelf { buttons, found })
}

/// The buttons, and a word when there are more or none.
pub(super) fn buttons(shelf: &Shelf, currency: &str) -> Markup {
    html! {
        @for button in &shelf.buttons {
            @if let Some(price) = button.price {
                button type="button" data-sku=(button.sku) data-name=(button.name)
                    data-price=(price) {
                    (button.name)
                    span { (money(i128::from(price), currency)) }
                }
            } @else {
                button type="button" disabled { (button.name) span { "no price" } }
            }
        }
        @if shelf.found > shelf.buttons.len() {
            p .note { "and " (shelf.found - shelf.buttons.len()) " more; type a part of a name" }
        }
        @if shelf.found == 0 {
            p .note { "Nothing on sale fits." }
        }
    }
}
