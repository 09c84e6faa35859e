//! A till that did not hear an answer asks again.

use serde_json::{Value, json};

use super::harness::{Answer, Market, Stall, tea};

/// Every writing call, each with a body that is accepted once the one before it was.
fn requests(sale: &Value, other: &Value) -> [(&'static str, Value); 4] {
    let at = "2017-01-01T11:00:00+01:00";
    [
        ("/v1/sales", tea(250)),
        ("/v1/goods-received", json!({ "at": at, "lines": [{ "sku": "tea", "quantity": 9000 }] })),
        (
            "/v1/refunds",
            json!({ "sale": sale, "at": at, "restock": true,
                "lines": [{ "line": 0, "quantity": 1000, "amount": 90 }],
                "tenders": [{ "kind": "cash", "amount": 90 }] }),
        ),
        ("/v1/voids", json!({ "sale": other, "at": at })),
    ]
}

async fn ask(stall: &Stall, at: usize, path: &str, body: &Value) -> Answer {
    stall.till().write(path, &format!("retry-{at}"), body).await.expect("an answer")
}

#[tokio::test]
async fn the_same_key_and_body_give_the_same_answer_also_after_a_sigkill() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    let (sale, other) = (json!(north.sold[0].id), json!(north.sold[1].id));
    let requests = requests(&sale, &other);
    let mut first = Vec::new();
    for (at, (path, body)) in requests.iter().enumerate() {
        let answer = ask(&north, at, path, body).await;
        assert_eq!((answer.status, answer.replayed), (201, false), "{path}: {answer:?}");
        first.push(answer.body);
    }
    let total = north.total().await;

    for start in 0..2 {
        for (at, (path, body)) in requests.iter().enumerate() {
            let answer = ask(&north, at, path, body).await;
            assert_eq!((answer.status, answer.replayed), (201, true), "{path}: {answer:?}");
            assert_eq!(answer.body, first[at], "{path}, start {start}");
        }
        assert_eq!(north.total().await, total);
        north.kill();
        north.start().await;
    }
}

#[tokio::test]
async fn a_write_without_a_time_gets_the_stalls_and_a_retry_keeps_it() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    let (sale, other) = (json!(north.sold[0].id), json!(north.sold[1].id));
    let mut requests = requests(&sale, &other);
    for (_, body) in &mut requests {
        for time in ["sold_at", "business_day", "at"] {
            body.as_object_mut().expect("a body").remove(time);
        }
    }
    let mut first = Vec::new();
    for (at, (path, body)) in requests.iter().enumerate() {
        let answer = ask(&north, at, path, body).await;
        assert_eq!((answer.status, answer.replayed), (201, false), "{path}: {answer:?}");
        first.push(answer.body);
    }
    north.kill();
    north.start().await;
    for (at, (path, body)) in requests.iter().enumerate() {
        let answer = ask(&north, at, path, body).await;
        assert_eq!((answer.status, answer.replayed), (201, true), "{path}: {answer:?}");
        assert_eq!(answer.body, first[at], "{path}");
    }
    // A time that is given is part of what was asked.
    let mut timed = requests[3].1.clone();
    timed["at"] = json!("2017-01-01T11:00:00+01:00");
    assert_eq!(ask(&north, 3, "/v1/voids", &timed).await.status, 422);
}

#[tokio::test]
async fn a_retry_with_another_body_is_refused() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    let first = north.till().must_write("/v1/sales", "1", &tea(101)).await;
    let total = north.total().await;
    for _ in 0..2 {
        let mut later = tea(101);
        later["sold_at"] = json!("2017-01-01T10:00:01+01:00");
        for other in [tea(102), later] {
            let answer = north.till().write("/v1/sales", "1", &other).await.unwrap();
            assert_eq!(answer.status, 422, "{answer:?}");
            assert_eq!(answer.body["type"], "urn:tentpole:problem:key-reused");
        }
        assert_eq!(north.total().await, total);
        let again = north.till().must_write("/v1/sales", "1", &tea(101)).await;
        assert_eq!((again.replayed, again.body), (true, first.body.clone()));
        north.kill();
        north.start().await;
    }
}

#[tokio::test]
async fn a_key_belongs_to_its_till_and_a_counter_is_not_its_spelling() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let made = north.ask(&["till", "add", "t2"]).await;
    let second = north.door().with_token(made["token"].as_str().unwrap());
    let mut ids = Vec::new();
    for (till, key) in
        [(north.till(), "7"), (second, "7"), (north.api(), "7"), (north.till(), "07")]
    {
        let answer = till.must_write("/v1/sales", key, &tea(101)).await;
        assert!(!answer.replayed, "{key}: {answer:?}");
        ids.push(answer.body["sale"].to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(north.total().await["baskets"], 4);
}

#[tokio::test]
async fn one_request_sent_many_times_at_once_is_one_sale() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let till = north.till();
        asked.spawn(async move { till.must_write("/v1/sales", "same", &tea(101)).await });
    }
    let answers = asked.join_all().await;
    let fresh = answers.iter().filter(|answer| !answer.replayed).count();
    assert_eq!(fresh, 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
    assert_eq!(north.total().await["baskets"], 1);
}
