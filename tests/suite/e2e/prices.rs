//! Price bundles from the centre to the till: published, switched to, and what old ones cost.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Api, Daemon, Market, Stall, basket, eventually};

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("a time")
}

fn rfc_3339(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).expect("a time");
    at.to_string().replace('Z', "+00:00")
}

/// Publishes prices of tea and cake from an instant on, and gives the bundle.
pub(super) async fn publish(market: &Market, tea: i64, from_ms: i64) -> Value {
    let prices = json!([{ "sku": "tea", "price": tea }, { "sku": "cake", "price": 250 }]);
    let body = json!({ "prices": prices, "from": rfc_3339(from_ms) });
    market.control.api().post("/v1/prices/bundles", &body).await["bundle"].clone()
}

async fn ask_to_publish(market: &Market, body: &Value) -> Answer {
    let request = market.control.api().request(Method::POST, "/v1/prices/bundles").json(body);
    Api::send(request).await.expect("an answer")
}

pub(super) async fn wait_in_force(daemon: &Daemon, bundle: &Value) {
    eventually(&format!("{bundle} is in force at {}", daemon.name()), async || {
        let prices = daemon.api().get("/v1/prices").await;
        if prices["bundle"] == *bundle { Ok(()) } else { Err(format!("{prices:#}")) }
    })
    .await;
}

/// A sale of teas, rung up now.
fn teas(pieces: i64, amount: i64, discount: i64) -> Value {
    let line = json!({ "sku": "tea", "quantity": pieces * 1000, "amount": amount,
        "discount": discount });
    let mut sale = basket(&[line]);
    sale["sold_at"] = json!(rfc_3339(now_ms()));
    sale
}

/// Sells, and expects the sale to be priced from this bundle.
async fn sell(stall: &Stall, key: &str, sale: &Value, bundle: &Value) -> Answer {
    let answer = stall.till().must_write("/v1/sales", key, sale).await;
    assert_eq!(answer.body["price_bundle"], *bundle, "{key}: {answer:?}");
    answer
}

#[tokio::test]
async fn stalls_switch_by_their_own_clocks_and_the_report_says_what_an_old_bundle_cost() {
    let market = Market::open().await;
    let (north, south) = (market.stall("north").await, market.stall("south").await);
    let body = json!({ "from_catalogue": true, "from": "2017-01-01T00:00:00+01:00" });
    let first = market.control.api().post("/v1/prices/bundles", &body).await["bundle"].clone();
    market.wait_equal_digests(&[&north, &south]).await;
    for daemon in [&market.control, &*north, &*south] {
        wait_in_force(daemon, &first).await;
    }
    let early = teas(1, 100, 0);
    sell(&south, "early", &early, &first).await;

    // Both stalls hear of the switch before its time; one of them is cut off when it comes.
    let second = publish(&market, 130, now_ms() + 2_500).await;
    market.wait_equal_digests(&[&north, &south]).await;
    south.link_down().await;
    wait_in_force(&south, &second).await;
    wait_in_force(&north, &second).await;
    sell(&south, "on-time", &teas(1, 130, 0), &second).await;
    // A till that asks again is told the same, and one that rang up before keeps its prices.
    assert!(sell(&south, "early", &early, &first).await.replayed);
    let mut across = early.clone();
    across["price_bundle"] = first.clone();
    sell(&south, "across", &across, &first).await;

    // This one the stall cannot hear of.
    let third = publish(&market, 175, now_ms()).await;
    wait_in_force(&north, &third).await;
    sell(&south, "late-1", &teas(3, 390, 0), &second).await;
    sell(&south, "late-2", &teas(1, 120, 10), &second).await;
    let mut mixed = teas(1, 175, 0);
    let old = json!({ "sku": "cake", "quantity": 500, "amount": 124, "price_bundle": second });
    mixed["lines"].as_array_mut().expect("lines").push(old);
    mixed["tenders"] = json!([{ "kind": "cash", "amount": 299 }]);
    sell(&north, "mixed", &mixed, &third).await;
    south.link_up().await;
    market.wait_equal_digests(&[&north, &south]).await;
    wait_in_force(&south, &third).await;
    sell(&south, "healed", &teas(1, 175, 0), &third).await;
    market.wait_equal_digests(&[&north, &south]).await;

    // 4 teas at 175 less a discount of 10 are 690, charged were 510; half a cake is 125, not 124.
    let report = market.control.api().get("/v1/prices/stale").await;
    let sums = |of: &Value| {
        ["lines", "quantity", "charged", "in_force", "cost"].map(|field| of[field].clone())
    };
    assert_eq!(sums(&report["total"]), [3, 4_500, 634, 815, 181].map(|sum| json!(sum)));
    let rows = report["rows"].as_array().expect("rows");
    let row = |device: &str, sku: &str| {
        let found = rows.iter().find(|row| row["stall"] == device && row["sku"] == sku);
        sums(found.unwrap_or_else(|| panic!("no {sku} at {device}: {report:#}")))
    };
    assert_eq!(row(&south.device().await, "tea"), [2, 4_000, 510, 690, 180].map(|sum| json!(sum)));
    assert_eq!(row(&north.device().await, "cake"), [1, 500, 124, 125, 1].map(|sum| json!(sum)));
    assert_eq!((rows.len(), &report["left_out"]), (2, &json!(0)));
    for daemon in [&*north, &*south] {
        assert_eq!(daemon.api().get("/v1/prices/stale").await, report, "at {}", daemon.name());
    }
    assert_eq!(market.control.ask(&["prices", "stale"]).await, report);
    let none = market.control.ask(&["prices", "stale", "--to", "2017-12-31"]).await;
    assert_eq!(none["total"]["lines"], 0, "{none:#}");
    let events = market.events().await;
    let mixed =
        events.iter().find(|event| event["body"]["key"]["number"] == json!({ "Text": "mixed" }));
    assert_eq!(mixed.expect("the sale")["body"]["line_bundles"], json!([[1, second]]));
}

