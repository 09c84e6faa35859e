//! What is recorded comes out again, within bounds.

use super::*;

fn begin(name: &str) -> Begin {
    let carriers = vec!["lte".to_owned(), "lan".to_owned()];
    Begin { name: name.to_owned(), kind: HostKind::Stall, carriers }
}

fn recorder() -> Recorder {
    Recorder::new("market", 7, &[begin("control"), begin("stall 1"), begin("stall 2")])
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Records, finishes after 100 s, and compares spans by beginning, end, kind and hosts.
#[track_caller]
fn check(record: impl Fn(&mut Recorder), expected: &[(u64, u64, SpanKind, &[u32])]) -> Run {
    let mut recorder = recorder();
    record(&mut recorder);
    let run = recorder.finish(s(100), "");
    let of =
        |span: &Span| (span.from_ms / 1_000, span.to_ms / 1_000, span.kind, span.hosts.clone());
    let spans: Vec<_> = run.spans.iter().map(of).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(from, to, kind, hosts)| (*from, *to, *kind, hosts.to_vec()))
        .collect();
    assert_eq!(spans, expected);
    run
}

#[test]
fn a_crashed_host_is_down_until_it_starts() {
    let record = |recorder: &mut Recorder| {
        recorder.event(s(0), 1, EventKind::Start, "");
        recorder.event(s(10), 1, EventKind::Crash, "power cut");
        recorder.event(s(11), 1, EventKind::Refused, "a sale");
        recorder.event(s(30), 1, EventKind::Start, "");
    };
    let run = check(record, &[(10, 30, SpanKind::HostDown, &[1])]);
    assert_eq!(run.spans[0].text, "power cut");
    assert_eq!(run.events.len(), 4);
}

#[test]
fn a_host_that_crashes_while_it_stands_still_is_down_from_then_on() {
    let record = |recorder: &mut Recorder| {
        recorder.event(s(10), 2, EventKind::Pause, "lid closed");
        recorder.event(s(20), 2, EventKind::Crash, "battery");
    };
    let expected: [(u64, u64, SpanKind, &[u32]); 2] =
        [(10, 20, SpanKind::HostPaused, &[2]), (20, 100, SpanKind::HostDown, &[2])];
    check(record, &expected);
}

#[test]
fn a_span_ends_once_and_one_that_never_ends_lasts_to_the_end() {
    let record = |recorder: &mut Recorder| {
        let cut = recorder.span_begins(s(5), SpanKind::Partition, &[1, 2], None, "cut");
        recorder.span_ends(s(9), cut);
        recorder.span_ends(s(50), cut);
        recorder.span_begins(s(60), SpanKind::LanDown, &[], Some("lan"), "lan down");
        recorder.changed(s(70), &[1], Some("lte"), "rebound");
    };
    let expected: [(u64, u64, SpanKind, &[u32]); 3] = [
        (5, 9, SpanKind::Partition, &[1, 2]),
        (60, 100, SpanKind::LanDown, &[]),
        (70, 70, SpanKind::Changed, &[1]),
    ];
    check(record, &expected);
}

#[test]
fn a_long_run_keeps_every_byte_in_few_bins() {
    let mut recorder = recorder();
    let end = 72 * 3_600;
    for second in 0..end {
        recorder.passed(s(second), 1, 0, Way::Up, 3);
        // The peak is early in each bin of 256 s, and the stock falls.
        recorder.behind(s(second), 1, u64::from(second % 256 == 7) * 99, 0);
        recorder.sums(s(second), Sums { stock: Some(-(second as i64)), ..Sums::default() });
    }
    let run = recorder.finish(s(72 * 3_600), "");
    let host = &run.hosts[1];
    let sum: i64 = host.carriers[0].up.0.iter().flatten().sum();
    assert_eq!(sum, 3 * 72 * 3_600);
    assert_eq!(run.bin_ms, 256_000);
    assert!(host.carriers[0].up.0.len() <= BINS_MAX);
    assert!(host.backlog.0.iter().take(1_012).all(|most| *most == Some(99)), "{:?}", host.backlog);
    assert_eq!(run.totals.stock.0[1], Some(-511), "the last of the second bin");
    assert_eq!(run.totals.stock.0.last(), Some(&Some(1 - end as i64)));
    assert_eq!(run.totals.money, Bins::default());
}

#[test]
fn the_first_violation_is_kept_whole_and_all_are_counted() {
    let mut recorder = recorder();
    let long = "e".repeat(TEXT_BYTES_MAX * 2);
    recorder.violated(s(1), Some(2), "chains", &long);
    recorder.violated(s(2), None, "money", "lost");
    let run = recorder.finish(s(3), "");
    assert_eq!(run.violations, 2);
    let first = run.violation.expect("two violations were recorded");
    assert_eq!((first.at_ms, first.host, first.checker.as_str()), (1_000, Some(2), "chains"));
    assert_eq!(first.text, long);
    assert_eq!(run.events.len(), 1, "one was at a host");
}

