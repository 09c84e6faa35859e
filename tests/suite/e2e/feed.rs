//! The change feed: from any caller's last event to the newest, over restarts and across replicas.

use reqwest::{Method, Response};
use serde_json::Value;

use super::harness::{Api, Market, eventually, within};

/// A stream of server-sent events, read as a program would.
struct Stream {
    response: Response,
    text: String,
    /// The cursor of the last event.
    last: Option<String>,
}

impl Stream {
    async fn open(api: &Api, query: &str, last: Option<&str>) -> Self {
        let path = format!("/v1/events{query}");
        let mut request = api.request(Method::GET, &path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["tentpole-vector"].len(), 64);
        Self { response, text: String::new(), last: last.map(str::to_owned) }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                self.last = field("id: ").map(str::to_owned).or(self.last.take());
                match field("data: ") {
                    Some(data) => return Some(serde_json::from_str(data).expect("JSON")),
                    None => continue,
                }
            }
            let chunk = within("an event comes", self.response.chunk()).await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// The ids of the next events.
    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let event = self.next().await.expect("an event");
            ids.push(event["id"].as_str().expect("an id").to_owned());
        }
        ids
    }
}

#[tokio::test]
async fn a_stream_tells_of_sales_as_they_become_durable_and_goes_on_after_a_kill() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    let sold = |north: &super::harness::Stall| -> Vec<String> {
        north.sold.iter().map(|sold| sold.id.clone()).collect()
    };
    let query = "?kind=sale-completed&lane=ledger";
    let mut stream = Stream::open(&north.till(), query, None).await;
    assert_eq!(stream.ids(2).await, sold(&north));
    north.sell(3).await;
    assert_eq!(stream.ids(3).await, sold(&north)[2..]);
    north.kill();
    assert_eq!(stream.next().await, None);
    north.start().await;
    north.sell(2).await;
    let mut stream = Stream::open(&north.till(), query, stream.last.as_deref()).await;
    assert_eq!(stream.ids(2).await, sold(&north)[5..]);
    // A clean stop ends the stream too, and is not held up by it.
    north.stop().await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_centre_streams_what_arrives_from_stalls_in_the_order_of_each() {
    let market = Market::open().await;
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    let query = "?kind=sale-completed";
    let mut stream = Stream::open(&market.control.api(), query, None).await;
    north.sell(4).await;
    south.sell(3).await;
    let seen = stream.ids(7).await;
    for stall in [&north, &south] {
        let own: Vec<&String> = stall.sold.iter().map(|sold| &sold.id).collect();
        let found: Vec<&String> = seen.iter().filter(|id| own.contains(id)).collect();
        assert_eq!(found, own);
    }
    // The pages say the same as the stream.
    let page = market.control.api().get(&format!("/v1/events{query}")).await;
    let paged: Vec<&str> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["id"].as_str())
        .collect();
    assert_eq!(paged, seen);
}

#[tokio::test]
async fn a_till_sees_the_events_of_its_merchant_alone() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let scopes = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().expect("events").iter();
        let mut scopes: Vec<String> =
            events.map(|event| event["scope"].as_str().expect("a scope").to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    };
    let all = eventually("the authority lane arrives", async || {
        let all = scopes(&north.api().get("/v1/events").await);
        if all.len() == 2 { Ok(all) } else { Err(format!("{all:?}")) }
    })
    .await;
    let till = scopes(&north.till().get("/v1/events").await);
    assert_eq!(till.len(), 1, "{till:?}");
    assert!(all.contains(&till[0]) && till[0] != "tenant", "{till:?} of {all:?}");
}

#[tokio::test]
async fn cursors_of_other_directories_and_unknown_filters_are_refused() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let there = market.control.api().get("/v1/events").await["cursor"].clone();
    let there = there.as_str().expect("a cursor");
    for (query, status, name) in [
        (format!("?after={there}"), 410, "unknown-cursor"),
        ("?after=x".to_owned(), 400, "malformed"),
        ("?kind=sale".to_owned(), 400, "malformed"),
        ("?lane=fast".to_owned(), 400, "malformed"),
    ] {
        for accept in ["application/json", "text/event-stream"] {
            let request = north.api().request(Method::GET, &format!("/v1/events{query}"));
            let answer = Api::send(request.header("accept", accept)).await.expect("an answer");
            assert_eq!(answer.status, status, "{query} {accept}: {answer:?}");
            assert_eq!(answer.body["type"], format!("urn:tentpole:problem:{name}"));
        }
    }
}
