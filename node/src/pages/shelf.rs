//! The buttons that fill a basket: what the catalogue has on sale, found by name or SKU, at the
//! price of the bundle in force.
//!
//! A button bears the bundle that its price is from, and the basket keeps both: what is rung up
//! before a switch is sold at the price that was shown, under the bundle's own name. An item that
//! the bundle has no price for costs what the catalogue says.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::Response;
use engine::books::{self, bundles};
use engine::hash::Hash;
use engine::ids::Scope;
use engine::projections::Projection;
use engine::store::{Read, ReadError};
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
    /// The bundle that the price is from; `None` when it is the catalogue's.
    pub(super) bundle: Option<Hash>,
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
    let now_ms = now_ms(&pages);
    let read = move |view: &View<'_>| on_sale(view, now_ms, &find);
    let shelf = pages.api.library.read(read).await?.body;
    Ok(frame::fragment(buttons(&shelf, &pages.api.library.currency)))
}

/// By this node's clock, as the core sees it: milliseconds since 1970.
pub(super) fn now_ms<E: Env>(pages: &Pages<E>) -> i64 {
    i64::try_from(pages.api.env.now().wall_ms).unwrap_or(i64::MAX)
}

/// What this stall's merchant has on sale, with `find` in the name or the SKU, at the prices of
/// `now_ms`.
pub(super) fn on_sale(view: &View<'_>, now_ms: i64, find: &str) -> Result<Shelf, ReadError> {
    let find = find.trim().to_lowercase();
    let mut buttons = Vec::new();
    // A stall sells for one merchant.
    let scope = view.scopes.first().copied();
    if let Some(scope) = scope {
        books::items(view.store, scope, &mut |sku, item| {
            let name = item.name.unwrap_or_else(|| sku.to_owned());
            let fits = name.to_lowercase().contains(&find) || sku.to_lowercase().contains(&find);
            if fits && !item.withdrawn {
                let (sku, price) = (sku.to_owned(), item.price);
                buttons.push(Button { name, sku, price, bundle: None });
            }
            ControlFlow::Continue(())
        })?;
    }
    buttons.sort_unstable();
    let found = buttons.len();
    buttons.truncate(BUTTONS_MAX);
    if let Some(scope) = scope {
        reprice(view.store, scope, now_ms, &mut buttons)?;
    }
    Ok(Shelf { buttons, found })
}

/// Puts the prices of the bundle in force on buttons. While the bundles are being rebuilt nobody
/// knows which that is, and selling goes on at the catalogue's prices, as it does in the core.
fn reprice(
    store: &dyn Read,
    scope: Scope,
    now_ms: i64,
    buttons: &mut [Button],
) -> Result<(), ReadError> {
    if books::whole(store, Projection::Bundles).is_err() {
        return Ok(());
    }
    let Some(switch) = bundles::in_force(store, scope, now_ms)? else { return Ok(()) };
    let list = bundles::PriceList::open(store, scope, &switch.bundle)?;
    let Some(mut list) = list else { return Ok(()) };
    for button in buttons {
        if let Some(price) = list.price(&button.sku)? {
            (button.price, button.bundle) = (Some(price), Some(switch.bundle));
        }
    }
    Ok(())
}

/// The buttons, and a word when there are more or none.
pub(super) fn buttons(shelf: &Shelf, currency: &str) -> Markup {
    html! {
        @for button in &shelf.buttons {
            @if let Some(price) = button.price {
                button type="button" data-sku=(button.sku) data-name=(button.name)
                    data-price=(price) data-bundle=[button.bundle] {
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
