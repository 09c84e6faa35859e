//! Stalls that were given each other's address.

use serde_json::json;

use super::harness::{Market, dead_address, eventually, wait_equal_digests};

#[tokio::test]
async fn two_stalls_converge_with_the_control_off() {
    let mut market = Market::open().await;
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    let to = |listen: std::net::SocketAddr| vec!["--peer".to_owned(), listen.to_string()];
    (north.flags, south.flags) = (to(south.listen), to(north.listen));
    market.control.kill();
    for stall in [&mut north, &mut south] {
        stall.stop().await;
        stall.start().await;
    }
    north.sell(3).await;
    south.sell(4).await;
    wait_equal_digests(&north, &south).await;
    assert_eq!(north.total().await["baskets"], 7);
    assert_eq!(north.at_risk().await["amount"], north.amount(), "a neighbour is not the centre");

    south.kill();
    north.sell(2).await;
    south.start().await;
    wait_equal_digests(&north, &south).await;

    market.control.start().await;
    market.wait_equal_digests(&[&north, &south]).await;
    market.must_have_every_sale_once(&[&north, &south]).await;
    north.wait_nothing_at_risk().await;
    south.wait_nothing_at_risk().await;
}

#[tokio::test]
async fn one_stall_with_an_uplink_uplinks_for_its_neighbours() {
    let market = Market::open().await;
    let mut near = market.stall("near").await;
    let nowhere = dead_address().to_string();
    let to_near = near.listen.to_string();
    let flags = ["--control", &nowhere, "--peer", &to_near];
    let mut far = market.stall_with("far", &flags).await;
    let to_far = far.listen.to_string();
    let flags = ["--control", &nowhere, "--peer", &to_far];
    let mut farthest = market.stall_with("farthest", &flags).await;

    for stall in [&mut near, &mut far, &mut farthest] {
        stall.sell(3).await;
    }
    for stall in [&near, &far, &farthest] {
        stall.wait_nothing_at_risk().await;
    }
    market.wait_equal_digests(&[&near, &far, &farthest]).await;
    market.must_have_every_sale_once(&[&near, &far, &farthest]).await;
    for name in ["far", "farthest"] {
        assert_eq!(market.row_of(name).await["connected"], false);
    }
}

#[tokio::test]
async fn what_a_neighbour_carried_arrives_also_when_its_seller_is_gone() {
    let market = Market::open().await;
    let mut near = market.stall("near").await;
    let (nowhere, to_near) = (dead_address().to_string(), near.listen.to_string());
    let mut far = market.stall_with("far", &["--control", &nowhere, "--peer", &to_near]).await;
    near.link_down().await;
    near.wait_connected("control", false).await;
    far.wait_connected("near", false).await;
    far.sell(3).await;
    near.link_up().await;
    far.wait_connected("near", true).await;
    wait_equal_digests(&near, &far).await;
    far.kill();
    near.sell(1).await;
    near.wait_nothing_at_risk().await;
    market.wait_equal_digests(&[&near]).await;
    market.must_have_every_sale_once(&[&near, &far]).await;

    // The receipt finds its way once the seller is back.
    far.start().await;
    far.wait_nothing_at_risk().await;
}

#[tokio::test]
async fn a_stall_that_comes_back_at_another_address_is_heard() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    north.kill();
    // The control still has a connection to where it was, and nobody there to end it.
    north.listen = dead_address();
    north.start().await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    market.wait_equal_digests(&[&north]).await;
    market.must_have_every_sale_once(&[&north]).await;
}

