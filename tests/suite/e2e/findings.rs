//! What two stalls did apart and does not fit together: found everywhere, settled once.

use serde_json::{Value, json};

use super::harness::{Daemon, Market, Stall, eventually, tea};

const AT: &str = "2017-01-01T12:00:00+01:00";

async fn refund(stall: &Stall, key: &str, sale: &Value) {
    let body = json!({ "sale": sale, "at": AT, "restock": true,
        "lines": [{ "line": 0, "quantity": 1000, "amount": 199 }],
        "tenders": [{ "kind": "cash", "amount": 199 }] });
    stall.till().must_write("/v1/refunds", key, &body).await;
}

/// The open findings about refunds, once there are so many. The sales of these tests are of 2017,
/// which is a finding too.
async fn open(daemon: &Daemon, count: usize) -> Vec<Value> {
    eventually("findings", async || {
        let page = daemon.api().get("/v1/findings").await;
        let mut found = page["findings"].as_array().cloned().unwrap_or_default();
        found.retain(|finding| finding["rule"] == "over-refund");
        if found.len() == count { Ok(found) } else { Err(format!("{page}")) }
    })
    .await
}

#[tokio::test]
async fn a_sale_refunded_at_two_stalls_apart_is_found_everywhere_and_settled_once() {
    let market = Market::open().await;
    let (north, south) = (market.stall("north").await, market.stall("south").await);
    let sale = north.till().must_write("/v1/sales", "1", &tea(199)).await.body["sale"].clone();
    market.wait_equal_digests(&[&north, &south]).await;
    north.link_down().await;
    south.link_down().await;
    refund(&north, "2", &sale).await;
    refund(&south, "1", &sale).await;
    open(&north, 0).await;
    north.link_up().await;
    south.link_up().await;

    let found = open(&market.control, 1).await;
    assert_eq!(found[0]["rule"], "over-refund");
    assert_eq!((&found[0]["money"], &found[0]["quantity"]), (&json!(199), &json!(1000)));
    assert_eq!(found[0]["evidence"].as_array().map(Vec::len), Some(2));
    assert_eq!(open(&north, 1).await, found);
    assert_eq!(open(&south, 1).await, found);

    let id = found[0]["id"].as_str().expect("an id");
    let nowhere = json!({ "evidence": [sale], "note": "looked" });
    let path = format!("/v1/findings/{id}/resolve");
    let answer = south.till().write(&path, "2", &nowhere).await.expect("an answer");
    assert_eq!(answer.status, 422, "{answer:?}");
    for _ in 0..2 {
        let settle = ["findings", "settle", id, "--note", "kept the second as goodwill"];
        market.control.ask(&settle).await;
    }
    for daemon in [&*north, &*south, &market.control] {
        open(daemon, 0).await;
        let settled = daemon.api().get("/v1/findings?state=settled").await;
        assert_eq!(settled["findings"][0]["id"], id);
        let words = daemon.ask(&["findings", "list", "--all"]).await;
        let all = words["findings"].as_array().expect("a list");
        assert!(all.iter().any(|finding| finding["id"] == id && finding["open"] == false));
    }
    let resolved: Vec<Value> = market
        .events()
        .await
        .into_iter()
        .filter(|event| event["kind"] == "finding-resolved")
        .collect();
    assert_eq!(resolved.len(), 1, "a repeated command settles once");
}
