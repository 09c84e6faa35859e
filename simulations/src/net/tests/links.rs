//! Each thing that can be wrong with a link, by itself.

use std::collections::BTreeSet;

use super::*;

/// A payload whose packet has that many bytes.
fn packet(bytes: usize) -> Vec<u8> {
    vec![7; bytes - limits::HEADER_BYTES]
}

/// When datagrams of so many bytes, sent at so many ms, arrive, in microseconds.
#[track_caller]
fn check(up: LinkSpec, traces: &[(&str, &str)], sent: &[(u64, usize)], expected: &[Option<u128>]) {
    let mut bed = Bed::with(&uplink(up), traces, 1);
    let mut arrived = Vec::new();
    for (at, bytes) in sent {
        bed.now = ms(*at);
        let deliveries = bed.send(1, 0, &packet(*bytes));
        arrived.push(deliveries.first().map(|delivery| delivery.at.as_micros()));
    }
    assert_eq!(arrived, expected);
    check_sums(&bed.network, arrived.iter().flatten().count());
}

fn lossless() -> LinkSpec {
    LinkSpec::default()
}

#[test]
fn a_link_without_limits_takes_its_delay() {
    let up = LinkSpec { delay_ms: 20, ..lossless() };
    check(up, &[], &[(0, 1500), (0, 1500), (3, 28)], &[Some(20_000), Some(20_000), Some(23_000)]);
}

#[test]
fn a_rate_lets_one_after_another_pass() {
    // 1,500 bytes at 1,200 kbit/s are 10 ms.
    let up = LinkSpec { rate_kbit: Some(1200), delay_ms: 5, ..lossless() };
    let sent = [(0, 1500), (0, 750), (2, 750), (100, 1500)];
    check(up, &[], &sent, &[Some(15_000), Some(20_000), Some(25_000), Some(115_000)]);
}

#[test]
fn a_full_queue_drops_what_comes_last() {
    let up = LinkSpec { rate_kbit: Some(1200), queue_bytes: 3000, ..lossless() };
    let sent = [(0, 1500), (0, 1500), (0, 1500), (10, 1500), (30, 1500)];
    let expected = [Some(10_000), Some(20_000), None, Some(30_000), Some(40_000)];
    check(up.clone(), &[], &sent, &expected);
    // Bufferbloat loses nothing and makes everybody wait.
    let up = LinkSpec { queue_bytes: 1_000_000, ..up };
    check(up, &[], &[(0, 1500); 3], &[Some(10_000), Some(20_000), Some(30_000)]);
}

#[test]
fn a_link_without_a_queue_still_lets_one_pass_when_it_is_idle() {
    let up = LinkSpec { rate_kbit: Some(1200), queue_bytes: 0, ..lossless() };
    check(up, &[], &[(0, 1500), (5, 28), (10, 1500)], &[Some(10_000), None, Some(20_000)]);
}

#[test]
fn a_trace_lets_1500_bytes_pass_at_each_line_and_begins_again() {
    let up = LinkSpec { trace: Some(name("t")), ..lossless() };
    let trace = [("t", "2\n2\n10\n")];
    let one = [(0, 1500), (0, 1500), (0, 1500), (0, 1500)];
    check(up.clone(), &trace, &one, &[Some(2000), Some(2000), Some(10_000), Some(12_000)]);
    // Two small ones share a line; what is left of it is too little for a third, which ends in
    // the next. A line that nobody used is lost.
    let small = [(0, 700), (0, 700), (0, 1500), (5, 100), (11, 100)];
    let expected = [Some(2000), Some(2000), Some(2000), Some(10_000), Some(12_000)];
    check(up, &trace, &small, &expected);
}

#[test]
fn what_is_larger_than_the_mtu_vanishes() {
    let up = LinkSpec { mtu: 1280, ..lossless() };
    check(up, &[], &[(0, 1280), (0, 1281)], &[Some(0), None]);
}

