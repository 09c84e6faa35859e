//! One data directory that runs twice, as after a copied disk or a restored backup.

use serde_json::{Value, json};

use super::harness::{Daemon, Market, Sold, Stall, copy_directory, eventually};

/// Waits until this daemon shows a fork of the device, with its proof.
async fn wait_fork_proven(daemon: &Daemon, device: &str) {
    eventually(&format!("{} shows the fork, proven", daemon.name()), async || {
        let forks = daemon.status().await["forks"].clone();
        let shown = forks.as_array().is_some_and(|forks| {
            !forks.is_empty()
                && forks.iter().all(|fork| fork["device"] == device && fork["proven"] == true)
        });
        if shown { Ok(()) } else { Err(format!("{forks:#}")) }
    })
    .await;
}

/// Waits until the centre has so many baskets.
async fn wait_baskets(market: &Market, count: usize) {
    eventually(&format!("the centre has {count} baskets"), async || {
        let total = market.control.total().await;
        if total["baskets"] == count { Ok(()) } else { Err(total.to_string()) }
    })
    .await;
}

/// A stall that has sold, and a copy of its disk. Neither runs.
async fn original_and_copy(market: &Market) -> (Stall, Stall) {
    let mut original = market.stall("north").await;
    original.sell(3).await;
    original.wait_nothing_at_risk().await;
    original.stop().await;
    let daemon = Daemon::stall(market.folder(), "copy");
    copy_directory(&original.data, &daemon.data).await;
    let clone = original.copy(daemon);
    (original, clone)
}

#[tokio::test]
async fn both_run_one_after_the_other_and_every_sale_of_both_is_counted_once() {
    let market = Market::open().await;
    let witness = market.stall("witness").await;
    let (mut original, mut clone) = original_and_copy(&market).await;
    original.start().await;
    let device = original.device().await;
    original.sell(4).await;
    original.wait_nothing_at_risk().await;
    original.stop().await;
    clone.start().await;
    clone.sell(5).await;
    wait_baskets(&market, 12).await;

    wait_fork_proven(&market.control, &device).await;
    wait_fork_proven(&witness, &device).await;
    wait_fork_proven(&clone, &device).await;
    market.wait_equal_digests(&[&witness, &clone]).await;
    market.must_have_every_sale_once(&[&original, &clone]).await;
    clone.must_verify().await;
    clone.stop().await;
    original.start().await;
    market.wait_equal_digests(&[&original, &witness]).await;
    wait_fork_proven(&original, &device).await;
    market.control.must_verify().await;
}

#[tokio::test]
async fn both_run_at_once_and_every_sale_of_both_is_counted_once() {
    let market = Market::open().await;
    let (mut original, mut clone) = original_and_copy(&market).await;
    original.start().await;
    clone.start().await;
    let device = original.device().await;
    assert_eq!(clone.device().await, device);
    for _ in 0..3 {
        original.sell(2).await;
        clone.sell(3).await;
    }
    wait_baskets(&market, 3 + 15).await;
    market.must_have_every_sale_once(&[&original, &clone]).await;
    wait_fork_proven(&market.control, &device).await;

    // Both catch up with each other through the centre, and go on as two branches.
    market.wait_equal_digests(&[&original, &clone]).await;
    original.wait_nothing_at_risk().await;
    clone.wait_nothing_at_risk().await;
    for daemon in [&*original, &*clone, &market.control] {
        daemon.must_verify().await;
    }
}

#[tokio::test]
async fn one_key_in_two_branches_of_a_clone_counts_twice() {
    let market = Market::open().await;
    let (mut original, mut clone) = original_and_copy(&market).await;
    original.start().await;
    // The copied till's counter goes on where it stood, so both ring up the same key.
    original.sell(1).await;
    original.stop().await;
    clone.start().await;
    clone.sell(1).await;
    wait_baskets(&market, 5).await;
    market.must_have_every_sale_once(&[&original, &clone]).await;
    let keys: Vec<Value> = market
        .events()
        .await
        .iter()
        .filter(|event| event["kind"] == "sale-completed")
        .map(|event| event["body"]["key"]["number"]["Counter"].clone())
        .filter(|number| *number == json!(4))
        .collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let [first, second] =
        [&original.sold, &clone.sold].map(|sold| sold.last().map(|s: &Sold| &s.id));
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_restored_backup_finds_its_lost_sales_again_at_the_centre() {
    let market = Market::open().await;
    let (mut original, mut restored) = original_and_copy(&market).await;
    original.start().await;
    original.sell(4).await;
    original.wait_nothing_at_risk().await;
    original.kill();

    restored.start().await;
    market.wait_equal_digests(&[&restored]).await;
    assert_eq!(restored.total().await["baskets"], 7);
    restored.sell(1).await;
    market.wait_equal_digests(&[&restored]).await;
    market.must_have_every_sale_once(&[&original, &restored]).await;
}
