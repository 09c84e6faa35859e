//! The bytes of a capture, against the format and against a program that reads it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

const EPOCH: Duration = Duration::from_secs(1_700_000_000);

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A block: its type and its body, after its lengths have been compared.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let length = word(&bytes[4..]) as usize;
        assert_eq!(length % 4, 0, "blocks are padded");
        assert_eq!(word(&bytes[length - 4..]) as usize, length, "both lengths are the same");
        blocks.push((word(bytes), bytes[8..length - 4].to_vec()));
        bytes = &bytes[length..];
    }
    blocks
}

#[test]
fn a_capture_has_a_section_an_interface_and_packets_as_the_draft_lays_them_out() {
    let when = Duration::new(3, 7);
    let mut capture = Capture::new(Vec::new(), EPOCH).unwrap();
    let link = capture.interface("host 1 lte up").unwrap();
    let (from, to) = (at("10.0.0.2:5000"), at("198.18.0.1:443"));
    capture.datagram(link, when, from, to, &[1, 2, 3]).unwrap();
    let blocks = blocks(&capture.finish().unwrap());
    let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0x0A0D_0D0A, 1, 6]);

    let section = &blocks[0].1;
    assert_eq!(section[..8], [0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0]);
    assert_eq!(section[8..16], [0xFF; 8]);
    assert_eq!(&section[16..], b"\x04\0\x0c\0tentpole-sim\0\0\0\0");

    let interface = &blocks[1].1;
    assert_eq!(interface[..8], [228, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&interface[8..], b"\x02\0\x0d\0host 1 lte up\0\0\0\x09\0\x01\0\x09\0\0\0\0\0\0\0");

    let packet = &blocks[2].1;
    let nanos = 1_700_000_003_000_000_007_u64;
    assert_eq!(packet[..4], [0; 4]);
    assert_eq!(packet[4..8], ((nanos >> 32) as u32).to_le_bytes());
    assert_eq!(packet[8..12], (nanos as u32).to_le_bytes());
    assert_eq!(packet[12..20], [31, 0, 0, 0, 31, 0, 0, 0]);
    assert_eq!(packet[20 + 28..20 + 31], [1, 2, 3]);
    assert_eq!(packet.len(), 20 + 32);
}

#[test]
fn the_ipv4_header_is_that_of_a_worked_example() {
    // https://en.wikipedia.org/wiki/Internet_checksum, "Calculating the IPv4 header checksum".
    let from = "192.168.0.1:1".parse().unwrap();
    let header = headers(from, "192.168.0.199:2".parse().unwrap(), &[0; 87]);
    let example = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00,
        0x01, 0xc0, 0xa8, 0x00, 0xc7,
    ];
    assert_eq!(header[..20], example);
}

#[test]
fn a_receiver_that_sums_a_datagram_up_finds_it_whole() {
    for length in [0, 1, 2, 3, 87, 1472, PAYLOAD_BYTES_MAX] {
        let payload: Vec<u8> = (0..length).map(|at| (at * 7 + length) as u8).collect();
        let (from, to) = ("10.1.2.3:4567".parse().unwrap(), "198.18.0.9:443".parse().unwrap());
        let header = headers(from, to, &payload);
        let pseudo = pseudo_header(*from.ip(), *to.ip(), header[24..26].try_into().unwrap());
        assert_eq!(checksum(&[&header[..20]]), 0, "IPv4 with {length} bytes");
        assert_eq!(checksum(&[&pseudo, &header[20..], &payload]), 0, "UDP with {length} bytes");
    }
}

#[test]
fn a_sum_of_zero_is_sent_in_its_other_form() {
    let (from, to) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    let sum_with = |word: u16| {
        let header = headers(from, to, &word.to_be_bytes());
        u16::from_be_bytes([header[26], header[27]])
    };
    // The word that the checksum of a zero word names makes the sum all ones, which means zero.
    assert_eq!(sum_with(sum_with(0)), 0xFFFF);
}

#[test]
fn what_is_no_datagram_of_a_known_interface_is_refused_and_leaves_no_trace() {
    let mut capture = Capture::new(Vec::new(), EPOCH).unwrap();
    let (from, to) = (at("10.0.0.1:1"), at("10.0.0.2:2"));
    let now = Duration::ZERO;
    let refused = capture.datagram(0, now, from, to, b"").unwrap_err();
    assert_eq!(refused.to_string(), "the capture has no interface 0; add it first");
    let link = capture.interface("lan").unwrap();
    let six = capture.datagram(link, now, from, at("[2001:db8::1]:2"), b"").unwrap_err();
    assert!(six.to_string().starts_with("0 bytes from 10.0.0.1:1 to [2001:db8::1]:2"), "{six}");
    let large = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert!(capture.datagram(link, now, from, to, &large).is_err());
    assert_eq!(blocks(&capture.finish().unwrap()).len(), 2);
}

/// Where tcpdump is not installed this shows nothing; the tests above hold all the same.
#[test]
fn tcpdump_reads_it_and_finds_the_checksums_right() {
    let reader = Command::new("tcpdump")
        .args(["-nn", "-vv", "--nano", "-tt", "-r", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut reader) = reader else { return };
    let mut capture = Capture::new(Vec::new(), EPOCH).unwrap();
    for (number, when, from, to, payload) in [
        (0, Duration::new(1, 5), "10.0.0.2:5000", "198.18.0.1:4433", vec![9; 1199]),
        (1, Duration::new(2, 0), "198.18.0.1:4433", "10.0.0.2:5000", Vec::new()),
    ] {
        assert_eq!(capture.interface("a link").unwrap(), number);
        capture.datagram(number, when, at(from), at(to), &payload).unwrap();
    }
    let bytes = capture.finish().unwrap();
    reader.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = reader.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("[udp sum ok]").count(), 2, "{text}");
    assert!(!text.contains("bad"), "{text}");
    assert!(text.contains("1700000001.000000005 IP"), "{text}");
    assert!(
        text.contains("10.0.0.2.5000 > 198.18.0.1.4433: [udp sum ok] UDP, length 1199"),
        "{text}"
    );
}
