//! A sale from till to centre, and the commands beside a running daemon.

use serde_json::json;

use super::harness::{Market, basket};

#[tokio::test]
async fn a_sale_reaches_the_centre_and_is_receipted() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    north.sell(1).await;
    let at_risk = north.at_risk().await;
    assert_eq!(at_risk["amount"], north.amount(), "{at_risk}");
    assert_ne!(at_risk["events"], 0, "{at_risk}");

    north.link_up().await;
    north.wait_nothing_at_risk().await;
    market.wait_equal_digests(&[&north]).await;
    market.must_have_every_sale_once(&[&north]).await;
    market.control.must_verify().await;
    north.must_verify().await;
}

#[tokio::test]
async fn three_stalls_and_the_centre_state_the_same_books() {
    let market = Market::open().await;
    let mut stalls = [market.stall("a").await, market.stall("b").await, market.stall("c").await];
    for (at, stall) in stalls.iter_mut().enumerate() {
        let goods = json!({ "at": "2017-01-01T08:00:00+01:00", "reference": "van 3",
            "lines": [{ "sku": "tea", "quantity": 20_000 }, { "sku": "cake", "quantity": 500 }] });
        stall.till().must_write("/v1/goods-received", "goods", &goods).await;
        stall.sell(at + 2).await;
    }
    let [a, b, c] = &stalls;
    market.wait_equal_digests(&[a, b, c]).await;
    market.must_have_every_sale_once(&[a, b, c]).await;
    let books = market.control.api().get("/v1/sales/summary").await;
    let stock = market.control.api().get("/v1/stock").await;
    assert_eq!(stock["items"][0]["sku"], "cake");
    assert_eq!(stock["items"][0]["quantity"], 1_500);
    assert_eq!(stock["items"][1]["name"], "Tea");
    assert_eq!(stock["items"][1]["quantity"], 60_000 - 9_000);
    for stall in [a, b, c] {
        let device = stall.device().await;
        let rows = books["stalls"].as_array().unwrap();
        let row = rows.iter().find(|row| row["stall"] == device.as_str()).unwrap();
        assert_eq!((&row["name"], &row["amount"]), (&json!(stall.name()), &json!(stall.amount())));
        assert_eq!(stall.total().await, books["total"], "at {}", stall.name());
        assert_eq!(stall.api().get("/v1/stock").await["items"], stock["items"]);
        let row = market.row_of(stall.name()).await;
        assert_eq!((&row["behind"], &row["connected"]), (&json!(0), &json!(true)), "{row}");
    }
}

#[tokio::test]
async fn amounts_charged_are_the_truth_whatever_their_provenance_says() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let mut sale = basket(&[
        json!({ "sku": "tea", "quantity": 333, "amount": 100, "unit_price": 299, "tax": 7 }),
        json!({ "sku": "cake", "quantity": 0, "zero_quantity": true, "amount": 5 }),
    ]);
    sale["tip"] = json!(20);
    sale["tenders"] = json!([{ "kind": "card", "amount": 50 }, { "kind": "cash", "amount": 100 }]);
    let answer = north.till().must_write("/v1/sales", "1", &sale).await;
    assert_eq!((&answer.body["total"], &answer.body["change"]), (&json!(105), &json!(25)));

    market.wait_equal_digests(&[&north]).await;
    let total = market.control.total().await;
    let expected = [("lines", 2), ("quantity", 333), ("amount", 105), ("tax", 7), ("tips", 20)];
    for (field, value) in expected {
        assert_eq!(total[field], value, "{field} of {total}");
    }
}

#[tokio::test]
async fn every_command_works_beside_a_running_daemon() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(1).await;

    let sell = ["sell", "tea:2000:398", "cake:1000:250", "--key", "k1"];
    let sold = north.ask(&sell).await;
    assert_eq!(sold["total"], 648);
    assert_eq!(north.ask(&sell).await, sold, "the same key is the same sale");
    north.command(&["sell", "tea:2000:399", "--key", "k1"]).await.refused(1, &["k1"]);
    north.command(&["sell", "tea:2000"]).await.refused(2, &["SKU:THOUSANDTHS:MINOR-UNITS"]);
    assert_eq!(north.ask(&["sell", "tea:2000:398", "--tender", "card"]).await["total"], 398);
    let stock = north.ask(&["stock"]).await;
    assert_eq!(stock["items"][1]["quantity"], -5_000, "{stock}");
    assert_eq!(north.ask(&["stock", "cake"]).await["quantity"], -1_000);
    let status = north.ask(&["status"]).await;
    assert_eq!((&status["name"], &status["role"]), (&json!("north"), &json!("stall")));
    assert_eq!(status["currency"], "USD");
    let verified = north.ask(&["verify"]).await;
    assert_eq!((&verified["ok"], &verified["problems"]), (&json!(true), &json!([])));
    assert_eq!(north.ask(&["till", "add", "t9"]).await["name"], "t9");
    north.wait_nothing_at_risk().await;

    let status = market.control.ask(&["status"]).await;
    assert_eq!(
        (&status["role"], &status["stalls"][0]["name"]),
        (&json!("control"), &json!("north"))
    );
    assert_eq!(status["currency"], "USD");
    assert_eq!(market.control.ask(&["verify"]).await["ok"], true);
    let sales = market.sales().await;
    assert_eq!(sales.len(), 3);
    assert!(sales.iter().any(|sale| sale.id == sold["sale"].as_str().unwrap()), "{sales:?}");
    for command in [&["status"][..], &["stock"], &["verify"], &["link", "down"]] {
        let words = north.command(command).await;
        assert!(words.code == 0 && !words.stdout.trim().is_empty(), "{command:?}: {words:?}");
    }
}
