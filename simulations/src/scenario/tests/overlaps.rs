//! Ends of faults, also of those that overlap.

use super::*;

/// Faults of the venue, as `at for what fields`, and what comes of them.
#[track_caller]
fn check(faults: &[(u64, u64, &str)], expected: &[&str]) {
    let text = faults.iter().map(|(at, lasts, fields)| {
        let lasts = if *lasts > 0 { format!("for-seconds = {lasts}\n") } else { String::new() };
        format!("[[faults]]\nat-seconds = {at}\n{lasts}{}\n", fields.replace("; ", "\n"))
    });
    let plan = plan(&venue(&text.collect::<String>()), 1);
    assert_eq!(story(&plan), expected);
}

const CUT: &str = "what = 'cut'; a = 1; b = 2";
const BACK: &str = "what = 'cut'; a = 2; b = 1";
const LATE: &str = "what = 'respec'; carrier = 'wifi'; up = { delay-ms = 900 }";
const LOSSY: &str = "what = 'respec'; carrier = 'wifi'; down = { lost-permille = 9 }";

#[test]
fn what_begins_ends() {
    check(&[(10, 20, CUT)], &["10 Cut { a: 1, b: 2 }", "30 Heal { a: 1, b: 2 }"]);
    check(&[(10, 0, CUT)], &["10 Cut { a: 1, b: 2 }"]);
    check(&[(80, 20, CUT)], &["80 Cut { a: 1, b: 2 }"]);
}

#[test]
fn a_cut_within_a_cut_heals_once_with_the_longer_one() {
    check(
        &[(10, 30, CUT), (20, 5, BACK)],
        &["10 Cut { a: 1, b: 2 }", "20 Cut { a: 2, b: 1 }", "40 Heal { a: 1, b: 2 }"],
    );
    check(&[(10, 30, CUT), (20, 0, BACK)], &["10 Cut { a: 1, b: 2 }", "20 Cut { a: 2, b: 1 }"]);
    check(
        &[(10, 10, CUT), (20, 10, CUT)],
        &["10 Cut { a: 1, b: 2 }", "20 Cut { a: 1, b: 2 }", "30 Heal { a: 1, b: 2 }"],
    );
}

#[test]
fn cuts_that_end_together_heal() {
    check(
        &[(10, 20, CUT), (15, 15, CUT)],
        &[
            "10 Cut { a: 1, b: 2 }",
            "15 Cut { a: 1, b: 2 }",
            "30 Heal { a: 1, b: 2 }",
            "30 Heal { a: 1, b: 2 }",
        ],
    );
}

#[test]
fn what_happens_at_one_instant_happens_in_the_order_of_names() {
    let named = |name: &str, fields: &str| format!("id = '{name}'; {fields}");
    let (late, early) = (named("b", "what = 'wipe'; host = 1"), named("a", CUT));
    check(
        &[(10, 0, &late), (10, 0, &early)],
        &["10 Cut { a: 1, b: 2 }", "10 1: Wipe", "10 1: Start"],
    );
}

#[test]
fn a_machine_that_two_faults_keep_down_starts_once() {
    let off = |point: &str| format!("what = 'crash'; host = 1; nth = 1; point = '{point}'");
    let plug = "what = 'power-cut'; host = 1; torn = false";
    check(
        &[(10, 30, &off("now")), (20, 5, plug)],
        &[
            "10 1: Crash { point: Now, nth: 1 }",
            "20 1: PowerCut { torn_permille: None }",
            "40 1: Start",
        ],
    );
}

#[test]
fn when_a_carrier_gets_better_a_fault_that_goes_on_counts_again() {
    let plan = plan(
        &venue(
            "[[faults]]\nat-seconds = 10\nfor-seconds = 40\nwhat = 'respec'\ncarrier = 'lte'\n\
             up = { delay-ms = 900 }\n[[faults]]\nat-seconds = 20\nfor-seconds = 10\n\
             what = 'respec'\ncarrier = 'lte'\nup = { delay-ms = 100 }\n",
        ),
        1,
    );
    let delay = |item: &Item| match &item.what {
        Happening::Network(Change::Respec { up: Some(up), .. }) => {
            Some((item.at.as_secs(), up.delay_ms))
        }
        _ => None,
    };
    let delays: Vec<(u64, u32)> = plan.items.iter().filter_map(delay).collect();
    assert_eq!(delays, [(10, 900), (20, 100), (30, 40), (30, 900), (50, 40)]);
}

