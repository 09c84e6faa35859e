//! Data directories that must be refused, each with the mend; and nothing in them is touched.

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use engine::event::{Event, Payload, codec};
use engine::replica::lanes::StoredEvent;
use engine::store::rocks::RocksStore;
use engine::store::{Batch, Read, Row, Store, stamp};

use super::harness::{Daemon, Market, Stall, control, node, run_command};

const RUN: &[&str] = &["run", "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0"];

/// A stall that has sold and is at rest.
async fn at_rest(market: &Market, name: &str) -> Stall {
    let mut stall = market.stall(name).await;
    stall.sell(2).await;
    stall.wait_nothing_at_risk().await;
    stall.stop().await;
    stall
}

fn store(data: &Path) -> RocksStore {
    RocksStore::open(&data.join("store")).expect("a store at rest")
}

/// The row of some sale.
fn a_sale(store: &RocksStore) -> Row {
    let (from, to) = engine::keys::all_events();
    let mut found = None;
    let visited = store.scan(&from, &to, &mut |key, row| {
        let event = StoredEvent::from_bytes(row).map(|stored| codec::decode_event(&stored.bytes));
        if let Some(Ok(Event { payload: Payload::SaleCompleted(_), .. })) = event {
            found = Some((key.to_vec(), row.to_vec()));
        }
        ControlFlow::Continue(())
    });
    visited.expect("a read");
    found.expect("a sale")
}

#[tokio::test]
async fn a_second_process_is_refused_and_the_first_is_not_disturbed() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.command(RUN).await.refused(1, &["in use by another process", "through its API"]);
    market.control.command(RUN).await.refused(1, &["in use by another process", "through its API"]);
    let token = market.invite("again").await;
    north.command(&["join", &token]).await.refused(1, &["already joined"]);
    north.sell(1).await;
    market.wait_equal_digests(&[&north]).await;
    assert_eq!(north.ask(&["status"]).await["name"], "north");
}

#[tokio::test]
async fn another_devices_key_is_refused_and_the_own_one_still_works() {
    let market = Market::open().await;
    let (mut north, south) = (at_rest(&market, "north").await, at_rest(&market, "south").await);
    let key = north.data.join("device.key");
    let own = std::fs::read(&key).unwrap();
    std::fs::write(&key, std::fs::read(south.data.join("device.key")).unwrap()).unwrap();
    let words = ["belongs to device", "use that device's key"];
    north.command(RUN).await.refused(1, &words);
    north.command(&["verify"]).await.refused(1, &words);
    std::fs::write(&key, own).unwrap();
    north.start().await;
    market.wait_equal_digests(&[&north]).await;
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let market = Market::open().await;
    let north = at_rest(&market, "north").await;
    let newer = {
        let store = store(&north.data);
        let mut value = store.get(&stamp::KEY).unwrap().unwrap();
        value[..4].copy_from_slice(&(stamp::FORMAT + 1).to_be_bytes());
        let mut batch = Batch::default();
        batch.put(stamp::KEY.to_vec(), value.clone());
        store.write(&batch).unwrap();
        value
    };
    for command in [RUN, &["verify"]] {
        north
            .command(command)
            .await
            .refused(1, &["format 2", "up to 1", "install the newer program"]);
    }
    assert_eq!(store(&north.data).get(&stamp::KEY).unwrap(), Some(newer));
}

#[tokio::test]
async fn a_directory_that_has_not_joined_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("fresh");
    let refused = run_command(&node(), &data, RUN).await;
    refused.refused(1, &["has not joined", "join TOKEN"]);
    let control = Daemon::control(dir.path());
    control.command(RUN).await.refused(1, &["holds no tenant", "init"]);
}