#[tokio::test]
async fn the_same_prices_are_one_bundle_published_once() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    assert_eq!(market.control.api().get("/v1/prices").await["bundle"], Value::Null);
    let from = "2017-01-01T00:00:00Z";
    let made = market.control.ask(&["prices", "publish", "--from-catalogue", "--from", from]).await;
    assert_eq!((&made["items"], &made["published"]), (&json!(2), &json!(true)), "{made}");
    let prices = json!([{ "sku": "tea", "price": 100 }, { "sku": "cake", "price": 250 }]);
    let again = ask_to_publish(&market, &json!({ "prices": prices, "from": from })).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.body["bundle"], made["bundle"]);
    let later = json!({ "prices": prices, "from": "2090-01-01T00:00:00Z" });
    let later = ask_to_publish(&market, &later).await;
    assert_eq!(later.status, 201, "{later:?}");
    assert_eq!((&later.body["published"], &later.body["scheduled"]), (&json!(false), &json!(true)));
    let next = publish(&market, 140, 4_000_000_000_000).await;
    market.wait_equal_digests(&[&north]).await;
    let kinds = market.events().await;
    let count = |kind: &str| kinds.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!((count("bundle-published"), count("prices-scheduled")), (2, 3));

    let shown = north.till().get("/v1/prices").await;
    let expected = json!([{ "sku": "cake", "price": 250 }, { "sku": "tea", "price": 100 }]);
    assert_eq!((&shown["bundle"], &shown["prices"]), (&made["bundle"], &expected));
    assert_eq!((&shown["from_ms"], &shown["next"]), (&json!(1_483_228_800_000_i64), &Value::Null));
    // What is in force already by then is no switch, wherever it is stated again.
    let switch = json!({ "bundle": next, "from_ms": 4_000_000_000_000_i64 });
    let again = json!({ "bundle": made["bundle"], "from_ms": 3_786_912_000_000_i64 });
    assert_ne!(shown["next_switch"], again);
    assert_eq!(shown["next_switch"], switch, "{shown:#}");
    assert_eq!(market.control.ask(&["prices", "show"]).await["prices"], expected);

    let bundle = made["bundle"].as_str().expect("a bundle");
    let one = north.till().get(&format!("/v1/prices/{bundle}?limit=1")).await;
    assert_eq!((&one["prices"][0]["sku"], &one["next"]), (&json!("cake"), &json!("cake")));
    let rest = north.till().get(&format!("/v1/prices/{bundle}?after=cake")).await;
    assert_eq!((&rest["prices"][0]["sku"], &rest["next"]), (&json!("tea"), &Value::Null));
    for path in ["/v1/prices".to_owned(), format!("/v1/prices/{bundle}")] {
        let request = north.till().request(Method::GET, &path);
        let request = request.header("if-none-match", format!("\"{bundle}\""));
        assert_eq!(Api::send(request).await.expect("an answer").status, 304, "{path}");
    }
    assert_eq!(north.till().get("/v1/prices/false").await, json!({ "bundles": [] }));
}

#[tokio::test]
async fn prices_that_cannot_be_are_refused_with_the_mend() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let price = |sku: &str, price: i64| json!({ "sku": sku, "price": price });
    let from = "2017-01-01T00:00:00Z";
    let cases = [
        (json!({ "from": from }), 400, "either"),
        (
            json!({ "from": from, "prices": [price("tea", 1)], "from_catalogue": true }),
            400,
            "either",
        ),
        (json!({ "from": from, "prices": [] }), 400, "1 to"),
        (json!({ "from": from, "prices": [price("tea", 1), price("tea", 2)] }), 400, "two prices"),
        (json!({ "from": from, "prices": [price("tea", -1)] }), 422, "minor units"),
        (json!({ "from": from, "prices": [price("", 1)] }), 422, "1 to 64 bytes"),
        (json!({ "from": "soon", "prices": [price("tea", 1)] }), 422, "RFC 3339"),
        (json!({ "from": from, "from_catalogue": true, "merchant": "none" }), 422, "not known"),
        (json!({ "from": from, "from_catalogue": true, "merchant": "none" }), 422, ": \"main\""),
    ];
    for (body, status, words) in cases {
        let answer = ask_to_publish(&market, &body).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == status && detail.contains(words), "{body}: {answer:?}");
    }

    let unknown = "ab".repeat(32);
    let mut sale = teas(1, 100, 0);
    sale["price_bundle"] = json!(unknown);
    let refused = north.till().write("/v1/sales", "1", &sale).await.expect("an answer");
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.body["type"], "urn:tentpole:problem:unknown-bundle");
    assert!(refused.body["detail"].as_str().expect("a detail").contains("fetch /v1/prices"));
    sale["price_bundle"] = Value::Null;
    sale["lines"][0]["price_bundle"] = json!(unknown);
    let refused = north.till().write("/v1/sales", "1", &sale).await.expect("an answer");
    assert_eq!(refused.body["type"], "urn:tentpole:problem:unknown-bundle");
    // Where nothing is in force a sale names nothing, and is sold all the same.
    sell(&north, "1", &teas(1, 100, 0), &Value::Null).await;
    let missing = north.till().try_get(&format!("/v1/prices/{unknown}")).await;
    assert!(missing.expect_err("there is none").contains("not-found"));
}
