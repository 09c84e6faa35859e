//! Refunds and voids: what is given back, and what is not given back twice.

use serde_json::{Value, json};

use super::harness::{Market, Stall, basket};

const AT: &str = "2017-01-01T12:00:00+01:00";

fn refund(sale: &Value, lines: &[(u16, u64, i64)]) -> Value {
    let due: i64 = lines.iter().map(|(.., amount)| amount).sum();
    let lines = lines.iter().map(
        |(line, quantity, amount)| json!({ "line": line, "quantity": quantity, "amount": amount }),
    );
    json!({ "sale": sale, "at": AT, "restock": true,
        "lines": lines.collect::<Vec<_>>(),
        "tenders": [{ "kind": "cash", "amount": due }] })
}

/// Two teas for 400 and a cake for 250.
async fn sell(stall: &Stall, key: &str) -> Value {
    let sale = basket(&[
        json!({ "sku": "tea", "quantity": 2000, "amount": 400 }),
        json!({ "sku": "cake", "quantity": 1000, "amount": 250 }),
    ]);
    stall.till().must_write("/v1/sales", key, &sale).await.body["sale"].clone()
}

async fn refused(stall: &Stall, path: &str, key: &str, body: &Value, words: &str) {
    let total = stall.total().await;
    let answer = stall.till().write(path, key, body).await.expect("an answer");
    assert_eq!(answer.status, 422, "{body}: {answer:?}");
    assert_eq!(answer.body["type"], "urn:tentpole:problem:bad-reference", "{answer:?}");
    let detail = answer.body["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{words:?} is not in {detail:?}");
    assert_eq!(stall.total().await, total);
}

#[tokio::test]
async fn a_sale_is_refunded_in_parts_and_never_beyond_what_was_sold() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let sale = sell(&north, "1").await;
    let part = refund(&sale, &[(0, 1000, 200)]);
    assert_eq!(north.till().must_write("/v1/refunds", "2", &part).await.body["total"], 200);

    for (key, lines) in
        [("3", &[(0, 2000, 200)][..]), ("4", &[(0, 1000, 201)]), ("5", &[(1, 600, 1), (1, 600, 1)])]
    {
        refused(&north, "/v1/refunds", key, &refund(&sale, lines), "more of line").await;
    }
    refused(&north, "/v1/refunds", "6", &refund(&sale, &[(2, 1, 1)]), "not a line").await;
    let void = json!({ "sale": sale, "at": AT });
    refused(&north, "/v1/voids", "7", &void, "part of the sale was refunded").await;

    let rest = refund(&sale, &[(0, 1000, 200), (1, 1000, 250)]);
    assert_eq!(north.till().must_write("/v1/refunds", "8", &rest).await.body["total"], 450);
    refused(&north, "/v1/refunds", "9", &refund(&sale, &[(1, 1, 0)]), "more of line").await;

    market.wait_equal_digests(&[&north]).await;
    let total = market.control.total().await;
    for (field, value) in [("amount", 650), ("refunds", 2), ("refunded", 650), ("net", 0)] {
        assert_eq!(total[field], value, "{field} of {total}");
    }
    let stock = market.control.api().get("/v1/stock").await;
    let quantities: Vec<&Value> =
        stock["items"].as_array().unwrap().iter().map(|item| &item["quantity"]).collect();
    assert_eq!(quantities, [0, 0], "what was refunded is back on the shelf");
}

#[tokio::test]
async fn what_is_not_restocked_stays_sold() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let sale = sell(&north, "1").await;
    let mut spoiled = refund(&sale, &[(1, 1000, 250)]);
    spoiled["restock"] = json!(false);
    north.till().must_write("/v1/refunds", "2", &spoiled).await;
    assert_eq!(north.ask(&["stock", "cake"]).await["quantity"], -1000);
    assert_eq!(north.total().await["net"], 400);
}

#[tokio::test]
async fn a_sale_is_voided_once_and_then_nothing_is_left_to_refund() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    let south = market.stall("south").await;
    let (sale, kept) = (sell(&north, "1").await, sell(&north, "2").await);
    let void = json!({ "sale": sale, "at": AT });
    north.till().must_write("/v1/voids", "3", &void).await;
    for _ in 0..2 {
        refused(&north, "/v1/voids", "4", &void, "voided before").await;
        refused(&north, "/v1/refunds", "5", &refund(&sale, &[(0, 1, 1)]), "was voided").await;
        north.kill();
        north.start().await;
    }
    market.wait_equal_digests(&[&north, &south]).await;
    let elsewhere = json!({ "sale": kept, "at": AT });
    refused(&south, "/v1/voids", "1", &elsewhere, "only the stall that made the sale").await;
    let unknown = json!({ "sale": south.device().await, "at": AT });
    refused(&south, "/v1/voids", "2", &unknown, "not an event id").await;

    // Another stall may refund what it knows of.
    south.till().must_write("/v1/refunds", "3", &refund(&kept, &[(1, 1000, 250)])).await;
    market.wait_equal_digests(&[&north, &south]).await;
    let total = market.control.total().await;
    let expected = [("baskets", 2), ("voids", 1), ("voided", 650), ("refunded", 250), ("net", 400)];
    for (field, value) in expected {
        assert_eq!(total[field], value, "{field} of {total}");
    }
}

#[tokio::test]
async fn a_refund_pays_back_exactly_its_lines() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let sale = sell(&north, "1").await;
    for paid in [199, 201] {
        let mut body = refund(&sale, &[(0, 1000, 200)]);
        body["tenders"] = json!([{ "kind": "cash", "amount": paid }]);
        let answer = north.till().write("/v1/refunds", "2", &body).await.unwrap();
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.body["type"], "urn:tentpole:problem:tenders-short");
    }
    assert_eq!(north.total().await["refunds"], 0);
}
