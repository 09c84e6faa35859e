//! Requests that must be refused: each with a problem body of the documented type, and nothing of
//! them is written.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::harness::{Answer, Api, Market, Stall, basket, tea};

/// Sends a request and expects this problem.
async fn refused(what: &str, request: RequestBuilder, status: u16, name: &str) -> Answer {
    let answer = Api::send(request).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(answer.content, "application/problem+json", "{what}: {answer:?}");
    let body = &answer.body;
    assert_eq!(body["type"], format!("urn:tentpole:problem:{name}"), "{what}: {answer:?}");
    assert_eq!(body["status"], status, "{what}: {answer:?}");
    for field in ["title", "detail"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: {answer:?}");
    }
    answer
}

/// What would differ if anything was written.
async fn state(stall: &Stall) -> [Value; 3] {
    [stall.digests().await, stall.status().await["events"].clone(), stall.total().await]
}

/// A stall that nobody disturbs, with something in its books.
async fn quiet_stall(market: &Market) -> Stall {
    let mut north = market.stall("north").await;
    north.sell(1).await;
    north.wait_nothing_at_risk().await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    north
}

/// Sends each body as a till, and expects its problem and that nothing was written.
async fn all_refused(stall: &Stall, path: &str, cases: Vec<(&str, Value, u16, &str)>) {
    let before = state(stall).await;
    for (at, (what, body, status, name)) in cases.into_iter().enumerate() {
        let request = stall.till().request(Method::POST, path);
        let request = request.header("idempotency-key", format!("case-{at}")).json(&body);
        refused(what, request, status, name).await;
        assert_eq!(state(stall).await, before, "{what} left something behind");
    }
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    *body.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = value;
    body
}

fn plus(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn sales_that_cannot_be() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    let line = |field: &str, value: Value| {
        let mut line = json!({ "sku": "tea", "quantity": 1000, "amount": 100 });
        line[field] = value;
        let mut sale = basket(&[line]);
        sale["tenders"] = json!([{ "kind": "cash", "amount": 100 }]);
        sale
    };
    let paid = |tenders: Value| plus(tea(100), "tenders", tenders);
    let over = 100_000_001_i64;
    let cases = vec![
        ("another currency", with(tea(1), "/currency", json!("EUR")), 422, "wrong-currency"),
        ("no currency", with(tea(1), "/currency", json!("usd")), 400, "malformed"),
        ("a negative quantity", line("quantity", json!(-1000)), 400, "malformed"),
        ("a broken quantity", line("quantity", json!(1.5)), 400, "malformed"),
        ("no quantity", line("quantity", json!(0)), 422, "bad-quantity"),
        ("a vast quantity", line("quantity", json!(u64::MAX)), 422, "bad-quantity"),
        ("a negative amount", line("amount", json!(-100)), 422, "bad-amount"),
        ("an amount over the maximum", line("amount", json!(over)), 422, "bad-amount"),
        ("a vast amount", line("amount", json!(i64::MAX)), 422, "bad-amount"),
        ("an amount beyond numbers", line("amount", json!(u64::MAX)), 400, "malformed"),
        ("a negative tax", line("tax", json!(-1)), 422, "bad-amount"),
        ("a negative discount", line("discount", json!(-1)), 422, "bad-amount"),
        ("a negative tip", plus(tea(100), "tip", json!(-1)), 422, "bad-amount"),
        ("an unknown SKU", line("sku", json!("coal")), 422, "unknown-sku"),
        ("no SKU", line("sku", json!("")), 400, "malformed"),
        ("a long SKU", line("sku", json!("x".repeat(65))), 400, "malformed"),
        ("an unknown field", line("prize", json!(1)), 400, "malformed"),
        ("no lines", with(tea(1), "/lines", json!([])), 400, "malformed"),
        ("no tenders", paid(json!([])), 400, "malformed"),
        ("too little cash", paid(json!([{ "kind": "cash", "amount": 99 }])), 422, "tenders-short"),
        ("no cash for the tip", plus(tea(100), "tip", json!(1)), 422, "tenders-short"),
        ("too much card", paid(json!([{ "kind": "card", "amount": 101 }])), 422, "tenders-short"),
        ("a negative tender", paid(json!([{ "kind": "cash", "amount": -1 }])), 422, "bad-amount"),
        ("an unknown tender", paid(json!([{ "kind": "shell", "amount": 100 }])), 400, "malformed"),
        (
            "a time without offset",
            plus(tea(1), "sold_at", json!("2017-01-01T10:00:00")),
            422,
            "bad-time",
        ),
        (
            "a day that never was",
            plus(tea(1), "business_day", json!("2017-02-30")),
            422,
            "bad-time",
        ),
        ("a long cashier", plus(tea(1), "cashier", json!("x".repeat(65))), 400, "malformed"),
        ("a cashier who rings", plus(tea(1), "cashier", json!("ann\u{7}")), 400, "malformed"),
        ("a garbled bundle", plus(tea(1), "price_bundle", json!("12")), 400, "malformed"),
    ];
    all_refused(&north, "/v1/sales", cases).await;
    north.till().must_write("/v1/sales", "case-0", &tea(1)).await;
}

