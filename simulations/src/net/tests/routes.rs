//! Who reaches whom, from which address, over which link.

use super::*;

/// A control; two stalls behind translators, one of them with a second carrier, both on a LAN.
fn venue() -> Topology {
    let mut topology =
        topology(&[(&[], &[]), (&["lte", "dsl"], &["market"]), (&["lte"], &["market"])]);
    for carrier in topology.carriers.values_mut() {
        *carrier = hidden(30);
    }
    topology
}

#[test]
fn addresses_are_those_of_the_plan() {
    let bed = Bed::new(&venue());
    let address = |host, by| bed.network.address_of(host, by);
    assert_eq!(address(0, 1), Some(ip("198.18.0.1")));
    assert_eq!(address(1, 2), Some(ip("172.16.0.2")));
    assert_eq!(address(2, 1), Some(ip("172.16.0.3")));
    assert_eq!([address(1, 0), address(1, 1), address(7, 0)], [None; 3]);
}

#[test]
fn a_host_without_a_translator_is_dialled_on_a_lan_first_and_then_by_preference() {
    let topology = topology(&[(&[], &[]), (&["lte", "dsl"], &["market"]), (&[], &["market"])]);
    let mut bed = Bed::new(&topology);
    let [lan, lte, dsl] = [ip("172.16.0.2"), ip("198.18.0.2"), ip("198.18.0.3")];
    assert_eq!(bed.network.addresses_of(1, 2), [lan, lte, dsl]);
    bed.change(Change::Prefer { host: 1, carrier: name("dsl") });
    assert_eq!(bed.network.addresses_of(1, 0), [dsl, lte]);
    // Whoever has no way to the internet cannot use what it resolves.
    assert!(bed.send_to(2, SocketAddr::new(lte, PORT), b"x").is_empty());
    assert_eq!(bed.network.stats().unsent, [0, 0, 1]);
}

#[test]
fn a_stall_behind_a_translator_is_answered_where_it_asked_from() {
    let mut bed = Bed::new(&venue());
    let asked = bed.send(1, 0, b"ask").remove(0);
    assert_eq!((asked.host, asked.sender, asked.to), (0, 1, bed.dial(0, 1)));
    assert_eq!(asked.from.ip(), ip("198.18.0.2"));
    assert_ne!(asked.from.port(), PORT);
    let answered = bed.send_to(0, asked.from, b"answer").remove(0);
    assert_eq!((answered.host, answered.bytes.as_slice()), (1, b"answer".as_slice()));
    assert_eq!(answered.from, asked.to);
    assert_eq!(answered.to, "10.2.1.1:4433".parse().unwrap());
}

#[test]
fn nobody_gets_through_a_translator_uninvited() {
    let mut bed = Bed::new(&venue());
    let to = SocketAddr::new(ip("198.18.0.2"), PORT);
    assert!(bed.send_to(0, to, b"x").is_empty());
    bed.check_drops(1, "lte", false, &[("nat", 1)]);
}

#[test]
fn a_mapping_expires_in_silence_and_the_next_one_has_another_port() {
    let mut bed = Bed::new(&venue());
    let first = bed.send(1, 0, b"x").remove(0).from;
    bed.now = Duration::from_secs(30);
    assert_eq!(bed.send_to(0, first, b"x").len(), 1);
    bed.now = Duration::from_secs(31);
    assert_eq!(bed.send_to(0, first, b"x").len(), 0);
    let second = bed.send(1, 0, b"x").remove(0).from;
    assert_eq!(second.ip(), first.ip());
    assert_ne!(second.port(), first.port());
    assert_eq!(bed.send_to(0, second, b"x").len(), 1);
    assert_eq!(bed.send_to(0, first, b"x").len(), 0);
}

#[test]
fn sockets_of_one_host_do_not_share_a_mapping() {
    let mut bed = Bed::new(&venue());
    let to = bed.dial(0, 1);
    let ports: Vec<u16> = [1, 2, 1, 2]
        .map(|port| bed.network.send(Duration::ZERO, 1, port, to, b"x").remove(0).from.port())
        .to_vec();
    assert_eq!((ports[0], ports[1]), (ports[2], ports[3]));
    assert_ne!(ports[0], ports[1]);
}

