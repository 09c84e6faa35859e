//! Receipts, drawers, shifts, the close of a day, and reports that add up.

use serde_json::{Value, json};

use super::harness::{Market, Stall, basket, tea};

const AT: &str = "2017-01-01T12:00:00+01:00";
const DAY: &str = "2017-01-01";

async fn must(stall: &Stall, path: &str, key: &str, body: &Value) -> Value {
    stall.till().must_write(path, key, body).await.body
}

async fn refused(stall: &Stall, path: &str, key: &str, body: &Value, name: &str) {
    let answer = stall.till().write(path, key, body).await.expect("an answer");
    assert_eq!(answer.status, 422, "{body}: {answer:?}");
    assert_eq!(answer.body["type"], format!("urn:tentpole:problem:{name}"), "{answer:?}");
}

/// Two teas and a cake for 650, paid by a card that no acquirer was asked about, a voucher and
/// cash, with a tip.
fn mixed() -> Value {
    let mut sale = basket(&[
        json!({ "sku": "tea", "quantity": 2000, "amount": 400, "discount": 20, "tax": 60 }),
        json!({ "sku": "cake", "quantity": 1000, "amount": 250, "tax": 40 }),
    ]);
    sale["tip"] = json!(50);
    sale["tenders"] = json!([
        { "kind": "card", "amount": 300, "offline": true },
        { "kind": "voucher", "amount": 100 },
        { "kind": "cash", "amount": 500 },
    ]);
    sale
}

fn refund_of(sale: &Value) -> Value {
    json!({ "sale": sale, "at": AT, "restock": true,
        "lines": [{ "line": 1, "quantity": 1000, "amount": 250 }],
        "tenders": [{ "kind": "cash", "amount": 250 }] })
}

#[tokio::test]
async fn receipts_count_up_without_gaps_through_a_kill_and_a_retry_gets_its_own() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    for key in 1..=3 {
        let sold = must(&north, "/v1/sales", &key.to_string(), &tea(100 + key)).await;
        assert_eq!(sold["receipt"], key, "{sold}");
    }
    north.kill();
    north.start().await;
    let again = north.till().must_write("/v1/sales", "2", &tea(102)).await;
    assert_eq!((again.replayed, &again.body["receipt"]), (true, &json!(2)));
    let first = must(&north, "/v1/sales", "4", &mixed()).await;
    assert_eq!((&first["receipt"], &first["change"]), (&json!(4), &json!(200)));
    let refund = must(&north, "/v1/refunds", "5", &refund_of(&first["sale"])).await;
    assert_eq!(refund["receipt"], 5, "{refund}");

    let shown = north.till().get("/v1/receipts/t1/4").await["receipts"][0].clone();
    assert_eq!(shown["document"], first["sale"], "{shown}");
    assert_eq!((&shown["total"], &shown["change"]), (&json!(650), &json!(200)));
    assert_eq!(shown["tenders"][0], json!({ "kind": "card", "amount": 300, "offline": true }));
    assert_eq!((&shown["lines"][1]["name"], &shown["copies"]), (&json!("Cake"), &json!(0)));
    for (key, copy) in [("6", 1), ("7", 2), ("6", 1)] {
        let body = json!({ "at": AT, "document": first["sale"] });
        let printed = must(&north, "/v1/receipts/reprint", key, &body).await;
        assert_eq!((&printed["copy"], &printed["receipt"]["number"]), (&json!(copy), &json!(4)));
    }
    assert_eq!(north.ask(&["receipt", "show", "t1", "4"]).await["receipts"][0]["copies"], 2);
    let elsewhere = json!({ "at": AT, "document": north.device().await });
    refused(&north, "/v1/receipts/reprint", "8", &elsewhere, "bad-reference").await;
    let missing = north.till().try_get("/v1/receipts/t1/9").await.expect_err("no such receipt");
    assert!(missing.contains("not-found"), "{missing}");
}

#[tokio::test]
async fn what_became_of_a_sale_is_shown_with_its_refunds() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let sold = must(&north, "/v1/sales", "1", &mixed()).await;
    let path = format!("/v1/sales/{}", sold["sale"].as_str().expect("an id"));
    assert_eq!(north.till().get(&path).await["state"], "completed");
    must(&north, "/v1/refunds", "2", &refund_of(&sold["sale"])).await;
    let shown = north.till().get(&path).await;
    assert_eq!(shown["state"], "partly-refunded", "{shown:#}");
    assert_eq!(shown["refunded"], json!([{ "line": 1, "quantity": 1000, "amount": 250 }]));
    assert_eq!(shown["reversals"][0]["number"], 2);
    let other = must(&north, "/v1/sales", "3", &tea(100)).await;
    must(&north, "/v1/voids", "4", &json!({ "sale": other["sale"], "at": AT })).await;
    let path = format!("/v1/sales/{}", other["sale"].as_str().expect("an id"));
    market.wait_equal_digests(&[&north]).await;
    assert_eq!(market.control.api().get(&path).await["state"], "voided");
}

