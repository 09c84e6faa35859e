//! Configuration, and exit codes that a script can go by.

use std::path::Path;

use super::harness::{Daemon, Market, dead_address, node, run_command, wait_equal_digests};

/// Runs a node with this configuration file.
async fn run_with(folder: &Path, text: &str) -> super::harness::Output {
    let file = folder.join("given.toml");
    std::fs::write(&file, text).expect("a file");
    let file = file.display().to_string();
    run_command(&node(), &folder.join("north"), &["run", "--config", &file]).await
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_named_and_nothing_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 9] = [
        ("open_item = true", &["open_item"]),
        ("api = \"everywhere\"", &["api", "given.toml"]),
        ("api = \"127.0.0.1\"", &["api"]),
        ("api = \"0.0.0.0:7700\"", &["api", "0.0.0.0:7700", "127.0.0.1"]),
        ("control = \"market.lan\"", &["market.lan", "HOST:PORT"]),
        ("peers = [\"a:1\", \"b\"]", &["peers is b;", "HOST:PORT"]),
        ("peers = [\"a:1#nobody\"]", &["a:1#nobody", "HOST:PORT#DEVICE"]),
        ("amount_max = 0", &["amount_max"]),
        ("open_items = maybe", &["given.toml"]),
    ];
    for (text, words) in cases {
        run_with(dir.path(), text).await.refused(2, words);
        assert!(!dir.path().join("north").exists(), "nothing is made for {text}");
    }
    let missing = run_command(&node(), dir.path(), &["run", "--config", "/nowhere.toml"]).await;
    missing.refused(2, &["/nowhere.toml"]);
}

#[tokio::test]
async fn a_flag_that_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["run", "--listen", "here"], &["--listen"]),
        (&["run", "--api", "0.0.0.0:1"], &["0.0.0.0:1", "127.0.0.1"]),
        (&["run", "--verbose"], &["--verbose"]),
        (&["link", "sideways"], &["sideways", "up", "down"]),
        (&["--log", "loud=loud", "status"], &["loud"]),
    ];
    for (arguments, words) in cases {
        run_command(&node(), dir.path(), arguments).await.refused(2, words);
    }
    let control = Daemon::control(dir.path());
    control.command(&["run", "--api", "0.0.0.0:1"]).await.refused(2, &["0.0.0.0:1", "127.0.0.1"]);
    std::fs::create_dir(&control.data).unwrap();
    std::fs::write(control.data.join("control.toml"), "apy = \"127.0.0.1:1\"").unwrap();
    control.command(&["run"]).await.refused(2, &["apy"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let market = Market::open().await;
    let north = market.joined("north").await;
    let taken = market.control.listen.to_string();
    let refused = north.command(&["run", "--api", "127.0.0.1:0", "--listen", &taken]).await;
    refused.refused(1, &[&taken, "choose another address"]);
}

#[tokio::test]
async fn without_a_daemon_commands_say_so_and_verify_reads_the_disk() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    north.sell(2).await;
    let running = north.ask(&["verify"]).await;
    north.kill();
    market.control.kill();
    let commands: [&[&str]; 5] =
        [&["status"], &["stock"], &["sell", "tea:1000:1"], &["link", "up"], &["till", "add", "t"]];
    for command in commands {
        north.command(command).await.refused(3, &["no daemon is running", "run"]);
    }
    let commands: [&[&str]; 4] =
        [&["status"], &["invite", "--name", "x"], &["revoke", "x"], &["export"]];
    for command in commands {
        market.control.command(command).await.refused(3, &["no daemon is running", "run"]);
    }
    let resting = north.ask(&["verify"]).await;
    assert_eq!((&resting["ok"], &resting["events"]), (&running["ok"], &running["events"]));
    assert_eq!(market.control.ask(&["verify"]).await["ok"], true);
    let nothing = market.folder().join("nothing");
    run_command(&node(), &nothing, &["status"]).await.refused(3, &["no daemon is running"]);
    run_command(&node(), &nothing, &["verify"]).await.refused(1, &["does not exist"]);
    assert!(!nothing.exists(), "looking makes nothing");
}

#[tokio::test]
async fn the_file_the_environment_and_the_flags_are_read_in_that_order() {
    let market = Market::open().await;
    let mut north = market.joined("north").await;
    std::fs::write(north.data.join("node.toml"), "amount_max = 50\nopen_items = true\n").unwrap();
    north.flags = vec!["--control".to_owned(), dead_address().to_string()];
    north.start().await;
    // Sold although the catalogue never came; refused beyond the file's maximum.
    north.ask(&["sell", "umbrella:1000:50"]).await;
    north.command(&["sell", "umbrella:1000:51"]).await.refused(1, &["0 to 50 minor units"]);
    assert_eq!(north.total().await["amount"], 50);
    // What the market never had in its catalogue counts at the centre all the same.
    north.flags.clear();
    north.stop().await;
    north.start().await;
    wait_equal_digests(&market.control, &north).await;
    assert_eq!(market.control.total().await["amount"], 50);
}