#[test]
fn a_flood_of_one_kind_thins_out_its_past_and_leaves_the_others() {
    let mut recorder = recorder();
    recorder.event(s(0), 1, EventKind::Crash, "");
    let flood = 2 * EVENTS_PER_KIND_MAX as u64;
    (0..flood).for_each(|at| recorder.event(s(at), 1, EventKind::Refused, ""));
    recorder.event(s(flood), 77, EventKind::Crash, "");
    let run = recorder.finish(s(flood), "");
    let refused: Vec<u64> = run
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Refused)
        .map(|event| event.at_ms / 1_000)
        .collect();
    assert_eq!(run.events.len(), refused.len() + 1, "the crash is kept");
    assert_eq!(run.omitted.events, flood - refused.len() as u64 + 1);
    assert!(refused.len() <= EVENTS_PER_KIND_MAX, "{} are kept", refused.len());
    assert!(refused.is_sorted());
    let last: Vec<u64> = (flood - 1_000..flood).collect();
    assert!(refused.ends_with(&last), "the last ones are whole");
    assert!(refused[0] < 8, "the first kept is of second {}", refused[0]);
}

#[test]
fn a_flood_of_spans_thins_out_those_that_ended_and_keeps_those_that_go_on() {
    let mut recorder = recorder();
    recorder.changed(s(0), &[1], None, "goes first");
    let cuts = [0, 1, 2]
        .map(|host| recorder.span_begins(s(1), SpanKind::Partition, &[host], None, "goes on"));
    let flood = SPANS_MAX as u64 + 500;
    (2..flood).for_each(|at| recorder.changed(s(at), &[1], None, ""));
    for cut in cuts {
        recorder.span_ends(s(flood), cut);
    }
    let run = recorder.finish(s(flood), "");
    for cut in &run.spans[..3] {
        assert_eq!((cut.from_ms, cut.to_ms), (1_000, flood * 1_000), "{cut:?}");
    }
    assert!(run.spans.len() <= SPANS_MAX);
    assert_eq!(run.omitted.spans + run.spans.len() as u64, flood - 2 + 4);
    assert_eq!(run.spans.last().map(|span| span.from_ms), Some((flood - 1) * 1_000));
}

#[test]
fn what_has_no_lane_is_counted_and_harms_nothing() {
    let many = Begin { carriers: vec![String::new(); CARRIERS_MAX + 2], ..begin("many") };
    let mut recorder = Recorder::new("m", 0, &vec![many; HOSTS_MAX + 3]);
    recorder.passed(s(1), HOSTS_MAX, 0, Way::Up, 1);
    recorder.passed(s(1), 0, CARRIERS_MAX, Way::Up, 1);
    recorder.behind(s(1), HOSTS_MAX, 1, 1);
    recorder.violated(s(1), Some(HOSTS_MAX), "chains", "");
    recorder.changed(s(1), &[HOSTS_MAX], None, "would look like the whole network's");
    assert_eq!(recorder.run.omitted.spans, 1);
    for _ in 0..=SPANS_MAX {
        let all_open = recorder.span_begins(s(1), SpanKind::Partition, &[0, 1], None, "");
        assert!(recorder.open.len() <= SPANS_MAX, "{all_open:?}");
    }
    (0..=MARKS_MAX).for_each(|mark| recorder.mark(&mark.to_string(), 1));
    let run = recorder.finish(s(3), "");
    let carriers = 2 * HOSTS_MAX as u64;
    let omitted = Omitted { hosts: 3, carriers, events: 1, spans: 2, marks: 1 };
    assert_eq!(run.omitted, omitted);
    assert_eq!(run.violation.expect("a violation was recorded").host, None);
    assert_eq!((run.spans.len(), run.marks.len()), (SPANS_MAX, MARKS_MAX));
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let name = "\u{e9}".repeat(NAME_BYTES_MAX);
    let run = Recorder::new(&name, 0, &[begin(&name)]).finish(s(1), "");
    assert!(run.scenario.len() <= NAME_BYTES_MAX, "{} bytes", run.scenario.len());
    assert!(run.scenario.ends_with("\u{e9}..."), "{}", run.scenario);
    assert_eq!(run.hosts[0].name, run.scenario);
}

#[test]
fn a_run_is_the_same_after_it_was_written_and_read() {
    let run = super::super::made_up::run(3, s(600), 5);
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
}