#[test]
fn a_metered_plan_ends() {
    let up = LinkSpec { cap_bytes: Some(2000), ..lossless() };
    check(up, &[], &[(0, 1500), (0, 600), (0, 500), (9, 28)], &[Some(0), None, Some(0), None]);
}

/// What becomes of `count` datagrams, one a millisecond, on a link of that kind.
fn deliveries(up: LinkSpec, count: u64) -> Vec<Vec<Delivery>> {
    let mut bed = Bed::new(&uplink(up));
    let mut all = Vec::new();
    for at in 0..count {
        bed.now = ms(at);
        all.push(bed.send(1, 0, &[0; 64]));
    }
    check_sums(&bed.network, all.iter().flatten().count());
    all
}

#[track_caller]
fn check_share(what: &str, found: usize, least: usize, most: usize) {
    assert!((least..=most).contains(&found), "{what}: {found} of {least} to {most}");
}

#[test]
fn loss_is_as_frequent_as_it_says() {
    let all = deliveries(LinkSpec { lost_permille: 100, ..lossless() }, 10_000);
    check_share("lost", all.iter().filter(|one| one.is_empty()).count(), 900, 1100);
}

#[test]
fn bursts_are_as_frequent_and_as_long_as_gilbert_and_elliott_say() {
    let burst = Burst { enter_permille: 10, leave_permille: 100, lost_permille: 1000 };
    let all = deliveries(LinkSpec { burst: Some(burst), ..lossless() }, 50_000);
    let lost: Vec<bool> = all.iter().map(Vec::is_empty).collect();
    let (total, bursts) = (
        lost.iter().filter(|lost| **lost).count(),
        lost.windows(2).filter(|pair| !pair[0] && pair[1]).count(),
    );
    // A share of 10 / (10 + 100) is bad, and a burst lasts 1000 / 100 datagrams.
    check_share("lost", total, 4000, 5100);
    check_share("of a burst", total / bursts, 9, 11);
}

#[test]
fn what_is_repeated_arrives_twice() {
    let all = deliveries(LinkSpec { repeated_permille: 200, ..lossless() }, 5000);
    check_share("twice", all.iter().filter(|one| one.len() == 2).count(), 900, 1100);
    assert!(all.iter().all(|one| !one.is_empty()));
}

#[test]
fn what_is_held_back_is_overtaken() {
    let up = LinkSpec { reordered_permille: 100, reorder_ms: 5, ..lossless() };
    let all: Vec<u128> = deliveries(up, 5000).iter().map(|one| one[0].at.as_millis()).collect();
    let late = (0..).zip(&all).filter(|(sent, at)| **at == *sent + 5).count();
    check_share("held back", late, 430, 570);
    assert!((0..).zip(&all).all(|(sent, at)| *at == sent || *at == sent + 5));
}

#[test]
fn jitter_spreads_evenly_over_what_it_says() {
    let up = LinkSpec { delay_ms: 10, jitter_ms: 8, ..lossless() };
    let all = deliveries(up, 8000);
    let extra = (0..).zip(&all).map(|(sent, one)| one[0].at - ms(sent + 10));
    let mut eighths = [0; 8];
    for jitter in extra {
        assert!(jitter <= ms(8), "{jitter:?}");
        eighths[(jitter.as_micros() / 1000).min(7) as usize] += 1;
    }
    eighths.iter().for_each(|count| check_share("in an eighth", *count, 880, 1120));
}

#[test]
fn what_is_corrupted_has_one_bit_flipped_anywhere() {
    let all = deliveries(LinkSpec { corrupted_permille: 250, ..lossless() }, 8000);
    let mut bits = [0; 512];
    for one in &all {
        let flipped: Vec<usize> =
            (0..512).filter(|bit| one[0].bytes[bit / 8] & (1 << (bit % 8)) != 0).collect();
        assert!(flipped.len() <= 1, "{flipped:?}");
        flipped.iter().for_each(|bit| bits[*bit] += 1);
    }
    check_share("corrupted", bits.iter().sum(), 1850, 2150);
    check_share("bits", bits.iter().filter(|count| **count > 0).count(), 480, 512);
}

