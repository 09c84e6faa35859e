//! What is wrong in a scenario file is named by line and field, and the mend with it.

use super::*;

/// The venue with one text in place of another; both what is wrong with it and where.
#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(VENUE.contains(from), "{from}");
    let text = VENUE.replacen(from, to, 1);
    let error = read("venue.toml", &text, &[]).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}\n\nand not\n\n{expected}");
}

/// Faults, or whatever else, at the end of the venue, which has 20 lines.
#[track_caller]
fn check_more(more: &str, expected: &str) {
    let error = read("venue.toml", &format!("{VENUE}{more}"), &[]).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}\n\nand not\n\n{expected}");
}

/// A fault that begins in line 22.
#[track_caller]
fn check_fault(fields: &str, expected: &str) {
    check_more(&format!("\n[[faults]]\n{fields}\n"), expected);
}

#[test]
fn what_is_no_toml_is_named_by_its_line() {
    check("stalls = 3", "stalls = ", "venue.toml:5: is no TOML");
    check("stalls = 3", "stalls = 3\nstalls = 4", "venue.toml:6: is no TOML: duplicate key");
}

#[test]
fn a_field_that_nobody_knows_is_named_with_those_that_there_are() {
    check("minutes", "minuets", "venue.toml:3: minuets: no such field; the fields here are name, ");
    check_more(
        "[workload]\nmean = 3\n",
        "venue.toml:22: workload.mean: no such field; the fields here are mean-seconds, lines",
    );
    check("delay-ms = 40 }", "delay = 4 }", "venue.toml:9: carriers.lte.up.delay: no such field");
    check("stalls = 3", "stalls = 3\nlan = 'x'", "venue.toml:6: lan: no such field");
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_the_right_one() {
    check(
        "stalls = 3",
        "stalls = 'three'",
        "venue.toml:5: stalls: is string \"three\"; write usize",
    );
    check("minutes = 1", "minutes = -1", "venue.toml:3: minutes: is integer `-1`; write u32");
    check("seconds = 30", "seconds = 0.1234", "venue.toml:4: seconds: 0.1234 is not a number from");
    check(
        "\"hall\"]\n",
        "\"hall\"]\nstalls = '3..1'\n",
        "21: group.0.stalls: \"3..1\" does not name",
    );
    check("stalls = 3", "stalls = 3\npeers = 'some'", "venue.toml:6: peers: \"some\" is unknown; ");
    check("stalls = 3", "stalls = 3\nwithout = ['Sale']", "without: \"Sale\" names nothing");
}

#[test]
fn a_field_that_is_missing_is_named() {
    check("stalls = 3\n", "", "venue.toml:1: stalls: is missing; write it");
    check("about = \"A test.\"\n", "", "about: is missing; write it");
}

#[test]
fn a_fault_that_nobody_knows_is_named_with_those_that_there_are() {
    check_fault(
        "at-seconds = 1\nwhat = 'meteor'",
        "venue.toml:24: faults.0.what: no fault is called",
    );
    check_fault("at-seconds = 1\nwhat = 'meteor'", "there are cut, heal, ");
    check_fault("at-seconds = 1", "venue.toml:22: faults.0.what: is missing");
    check_fault("what = 'wipe'\nhost = 1", "faults.0.at-seconds: is missing");
    check_fault(
        "at-seconds = 1\nwhat = 'crash'\nhost = 1\npoint = 'x'",
        "venue.toml:26: faults.0.point: \"x\" is unknown; write one of now, write, await",
    );
    check_fault(
        "at-seconds = 1\nwhat = 'crash'\nhost = 1\nspeed = 2",
        "venue.toml:26: faults.0.speed: no such field; the fields here are host, point, nth",
    );
}

#[test]
fn a_wrong_field_of_a_change_is_named_too() {
    let cut = "at-seconds = 1\nwhat = 'cut'\n";
    check_fault(&format!("{cut}a = 1\nb = 'x'"), "venue.toml:26: faults.0.b: is string \"x\"");
    check_fault(&format!("{cut}a = 1\nb = 2\nc = 3"), "venue.toml:27: faults.0.c: no such field");
    check_fault(&format!("{cut}a = 1"), "venue.toml:22: faults.0.b: is missing");
    check_fault(
        "at-seconds = 1\nwhat = 'respec'\ncarrier = 'lte'\nup.burst = { enter-permille = 1 }",
        "venue.toml:26: faults.0.up.leave-permille: is missing",
    );
    check_fault(
        "at-seconds = 1\nwhat = 'heal-all'\na = 1",
        "faults.0.a: no such field; `heal-all`",
    );
    check_fault(
        "at-seconds = 1\nwhat = 'respec'\ncarrier = 'lte'\nup = { delay = 1 }",
        "venue.toml:26: faults.0.up.delay: no such field",
    );
}

#[test]
fn a_market_without_stalls_a_name_or_a_length_is_refused() {
    check("\"venue\"", "\"The Venue\"", "venue.toml:1: name: \"The Venue\" is no name");
    check("\"A test.\"", "\"\"", "venue.toml:2: about: say in one line");
    check("stalls = 3", "stalls = 0", "venue.toml:5: stalls: is 0; write 1 to 200");
    check("stalls = 3", "stalls = 201", "venue.toml:5: stalls: is 201; write 1 to 200");
    check("minutes = 1\nseconds = 30", "minutes = 0", "venue.toml:3: minutes: the market has no");
    check("minutes = 1", "minutes = 10081", "minutes: is 10081; write 0 to 10080");
    check("minutes = 1", "minutes = 10080", "minutes: with the seconds the market is too long");
    check("minutes = 1", "settle-seconds = 0", "settle-seconds: is 0; write 1 to 86400");
    check("stalls = 3", "stalls = 3\nabsent = 4", "venue.toml:6: absent: 4 is no stall");
    check("stalls = 3", "stalls = 3\nabsent = '1..3'", "absent: no stall is left");
}

#[test]
fn an_impossible_network_is_refused() {
    let group = "carriers = [\"wifi\", \"lte\"]\nlans = [\"hall\"]";
    check(
        "[\"wifi\", ",
        "[\"wi-fi\", ",
        "19: group.0.carriers: there is no carrier \"wi-fi\"; there",
    );
    check("[\"hall\"]", "[\"barn\"]", "20: group.0.lans: there is no lan \"barn\"; there are hall");
    check("\"lte\"]", "\"wifi\"]", "19: group.0.carriers: \"wifi\" stands there twice");
    check(group, "stalls = '1..2'", "group.0: is on no network; write carriers, lans");
    let some = |stalls: &str| format!("stalls = {stalls}\n{group}");
    check(group, &some("'1..2'"), "venue.toml:18: group: stall 3 is in no group");
    check(
        group,
        &some("'1..4'"),
        "venue.toml:19: group.0.stalls: 4 is no stall; stalls are 1 to 3",
    );
    let two = format!("{}\n[[group]]\n{}", some("'1..2'"), some("'2..3'"));
    check(group, &two, "venue.toml:23: group.1.stalls: stall 2 is in another group too");
    let two = format!("{group}\n[[group]]\n{group}");
    check(group, &two, "group.1.stalls: two groups name no stalls");
    check(group, &format!("{group}\n[lans.lte]"), "lans.lte: a carrier is called so too");
    check("rate-kbit = 1000", "rate-kbit = 0", "9: carriers.lte.up.rate-kbit: is 0; write 1 to");
    check("rate-kbit = 1000", "rate-kbit = 1, trace = 'x'", "rate-kbit and trace exclude each");
    check("expires-s = 30", "expires-s = 0", "carriers.lte.nat.expires-s: is 0; write 1 to 86400");
    check("delay-ms = 1 ", "mtu = 60 ", "lans.hall.link.mtu: is 60; write 68 to");
    check("[lans.hall]", "[control]\ncarriers = ['lte']\n[lans.hall]", "\"lte\" hides the control");
}

#[test]
fn a_stall_without_a_way_to_the_control_is_refused() {
    check(
        "carriers = [\"wifi\", \"lte\"]\n",
        "",
        "venue.toml:18: group.0: stall 1 has no way to the control; give it a carrier, or a lan",
    );
    let others_alone = "stalls = 1\ncarriers = [\"lte\"]\nlans = [\"hall\"]\n[[group]]\n";
    let text = VENUE.replace("carriers = [\"wifi\", \"lte\"]\n", others_alone);
    read("venue.toml", &text, &[]).expect("the others go by stall 1");
    let error = read("venue.toml", &text, &["peers=none".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("venue.toml:22: group.1: stall 2 has no way"), "{error}");
    let error = read("venue.toml", &text, &["absent=1".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("group.1: stall 2 has no way"), "{error}");
    let control = "control.lans=['hall']".to_owned();
    read("venue.toml", &text, &["peers=none".to_owned(), control]).expect("the control is there");
}

#[test]
fn impossible_customers_are_refused() {
    let workload = |field: &str, expected: &str| {
        check_more(&format!("[workload]\n{field}\n"), expected);
    };
    workload("lines = 0", "venue.toml:22: workload.lines: is 0; write 1 to 20");
    workload("skus = 1001", "workload.skus: is 1001; write 1 to 1000");
    workload("zipf = 4.5", "workload.zipf: is 4.5; write 0 to 4");
    workload("refunds-permille = 1001", "workload.refunds-permille: is 1001; write 0 to 1000");
    workload("opening-stock = 1000001", "workload.opening-stock: is 1000001; write 0 to");
    workload("mean-seconds = 0.0001", "22: workload.mean-seconds: 0.0001 is not a number from");
    check(
        "minutes = 1",
        "minutes = 9000\nworkload = { mean-seconds = 1 }",
        "venue.toml:4: workload.mean-seconds: some 1620090 customers would come, and 500000 are",
    );
}

#[test]
fn impossible_promises_and_surges_are_refused() {
    let promise = |fields: &str, expected: &str| {
        let more = "[[workload.promises]]\nsku = 'a'\nstock = 1\nwanted-permille = 1\n";
        let fields: Vec<&str> = fields.split('=').collect();
        let kept = more.lines().filter(|line| !line.starts_with(fields[0]));
        let kept: Vec<&str> = kept.collect();
        check_more(&format!("{}\n{}", kept.join("\n"), fields.join("=")), expected);
    };
    promise("sku = 'The A'", "workload.promises.0.sku: \"The A\" is no name");
    promise("sku = 'item-7'", "promises.0.sku: \"item-7\" is one of the plain items");
    promise("stock = 0", "venue.toml:24: workload.promises.0.stock: is 0; write 1 to 1000000");
    promise("wanted-permille = 1001", "promises.0.wanted-permille: is 1001; write 0 to 1000");
    promise("shares = [1, 1, 1, 1]", "promises.0.shares: has 4 shares for 3 stalls");
    promise("shares = [0, 0]", "promises.0.shares: nobody gets any");
    let surge = |fields: &str, expected: &str| {
        let surges = "[[workload.surges]]\nfactor = 2\nfrom-seconds = 10\nto-seconds = 20\n";
        check_more(&format!("{surges}[[workload.surges]]\n{fields}"), expected);
    };
    let factor = "factor = 2\n";
    surge(
        &format!("{factor}from-seconds = 40\nto-seconds = 40"),
        "28: workload.surges.1.to-seconds",
    );
    surge(&format!("{factor}from-seconds = 90\nto-seconds = 95"), "the market is over by then");
    surge(
        &format!("{factor}from-seconds = 19\nto-seconds = 30"),
        "27: workload.surges.1.from-seco",
    );
    surge("factor = 1001\nfrom-seconds = 30\nto-seconds = 31", "factor: is 1001; write 0 to 1000");
}

#[test]
fn a_fault_at_an_impossible_time_is_refused() {
    let wipe = "what = 'wipe'\nhost = 1\n";
    check_fault(
        &format!("{wipe}at-seconds = 90"),
        "venue.toml:25: faults.0.at-seconds: the market is",
    );
    check_fault(&format!("{wipe}at-seconds = 9\nfor-seconds = 0"), "faults.0.for-seconds: is 0");
    let rot = "what = 'bit-rot'\nhost = 1\nat-seconds = 1\n";
    check_fault(
        &format!("{rot}for-seconds = 1"),
        "26: faults.0.for-seconds: a bit-rot happens at once",
    );
    let backup = "what = 'restart-from-backup'\nhost = 1\nat-seconds = 9\n";
    check_fault(&format!("{backup}taken-seconds = 9"), "taken-seconds: the copy must be older");
}

#[test]
fn a_fault_of_what_is_not_there_is_refused() {
    let fault = |what: &str, fields: &str, expected: &str| {
        check_fault(&format!("at-seconds = 1\nwhat = '{what}'\n{fields}"), expected);
    };
    fault("cut", "a = 1\nb = 4", "venue.toml:26: faults.0.b: cut: there is no host 4");
    fault("cut", "a = 2\nb = 2", "26: faults.0.b: cut: host 2 is named twice");
    fault(
        "carrier-down",
        "host = 1\ncarrier = 'x'",
        "venue.toml:26: faults.0.carrier: carrier-down of",
    );
    fault(
        "lan-down",
        "lan = 'x'\ndown = true",
        "venue.toml:25: faults.0.lan: lan-down: there is no",
    );
    fault("respec", "carrier = 'lte'", "faults.0: changes nothing; write up, down or both");
    fault("respec", "carrier = 'x'\nup = {}", "faults.0.carrier: there is no carrier \"x\"");
    fault("respec", "carrier = 'lte'\nup = { mtu = 1 }", "26: faults.0.up.mtu: is 1; write 68");
    fault(
        "crash",
        "host = '2..4'",
        "venue.toml:25: faults.0.host: there is no host 4; hosts are 0 to 3",
    );
    fault("clone", "host = 0", "faults.0.host: this happens to stalls alone; write some of 1 to 3");
    fault(
        "carrier-outage",
        "carrier = 'x'",
        "faults.0.carrier: there is no carrier \"x\"; there are",
    );
    fault("blackout", "carriers = ['x']", "faults.0.carriers: there is no carrier \"x\"");
    fault("partition", "sides = ['1..2']", "faults.0.sides: write two sides or more");
    fault("partition", "sides = [1, '1..2']", "faults.0.sides: host 1 is on two sides");
    let times = "\ndown-seconds = 1\nup-seconds = 0";
    fault(
        "flapping",
        &format!("host = 1\ncarrier = 'x'{times}"),
        "carrier: host 1 is not on a carrier",
    );
    fault(
        "flapping",
        &format!("host = 1\ncarrier = 'lte'{times}"),
        "28: faults.0.up-seconds: is 0",
    );
}

#[test]
fn a_number_of_a_fault_out_of_its_bounds_is_refused() {
    let fault = |what: &str, field: &str, expected: &str| {
        let text = format!("at-seconds = 1\nwhat = '{what}'\nhost = 1\n{field}");
        check_fault(&text, &format!("venue.toml:26: faults.0.{expected}"));
    };
    fault("crash", "nth = 0", "nth: is 0; write 1 to 100000");
    fault("disk-slow", "ms = 600001", "ms: is 600001; write 1 to 600000");
    fault("bit-rot", "bits = 0", "bits: is 0; write 1 to 1000");
    fault("hostile-peer", "per-second = 0", "per-second: is 0; write 1 to 1000");
    fault(
        "clock-step",
        "by-seconds = 0",
        "by-seconds: is 0; write -315360000 to 315360000, and not",
    );
    fault("clock-drift", "ppm = -100001", "ppm: is -100001; write -100000 to 100000, and not 0");
}

#[test]
fn names_of_faults_are_there_once() {
    let wipe = "at-seconds = 1\nwhat = 'wipe'\nhost = 1\n";
    check_fault(&format!("{wipe}id = 'sale-1-1'"), "faults.0.id: is no name of a fault");
    check_fault(
        &format!("{wipe}id = 'a'\n[[faults]]\n{wipe}id = 'a'"),
        "31: faults.1.id: \"a\" is an",
    );
    check_fault(
        &format!("{wipe}id = 'fault-1'\n[[faults]]\n{wipe}"),
        "faults.1.id: \"fault-1\" is",
    );
    check(
        "stalls = 3",
        "stalls = 3\nwithout = ['storm']",
        "6: without: no fault is called \"storm\"",
    );
    let swarm = "[swarm]\nmost = 2\nkinds.cut = { weight = 1, most = 1 }\n";
    check_more(&format!("{swarm}[[faults]]\n{wipe}id = 'swarm-0'"), "for drawn faults; rename it");
    let without = |name: &str| vec![format!("without=['{name}']")];
    read("venue.toml", &format!("{VENUE}{swarm}"), &without("swarm-1")).expect("it may be drawn");
    read("venue.toml", &format!("{VENUE}{swarm}"), &without("swarm-2")).expect_err("it never is");
}

#[test]
fn an_impossible_swarm_is_refused() {
    let swarm = |fields: &str, expected: &str| check_more(&format!("[swarm]\n{fields}"), expected);
    let cut = "kinds.cut = { weight = 1, most = 1 }";
    swarm(&format!("most = 0\n{cut}"), "venue.toml:22: swarm.most: is 0; write 1 to 200");
    swarm(&format!("most = 1\nlongest-seconds = 1\n{cut}"), "swarm.longest-seconds: is less than");
    swarm("most = 1\nkinds = {}", "swarm.kinds: nothing can be drawn");
    swarm("most = 1\nkinds.cut = { weight = 0, most = 1 }", "swarm.kinds: nothing can be drawn");
    swarm(
        "most = 1\nkinds.heal = { weight = 1, most = 1 }",
        "23: swarm.kinds.heal: cannot be drawn",
    );
    swarm(
        "most = 1\nkinds.cut = { weight = 1001, most = 1 }",
        "23: swarm.kinds.cut.weight: is 1001",
    );
    let clones = "most = 200\nkinds.clone = { weight = 1, most = 33 }";
    swarm(clones, "faults: clones and hostile peers come to 33 machines");
}

#[test]
fn faults_that_come_to_too_much_are_refused() {
    let flapping = "at-seconds = 1\nwhat = 'flapping'\nhost = '1..3'\ncarrier = 'lte'\n\
                    down-seconds = 0.001\nup-seconds = 0.001\n";
    check_fault(flapping, "venue.toml:22: faults.0: with it, faults come to over 200000 changes");
    let clones = "at-seconds = 1\nwhat = 'clone'\nhost = '1..3'\n[[faults]]\n".repeat(11);
    let last = "at-seconds = 1\nwhat = 'wipe'\nhost = 1";
    check_fault(&format!("{clones}{last}"), "faults: clones and hostile peers come to 33 machines");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_up_to_a_bound() {
    let text = VENUE.replace("\"lte\"]", "\"x\"]").replace("[\"hall\"]", "[\"y\"]");
    let error = read("venue.toml", &text, &[]).unwrap_err().to_string();
    assert!(
        error.contains("there is no carrier \"x\"; ") && error.contains("no lan \"y\""),
        "{error}"
    );
    let many = "[[faults]]\nat-seconds = 1\nwhat = 'wipe'\nhost = 9\n".repeat(50);
    let error = read("venue.toml", &format!("{VENUE}{many}"), &[]).unwrap_err().to_string();
    assert_eq!(error.lines().count(), limits::PROBLEMS_MAX, "{error}");
}

#[test]
fn json_is_read_and_its_mistakes_have_lines_too() {
    let value: toml::Table = toml::from_str(VENUE).unwrap();
    let json = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(read("venue.json", &json, &[]).unwrap(), venue(""));
    let check = |from: &str, to: &str, expected: &str| {
        let error = read("venue.json", &json.replace(from, to), &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let line = 1 + json.lines().position(|line| line.contains("\"stalls\": 3")).unwrap();
    check("\"stalls\": 3", "\"stalls\": 300", &format!("venue.json:{line}: stalls: is 300; write"));
    check("\"stalls\": 3", "\"stalls\": null", &format!("venue.json:{line}: is no JSON that fits"));
    check("\"stalls\": 3", "\"stalls\" 3", &format!("venue.json:{line}: is no JSON"));
}

#[test]
fn a_setting_that_is_to_blame_is_named() {
    let check = |setting: &str, expected: &str| {
        let error = read("venue.toml", VENUE, &[setting.to_owned()]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("stalls=0", "--set stalls=0: stalls: is 0; write 1 to 200");
    check("workload.mean=5", "--set workload.mean=5: workload.mean: no such field");
    check(
        "workload.mean-seconds=fast",
        "--set workload.mean-seconds=fast: workload.mean-seconds: is",
    );
    check("stalls.x=5", "--set stalls.x: stalls is a number");
    let settings = ["stalls=9".to_owned(), "workload.mean-seconds=0.5".to_owned()];
    let set = read("venue.toml", VENUE, &settings).unwrap();
    assert_eq!((set.stalls, set.workload.mean_seconds.get()), (9, 500));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = "#".repeat(usize::try_from(limits::FILE_BYTES_MAX).unwrap() + 1);
    let error = read("venue.toml", &text, &[]).unwrap_err().to_string();
    assert_eq!(error, "venue.toml has more than 1048576 bytes; is it a scenario?");
}

#[test]
fn a_carrier_gets_its_traces_from_the_command_line() {
    let mut scenario = venue("");
    trace_carrier(&mut scenario, "lte=a.up,a.down").unwrap();
    assert_eq!(scenario.traces().into_iter().collect::<Vec<_>>(), ["a.down", "a.up"]);
    assert_eq!(check::check(&scenario), []);
    let mut check = |setting: &str, expected: &str| {
        let error = trace_carrier(&mut scenario, setting).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("lte", "gives no carrier its traces; write NAME=UP,DOWN");
    check("lte=a", "write NAME=UP,DOWN");
    check("lte=,a", "write NAME=UP,DOWN");
    check("x=a,b", "no carrier is called so; there are lte, wifi");
}