#[tokio::test]
async fn a_stall_of_another_tenant_is_not_let_in_and_brings_nothing() {
    let (ours, theirs) = (Market::open().await, Market::open().await);
    let mut north = ours.stall("north").await;
    let (to_north, to_control) = (north.listen.to_string(), ours.control.listen.to_string());
    let flags = ["--peer", &to_north, "--peer", &to_control];
    let mut stranger = theirs.stall_with("stranger", &flags).await;
    stranger.sell(3).await;
    theirs.wait_equal_digests(&[&stranger]).await;
    for daemon in [&*north, &ours.control] {
        eventually("the stranger was turned away", async || {
            let log = daemon.log();
            if log.contains("another tenant") { Ok(()) } else { Err(log) }
        })
        .await;
    }
    north.sell(1).await;
    ours.wait_equal_digests(&[&north]).await;
    ours.must_have_every_sale_once(&[&north]).await;
    assert_eq!(north.total().await["baskets"], 1);
    let known = ours.control.status().await["stalls"].clone();
    assert_eq!(known.as_array().unwrap().len(), 1, "{known}");
}

#[tokio::test]
async fn a_merchant_does_not_see_what_another_sells() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    let made = market.control.ask(&["invite", "--name", "baker", "--merchant", "bakery"]).await;
    let items = json!({ "merchant": "bakery", "items": [{ "sku": "tea", "price": 80 }] });
    market.control.api().post("/v1/catalogue/items", &items).await;
    for (path, body) in [
        ("/v1/catalogue/items", json!({ "merchant": "bakary", "items": items["items"] })),
        ("/v1/catalogue/seasons", json!({ "merchant": "bakary", "name": "spring" })),
    ] {
        let refused = market.control.api().write(path, "1", &body).await.unwrap();
        assert_eq!(refused.status, 422, "{refused:?}");
        let known = "\"bakery\", \"main\"";
        assert!(refused.body["detail"].as_str().unwrap().contains(known), "{refused:?}");
    }
    let mut baker = market.joined_with("baker", made["token"].as_str().unwrap()).await;
    baker.flags = vec!["--peer".to_owned(), north.listen.to_string()];
    let mut baker = super::harness::Stall::open(baker).await;
    eventually("the bakery's catalogue is there", async || {
        baker.till().try_get("/v1/stock/tea").await
    })
    .await;
    north.sell(2).await;
    baker.sell(3).await;
    north.wait_nothing_at_risk().await;
    baker.wait_nothing_at_risk().await;
    market.must_have_every_sale_once(&[&north, &baker]).await;
    for (stall, baskets) in [(&north, 2), (&baker, 3)] {
        assert_eq!(stall.total().await["baskets"], baskets, "at {}", stall.name());
        let stock = stall.api().get("/v1/stock").await;
        assert_eq!(stock["items"].as_array().unwrap().last().unwrap()["quantity"], -1000 * baskets);
    }
    for (merchant, quantity) in [("main", -2000), ("bakery", -3000)] {
        let path = format!("/v1/stock/tea?merchant={merchant}");
        assert_eq!(market.control.api().get(&path).await["quantity"], quantity, "{path}");
    }
    assert_eq!(market.control.api().get("/v1/stock/tea").await["quantity"], -5000);
    let theirs = baker.api().try_get("/v1/stock/tea?merchant=main").await;
    assert!(theirs.expect_err("it is another's").contains("leave it out"));
    let scopes = |digests: &serde_json::Value| {
        let rows = digests.as_array().unwrap().iter();
        rows.map(|row| row["scope"].to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    let (ours, theirs) = (scopes(&north.digests().await), scopes(&baker.digests().await));
    assert!(ours.len() == 1 && theirs.len() == 1 && ours != theirs, "{ours:?} {theirs:?}");
    assert_eq!(scopes(&market.control.digests().await), &ours | &theirs);
}

#[tokio::test]
async fn noise_on_the_sync_port_disturbs_nobody() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    let noise = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for round in 0..200_u32 {
        // The first byte sets QUIC's header bits, so every kind of packet is tried.
        let mut packet = vec![round.to_le_bytes()[0]; 1200];
        packet[1..5].copy_from_slice(&round.to_be_bytes());
        for daemon in [&*north, &market.control] {
            noise.send_to(&packet, daemon.listen).await.unwrap();
        }
    }
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    market.wait_equal_digests(&[&north]).await;
    market.must_have_every_sale_once(&[&north]).await;
}
