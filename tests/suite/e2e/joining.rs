//! Join tokens and revocation: who is let in, once, and who no longer.

use std::path::Path;
use std::time::{Duration, Instant};

use control::core::Invitation;
use engine::authority::JoinToken;
use engine::event::codec;
use engine::keys;
use engine::store::rocks::RocksStore;
use engine::store::{Batch, Read, Store};
use serde_json::json;

use super::harness::{Daemon, Market, Stall, dead_address, eventually, node, run_command};

/// The control's table of invitations.
const INVITES: u8 = 1;

/// How often this stall was connected to anybody, in all its starts.
fn dials(stall: &Stall) -> usize {
    stall.log().matches(" connected ").count()
}

/// Makes an invitation end in the past, as if so much time had gone by.
fn let_expire(data: &Path, token: &str) {
    let store = RocksStore::open(&data.join("store")).expect("a store at rest");
    let id = token.parse::<JoinToken>().expect("a token").id;
    let key = keys::local(INVITES, &id.0);
    let row = store.get(&key).expect("a read").expect("the invitation");
    let mut invitation: Invitation = codec::decode("an invitation", &row).expect("its row");
    assert!(invitation.expires_ms > 1);
    invitation.expires_ms = 1;
    let mut batch = Batch::default();
    batch.put(key, codec::encode(&invitation).expect("a row"));
    store.write(&batch).expect("a write");
}

#[tokio::test]
async fn a_token_lets_one_device_in_which_may_ask_again() {
    let market = Market::open().await;
    let token = market.invite("north").await;
    let north = Daemon::stall(market.folder(), "north");
    let joined = north.ask(&["join", &token]).await;
    north.command(&["join", &token]).await.refused(1, &["already joined"]);
    // As if the answer had not arrived: the file that says that it did is written last.
    std::fs::remove_file(north.data.join("tenant.id")).unwrap();
    assert_eq!(north.ask(&["join", &token]).await, joined);

    let thief = Daemon::stall(market.folder(), "thief");
    thief.command(&["join", &token]).await.refused(1, &["not valid", "ask for a new one"]);
    thief.command(&["run"]).await.refused(1, &["has not joined"]);
    let stalls = market.control.api().get("/v1/stalls").await;
    assert_eq!(stalls["stalls"].as_array().unwrap().len(), 1, "{stalls}");
    // The refused device may still use a token of its own.
    thief.ask(&["join", &market.invite("honest").await]).await;
}

#[tokio::test]
async fn a_token_outlives_a_restart_of_the_control_and_is_used_once_all_the_same() {
    let mut market = Market::open().await;
    let token = market.invite("north").await;
    market.control.kill();
    market.control.start().await;
    Daemon::stall(market.folder(), "north").ask(&["join", &token]).await;
    market.control.kill();
    market.control.start().await;
    let second = Daemon::stall(market.folder(), "second");
    second.command(&["join", &token]).await.refused(1, &["not valid"]);
}

#[tokio::test]
async fn a_token_that_is_cut_or_mistyped_or_none_is_refused_before_anything_is_sent() {
    let market = Market::open().await;
    let token = market.invite("north").await;
    let data = market.folder().join("north");
    let swapped =
        token.replacen(&token[10..12], if &token[10..12] == "00" { "11" } else { "00" }, 1);
    let cases: [(&str, &str); 4] = [
        (&token[..token.len() - 2], "incomplete or mistyped"),
        (&swapped, "incomplete or mistyped"),
        ("tp1", "incomplete or mistyped"),
        ("sesame", "begins with \"tp1\""),
    ];
    for (text, words) in cases {
        run_command(&node(), &data, &["join", text]).await.refused(1, &[words]);
        assert!(!data.exists(), "nothing is made for {text}");
    }
    run_command(&node(), &data, &["join"]).await.refused(2, &["TOKEN"]);
    Daemon::stall(market.folder(), "north").ask(&["join", &token]).await;
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let mut market = Market::open().await;
    let made = market.control.ask(&["invite", "--name", "late", "--minutes", "5"]).await;
    let token = made["token"].as_str().unwrap();
    market.control.stop().await;
    let_expire(&market.control.data, token);
    market.control.start().await;
    let late = Daemon::stall(market.folder(), "late");
    late.command(&["join", token]).await.refused(1, &["expired", "ask for a new one"]);
}

#[tokio::test]
async fn a_token_of_one_control_is_no_use_at_another() {
    let (market, other) = (Market::open().await, Market::open().await);
    let token = market.invite("north").await;
    let north = Daemon::stall(market.folder(), "north");
    let elsewhere = other.control.listen.to_string();
    let refused = north.command(&["join", &token, "--control", &elsewhere]).await;
    refused.refused(1, &[&elsewhere, "was expected", "check the address or the token"]);
    north.ask(&["join", &token, "--control", &market.control.listen.to_string()]).await;
}