#[tokio::test]
async fn goods_refunds_and_voids_that_cannot_be() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    let sale = json!(north.sold[0].id);
    let at = "2017-01-01T10:00:00Z";
    let goods =
        |quantity: Value| json!({ "at": at, "lines": [{ "sku": "tea", "quantity": quantity }] });
    let cases = vec![
        ("a negative quantity", goods(json!(-1)), 400, "malformed"),
        ("no quantity", goods(json!(0)), 422, "bad-quantity"),
        ("no time", with(goods(json!(1)), "/at", json!("noon")), 422, "bad-time"),
        ("no lines", with(goods(json!(1)), "/lines", json!([])), 400, "malformed"),
    ];
    all_refused(&north, "/v1/goods-received", cases).await;
    let refund = json!({ "sale": sale, "at": at, "restock": true,
        "lines": [{ "line": 0, "quantity": 1000, "amount": 1 }],
        "tenders": [{ "kind": "cash", "amount": 1 }] });
    let elsewhere = format!("{}00", &north.sold[0].id[..north.sold[0].id.len() - 2]);
    let cases = vec![
        ("a sale that is none", with(refund.clone(), "/sale", json!("x")), 422, "bad-reference"),
        ("an unknown sale", with(refund.clone(), "/sale", json!(elsewhere)), 422, "bad-reference"),
        (
            "a negative amount",
            with(refund.clone(), "/lines/0/amount", json!(-1)),
            422,
            "bad-amount",
        ),
        (
            "a line that is none",
            with(refund.clone(), "/lines/0/line", json!(70_000)),
            400,
            "malformed",
        ),
        ("no tenders", with(refund, "/tenders", json!([])), 400, "malformed"),
    ];
    all_refused(&north, "/v1/refunds", cases).await;
    let cases = vec![("a garbled sale", json!({ "sale": "x", "at": at }), 422, "bad-reference")];
    all_refused(&north, "/v1/voids", cases).await;
}

#[tokio::test]
async fn bodies_that_cannot_be_read_or_are_too_large() {
    let market = Market::open().await;
    let mut north = quiet_stall(&market).await;
    north.stop().await;
    north.flags = vec!["--open-items".to_owned(), "--control".to_owned(), "127.0.0.1:9".to_owned()];
    north.start().await;
    let before = state(&north).await;
    let post = |body: Vec<u8>| {
        let request = north.till().request(Method::POST, "/v1/sales");
        request.header("idempotency-key", "unread").body(body)
    };
    let whole = tea(1).to_string();
    let cut = whole.as_bytes()[..whole.len() - 1].to_vec();
    let deep = "[".repeat(100_000).into_bytes();
    for body in [cut, b"{}".to_vec(), Vec::new(), vec![0xff; 10], b"null".to_vec(), deep] {
        let what = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        refused(&what, post(body), 400, "malformed").await;
    }
    refused("300 kB", post(vec![b' '; 300 * 1024]), 413, "too-large").await;
    // Fits in a request and not in an event.
    let sku = "x".repeat(60);
    let line = json!({ "sku": sku, "quantity": 1000, "amount": 1, "unit_price": 1_000_000 });
    let long = basket(&vec![line.clone(); 500]);
    refused("a long sale", post(long.to_string().into_bytes()), 413, "too-large").await;
    let lines = basket(&vec![line; 501]);
    refused("501 lines", post(lines.to_string().into_bytes()), 400, "malformed").await;
    assert_eq!(state(&north).await, before);
    north.sell(1).await;
}

