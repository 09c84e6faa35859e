//! The document around every page, what its headers forbid, and its three assets.
//!
//! The policy lets a page load from its own origin alone and run nothing that stands in the page
//! itself, so a name in the books that is a script stays a name even if the escaping failed.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine::store::ReadError;
use maud::{DOCTYPE, Markup, html};

use crate::problem::Problem;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");

/// What stands around a page's own part.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Whose page it is: a stall's or a tenant's name.
    pub title: &'a str,
    /// Who is logged in; nobody on the log-in page.
    pub visitor: Option<&'a str>,
    /// Where the live parts are asked for, if the page has any.
    pub live: Option<&'a str>,
    /// Links in the head: where they lead, and what they say.
    pub links: &'a [(&'a str, &'a str)],
}

impl Frame<'_> {
    /// The whole document.
    pub fn page(&self, body: &Markup) -> Response {
        self.page_with(StatusCode::OK, body)
    }

    /// The whole document, with another status.
    pub fn page_with(&self, status: StatusCode, body: &Markup) -> Response {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " - Tentpole" }
                    link rel="icon" href="/page/icon.svg";
                    link rel="stylesheet" href="/page/style.css";
                    script src="/page/script.js" defer {}
                }
                body data-live=[self.live] {
                    header { (self.bar()) }
                    p #stale .alarm role="alert" hidden {
                        "No answer since " span {} ". What you see may be out of date."
                    }
                    main { (body) }
                }
            }
        };
        respond(status, "text/html; charset=utf-8", document.into_string())
    }

    fn bar(&self) -> Markup {
        html! {
            h1 { (self.title) }
            nav {
                @for (target, text) in self.links {
                    a href=(target) { (text) }
                }
            }
            @if let Some(visitor) = self.visitor {
                form method="post" action="/logout" {
                    button .quiet { "Log out " (visitor) }
                }
            }
        }
    }
}

/// A part, or why its books cannot be read now; the other parts are shown all the same.
pub fn part<T>(id: &str, read: &Result<T, ReadError>, show: impl FnOnce(&T) -> Markup) -> Markup {
    match read {
        Ok(found) => show(found),
        Err(error) => html! { section id=(id) .warn { p { (error) } } },
    }
}

/// Parts of a page, for its script to put in place.
pub fn fragment(parts: Markup) -> Response {
    respond(StatusCode::OK, "text/html; charset=utf-8", parts.into_string())
}

/// A problem, shown to people.
#[derive(Debug)]
pub struct PageProblem(pub Problem);

impl From<Problem> for PageProblem {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ReadError> for PageProblem {
    fn from(error: ReadError) -> Self {
        Self(Problem::halted(error.to_string()))
    }
}

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let body = html! {
            section .alarm {
                h2 { (problem.title) }
                p { (problem.detail) }
                p { a .button href="/" { "Back" } }
            }
        };
        let frame = Frame { title: "Not done", visitor: None, live: None, links: &[] };
        frame.page_with(problem.status, &body)
    }
}

/// The routes of the assets, which are the same for everybody.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let script = "text/javascript; charset=utf-8";
    Router::new()
        .route("/page/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/page/script.js", get(async move || asset(script, SCRIPT)))
        .route("/page/icon.svg", get(async || asset("image/svg+xml", ICON)))
}

fn asset(content: &'static str, text: &'static str) -> Response {
    respond(StatusCode::OK, content, text.to_owned())
}

fn respond(status: StatusCode, content: &'static str, text: String) -> Response {
    let headers: [(HeaderName, &str); 7] = [
        (CONTENT_TYPE, content),
        (CONTENT_SECURITY_POLICY, POLICY),
        // What stands in the books is nobody's business once the tablet is handed on.
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        // `no-referrer` would take the origin out of forms, too.
        (HeaderName::from_static("referrer-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    (status, headers, text).into_response()
}
