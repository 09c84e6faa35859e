//! The counter: buttons, basket, payment; and the one call that a sale is.
//!
//! The page posts the same body as a till of its own would, under a key that was made for the
//! basket. So a double tap, a reload and a repeat after a lost answer are all one sale.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::event::sale::{Key, KeyNumber};
use maud::{Markup, html};
use serde::Deserialize;
use shell::extract::parse_json;
use shell::page::{PageProblem, Posted, words};
use shell::problem::Problem;
use transport::env::Env;

use super::shelf::{self, Shelf};
use super::{Pages, side, status};
use crate::api::dto::SaleBody;
use crate::api::{ask, unexpected};
use crate::core::{Answer, Call};

/// The counter with an empty basket, which the script fills.
pub(super) fn counter(shelf: &Shelf, currency: &str) -> Markup {
    html! {
        div #shop .shop data-currency=(currency) data-digits=(words::digits(currency)) {
            section #sell {
                h2 { "Sell" }
                input #find type="search" placeholder="Find by name or SKU" aria-label="Find"
                    autocomplete="off";
                noscript { p .alarm { "Selling by touch needs this page's script." } }
                div #items .items { (shelf::buttons(shelf, currency)) }
            }
            section .basket {
                h2 { "Basket" }
                p #empty .note { "Empty. Touch what the customer takes." }
                ul #lines {}
                form #payment method="post" action="/sell" {
                    div .sum .due .big {
                        span { "To pay" }
                        span { output #due { "0" } " " (currency) }
                    }
                    div .pick {
                        label { input type="radio" name="tender" value="cash" checked; "Cash" }
                        label { input type="radio" name="tender" value="card"; "Card" }
                        label { input type="radio" name="tender" value="voucher"; "Voucher" }
                    }
                    div #cash {
                        label for="given" { "Cash given" }
                        input #given inputmode="decimal" autocomplete="off"
                            placeholder="exactly what is due";
                        div .sum .strong { span { "Change" } output #change { "0" } }
                    }
                    input #key type="hidden" name="key";
                    input #sale type="hidden" name="sale";
                    button #pay .main disabled { "Sell" }
                }
                button #clear .quiet type="button" hidden { "Empty the basket" }
            }
        }
    }
}

/// A basket, as the page sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Basket {
    /// The key that was made for it.
    key: String,
    /// The body of `POST /v1/sales`.
    sale: String,
}

/// Sells a basket and goes on to the sale.
pub(super) async fn sell<E: Env>(
    State(pages): State<Pages<E>>,
    Posted { visitor, form: Basket { key, sale } }: Posted<Basket>,
) -> Result<Response, PageProblem> {
    let body: SaleBody = parse_json(sale.as_bytes())?;
    let number = KeyNumber::parse(&key);
    let request = body.into_request(Key { till: visitor.0.till().to_owned(), number })?;
    match ask(&pages.api, Call::Write(Box::new(request))).await {
        Ok(Answer::Written(written)) => {
            let again = if written.replayed { "?again=1" } else { "" };
            Ok(Redirect::to(&format!("/sold/{}{again}", written.id)).into_response())
        }
        Ok(other) => Err(unexpected(&other).into()),
        Err(problem) if problem.name == "key-reused" => {
            let status = status(&pages).await?;
            let frame = side(&status, &visitor);
            Ok(frame.page_with(problem.status, &sold_before(&problem, &key)))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The basket was sold, the answer was lost, and then it was changed.
fn sold_before(problem: &Problem, key: &str) -> Markup {
    html! {
        section .warn data-sold=(key) {
            h2 { "This basket was sold before it was changed" }
            p {
                "It stands as it was first sent, and was not sold a second time. Ring up what came \
                 to it since as a sale of its own."
            }
            p { small { (problem.detail) } }
            p { a .button .main href="/" { "Next basket" } }
        }
    }
}
