//! Networks, traffic and changes to try properties on.

use proptest::prelude::*;

use super::*;

/// A trace of some holes and some crowds: 12 Mbit/s on average.
pub const TRACE: &str = "1\n1\n2\n3\n7\n7\n7\n7\n8\n10\n";

pub fn any_pace() -> impl Strategy<Value = LinkSpec> {
    let rate = prop_oneof![
        Just((None, None)),
        (100_u32..20_000).prop_map(|kbit| (Some(kbit), None)),
        Just((None, Some(name("t")))),
    ];
    (rate, 0_u32..40_000, 0_u32..60).prop_map(|((rate_kbit, trace), queue_bytes, delay_ms)| {
        LinkSpec { rate_kbit, trace, queue_bytes, delay_ms, ..LinkSpec::default() }
    })
}

pub fn any_link() -> impl Strategy<Value = LinkSpec> {
    let shares = [0_u16..200, 0..200, 0..200, 0..200];
    let burst = prop::option::of([0_u16..100, 0..500, 0..1000]);
    (any_pace(), shares, burst, 0_u32..40, prop::option::of(0_u64..60_000)).prop_map(
        |(pace, [lost, repeated, reordered, corrupted], burst, jitter_ms, cap_bytes)| LinkSpec {
            lost_permille: lost,
            repeated_permille: repeated,
            reordered_permille: reordered,
            corrupted_permille: corrupted,
            reorder_ms: 30,
            jitter_ms,
            cap_bytes,
            burst: burst.map(|[enter_permille, leave_permille, lost_permille]| Burst {
                enter_permille,
                leave_permille,
                lost_permille,
            }),
            ..pace
        },
    )
}

/// A control on `fibre`, stalls on `lte` and `dsl`, both on a LAN, `lte` behind a translator.
pub fn venue(links: &[LinkSpec; 7]) -> Topology {
    let mut topology = topology(&[
        (&["fibre"], &[]),
        (&["lte", "dsl"], &["market"]),
        (&["dsl", "lte"], &["market"]),
    ]);
    for (carrier, pair) in ["fibre", "lte", "dsl"].iter().zip(links.chunks(2)) {
        let nat = (*carrier == "lte").then_some(NatSpec { expires_s: 1 });
        let spec = CarrierSpec { up: pair[0].clone(), down: pair[1].clone(), nat };
        topology.carriers.insert(name(carrier), spec);
    }
    topology.lans.insert(name("market"), LanSpec { link: links[6].clone() });
    topology
}

/// Something is sent: so many microseconds after the last, from, to, with so many bytes.
pub type Sent = (u64, usize, usize, usize);

pub fn any_traffic(count: usize) -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec((0_u64..4000, 0_usize..3, 1_usize..3, 0_usize..1472), 1..count)
        .prop_map(|sent| sent.into_iter().map(|(t, a, b, n)| (t, a, (a + b) % 3, n)).collect())
}

/// Everything sent, with when it was sent and what comes of it. Whoever asks a stall behind a
/// translator sends to where it last heard from it.
pub fn run(bed: &mut Bed, traffic: &[Sent]) -> Vec<(Duration, Sent, Vec<Delivery>)> {
    let mut heard = BTreeMap::new();
    let mut all = Vec::new();
    for sent in traffic {
        let (after, from, to, bytes) = *sent;
        bed.now += Duration::from_micros(after);
        let known = bed.network.address_of(to, from).map(|ip| SocketAddr::new(ip, PORT));
        let Some(address) = heard.get(&(from, to)).copied().or(known) else { continue };
        let came = bed.send_to(from, address, &vec![0; bytes]);
        for delivery in
            came.iter().filter(|delivery| !delivery.from.ip().to_string().starts_with("172"))
        {
            heard.insert((delivery.host, delivery.sender), delivery.from);
        }
        all.push((bed.now, *sent, came));
    }
    all
}

pub fn bed(links: &[LinkSpec; 7], seed: u64) -> Bed {
    Bed::with(&venue(links), &[("t", TRACE)], seed)
}

pub fn any_change() -> impl Strategy<Value = Change> {
    let pair = (0_usize..3, 1_usize..3).prop_map(|(a, b)| (a, (a + b) % 3));
    let carrier = prop::sample::select(vec!["lte", "dsl"]);
    (pair, 1_usize..3, carrier, any::<bool>(), any_link(), 0_usize..14).prop_map(
        |((a, b), host, carrier, on, link, kind)| {
            let carrier = name(carrier);
            match kind {
                0 => Change::Cut { a, b },
                1 => Change::Heal { a, b },
                2 => Change::CutOneWay { from: a, to: b },
                3 => Change::HealOneWay { from: a, to: b },
                4 => Change::CarrierDown { host, carrier },
                5 => Change::CarrierUp { host, carrier },
                6 => Change::CarrierSilent { host, carrier, silent: on },
                7 => Change::Captive { host, carrier, captive: on },
                8 => Change::SilentUp { host, carrier, silent: on },
                9 => Change::Rebind { host, carrier },
                10 => Change::Readdress { host, carrier },
                11 => Change::Prefer { host, carrier },
                12 => Change::LanDown { lan: name("market"), down: on },
                _ => Change::Respec { carrier, up: on.then(|| link.clone()), down: Some(link) },
            }
        },
    )
}