#[tokio::test]
async fn keys_that_are_missing_or_unusable() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    let before = state(&north).await;
    for path in ["/v1/sales", "/v1/refunds", "/v1/voids", "/v1/goods-received"] {
        let at = "2017-01-01T10:00:00Z";
        let mut body = tea(1);
        if path != "/v1/sales" {
            body = json!({ "sale": "x", "at": at });
        }
        if path == "/v1/goods-received" {
            body = json!({ "at": at, "lines": [{ "sku": "tea", "quantity": 1 }] });
        }
        if path == "/v1/refunds" {
            body = json!({ "sale": "x", "at": at, "restock": true, "lines": [], "tenders": [] });
        }
        let request = north.till().request(Method::POST, path).json(&body);
        refused(path, request, 422, "missing-key").await;
    }
    let sale = || north.till().request(Method::POST, "/v1/sales").json(&tea(1));
    let header = "idempotency-key";
    refused("an empty key", sale().header(header, ""), 422, "missing-key").await;
    refused("two keys", sale().header(header, "1").header(header, "2"), 422, "missing-key").await;
    let long = sale().header(header, "k".repeat(65));
    refused("a long key", long, 400, "malformed").await;
    assert_eq!(state(&north).await, before);
    let longest = "k".repeat(64);
    north.till().must_write("/v1/sales", &longest, &tea(1)).await;
}

/// Every call of a node, and every call of a control.
const NODE_CALLS: &[(&str, &str)] = &[
    ("POST", "/v1/sales"),
    ("POST", "/v1/refunds"),
    ("POST", "/v1/voids"),
    ("POST", "/v1/goods-received"),
    ("POST", "/v1/tills"),
    ("PUT", "/v1/link"),
    ("GET", "/v1/verify"),
    ("POST", "/v1/shutdown"),
    ("GET", "/v1/stock"),
    ("GET", "/v1/stock/tea"),
    ("GET", "/v1/sales/summary"),
    ("GET", "/v1/status"),
    ("GET", "/v1/digest"),
];
const CONTROL_CALLS: &[(&str, &str)] = &[
    ("POST", "/v1/invites"),
    ("POST", "/v1/revocations"),
    ("POST", "/v1/catalogue/items"),
    ("POST", "/v1/shutdown"),
    ("GET", "/v1/stalls"),
    ("GET", "/v1/events"),
    ("GET", "/v1/verify"),
    ("GET", "/v1/stock"),
    ("GET", "/v1/stock/tea"),
    ("GET", "/v1/sales/summary"),
    ("GET", "/v1/status"),
    ("GET", "/v1/digest"),
];

#[tokio::test]
async fn nobody_without_a_known_token_may_call_anything() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    let before = state(&north).await;
    let at_control = market.control.status().await["events"].clone();
    for (daemon, calls) in [(&*north, NODE_CALLS), (&market.control, CONTROL_CALLS)] {
        let door = daemon.door();
        let strangers = [door.clone(), door.with_token("sesame"), door.with_token(&"a".repeat(64))];
        for (method, path) in calls {
            for stranger in &strangers {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let what = format!("{method} {path} at {}", daemon.name());
                let request = stranger.request(method, path).header("idempotency-key", "1");
                refused(&what, request.json(&tea(1)), 401, "unauthenticated").await;
            }
        }
    }
    // A till of one stall is nobody at the control, or at another stall.
    let till = north.till();
    assert_eq!(Api::send(till.request(Method::GET, "/v1/stock")).await.unwrap().status, 200);
    let token = north.ask(&["till", "add", "t7"]).await["token"].as_str().unwrap().to_owned();
    let request = market.control.door().with_token(&token).request(Method::GET, "/v1/stock");
    refused("a till at the control", request, 401, "unauthenticated").await;
    assert_eq!(state(&north).await, before);
    assert_eq!(market.control.status().await["events"], at_control);
}

