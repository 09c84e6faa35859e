//! What holds for every network and every traffic.

use proptest::prelude::*;

use super::any::*;
use super::*;

proptest! {
    #[test]
    fn everything_sent_is_delivered_or_counted_and_at_most_four_times(
        links in prop::array::uniform7(any_link()),
        traffic in any_traffic(150),
        seed: u64,
    ) {
        let mut bed = bed(&links, seed);
        let all = run(&mut bed, &traffic);
        for (now, (_, from, to, bytes), came) in &all {
            // Each of the two links may make two of one.
            prop_assert!(came.len() <= 4);
            for delivery in came {
                prop_assert!(delivery.at >= *now);
                prop_assert_eq!((delivery.sender, delivery.host), (*from, *to));
                prop_assert_eq!(delivery.bytes.len(), *bytes);
                let flipped: u32 = delivery.bytes.iter().map(|byte| byte.count_ones()).sum();
                prop_assert!(flipped <= 2);
            }
        }
        check_sums(&bed.network, all.iter().map(|(_, _, came)| came.len()).sum());
        let offered: u64 = bed.network.stats().interfaces.iter().map(|it| it.up.offered).sum();
        prop_assert_eq!(offered + bed.network.stats().unsent.iter().sum::<u64>(), all.len() as u64);
    }

    #[test]
    fn nothing_is_faster_than_the_delays_of_its_way(
        links in prop::array::uniform7(any_link()),
        traffic in any_traffic(100),
        seed: u64,
    ) {
        let mut bed = bed(&links, seed);
        let shortest = |of: &LinkSpec| ms(of.delay_ms.into());
        let ups = [&links[0], &links[2], &links[4]];
        let downs = [&links[1], &links[3], &links[5]];
        for (now, (_, from, _, _), came) in run(&mut bed, &traffic) {
            for delivery in came {
                let own = delivery.from.ip().to_string();
                let way = match bed.network.link_name(delivery.link).unwrap() {
                    LinkName::Lan { .. } => shortest(&links[6]),
                    LinkName::Down { carrier, .. } => {
                        let carriers = ["fibre", "lte", "dsl"];
                        let at = carriers.iter().position(|name| **name == carrier).unwrap();
                        // The route of each host is over the first of its carriers.
                        shortest(ups[from]) + shortest(downs[at])
                    }
                    LinkName::Up { .. } => return Err(TestCaseError::fail(own)),
                };
                prop_assert!(delivery.at >= now + way, "{own}: {:?}", delivery.at - now);
            }
        }
    }

    #[test]
    fn without_jitter_what_one_host_sends_another_stays_in_order(
        links in prop::array::uniform7(any_pace()),
        traffic in any_traffic(200),
        seed: u64,
    ) {
        let mut bed = bed(&links, seed);
        let mut last = BTreeMap::new();
        for (_, _, came) in run(&mut bed, &traffic) {
            for delivery in came {
                let flow = (delivery.sender, delivery.host, delivery.link);
                let before = last.insert(flow, delivery.at).unwrap_or_default();
                prop_assert!(before <= delivery.at, "{flow:?}: {before:?} {:?}", delivery.at);
            }
        }
    }

    #[test]
    fn no_window_has_more_than_the_rate_lets_pass(
        links in prop::array::uniform7(any_pace()),
        kbit in 50_u32..30_000,
        repeated_permille in 0_u16..500,
        traffic in any_traffic(200),
        seed: u64,
    ) {
        let mut links = links;
        let (delay_ms, queue_bytes) = (links[1].delay_ms, links[1].queue_bytes);
        links[1] = LinkSpec {
            rate_kbit: Some(kbit), repeated_permille, delay_ms, queue_bytes, ..LinkSpec::default()
        };
        let mut bed = bed(&links, seed);
        let mut passed = down_of_control(&run(&mut bed, &traffic));
        passed.sort_unstable();
        for (at, (from, _)) in passed.iter().enumerate() {
            let mut bits = 0;
            for (until, bytes) in &passed[at + 1..] {
                // What ends within the window has passed in it whole.
                bits += *bytes as u128 * 8;
                let most = (until - from) * u128::from(kbit) / 1_000_000;
                prop_assert!(bits <= most, "{bits} of {most} bits from {from} to {until}");
            }
        }
    }

    #[test]
    fn no_window_has_more_than_a_trace_lets_pass(
        links in prop::array::uniform7(any_pace()),
        traffic in any_traffic(200),
        seed: u64,
    ) {
        let mut links = links;
        links[1] = LinkSpec { rate_kbit: None, trace: Some(name("t")), ..links[1].clone() };
        let delay = u128::from(links[1].delay_ms);
        let mut bed = bed(&links, seed);
        let mut per_ms: BTreeMap<u128, usize> = BTreeMap::new();
        for (at, bytes) in down_of_control(&run(&mut bed, &traffic)) {
            prop_assert_eq!(at % 1_000_000, 0);
            *per_ms.entry(at / 1_000_000 - delay).or_default() += bytes;
        }
        let lines: Vec<u128> = TRACE.lines().map(|line| line.parse().unwrap()).collect();
        let within = |ms: u128| (ms - 1) % 10 + 1;
        let is_at = |ms: u128, line: u128| ms > 0 && within(ms) == line;
        let passes = |ms: u128| lines.iter().filter(|line| is_at(ms, **line)).count();
        let times: Vec<u128> = per_ms.keys().copied().collect();
        for (at, from) in times.iter().enumerate() {
            for until in &times[at..] {
                let bytes: usize = per_ms.range(from..=until).map(|(_, bytes)| bytes).sum();
                // The first may have begun in what the line before the window left.
                let most = (*from..=*until).map(passes).sum::<usize>() * 1500 + 1500;
                prop_assert!(bytes <= most, "{bytes} of {most} bytes from {from} to {until} ms");
            }
        }
    }

    #[test]
    fn nobody_waits_longer_than_a_full_queue_takes(
        kbit in 50_u32..30_000,
        queue_bytes in 0_u32..60_000,
        sent in prop::collection::vec((0_u64..2000, 0_usize..1472), 1..200),
    ) {
        let up = LinkSpec { rate_kbit: Some(kbit), queue_bytes, ..LinkSpec::default() };
        let mut bed = Bed::new(&uplink(up));
        for (after, bytes) in sent {
            bed.now += Duration::from_micros(after);
            for delivery in bed.send(1, 0, &vec![0; bytes]) {
                let most = u128::from(queue_bytes).max(bytes as u128 + 28) + 1;
                let waited = (delivery.at - bed.now).as_nanos();
                prop_assert!(waited * u128::from(kbit) <= most * 8_000_000, "{waited} ns");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_deliveries(
        links in prop::array::uniform7(any_link()),
        traffic in any_traffic(100),
        seed: u64,
    ) {
        let mut beds = [bed(&links, seed), bed(&links, seed)];
        let [one, other] = beds.each_mut().map(|bed| run(bed, &traffic));
        prop_assert_eq!(one, other);
        prop_assert_eq!(beds[0].network.stats(), beds[1].network.stats());
    }

    #[test]
    fn what_is_wrong_with_one_link_moves_no_other(
        links in prop::array::uniform7(any_link()),
        other in any_link(),
        traffic in any_traffic(200),
        seed: u64,
    ) {
        // The control's downlink is shared, so it must not queue.
        let mut links = links;
        links[1] = LinkSpec { lost_permille: 0, ..LinkSpec::default() };
        let mut changed = links.clone();
        changed[2] = other;
        // Host 1 goes out over `lte`, host 2 over `dsl`; only `lte` is another.
        let of_two = |links: &[LinkSpec; 7]| -> Vec<_> {
            let up = |(after, from, _, bytes): &Sent| (*after, 1 + from % 2, 0, *bytes);
            let sent: Vec<Sent> = traffic.iter().map(up).collect();
            let all = run(&mut bed(links, seed), &sent);
            all.into_iter().filter(|(_, sent, _)| sent.1 == 2).collect()
        };
        prop_assert_eq!(of_two(&links), of_two(&changed));
    }

    #[test]
    fn a_fault_that_is_taken_away_moves_no_other_fault_of_its_link(
        link in any_link(),
        which in 0_usize..4,
        seed: u64,
    ) {
        let whole = LinkSpec { rate_kbit: None, trace: None, cap_bytes: None, ..link };
        let mut less = whole.clone();
        match which {
            0 => less.jitter_ms = 0,
            1 => less.repeated_permille = 0,
            2 => less.reordered_permille = 0,
            _ => less.corrupted_permille = 0,
        }
        let arrives = |up: LinkSpec| -> Vec<bool> {
            let mut bed = Bed::with(&uplink(up), &[], seed);
            (0..200).map(|_| !bed.send(1, 0, b"x").is_empty()).collect()
        };
        prop_assert_eq!(arrives(whole), arrives(less));
    }

    #[test]
    fn whatever_happens_sums_stay_whole_and_healing_ends_it(
        links in prop::array::uniform7(any_link()),
        traffic in any_traffic(80),
        changes in prop::collection::vec((any_change(), 0_usize..80), 0..30),
        seed: u64,
    ) {
        let mut bed = bed(&links, seed);
        let mut delivered = 0;
        for (at, sent) in traffic.iter().enumerate() {
            for (change, _) in changes.iter().filter(|(_, when)| *when == at) {
                bed.change(change.clone());
            }
            for (_, _, came) in run(&mut bed, &[*sent]) {
                delivered += came.len();
                let landed = came.iter().filter(|delivery| bed.network.lands(delivery)).count();
                prop_assert!(landed <= came.len());
            }
        }
        check_sums(&bed.network, delivered);
        bed.change(Change::HealAll);
        for carrier in ["fibre", "lte", "dsl"] {
            let clean = Some(LinkSpec::default());
            bed.change(Change::Respec { carrier: name(carrier), up: clean.clone(), down: clean });
        }
        for host in [1, 2] {
            let asked = bed.send(host, 0, b"ask");
            prop_assert!(asked.len() == 1 && bed.network.lands(&asked[0]));
            let answered = bed.send_to(0, asked[0].from, b"answer");
            prop_assert!(answered.len() == 1 && bed.network.lands(&answered[0]));
            prop_assert_eq!(answered[0].host, host);
        }
    }
}

/// What came to the control: when, in nanoseconds, and how many bytes of packet.
fn down_of_control(all: &[(Duration, Sent, Vec<Delivery>)]) -> Vec<(u128, usize)> {
    let came = all.iter().flat_map(|(_, _, came)| came).filter(|delivery| delivery.host == 0);
    came.map(|delivery| (delivery.at.as_nanos(), delivery.bytes.len() + 28)).collect()
}
