//! Stalls that were given each other's address.

use super::harness::{Market, dead_address, wait_equal_digests};

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
