//! Goods between stalls, set aside and counted.

use serde_json::{Value, json};

use super::harness::{Market, Stall, eventually, tea};

const AT: &str = "2017-01-01T12:00:00+01:00";

fn lines(sku: &str, quantity: u64) -> Value {
    json!([{ "sku": sku, "quantity": quantity }])
}

async fn receive(stall: &Stall, key: &str, quantity: u64) {
    let body = json!({ "at": AT, "lines": lines("tea", quantity) });
    stall.till().must_write("/v1/goods-received", &format!("goods {key}"), &body).await;
}

/// What a stall, as it sees itself, has of tea: on hand, reserved, available.
async fn has(stall: &Stall) -> [Value; 3] {
    let item = stall.till().get("/v1/stock/tea").await;
    let device = json!(stall.device().await);
    let rows = item["stalls"].as_array().cloned().unwrap_or_default();
    let row = rows.into_iter().find(|row| row["stall"] == device).unwrap_or_default();
    assert_eq!(row["quantity"], row["on_hand"]);
    ["on_hand", "reserved", "available"].map(|field| row[field].clone())
}

async fn refused(stall: &Stall, path: &str, body: &Value, name: &str, words: &str) {
    let events = stall.status().await["events"].clone();
    let answer = stall.till().write(path, "refused", body).await.expect("an answer");
    assert_eq!(answer.status, 422, "{body}: {answer:?}");
    assert_eq!(answer.body["type"], format!("urn:tentpole:problem:{name}"), "{answer:?}");
    let detail = answer.body["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{words:?} is not in {detail:?}");
    assert_eq!(stall.status().await["events"], events, "{body} left something behind");
}

#[tokio::test]
async fn goods_go_from_stall_to_stall_and_are_taken_in_once() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let south = market.stall("south").await;
    receive(&north, "1", 10_000).await;
    let sent = json!({ "at": AT, "to": south.device().await, "lines": lines("tea", 6_000) });
    let sent = north.till().must_write("/v1/goods/dispatches", "2", &sent).await;
    let dispatch = sent.body["dispatch"].clone();
    market.wait_equal_digests(&[&north, &south]).await;

    let way = south.till().get("/v1/transfers?state=open").await;
    assert_eq!(way["transfers"][0]["dispatch"], dispatch);
    assert_eq!(way["transfers"][0]["to"]["name"], "south");
    assert_eq!(way["transfers"][0]["lines"], lines("tea", 6_000));
    assert_eq!(south.ask(&["transfers"]).await["transfers"], way["transfers"]);

    let taken = json!({ "at": AT, "dispatch": dispatch, "lines": lines("tea", 5_000) });
    refused(&north, "/v1/goods/taken-in", &taken, "bad-reference", "only that stall takes").await;
    south.till().must_write("/v1/goods/taken-in", "1", &taken).await;
    assert!(south.till().must_write("/v1/goods/taken-in", "1", &taken).await.replayed);
    refused(&south, "/v1/goods/taken-in", &taken, "bad-reference", "taken in before").await;
    market.wait_equal_digests(&[&north, &south]).await;
    assert_eq!(has(&north).await[0], 4_000);
    assert_eq!(has(&south).await[0], 5_000);
    let way = market.control.api().get("/v1/transfers").await;
    assert_eq!(way["transfers"], json!([]), "what is short is no longer on the way");
}

