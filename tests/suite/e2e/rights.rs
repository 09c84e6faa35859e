//! Promised goods: sold by rights, which move between stalls over their own network.

use serde_json::{Value, json};

use super::harness::{Answer, Market, Stall, basket, eventually, wait_equal_digests};

const AT: &str = "2017-01-01T09:00:00+01:00";

/// Promised goods come in.
async fn receive(stall: &Stall, key: &str, pieces: u64) {
    let line = json!({ "sku": "cake", "quantity": pieces * 1_000, "promise": true });
    let goods = json!({ "at": AT, "lines": [line] });
    stall.till().must_write("/v1/goods-received", key, &goods).await;
}

fn cakes(pieces: u64) -> Value {
    basket(&[json!({ "sku": "cake", "quantity": pieces * 1_000, "amount": 250 * pieces })])
}

async fn sell(stall: &Stall, key: &str, pieces: u64) -> Answer {
    stall.till().write("/v1/sales", key, &cakes(pieces)).await.expect("an answer")
}

/// The sale is refused for want of rights, with these words.
async fn refused(stall: &Stall, key: &str, pieces: u64, words: &str) {
    let answer = sell(stall, key, pieces).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.body["type"], "urn:tentpole:problem:rights-short", "{answer:?}");
    let detail = answer.body["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{words:?} is not in {detail:?}");
}

/// Sells under one key until the rights are there.
async fn sell_at_last(stall: &Stall, key: &str, pieces: u64) -> Answer {
    eventually(&format!("{} sells {pieces}", stall.name()), async || {
        let answer = sell(stall, key, pieces).await;
        if answer.status == 201 { Ok(answer) } else { Err(format!("{answer:?}")) }
    })
    .await
}

async fn rights(stall: &Stall) -> Value {
    stall.api().get("/v1/rights?sku=cake").await
}

/// What a stall may sell, in thousandths, as another sees it.
async fn balance(seen_by: &Stall, of: &Stall) -> i64 {
    let (page, device) = (rights(seen_by).await, of.device().await);
    let stalls = page["items"][0]["stalls"].as_array().cloned().unwrap_or_default();
    let row = stalls.into_iter().find(|row| row["stall"] == device.as_str());
    row.and_then(|row| row["balance"].as_i64()).unwrap_or_default()
}

/// Two stalls that know each other's address, with the control off.
async fn alone_together(market: &mut Market) -> (Stall, Stall) {
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    let to = |listen: std::net::SocketAddr| vec!["--peer".to_owned(), listen.to_string()];
    (north.flags, south.flags) = (to(south.listen), to(north.listen));
    market.control.kill();
    for stall in [&mut north, &mut south] {
        stall.stop().await;
        stall.start().await;
    }
    north.wait_connected("south", true).await;
    (north, south)
}

#[tokio::test]
async fn one_right_here_and_one_there_make_two_over_the_lan() {
    let mut market = Market::open().await;
    let (north, south) = alone_together(&mut market).await;
    receive(&north, "g", 1).await;
    receive(&south, "g", 1).await;
    wait_equal_digests(&north, &south).await;
    refused(&north, "1", 2, "2000 thousandths of \"cake\" are wanted and 1000").await;
    let sold = sell_at_last(&north, "1", 2).await;
    assert_eq!(sold.body["total"], 500);
    wait_equal_digests(&north, &south).await;
    refused(&south, "1", 1, "0 may be promised here").await;
    let page = rights(&south).await;
    assert_eq!(
        (&page["items"][0]["balance"], &page["items"][0]["exposure"]),
        (&json!(0), &json!(0))
    );
    // What the stall added to the sale does not make a retry another sale.
    let again = sell(&north, "1", 2).await;
    assert!(again.replayed && again.body == sold.body, "{again:?}");

    market.control.start().await;
    market.wait_equal_digests(&[&north, &south]).await;
    let stock = market.control.api().get("/v1/stock/cake").await;
    assert_eq!(stock["quantity"], 0, "{stock}");
}

