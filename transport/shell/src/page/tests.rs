//! The door, in front of one page and one call of the API.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{Request, Response};
use axum::routing::get;
use maud::html;
use serde::Deserialize;
use tower::ServiceExt;

use super::door::LOGIN;
use super::*;
use crate::access::{Access, Caller};
use crate::auth::Token;
use crate::env::RealEnv;
use crate::host::Lan;

const TOKEN: &str = "0123456789abcdef";
const PLACE: &str = "127.0.0.1:7700";
const OWN: &str = "http://127.0.0.1:7700";

#[derive(Clone)]
struct State {
    access: Access,
    door: Door,
}

impl FromRef<State> for Door {
    fn from_ref(state: &State) -> Self {
        state.door.clone()
    }
}

impl FromRef<State> for Access {
    fn from_ref(state: &State) -> Self {
        state.access.clone()
    }
}

#[derive(Deserialize)]
struct Said {
    said: String,
}

fn state() -> State {
    let token = |text: &str| Token::parse(text).unwrap().hash();
    let tills = BTreeMap::from([(token(TOKEN).to_bytes(), "t1".to_owned())]);
    let access = Access::new(token("operator"), tills);
    let door = Door::new(RealEnv::new().unwrap(), access.clone(), "<i>stall</i>", "");
    State { access, door }
}

async fn ask(state: &State, request: Request<Body>) -> Response<Body> {
    let frame = |visitor: Visitor| {
        let who = visitor.0.till().to_owned();
        Frame { title: "t", visitor: Some(&who), live: None, links: &[] }.page(&html! { "in" })
    };
    let say = async |Posted { visitor, form: Said { said } }: Posted<Said>| {
        format!("{} said {said}", visitor.0.till())
    };
    let router = Router::new()
        .route("/", get(async move |visitor: Visitor| frame(visitor)).post(say))
        .route("/v1/call", get(async |caller: Caller| caller.till().to_owned()))
        .merge(login::routes())
        .with_state(state.clone());
    router.oneshot(request).await.unwrap()
}

fn look(path: &str, cookie: &str) -> Request<Body> {
    let request = Request::get(path).header(HOST, PLACE).header(COOKIE, cookie);
    request.body(Body::empty()).unwrap()
}

fn post(path: &str, cookie: &str, origin: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::post(path).header(HOST, PLACE).header(COOKIE, cookie);
    request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn log_in(state: &State, origin: &str) -> String {
    let answer = ask(state, post("/login", "", Some(origin), &format!("token={TOKEN}"))).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[LOCATION]),
        (303, &"/".parse().unwrap())
    );
    answer.headers()[SET_COOKIE].to_str().unwrap().to_owned()
}