#[tokio::test]
async fn what_cannot_be_sent_taken_in_or_let_go_is_refused() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(1).await;
    north.wait_nothing_at_risk().await;
    let sale = json!(north.sold[0].id);
    let elsewhere = format!("{}00", &north.sold[0].id[..north.sold[0].id.len() - 2]);
    let own = json!(north.device().await);
    let bad = "bad-reference";

    let path = "/v1/goods/dispatches";
    let send = |to: &Value, much: u64| json!({ "at": AT, "to": to, "lines": lines("tea", much) });
    refused(&north, path, &send(&own, 1), bad, "this stall itself").await;
    refused(&north, path, &send(&json!("00".repeat(32)), 1), bad, "not a stall").await;
    let vast = send(&own, u64::MAX);
    refused(&north, path, &vast, "bad-quantity", "lines[0].quantity must be").await;

    let path = "/v1/goods/taken-in";
    let take = |id: &Value| json!({ "at": AT, "dispatch": id, "lines": lines("tea", 1) });
    refused(&north, path, &take(&sale), bad, "is not a dispatch but sale-completed").await;
    refused(&north, path, &take(&json!(elsewhere)), bad, "is not known here").await;

    for path in ["/v1/goods/spoiled", "/v1/goods/returned"] {
        for much in [0, u64::MAX] {
            let mut body = json!({ "at": AT, "lines": lines("tea", much) });
            if path.ends_with("returned") {
                body["resaleable"] = json!(true);
            }
            refused(&north, path, &body, "bad-quantity", "lines[0].quantity must be").await;
        }
    }

    let until = "2017-01-01T12:00:00+01:00";
    let reserve = json!({ "at": AT, "until": until, "lines": lines("tea", 1) });
    refused(&north, "/v1/goods/reservations", &reserve, "bad-time", "later than now").await;
    let path = format!("/v1/goods/reservations/{}/release", north.sold[0].id);
    refused(&north, &path, &json!({ "at": AT }), bad, "is not a reservation").await;
    let mut sold = tea(100);
    sold["reservation"] = sale;
    refused(&north, "/v1/sales", &sold, bad, "is not a reservation").await;
}

/// So many seconds from now.
fn soon(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.to_string().replace('Z', "+00:00")
}

#[tokio::test]
async fn what_is_set_aside_is_let_go_by_a_sale_by_hand_or_by_time() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    receive(&north, "1", 3_000).await;
    let reserve = |quantity: u64, seconds: i64| {
        let (until, lines) = (soon(seconds), lines("tea", quantity));
        json!({ "at": AT, "until": until, "lines": lines })
    };
    let path = "/v1/goods/reservations";
    let long = north.till().must_write(path, "aside 2", &reserve(2_000, 3_600)).await.body;
    assert_eq!(has(&north).await, [3_000, 2_000, 1_000]);
    refused(&north, path, &reserve(2_000, 60), "not-available", "1000 are available").await;

    // The till is right: what lies on the counter is sold, whoever it was set aside for.
    north.sell(2).await;
    assert_eq!(has(&north).await, [1_000, 2_000, -1_000]);
    let mut sold = tea(100);
    sold["reservation"] = long["reservation"].clone();
    north.till().must_write("/v1/sales", "sold", &sold).await;
    assert_eq!(has(&north).await, [0, 0, 0]);

    receive(&north, "6", 5_000).await;
    let by_hand = north.till().must_write(path, "aside 7", &reserve(2_000, 3_600)).await.body;
    let by_time = north.till().must_write(path, "aside 8", &reserve(3_000, 4)).await.body;
    let open = north.till().get("/v1/reservations").await["reservations"].clone();
    let mut ids: Vec<&Value> =
        open.as_array().unwrap().iter().map(|row| &row["reservation"]).collect();
    ids.sort_by_key(|id| id.to_string());
    let mut expect = [&by_hand["reservation"], &by_time["reservation"]];
    expect.sort_by_key(|id| id.to_string());
    assert_eq!(ids, expect);
    let id = by_hand["reservation"].as_str().unwrap();
    let path = format!("/v1/goods/reservations/{id}/release");
    north.till().must_write(&path, "let go", &json!({ "at": AT })).await;
    refused(&north, &path, &json!({ "at": AT }), "bad-reference", "no longer open").await;
    // Nobody asks for it, and the stall is off when the time comes.
    north.kill();
    north.start().await;
    eventually("the reservation runs out", async || match has(&north).await {
        held if held == [5_000, 0, 5_000] => Ok(()),
        held => Err(format!("{held:?}")),
    })
    .await;
    market.wait_equal_digests(&[&north]).await;
    let events = market.events().await;
    let expired = events.iter().filter(|event| event["kind"] == "reservation-expired");
    assert_eq!(expired.count(), 1);
}