#[tokio::test]
async fn a_drawer_is_counted_and_the_day_closed_and_no_sale_comes_after() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let open = json!({ "at": AT, "float": 10_000, "cashier": "ann" });
    let shift = must(&north, "/v1/shifts/open", "1", &open).await["shift"].clone();
    refused(&north, "/v1/shifts/open", "2", &open, "bad-reference").await;
    let sold = must(&north, "/v1/sales", "3", &mixed()).await;
    must(&north, "/v1/refunds", "4", &refund_of(&sold["sale"])).await;
    for (key, direction, amount) in
        [("5", "paid-in", 500), ("6", "paid-out", 120), ("7", "dropped", 9_000)]
    {
        let body = json!({ "at": AT, "direction": direction, "amount": amount, "reason": "r" });
        must(&north, "/v1/cash", key, &body).await;
    }
    let none = json!({ "at": AT, "direction": "paid-in", "amount": 0 });
    refused(&north, "/v1/cash", "8", &none, "bad-amount").await;

    // 500 handed over less 200 of change, 250 paid back.
    let expected = 10_000 + 300 - 250 + 500 - 120 - 9_000;
    let count = json!({ "at": AT, "counted": expected - 30 });
    for _ in 0..2 {
        let closed = must(&north, "/v1/shifts/close", "9", &count).await;
        assert_eq!(closed["expected"], expected, "{closed}");
        assert_eq!(closed["difference"], -30);
    }
    refused(&north, "/v1/shifts/close", "10", &count, "bad-reference").await;
    let shifts = north.till().get("/v1/shifts?open=false").await;
    assert_eq!(shifts["items"][0]["shift"], shift, "{shifts:#}");
    assert_eq!(shifts["items"][0]["closes"][0]["difference"], -30);
    let drawer = north.till().get("/v1/drawers").await["items"][0].clone();
    for (field, value) in [("sales", 300), ("refunds", 250), ("expected", expected)] {
        assert_eq!(drawer[field], value, "{field} of {drawer:#}");
    }

    let again = must(&north, "/v1/shifts/open", "11", &open).await["shift"].clone();
    let key = ["--day", DAY, "--key", "close"];
    let close = [["day", "close", "--counted", "11400"].as_slice(), &key].concat();
    let closed = north.ask(&close).await;
    assert_eq!(closed["expected"], expected + 10_000, "{closed:#}");
    assert_eq!(closed["open_shifts"], json!([again]), "it warns");
    assert_eq!(closed["totals"][0]["amount"], 650);
    assert_eq!(north.ask(&close).await, closed, "the same key is the same close");

    refused(&north, "/v1/sales", "12", &tea(100), "day-closed").await;
    let next = json!({ "business_day": "2017-01-02" });
    let mut tomorrow = tea(100);
    tomorrow["business_day"] = next["business_day"].clone();
    must(&north, "/v1/sales", "12", &tomorrow).await;
    market.wait_equal_digests(&[&north]).await;
    let days = market.control.api().get("/v1/days").await["items"].clone();
    assert_eq!(days[0]["business_day"], DAY, "{days:#}");
    assert_eq!(days[0]["closes"][0]["difference"], 11_400 - (expected + 10_000));
}

#[tokio::test]
async fn reports_add_up_at_the_stall_and_at_the_centre() {
    let market = Market::open().await;
    let (north, south) = (market.stall("north").await, market.stall("south").await);
    for (stall, keys) in [(&north, 1..=3), (&south, 1..=2)] {
        for key in keys {
            must(stall, "/v1/sales", &key.to_string(), &mixed()).await;
        }
    }
    let mut late = tea(100);
    late["sold_at"] = json!("2017-01-02T23:30:00-05:00");
    let void = must(&south, "/v1/sales", "3", &late).await["sale"].clone();
    must(&south, "/v1/voids", "4", &json!({ "sale": void, "at": AT })).await;
    market.wait_equal_digests(&[&north, &south]).await;
    let stall = south.device().await;
    for api in [market.control.api(), north.till()] {
        let items = async |path: &str| {
            let answer = api.get(path).await;
            assert!(answer["vector"].is_string(), "{answer}");
            answer["items"].as_array().expect("items").clone()
        };
        let sum = |items: &[Value], field: &str| -> i64 {
            items.iter().map(|item| item[field].as_i64().expect("a number")).sum()
        };
        let by_stall = items("/v1/sales/by-stall").await;
        let total = (sum(&by_stall, "amount"), sum(&by_stall, "net"), sum(&by_stall, "tips"));
        assert_eq!(total, (5 * 650 + 100, 5 * 650, 5 * 50));
        let hours = items("/v1/sales/by-hour").await;
        assert_eq!(sum(&hours, "amount"), total.0);
        let hours: Vec<_> = hours.iter().map(|item| (&item["hour"], &item["amount"])).collect();
        assert_eq!(hours, [(&json!(10), &json!(3250)), (&json!(23), &json!(100))]);
        let skus = items("/v1/sales/by-sku").await;
        assert_eq!((sum(&skus, "amount"), sum(&skus, "net")), (total.0, total.1));
        assert_eq!(skus[1]["sku"], "tea", "{skus:#?}");
        let tenders = items("/v1/sales/by-tender").await;
        let stayed = sum(&tenders, "amount") - sum(&tenders, "change");
        assert_eq!(stayed, total.0 + total.2, "tenders less change are amounts and tips");
        assert_eq!(
            (&tenders[1]["kind"], &tenders[1]["offline_amount"]),
            (&json!("card"), &json!(1500))
        );

        let page = api.get("/v1/sales/by-sku?limit=1").await;
        let next = page["next"].as_str().expect("another page");
        let rest = api.get(&format!("/v1/sales/by-sku?limit=1&after={next}")).await;
        assert_eq!((&rest["items"][0]["sku"], &rest["next"]), (&json!("tea"), &Value::Null));
        let second = items("/v1/sales/by-stall?from=2017-01-02&to=2017-01-02").await;
        assert_eq!(sum(&second, "voided"), 100, "{second:#?}");
        let south = items(&format!("/v1/sales/by-hour?to=2017-01-01&stall={stall}")).await;
        assert_eq!(sum(&south, "amount"), 1300);
        let bad = api.try_get("/v1/sales/by-hour?from=yesterday").await.expect_err("no date");
        assert!(bad.contains("bad-time"), "{bad}");
    }
}