#[test]
fn stalls_on_a_lan_speak_with_their_addresses_there() {
    let mut bed = Bed::new(&venue());
    let came = bed.send(1, 2, b"hi").remove(0);
    assert_eq!((came.host, came.from, came.to), (2, bed.dial(1, 2), bed.dial(2, 1)));
    assert_eq!(
        bed.network.link_name(came.link).unwrap().to_string(),
        "host 1 to host 2 over market"
    );
    let [near, far] = [1, 2].map(|host| bed.network.stats().of(host, "market").unwrap());
    assert_eq!((near.up.passed, near.up.passed_bytes, far.down.passed), (1, 30, 1));
}

#[test]
fn an_address_that_nobody_has_or_that_is_no_ipv4_leads_nowhere() {
    let mut bed = Bed::new(&venue());
    for to in ["198.19.7.7:1", "8.8.8.8:53", "10.1.1.1:4433"] {
        assert!(bed.send_to(1, to.parse().unwrap(), b"x").is_empty(), "{to}");
    }
    bed.check_drops(1, "lte", true, &[("nowhere", 3)]);
    for to in ["[2001:db8::1]:4433", "172.16.0.2:4433", "172.16.0.9:4433", "172.17.0.3:4433"] {
        let to = to.parse().unwrap();
        assert!(bed.send_to(1, to, b"x").is_empty(), "{to}");
        assert_eq!(bed.network.way_out(1, PORT, to), None, "{to}");
    }
    assert!(bed.send(1, 0, &vec![0; limits::PAYLOAD_BYTES_MAX + 1]).is_empty());
    assert_eq!(bed.network.stats().unsent, [0, 5, 0]);
    let mapped: SocketAddr = "[::ffff:198.18.0.1]:4433".parse().unwrap();
    assert_eq!(bed.send_to(1, mapped, b"x").len(), 1);
}

#[test]
fn the_way_out_is_the_link_that_a_datagram_leaves_by_and_the_address_that_it_bears_there() {
    let mut bed = Bed::new(&venue());
    let check = |bed: &Bed, to: SocketAddr, link: &str, source: &str| {
        let (id, from) = bed.network.way_out(1, 9, to).unwrap();
        assert_eq!(bed.network.link_name(id).unwrap().to_string(), link);
        assert_eq!(from, source.parse().unwrap());
    };
    let (control, neighbour) = (bed.dial(0, 1), bed.dial(2, 1));
    check(&bed, control, "host 1 lte up", "10.2.1.1:9");
    check(&bed, neighbour, "host 1 to host 2 over market", "172.16.0.2:9");
    bed.change(Change::CarrierDown { host: 1, carrier: name("lte") });
    check(&bed, control, "host 1 dsl up", "10.0.1.1:9");
    assert_eq!(bed.network.route_of(1), Some("dsl"));
    assert_eq!(bed.network.route_of(0), Some(INTERNET));
}

#[test]
fn every_link_has_a_number_and_a_name_of_its_own() {
    let bed = Bed::new(&venue());
    let named = |number| bed.network.link_name(LinkId(number));
    let count = bed.network.link_count();
    // Two directions of four interfaces, and every ordered pair on the LAN with itself.
    assert_eq!(count, 8 + 4);
    let names: std::collections::BTreeSet<_> =
        (0..count).map(|number| named(number).unwrap()).collect();
    assert_eq!(names.len(), 12);
    assert_eq!(named(count), None);
}

#[test]
fn the_control_uses_the_carriers_that_it_is_given() {
    let mut topology = topology(&[(&["fibre"], &[]), (&["lte"], &[])]);
    topology.carriers.get_mut("fibre").unwrap().down.delay_ms = 7;
    let mut bed = Bed::new(&topology);
    let came = bed.send(1, 0, b"x").remove(0);
    assert_eq!(came.at, ms(7));
    assert_eq!(bed.network.link_name(came.link).unwrap().to_string(), "host 0 fibre down");
}

#[test]
fn a_near_sender_does_not_wait_behind_what_is_still_far_away() {
    let mut topology = topology(&[(&["fibre"], &[]), (&["near"], &[]), (&["far"], &[])]);
    topology.carriers.get_mut("fibre").unwrap().down.rate_kbit = Some(1200);
    topology.carriers.get_mut("far").unwrap().up.delay_ms = 300;
    let mut bed = Bed::new(&topology);
    assert_eq!(bed.send(2, 0, &[0; 1472])[0].at, ms(310));
    assert_eq!(bed.send(1, 0, &[0; 1472])[0].at, ms(10));
    bed.now = ms(299);
    // Between 299 and 300 ms there is no room for another, so that one comes after the first.
    assert_eq!(bed.send(1, 0, &[0; 1472])[0].at, ms(320));
}