#[tokio::test]
async fn sales_during_a_count_are_not_swallowed() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    receive(&north, "1", 10_000).await;
    let start = north.till().post("/v1/counts", &json!({})).await["start"].clone();
    let events = north.status().await["events"].clone();
    north.till().post("/v1/counts", &json!({})).await;
    assert_eq!(north.status().await["events"], events, "a start writes nothing");
    // While somebody counts nine, two are sold, and the power goes.
    north.sell(2).await;
    north.kill();
    north.start().await;
    let body = json!({ "at": AT, "start": start, "lines": [{ "sku": "tea", "counted": 9_000 }] });
    let found = north.till().must_write("/v1/counts/finish", "count", &body).await;
    let line = json!({ "sku": "tea", "counted": 9_000, "book": 10_000, "variance": -1_000 });
    assert_eq!(found.body["lines"], json!([line]));
    assert_eq!(has(&north).await[0], 7_000);
    let again = north.till().must_write("/v1/counts/finish", "count", &body).await;
    assert!(again.replayed);
    assert_eq!(again.body, found.body);
    let mut other = body.clone();
    other["lines"][0]["counted"] = json!(8_000);
    let answer = north.till().write("/v1/counts/finish", "count", &other).await.unwrap();
    assert_eq!(answer.body["type"], "urn:tentpole:problem:key-reused", "{answer:?}");

    let mut elsewhere = body.clone();
    elsewhere["start"]["epoch"] = json!("00000000000000aa");
    let path = "/v1/counts/finish";
    refused(&north, path, &elsewhere, "bad-reference", "begin the count anew").await;
    let mut twice = body.clone();
    twice["lines"] = json!([{ "sku": "tea", "counted": 1 }, { "sku": "tea", "counted": 1 }]);
    refused(&north, path, &twice, "bad-reference", "counted twice").await;

    market.wait_equal_digests(&[&north]).await;
    let drift = market.control.api().get("/v1/counts").await;
    let row = &drift["items"][0]["stalls"][0];
    assert_eq!((&row["name"], &row["counts"]), (&json!("north"), &json!(1)));
    assert_eq!((&row["variance"], &row["missing"]), (&json!(-1_000), &json!(1_000)));
    assert_eq!(row["latest"][0]["count"], found.body["count"]);
}

#[tokio::test]
async fn the_commands_do_what_the_api_does() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let south = market.stall("south").await;
    receive(&north, "1", 10_000).await;
    let to = south.device().await;
    let sent = north.ask(&["dispatch", "--to", &to, "tea:4000"]).await;
    let spoil = ["spoil", "--reason", "rain", "tea:1000", "--key", "k"];
    let spoilt = north.ask(&spoil).await;
    assert_eq!(north.ask(&spoil).await, spoilt, "the same key is the same loss");
    let other = ["spoil", "--reason", "sun", "tea:1000", "--key", "k"];
    north.command(&other).await.refused(1, &["k"]);
    north.command(&["spoil", "tea"]).await.refused(2, &["SKU:THOUSANDTHS"]);
    market.wait_equal_digests(&[&north, &south]).await;
    south.ask(&["take-in", sent["dispatch"].as_str().unwrap(), "tea:4000"]).await;
    assert_eq!(has(&south).await[0], 4_000);
    let start = north.ask(&["count", "begin"]).await["start"].clone();
    let start = format!("{}:{}", start["epoch"].as_str().unwrap(), start["seq"]);
    let found = north.ask(&["count", "finish", "--start", &start, "tea:5500"]).await;
    assert_eq!(found["lines"][0]["variance"], 500);
    market.wait_equal_digests(&[&north, &south]).await;
    assert_eq!(north.ask(&["stock", "tea"]).await["on_hand"], 5_500 + 4_000);
}
