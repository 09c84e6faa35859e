//! Bounds of the network, so that a scenario cannot ask for more than a run can hold.

/// Hosts of a topology. An address plan and a LAN's pairs are laid out for as many.
pub const HOSTS_MAX: usize = 256;
/// Carriers of a topology.
pub const CARRIERS_MAX: usize = 64;
/// LANs of a topology; each has a network of its own in the address plan.
pub const LANS_MAX: usize = 16;
/// Bytes of the name of a carrier, a LAN or a trace.
pub const NAME_BYTES_MAX: usize = 64;

/// The fastest link, in 1,000 bit/s: 100 Gbit/s.
pub const RATE_KBIT_MAX: u32 = 100_000_000;
/// The largest queue: ten minutes of a link of 900 kbit/s.
pub const QUEUE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// The longest delay, jitter or holding back, in milliseconds; a geostationary hop has 600.
pub const DELAY_MS_MAX: u32 = 60_000;
/// The smallest MTU that IPv4 knows (RFC 791).
pub const MTU_MIN: u16 = 68;
/// The longest life of an idle mapping, in seconds: a day.
pub const NAT_EXPIRES_S_MAX: u32 = 86_400;
/// All of the datagrams.
pub const PERMILLE_MAX: u16 = 1000;

/// Bytes of headers around a payload: 20 of IPv4, 8 of UDP.
pub const HEADER_BYTES: usize = 28;
/// The largest payload of a datagram over IPv4.
pub const PAYLOAD_BYTES_MAX: usize = 65_535 - HEADER_BYTES;

/// Bytes of a trace file: a day at 5 Mbit/s or so.
pub const TRACE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Lines of a trace.
pub const TRACE_LINES_MAX: usize = 4_000_000;
/// The longest trace, in milliseconds: a day.
pub const TRACE_MS_MAX: u64 = 86_400_000;
/// Bytes that may pass at each line of a trace, as Mahimahi has it.
pub const TRACE_LINE_BYTES: u64 = 1500;

/// Bytes of a capture, which is about a million full datagrams.
pub const CAPTURE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

const _: () = assert!(HOSTS_MAX <= 256, "a LAN's network has 16 bits for hosts and the rest");
const _: () = assert!(LANS_MAX <= 16, "172.16.0.0/12 holds 16 networks of 16 bits");
const _: () = assert!(CARRIERS_MAX <= 256, "one byte of a hidden address");
