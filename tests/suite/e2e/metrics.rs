//! `/metrics`: who may read it, and that it counts what happened.

use reqwest::Method;

use super::harness::{Api, Market, eventually, tea};

/// The value of one series, as the page writes it.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(at, _)| at == series));
    line?.rsplit_once(' ')?.1.parse().ok()
}

async fn page(api: &Api) -> String {
    let answer = api.request(Method::GET, "/metrics").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.text().await.expect("text")
}

#[tokio::test]
async fn what_happened_is_counted_and_no_caller_can_make_a_label() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(3).await;
    north.wait_nothing_at_risk().await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    north.sell(1).await;
    let till = north.till();
    let twice = tea(9);
    till.must_write("/v1/sales", "twice", &twice).await;
    let refused = till.write("/v1/sales", "twice", &tea(8)).await.expect("an answer");
    assert_eq!(refused.status, 422);
    for odd in ["/v1/stock/no-such-sku", "/v1/stock/another", "/no/such/path"] {
        Api::send(till.request(Method::GET, odd)).await.expect("an answer");
    }
    Api::send(till.request(Method::from_bytes(b"ODD").unwrap(), "/v1/stock")).await.unwrap();
    let page = page(&north.api()).await;
    let is = |series: &str, expected: f64| {
        assert_eq!(value(&page, &format!("tentpole_{series}")), Some(expected), "{series}\n{page}");
    };
    is("calls_total{method=\"POST\",route=\"/v1/sales\",status=\"201\"}", 5.0);
    is("calls_total{method=\"POST\",route=\"/v1/sales\",status=\"422\"}", 1.0);
    is("calls_total{method=\"GET\",route=\"/v1/stock/{sku}\",status=\"404\"}", 2.0);
    is("calls_total{method=\"GET\",route=\"none\",status=\"404\"}", 1.0);
    is("calls_total{method=\"OTHER\",route=\"/v1/stock\",status=\"405\"}", 1.0);
    is("refusals_total{route=\"/v1/sales\",problem=\"key-reused\"}", 1.0);
    is("call_seconds_count{route=\"/v1/sales\"}", 6.0);
    is("at_risk_events", 2.0);
    is("at_risk_minor_units", (104 + 9) as f64);
    is("link_up", 0.0);
    is("peers_connected", 0.0);
    is("halted", 0.0);
    is("forks", 0.0);
    let events = north.status().await["events"].as_f64().unwrap();
    is("events", events);
    for counted in ["commit_seconds_count", "commit_rows_count", "wire_sent_bytes_total"] {
        assert!(value(&page, &format!("tentpole_{counted}")) > Some(0.0), "{counted}\n{page}");
    }
    assert!(!page.contains("no-such-sku") && !page.contains("/no/such"), "{page}");
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("tentpole_"), "{line}");
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let base = ["_bucket", "_count", "_sum", "_total"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        let helped = |name: &str| page.contains(&format!("# HELP {name} "));
        assert!(helped(base) || helped(name), "{name} has no HELP\n{page}");
    }
    eventually("the centre counts its stalls", async || {
        let page = self::page(&market.control.api()).await;
        match value(&page, "tentpole_stalls") {
            Some(1.0) => Ok(()),
            _ => Err(page),
        }
    })
    .await;
}

#[tokio::test]
async fn metrics_need_the_operators_token_unless_they_are_opened() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    for (api, status) in [(north.door(), 401), (north.till(), 403), (market.control.door(), 401)] {
        let answer = Api::send(api.request(Method::GET, "/metrics")).await.expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
    }
    std::fs::write(north.data.join("node.toml"), "metrics_open = true\n").unwrap();
    north.stop().await;
    north.start().await;
    assert!(page(&north.door()).await.contains("tentpole_events "));
}