#[test]
fn both_directions_that_two_faults_change_are_as_the_one_that_goes_on_says() {
    let text = |fault: &str| fault.replace("; ", "\n");
    let faults = format!(
        "[[faults]]\nat-seconds = 10\nfor-seconds = 40\n{}\n[[faults]]\nat-seconds = 20\n\
         for-seconds = 10\n{}\n",
        text(LATE),
        text(LOSSY)
    );
    let plan = plan(&venue(&faults), 1);
    // What the shorter one changed is as it was, and the longer one still holds.
    let mut lossy = 0;
    let mut late = 0;
    for item in plan.items.iter().filter(|item| item.at <= seconds(30)) {
        let Happening::Network(Change::Respec { up, down, .. }) = &item.what else { continue };
        up.iter().for_each(|up| late = up.delay_ms);
        down.iter().for_each(|down| lossy = down.lost_permille);
    }
    assert_eq!((late, lossy), (900, 0));
}

#[test]
fn a_disk_that_is_well_again_is_opened_anew() {
    check(
        &[(10, 5, "what = 'disk-eio'; host = 0")],
        &["10 0: DiskEio", "15 0: DiskWell", "15 0: Stop", "20 0: Start"],
    );
}

#[test]
fn a_process_has_time_to_end_before_it_is_started_again() {
    let restart = "what = 'restart'; host = 1";
    check(&[(10, 0, restart)], &["10 1: Stop", "15 1: Start"]);
    check(&[(10, 30, restart)], &["10 1: Stop", "40 1: Start"]);
    let plug = "what = 'power-cut'; host = 1; torn = false";
    let cut = "12 1: PowerCut { torn_permille: None }";
    check(&[(10, 0, restart), (12, 8, plug)], &["10 1: Stop", cut, "20 1: Start"]);
}

#[test]
fn a_backup_is_made_before_it_is_put_back() {
    let backup = "what = 'restart-from-backup'; host = 2; taken-seconds = 5";
    let image = chance::number_of("fault-0");
    let (taken, put) = (format!("5 2: TakeImage({image})"), format!("10 2: PutImage({image})"));
    let (taken, put) = (taken.as_str(), put.as_str());
    check(&[(10, 3, backup)], &[taken, put, "13 2: Start"]);
    check(&[(10, 0, backup)], &[taken, put, "10 2: Start"]);
}

#[test]
fn clocks_are_put_right() {
    check(
        &[(10, 3, "what = 'clock-step'; host = 2; by-seconds = -60")],
        &["10 2: ClockStep(-60)", "13 2: ClockStep(60)"],
    );
    check(
        &[
            (10, 30, "what = 'clock-drift'; host = 2; ppm = 50"),
            (20, 5, "what = 'clock-drift'; host = 2; ppm = -50"),
        ],
        &[
            "10 2: ClockDrift(50)",
            "20 2: ClockDrift(-50)",
            "25 2: ClockDrift(0)",
            "25 2: ClockDrift(50)",
            "40 2: ClockDrift(0)",
        ],
    );
    check(&[(9, 1, "what = 'clock-1970'; host = 2")], &["9 2: Clock1970", "10 2: ClockRight"]);
}

#[test]
fn a_handover_goes_back_to_the_first_carrier() {
    check(
        &[(10, 5, "what = 'prefer'; host = 2; carrier = 'lte'")],
        &["10 Prefer { host: 2, carrier: \"lte\" }", "15 Prefer { host: 2, carrier: \"wifi\" }"],
    );
}

#[test]
fn a_carrier_that_comes_and_goes_is_up_at_the_end() {
    let down = "CarrierDown { host: 1, carrier: \"lte\" }";
    let up = "CarrierUp { host: 1, carrier: \"lte\" }";
    check(
        &[(
            10,
            25,
            "what = 'flapping'; host = 1; carrier = 'lte'; down-seconds = 8; up-seconds = 2",
        )],
        &[
            &format!("10 {down}"),
            &format!("18 {up}"),
            &format!("20 {down}"),
            &format!("28 {up}"),
            &format!("30 {down}"),
            &format!("35 {up}"),
        ],
    );
}

#[test]
fn an_outage_hits_everybody_who_is_on_the_carrier() {
    let plan = plan(&venue("[[faults]]\nat-seconds = 1\nwhat = 'blackout'\n"), 1);
    let story = story(&plan);
    for host in 1..=3 {
        for carrier in ["lte", "wifi"] {
            let words = format!("1 CarrierDown {{ host: {host}, carrier: {carrier:?} }}");
            assert!(story.contains(&words), "{story:?}");
        }
    }
    assert_eq!(story.len(), 6, "{story:?}");
}

#[test]
fn a_partition_cuts_each_pair_across_it_and_none_within() {
    let sides = "what = 'partition'; sides = ['0,1', '2..3']";
    check(
        &[(1, 0, sides)],
        &[
            "1 Cut { a: 0, b: 2 }",
            "1 Cut { a: 0, b: 3 }",
            "1 Cut { a: 1, b: 2 }",
            "1 Cut { a: 1, b: 3 }",
        ],
    );
}