#[tokio::test]
async fn a_stall_does_not_sync_with_a_control_that_took_the_place_of_its_own() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    let mut impostor = Market::open().await;
    market.control.kill();
    impostor.control.stop().await;
    impostor.control.listen = market.control.listen;
    impostor.control.start().await;
    north.sell(2).await;
    eventually("the stall says whom it found in its control's place", async || {
        let log = north.log();
        if log.contains("was expected") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_ne!(north.at_risk().await["events"], 0);
    assert_eq!(impostor.control.status().await["stalls"], json!([]));

    impostor.control.stop().await;
    market.control.start().await;
    market.wait_equal_digests(&[&north]).await;
}

#[tokio::test]
async fn a_revoked_stall_is_cut_off_at_once_and_for_good_but_sells_on() {
    let market = Market::open().await;
    let (mut north, mut south) = (market.stall("north").await, market.stall("south").await);
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    market.control.ask(&["revoke", &north.device().await]).await;
    eventually("the live connection is closed", async || {
        let row = market.row_of("north").await;
        let cut = row["connected"] == false && row["revoked"] == true;
        if cut { Ok(()) } else { Err(row.to_string()) }
    })
    .await;
    let held = market.row_of("north").await["events"].clone();

    // It comes back again and again, and each time it waits about twice as long before.
    let (dialled, from) = (dials(&north), Instant::now());
    north.sell(3).await;
    eventually("the stall has dialled six times more", async || {
        let more = dials(&north) - dialled;
        if more >= 6 { Ok(()) } else { Err(format!("{more} dials")) }
    })
    .await;
    let least = Duration::from_millis(50 + 100 + 200 + 400 + 800);
    assert!(from.elapsed() >= least, "six dials in {:?}", from.elapsed());
    north.kill();
    north.start().await;
    north.sell(1).await;
    assert_eq!(north.total().await["baskets"], 6);
    assert_eq!(
        north.at_risk().await["amount"],
        north.sold[2..].iter().map(|s| s.amount).sum::<i64>()
    );

    // Meanwhile the others go on as before.
    south.sell(1).await;
    south.wait_nothing_at_risk().await;
    let row = market.row_of("north").await;
    assert_eq!((&row["events"], &row["connected"]), (&held, &json!(false)), "{row}");
    assert_eq!(market.control.total().await["baskets"], 3);
}

#[tokio::test]
async fn what_a_revoked_stall_sold_since_comes_by_its_neighbour_and_is_shown_as_disputed() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    let mut south = market.stall("south").await;
    let device = north.device().await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    for stall in [&north, &south] {
        stall.link_down().await;
        stall.wait_connected("control", false).await;
    }
    market.control.ask(&["revoke", &device]).await;
    assert_eq!(market.control.status().await["disputed"], 0);
    market.control.kill();

    // Neither has heard of the revocation, so they sync with each other.
    south.stop().await;
    south.flags = vec!["--peer".to_owned(), north.listen.to_string()];
    south.start().await;
    north.sell(3).await;
    north.link_up().await;
    super::harness::wait_equal_digests(&north, &south).await;

    market.control.start().await;
    market.wait_equal_digests(&[&south]).await;
    market.must_have_every_sale_once(&[&north, &south]).await;
    for daemon in [&market.control, &*south] {
        eventually("three events are disputed", async || {
            let status = daemon.status().await;
            if status["disputed"] == 3 { Ok(()) } else { Err(format!("{status:#}")) }
        })
        .await;
    }
    assert_eq!(market.row_of("north").await["disputed"], 3);
    assert_eq!(market.row_of("south").await["disputed"], 0);
}

#[tokio::test]
async fn a_device_that_nobody_let_in_cannot_be_revoked() {
    let market = Market::open().await;
    let own = market.control.status().await["device"].as_str().unwrap().to_owned();
    for device in [own, "00".repeat(32)] {
        market.control.command(&["revoke", &device]).await.refused(1, &["has no grant"]);
    }
    market.control.command(&["revoke", "north"]).await.refused(1, &["device"]);
}

#[tokio::test]
async fn a_join_with_nobody_there_says_so() {
    let market = Market::open().await;
    let token = market.invite("north").await;
    let north = Daemon::stall(market.folder(), "north");
    let nowhere = dead_address().to_string();
    let refused = north.command(&["join", &token, "--control", &nowhere]).await;
    refused.refused(1, &[&nowhere]);
    north.ask(&["join", &token]).await;
}