#[tokio::test]
async fn a_stalls_directory_is_no_controls_and_the_other_way_round() {
    let mut market = Market::open().await;
    let mut north = at_rest(&market, "north").await;
    market.control.stop().await;
    let refused = run_command(&node(), &market.control.data, RUN).await;
    refused.refused(1, &["belongs to a control", "tentpole-control"]);
    let refused = run_command(&control(), &north.data, RUN).await;
    refused.refused(1, &["belongs to a stall", "tentpole-node"]);
    market.control.start().await;
    north.start().await;
    market.wait_equal_digests(&[&north]).await;
}

#[tokio::test]
async fn a_path_where_no_directory_can_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let token = "tp1";
    for path in [file.clone(), file.join("below")] {
        let words = path.display().to_string();
        run_command(&node(), &path, RUN).await.refused(1, &[&words]);
        run_command(&node(), &path, &["join", token]).await.refused(1, &["join token"]);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[tokio::test]
async fn keys_and_tokens_that_others_can_read_are_refused() {
    let market = Market::open().await;
    let mut north = at_rest(&market, "north").await;
    for name in ["device.key", "admin.token", "tenant.id"] {
        let path: PathBuf = north.data.join(name);
        let set = |mode| {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        set(0o644);
        north.command(RUN).await.refused(1, &[name, "mode 0644", "chmod 600"]);
        set(0o600);
    }
    north.start().await;
    market.wait_equal_digests(&[&north]).await;
}

#[tokio::test]
async fn a_damaged_key_is_refused_and_not_replaced() {
    let market = Market::open().await;
    let north = at_rest(&market, "north").await;
    let key = north.data.join("device.key");
    std::fs::write(&key, "00ff").unwrap();
    north.command(RUN).await.refused(1, &["device.key", "restore it"]);
    assert_eq!(std::fs::read(&key).unwrap(), b"00ff");
    std::fs::remove_file(&key).unwrap();
    north.command(RUN).await.refused(1, &["device.key"]);
    assert!(!key.exists());
}

#[tokio::test]
async fn a_tenant_is_founded_once() {
    let market = Market::open().await;
    let again = ["init", "--tenant", "other", "--currency", "EUR"];
    market.control.command(&again).await.refused(1, &["already holds tenant", "another data"]);
    let fresh = Daemon::control(&market.folder().join("elsewhere"));
    for (tenant, currency) in [("fair", "euro"), ("fair", "usd"), ("", "USD"), ("a\nb", "USD")] {
        let refused = fresh.command(&["init", "--tenant", tenant, "--currency", currency]).await;
        refused.refused(1, &["is not usable"]);
        assert!(!fresh.data.exists());
    }
}

#[tokio::test]
async fn an_event_that_was_changed_is_found_by_verify() {
    let market = Market::open().await;
    let mut north = at_rest(&market, "north").await;
    {
        let store = store(&north.data);
        let (key, mut row) = a_sale(&store);
        *row.last_mut().unwrap() ^= 1;
        let mut batch = Batch::default();
        batch.put(key, row);
        store.write(&batch).unwrap();
    }
    let report = north.command(&["--json", "verify"]).await;
    assert_eq!((report.code, &report.json()["ok"]), (4, &false.into()), "{report:?}");
    assert_ne!(report.json()["problems"], serde_json::json!([]));
    let words = north.command(&["verify"]).await;
    assert!(words.code == 4 && words.stdout.contains("PROBLEMS FOUND"), "{words:?}");
    north.start().await;
    assert_eq!(north.command(&["verify"]).await.code, 4, "through the daemon too");
}

#[tokio::test]
async fn a_damaged_write_ahead_log_is_refused_and_not_taken_for_a_shorter_one() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(20).await;
    north.kill();
    let mut damaged = 0;
    for entry in std::fs::read_dir(north.data.join("store")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap_or_default();
        if path.extension().is_some_and(|end| end == "log") && !bytes.is_empty() {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert_ne!(damaged, 0, "there is a write-ahead log with rows in it");
    for command in [RUN, &["verify"]] {
        north.command(command).await.refused(1, &["damaged"]);
    }
}