#[test]
fn nothing_can_be_corrupted_in_a_datagram_without_a_payload() {
    let mut bed = Bed::new(&uplink(LinkSpec { corrupted_permille: 1000, ..lossless() }));
    assert_eq!(bed.send(1, 0, b"")[0].bytes, b"");
}

#[test]
fn a_busy_link_carries_as_much_as_its_rate_and_no_more() {
    let up = LinkSpec { rate_kbit: Some(8000), queue_bytes: 20_000, ..lossless() };
    let mut bed = Bed::new(&uplink(up));
    let mut passed = 0;
    for at in 0..2000 {
        bed.now = ms(at);
        // Twice of what fits.
        for bytes in [1500, 400, 100] {
            let on_time = |delivery: &Delivery| delivery.at <= ms(2000);
            passed +=
                bed.send(1, 0, &packet(bytes)).iter().filter(|one| on_time(one)).count() * bytes;
        }
    }
    check_share("bytes", passed, 1_990_000, 2_000_000);
}

#[test]
fn what_overtook_on_one_link_is_not_held_back_on_the_next() {
    let mut topology = topology(&[(&["fibre"], &[]), (&["lte"], &[])]);
    topology.carriers.get_mut("fibre").unwrap().down.rate_kbit = Some(1200);
    topology.carriers.get_mut("lte").unwrap().up.delay_ms = 300;
    let mut bed = Bed::new(&topology);
    assert_eq!(bed.send(1, 0, &packet(1500))[0].at, ms(310));
    let at_once = Some(lossless());
    bed.change(Change::Respec { carrier: name("lte"), up: at_once, down: None });
    assert_eq!(bed.send(1, 0, &packet(1500))[0].at, ms(10));
}

#[test]
fn luck_depends_on_the_datagram_and_not_on_when_a_fault_begins() {
    let lossy = LinkSpec { lost_permille: 500, ..lossless() };
    let arrives = |begins: usize| -> Vec<bool> {
        let mut bed = Bed::new(&uplink(lossless()));
        let step = |at| {
            let up = (at == begins).then(|| lossy.clone());
            bed.change(Change::Respec { carrier: name("lte"), up, down: None });
            bed.reaches(1, 0)
        };
        (0..300).map(step).collect()
    };
    let (early, late) = (arrives(0), arrives(100));
    assert!(late[..100].iter().all(|arrives| *arrives));
    assert_ne!(early[..100], late[..100]);
    assert_eq!(early[100..], late[100..]);
}

#[test]
fn no_two_links_are_lucky_together() {
    let stall: (&[&str], &[&str]) = (&["lte", "dsl"], &["a", "b"]);
    let mut topology = topology(&[(&[], &[]), stall, stall, (&[], &["a", "b"])]);
    let half = LinkSpec { lost_permille: 500, ..lossless() };
    for carrier in topology.carriers.values_mut() {
        (carrier.up, carrier.down) = (half.clone(), half.clone());
    }
    topology.lans.values_mut().for_each(|lan| lan.link = half.clone());
    let mut bed = Bed::new(&topology);
    let mut patterns = BTreeSet::new();
    let mut note = |bed: &mut Bed, from: usize, to: IpAddr| {
        let to = SocketAddr::new(to, PORT);
        patterns.insert((0..64).map(|_| bed.send_to(from, to, b"x").len()).collect::<Vec<_>>());
    };
    for carrier in ["lte", "dsl"] {
        for host in [1, 2] {
            bed.change(Change::Prefer { host, carrier: name(carrier) });
        }
        for (from, to) in [(1, 0), (2, 0), (0, 1), (0, 2)] {
            let to = bed.network.addresses_of(to, from)[0];
            note(&mut bed, from, to);
        }
    }
    for at in [0, 1] {
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 2)] {
            let to = bed.network.addresses_of(to, from)[at];
            note(&mut bed, from, to);
        }
    }
    assert_eq!(patterns.len(), 8 + 8, "{patterns:?}");
}