#[tokio::test]
async fn a_till_may_not_do_what_the_operator_does() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    for (method, path, body) in [
        (Method::POST, "/v1/tills", json!({ "name": "mine" })),
        (Method::PUT, "/v1/link", json!({ "up": true })),
        (Method::GET, "/v1/verify", Value::Null),
        (Method::POST, "/v1/shutdown", Value::Null),
    ] {
        let request = north.till().request(method, path).json(&body);
        refused(path, request, 403, "forbidden").await;
    }
    assert_eq!(north.status().await["link_up"], false);
}

#[tokio::test]
async fn a_tills_replaced_token_is_no_longer_known() {
    let market = Market::open().await;
    let mut north = quiet_stall(&market).await;
    let made = north.ask(&["till", "add", "t1"]).await;
    let new = made["token"].as_str().unwrap();
    for start in 0..2 {
        let request = north.till().request(Method::GET, "/v1/stock");
        refused(&format!("the old token, start {start}"), request, 401, "unauthenticated").await;
        north.door().with_token(new).get("/v1/stock").await;
        north.kill();
        north.start().await;
    }
}

#[tokio::test]
async fn a_page_that_points_its_own_name_at_loopback_is_refused() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    for (host, status, name) in [
        ("evil.example", 403, "forbidden"),
        ("127.0.0.1.evil.example", 403, "forbidden"),
        ("a b", 400, "malformed"),
    ] {
        for api in [north.api(), market.control.api()] {
            let request = api.request(Method::GET, "/v1/status").header("host", host);
            refused(host, request, status, name).await;
        }
    }
}

#[tokio::test]
async fn paths_methods_and_parameters_that_do_not_exist() {
    let market = Market::open().await;
    let north = quiet_stall(&market).await;
    let ask = |method, path: &str| north.api().request(method, path);
    refused("a path", ask(Method::GET, "/v1/nothing"), 404, "not-found").await;
    refused("a SKU", ask(Method::GET, "/v1/stock/coal"), 404, "not-found").await;
    refused("a method", ask(Method::DELETE, "/v1/sales"), 405, "method-not-allowed").await;
    for query in ["limit=-1", "limit=many", "page=2"] {
        let path = format!("/v1/stock?{query}");
        refused(query, ask(Method::GET, &path), 400, "malformed").await;
    }
    let garbled = market.control.api().request(Method::GET, "/v1/events?after=x");
    refused("a cursor", garbled, 400, "malformed").await;
    for name in ["", "operator", "a\nb"] {
        let till = ask(Method::POST, "/v1/tills").json(&json!({ "name": name }));
        refused(&format!("a till named {name:?}"), till, 400, "malformed").await;
    }
}

#[tokio::test]
async fn what_an_operator_may_not_ask_of_the_control() {
    let market = Market::open().await;
    let before = market.control.status().await["events"].clone();
    let items = |items: Value| json!({ "items": items });
    let many: Vec<Value> = (0..5_001).map(|sku| json!({ "sku": sku.to_string() })).collect();
    for (what, path, body, status, name) in [
        ("no items", "/v1/catalogue/items", items(json!([])), 400, "malformed"),
        ("5,001 items", "/v1/catalogue/items", items(json!(many)), 400, "malformed"),
        ("no SKU", "/v1/catalogue/items", items(json!([{ "sku": "" }])), 400, "malformed"),
        (
            "a broken price",
            "/v1/catalogue/items",
            items(json!([{ "sku": "x", "price": 1.5 }])),
            400,
            "malformed",
        ),
        (
            "a negative price",
            "/v1/catalogue/items",
            items(json!([{ "sku": "x", "price": -1 }])),
            400,
            "malformed",
        ),
        ("a nameless stall", "/v1/invites", json!({ "name": "" }), 400, "malformed"),
        ("no port", "/v1/invites", json!({ "name": "x", "address": "host" }), 400, "malformed"),
        ("no minutes", "/v1/invites", json!({ "name": "x", "minutes": 0 }), 400, "malformed"),
        ("years", "/v1/invites", json!({ "name": "x", "minutes": 99_999_999 }), 400, "malformed"),
        ("no device", "/v1/revocations", json!({ "device": "x" }), 400, "malformed"),
        ("a stranger", "/v1/revocations", json!({ "device": "00".repeat(32) }), 404, "not-found"),
    ] {
        let request = market.control.api().request(Method::POST, path).json(&body);
        refused(what, request, status, name).await;
        assert_eq!(market.control.status().await["events"], before, "{what}");
    }
}
