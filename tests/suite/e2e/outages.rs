//! A stall sells on without its link, without the control, and after its own power was cut; and
//! nothing that was acknowledged is lost.

use serde_json::json;

use super::harness::{Daemon, Market, basket, copy_directory, eventually};

#[tokio::test]
async fn a_stall_sells_on_with_its_link_down_and_everything_arrives_after() {
    let market = Market::open().await;
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    north.sell(2).await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    north.sell(5).await;
    south.sell(3).await;
    market.wait_equal_digests(&[&south]).await;
    assert_ne!(north.digests().await, market.control.digests().await);

    north.link_up().await;
    market.wait_equal_digests(&[&north, &south]).await;
    north.wait_nothing_at_risk().await;
    market.must_have_every_sale_once(&[&north, &south]).await;
}

#[tokio::test]
async fn stalls_sell_on_while_the_control_is_killed_and_everything_arrives_after() {
    let mut market = Market::open().await;
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    north.sell(2).await;
    north.wait_nothing_at_risk().await;

    market.control.kill();
    north.sell(4).await;
    south.sell(4).await;
    assert_eq!(south.at_risk().await["amount"], south.amount());

    market.control.start().await;
    market.control.must_verify().await;
    market.wait_equal_digests(&[&north, &south]).await;
    north.wait_nothing_at_risk().await;
    south.wait_nothing_at_risk().await;
    market.must_have_every_sale_once(&[&north, &south]).await;
    market.control.must_verify().await;
}

#[tokio::test]
async fn a_control_keeps_what_it_receipted_through_a_sigkill() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    for _ in 0..3 {
        north.sell(3).await;
        north.wait_nothing_at_risk().await;
        market.control.kill();
        // Whoever reads the disk now finds everything that was receipted.
        assert_eq!(market.control.ask(&["verify"]).await["ok"], true);
        market.control.start().await;
        market.must_have_every_sale_once(&[&north]).await;
    }
    market.wait_equal_digests(&[&north]).await;
}

#[tokio::test]
async fn a_stall_keeps_what_it_acknowledged_through_a_sigkill() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.link_down().await;
    for _ in 0..3 {
        north.sell(3).await;
        let total = north.total().await;
        north.kill();
        assert_eq!(north.ask(&["verify"]).await["ok"], true);
        north.start().await;
        assert_eq!(north.total().await, total);
        north.must_verify().await;
    }
    // The till's token and the catalogue are there too, and the drill ended with the process.
    north.sell(1).await;
    market.wait_equal_digests(&[&north]).await;
    north.wait_nothing_at_risk().await;
    market.must_have_every_sale_once(&[&north]).await;
    assert_eq!(north.status().await["forks"], json!([]));
}

#[tokio::test]
async fn a_stop_by_signal_is_clean_and_forgets_the_address() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(1).await;
    let pid = north.pid().to_string();
    let asked = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(asked.unwrap().success());
    eventually("the address file goes", async || match north.data.join("api.addr").exists() {
        true => Err("it is there".to_owned()),
        false => Ok(()),
    })
    .await;
    north.kill();
    assert_eq!(north.command(&["status"]).await.code, 3);
    north.start().await;
    market.wait_equal_digests(&[&north]).await;
    market.must_have_every_sale_once(&[&north]).await;
}

#[tokio::test]
async fn a_backlog_arrives_whole_although_the_stall_is_killed_while_it_sends() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.link_down().await;
    north.sell(150).await;
    for _ in 0..3 {
        north.kill();
        north.start().await;
    }
    market.wait_equal_digests(&[&north]).await;
    market.must_have_every_sale_once(&[&north]).await;
    let control: &Daemon = &market.control;
    assert_eq!(control.status().await["forks"], json!([]));
}

#[tokio::test]
async fn a_control_restored_from_a_backup_is_given_again_what_it_lost() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    market.control.stop().await;
    let backup = market.folder().join("backup");
    copy_directory(&market.control.data, &backup).await;
    market.control.start().await;

    // After the backup: sales that were receipted, and an item that only the control stated.
    let pie = json!({ "items": [{ "sku": "pie", "name": "Pie", "price": 300 }] });
    market.control.api().post("/v1/catalogue/items", &pie).await;
    market.wait_equal_digests(&[&north]).await;
    north.sell(3).await;
    let two = basket(&[json!({ "sku": "pie", "quantity": 2000, "amount": 600 })]);
    north.till().must_write("/v1/sales", "pies", &two).await;
    north.wait_nothing_at_risk().await;

    market.control.kill();
    std::fs::remove_dir_all(&market.control.data).unwrap();
    copy_directory(&backup, &market.control.data).await;
    market.control.start().await;
    assert!(market.control.total().await["baskets"].as_u64().unwrap() <= 6);
    market.wait_equal_digests(&[&north]).await;
    north.wait_nothing_at_risk().await;
    let total = market.control.total().await;
    assert_eq!((&total["baskets"], &total["net"]), (&json!(6), &json!(600 + north.amount())));
    let item = market.control.api().get("/v1/stock/pie").await;
    assert_eq!((&item["name"], &item["quantity"]), (&json!("Pie"), &json!(-2000)));
    market.control.must_verify().await;
}