#[tokio::test]
async fn a_stall_cut_off_sells_what_it_has_and_no_more_also_after_a_restart() {
    let mut market = Market::open().await;
    let (mut north, south) = alone_together(&mut market).await;
    receive(&north, "g", 2).await;
    receive(&south, "g", 5).await;
    wait_equal_digests(&north, &south).await;
    north.link_down().await;
    assert_eq!(sell(&north, "1", 1).await.status, 201);
    refused(&north, "2", 2, "nobody within reach").await;
    north.kill();
    north.start().await;
    north.link_down().await;
    refused(&north, "2", 2, "1000 may be promised here").await;
    assert_eq!(sell(&north, "3", 1).await.status, 201);
    north.link_up().await;
    sell_at_last(&north, "2", 2).await;
    wait_equal_digests(&north, &south).await;
    let (at_north, at_south) = (balance(&south, &north).await, balance(&north, &south).await);
    assert_eq!(at_north + at_south, 3_000, "seven came, four were sold");
    assert!(at_north >= 0 && at_south >= 0, "{at_north} and {at_south}");
}

#[tokio::test]
async fn a_refund_that_restocks_and_a_void_give_the_promise_back() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    receive(&north, "g", 2).await;
    let sale = sell(&north, "1", 2).await.body["sale"].clone();
    let back = |restock: bool| {
        json!({ "sale": sale, "at": AT, "restock": restock,
            "lines": [{ "line": 0, "quantity": 1000, "amount": 250 }],
            "tenders": [{ "kind": "cash", "amount": 250 }] })
    };
    north.till().must_write("/v1/refunds", "2", &back(false)).await;
    refused(&north, "3", 1, "0 may be promised").await;
    north.till().must_write("/v1/refunds", "4", &back(true)).await;
    let replayed = north.till().must_write("/v1/refunds", "4", &back(true)).await;
    assert!(replayed.replayed);
    let sold = sell(&north, "5", 1).await.body["sale"].clone();
    refused(&north, "6", 1, "0 may be promised").await;
    north.till().must_write("/v1/voids", "7", &json!({ "sale": sold, "at": AT })).await;
    assert_eq!(sell(&north, "8", 1).await.status, 201);
}

#[tokio::test]
async fn rights_move_by_hand_and_a_lost_stalls_are_forfeited() {
    let market = Market::open().await;
    let (north, mut south) = (market.stall("north").await, market.stall("south").await);
    receive(&north, "g", 4).await;
    market.wait_equal_digests(&[&north, &south]).await;
    let (to, from) = (south.device().await, north.device().await);
    let grant = north.ask(&["rights", "grant", &to, "cake", "1000"]).await;
    assert!(grant["grant"].is_string(), "{grant}");
    let body = json!({ "to": to, "sku": "cake", "quantity": 3_001 });
    let over = north.api().write("/v1/rights/grants", "k", &body).await.unwrap();
    assert_eq!(over.body["type"], "urn:tentpole:problem:rights-short", "{over:?}");
    let body = json!({ "to": from, "sku": "cake", "quantity": 1 });
    let own = north.api().write("/v1/rights/grants", "k", &body).await.unwrap();
    assert_eq!(own.body["type"], "urn:tentpole:problem:bad-reference", "{own:?}");
    let by_till = north.till().write("/v1/rights/grants", "k", &body).await.unwrap();
    assert_eq!(by_till.status, 403);
    eventually("south has what it was given", async || match balance(&south, &south).await {
        1_000 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    let asked = south.ask(&["rights", "ask", &from, "cake", "1000"]).await;
    assert!(asked["request"].is_string(), "{asked}");
    eventually("south has what it asked for", async || match balance(&south, &south).await {
        2_000 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;

    market.wait_equal_digests(&[&north, &south]).await;
    south.kill();
    let forfeit = ["forfeit", to.as_str(), "--to", from.as_str()];
    let answer = market.control.ask(&forfeit).await;
    assert_eq!(answer["forfeited"], json!([{ "sku": "cake", "quantity": 2_000 }]));
    let again = market.control.command(&forfeit).await;
    assert_eq!(again.code, 1, "{again:?}");
    market.wait_equal_digests(&[&north]).await;
    let page = market.control.ask(&["rights"]).await;
    let tea = &page["items"][0];
    assert_eq!((&tea["balance"], &tea["exposure"]), (&json!(4_000), &json!(2_000)), "{page}");
    assert_eq!(sell(&north, "1", 4).await.status, 201);
}