/// What a browser sends back of a `Set-Cookie`.
fn kept(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

async fn text(answer: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn whoever_shows_no_cookie_is_sent_to_the_log_in() {
    let state = state();
    for cookie in ["", "tentpole-7700=", "tentpole-7700=0123", "tentpole-7710=0123456789abcdef"] {
        let answer = ask(&state, look("/", cookie)).await;
        assert_eq!(answer.status(), 303, "{cookie}");
        assert_eq!(answer.headers()[LOCATION], "/login");
    }
}

#[tokio::test]
async fn a_known_token_opens_the_pages_and_never_shows_again() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    assert!(cookie.starts_with("tentpole-7700=") && !cookie.contains(TOKEN), "{cookie}");
    for word in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let answer = ask(&state, look("/", &format!("a=b; {}", kept(&cookie)))).await;
    assert_eq!(answer.status(), 200);
    let page = text(answer).await;
    assert!(page.contains("Log out t1") && !page.contains(TOKEN), "{page}");
}

#[tokio::test]
async fn over_tls_the_cookie_stays_on_tls() {
    let mut request = post("/login", "", Some("https://stall.lan"), &format!("token={TOKEN}"));
    request.headers_mut().insert(HOST, "stall.lan".parse().unwrap());
    let answer = ask(&state(), request).await;
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("tentpole=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn the_operators_token_opens_nothing_from_the_network() {
    for (origin, status) in [("http://stall.lan", 303), ("https://stall.lan", 401)] {
        let mut request = post("/login", "", Some(origin), "token=operator");
        request.headers_mut().insert(HOST, "stall.lan".parse().unwrap());
        assert_eq!(ask(&state(), request).await.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_not_repeated() {
    for token in ["0123456789abcdee", "", "%3Cscript%3E", "a%20b"] {
        let answer = ask(&state(), post("/login", "", Some(OWN), &format!("token={token}"))).await;
        assert_eq!(answer.status(), 401, "{token}");
        assert!(!answer.headers().contains_key(SET_COOKIE));
        let page = text(answer).await;
        assert!(page.contains("not known here") && page.contains("&lt;i&gt;stall"), "{page}");
        assert!(token.is_empty() || !page.contains(token), "{page}");
    }
}

#[tokio::test]
async fn a_form_of_a_foreign_page_does_nothing() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    for origin in [None, Some("http://127.0.0.1:7710"), Some("null"), Some("http://evil.example")] {
        for path in ["/", "/login", "/logout"] {
            let body = if path == "/" { "said=x" } else { "token=0123456789abcdef" };
            let answer = ask(&state, post(path, kept(&cookie), origin, body)).await;
            assert_eq!(answer.status(), 403, "{path} {origin:?}");
            assert!(!answer.headers().contains_key(SET_COOKIE));
        }
    }
    let answer = ask(&state, post("/", kept(&cookie), Some(OWN), "said=x")).await;
    assert_eq!(text(answer).await, "t1 said x");
}

#[tokio::test]
async fn a_form_without_a_session_goes_to_the_log_in() {
    let answer = ask(&state(), post("/", "", Some(OWN), "said=x")).await;
    assert_eq!(answer.headers()[LOCATION], "/login");
}

#[tokio::test]
async fn a_log_out_ends_the_session_and_not_only_the_cookie() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    let other = log_in(&state, OWN).await;
    let answer = ask(&state, post("/logout", kept(&cookie), Some(OWN), "")).await;
    assert!(answer.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&state, look("/", kept(&cookie))).await.status(), 303);
    assert_eq!(ask(&state, look("/", kept(&other))).await.status(), 200);
}

#[tokio::test]
async fn a_session_ends_with_the_token_that_opened_it() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    state.access.add_till("t1", Token::parse("another").unwrap().hash());
    assert_eq!(ask(&state, look("/", kept(&cookie))).await.status(), 303);
}

#[tokio::test]
async fn over_the_lan_the_operators_session_opens_nothing_and_a_tills_does() {
    let state = state();
    let over_lan = |mut request: Request<Body>| {
        request.extensions_mut().insert(Lan);
        request
    };
    for (token, opens) in [("operator", false), (TOKEN, true)] {
        let answer = ask(&state, post("/login", "", Some(OWN), &format!("token={token}"))).await;
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let cookie = kept(&cookie);
        let form = || post("/", cookie, Some(OWN), "said=x");
        for request in [look("/", cookie), form()] {
            assert_eq!(ask(&state, request).await.status(), 200, "{token} on loopback");
        }
        for request in [look("/", cookie), form()] {
            let answer = ask(&state, over_lan(request)).await;
            assert_eq!(answer.status() == 200, opens, "{token} over the LAN: {answer:?}");
            assert!(opens || answer.headers()[LOCATION] == LOGIN);
        }
    }
}

#[tokio::test]
async fn a_cookie_opens_no_call_of_the_api() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    assert_eq!(ask(&state, look("/v1/call", kept(&cookie))).await.status(), 401);
}

#[tokio::test]
async fn every_page_forbids_scripts_that_are_not_ours() {
    let state = state();
    let cookie = log_in(&state, OWN).await;
    for path in ["/", "/login", "/page/script.js", "/page/style.css", "/page/icon.svg"] {
        let answer = ask(&state, look(path, kept(&cookie))).await;
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = text(answer).await;
        assert!(!page.contains("://") || path.ends_with(".svg"), "{path} names another place");
        assert!(!page.contains(" style=") && !page.contains("<script>"), "{path}");
    }
}
