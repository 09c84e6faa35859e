//! Writes datagrams down as a capture that Wireshark's tools read.
//!
//! The format is pcapng (draft-ietf-opsawg-pcapng): one section; an interface block with a name
//! for each link; a packet block for each datagram, with nanoseconds; link type IPV4, so a packet
//! begins with its IPv4 header (RFC 791), then UDP (RFC 768), both with checksums. What a link did
//! to a payload is written as it is, and the checksum with it. It writes only, and reads no clock.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use thiserror::Error;

use super::limits::{CAPTURE_BYTES_MAX, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use super::network::address;

/// Block types.
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Tells a reader the order of bytes.
const MAGIC: u32 = 0x1A2B_3C4D;
/// LINKTYPE_IPV4 of the registry of link types. With LINKTYPE_RAW, libpcap 1.10 refuses a file of
/// several interfaces, for it has another number for that inside than in files.
const IPV4: u16 = 228;
/// Option codes: the program that wrote a section; the name of an interface, its time resolution.
const PROGRAM: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// Ten to the power of minus nine seconds.
const NANOSECONDS: u8 = 9;

/// Why a datagram was not written down.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be written.
    #[error("the capture cannot be written: {0}")]
    Device(#[from] io::Error),
    /// The file is as large as it may be; what is in it is whole.
    #[error("the capture has {0} bytes and takes no more; capture fewer links or a shorter run")]
    Full(u64),
    /// No such interface was added.
    #[error("the capture has no interface {0}; add it first")]
    NoInterface(u32),
    /// Not IPv4, or larger than UDP over IPv4 allows.
    #[error("{bytes} bytes from {from} to {to} are no UDP over IPv4; leave them out")]
    NotADatagram {
        /// The sender.
        from: SocketAddr,
        /// The receiver.
        to: SocketAddr,
        /// How many bytes of payload.
        bytes: usize,
    },
}

/// A capture that is being written.
#[derive(Debug)]
pub struct Capture<W: Write> {
    out: W,
    epoch: Duration,
    interfaces: u32,
    written: u64,
    block: Vec<u8>,
}

impl<W: Write> Capture<W> {
    /// Begins a capture. `epoch` is when the run began, as time since 1970-01-01T00:00Z.
    pub fn new(out: W, epoch: Duration) -> Result<Self, CaptureError> {
        let mut capture = Self { out, epoch, interfaces: 0, written: 0, block: Vec::new() };
        capture.block.extend(MAGIC.to_le_bytes());
        // Version 1.0, and a length that is not known yet.
        capture.block.extend([1, 0, 0, 0]);
        capture.block.extend([0xFF; 8]);
        capture.option(PROGRAM, b"tentpole-sim");
        capture.option(0, b"");
        capture.flush_block(SECTION)?;
        Ok(capture)
    }

    /// Adds an interface of that name, cut to 64 KiB; returns its number.
    pub fn interface(&mut self, name: &str) -> Result<u32, CaptureError> {
        self.block.extend(IPV4.to_le_bytes());
        // Reserved, and no limit to what is kept of a packet.
        self.block.extend([0; 6]);
        let name = name.as_bytes();
        self.option(NAME, &name[..name.len().min(usize::from(u16::MAX))]);
        self.option(RESOLUTION, &[NANOSECONDS]);
        self.option(0, b"");
        self.flush_block(INTERFACE)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a datagram down that passed an interface at `at`, counted from when the run began.
    pub fn datagram(
        &mut self,
        interface: u32,
        at: Duration,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
    ) -> Result<(), CaptureError> {
        if interface >= self.interfaces {
            return Err(CaptureError::NoInterface(interface));
        }
        let ends = address(from).zip(address(to)).filter(|_| payload.len() <= PAYLOAD_BYTES_MAX);
        let not_one = CaptureError::NotADatagram { from, to, bytes: payload.len() };
        let (from, to) = ends.ok_or(not_one)?;
        let since_1970 = self.epoch.saturating_add(at).as_nanos();
        let nanos = u64::try_from(since_1970).unwrap_or(u64::MAX).to_le_bytes();
        let size = u32_of(payload.len() + HEADER_BYTES).to_le_bytes();
        self.block.extend(interface.to_le_bytes());
        // The upper half of the time comes first.
        self.block.extend_from_slice(&nanos[4..]);
        self.block.extend_from_slice(&nanos[..4]);
        self.block.extend(size);
        self.block.extend(size);
        let header = headers(from, to, payload);
        self.block.extend_from_slice(&header);
        self.block.extend_from_slice(payload);
        self.pad();
        self.flush_block(PACKET)
    }

    /// Writes out what is buffered and gives the file back.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend(code.to_le_bytes());
        self.block.extend(length.to_le_bytes());
        self.block.extend_from_slice(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Writes the block that was put together: type, length, body, length.
    fn flush_block(&mut self, kind: u32) -> Result<(), CaptureError> {
        let length = self.block.len() + 12;
        if self.written + length as u64 > CAPTURE_BYTES_MAX {
            self.block.clear();
            return Err(CaptureError::Full(self.written));
        }
        let length_bytes = u32_of(length).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length_bytes)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length_bytes)?;
        self.block.clear();
        self.written += length as u64;
        Ok(())
    }
}

fn headers(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let udp_length = u16_of(payload.len() + 8).to_be_bytes();
    let mut header = [0; HEADER_BYTES];
    // Version 4, five words of header.
    header[0] = 0x45;
    header[2..4].copy_from_slice(&u16_of(payload.len() + HEADER_BYTES).to_be_bytes());
    // Never fragmented, as QUIC wants it.
    header[6] = 0x40;
    // Hops to live, UDP.
    header[8..10].copy_from_slice(&[64, 17]);
    header[12..16].copy_from_slice(&from.ip().octets());
    header[16..20].copy_from_slice(&to.ip().octets());
    let sum = checksum(&[&header[..20]]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header[20..22].copy_from_slice(&from.port().to_be_bytes());
    header[22..24].copy_from_slice(&to.port().to_be_bytes());
    header[24..26].copy_from_slice(&udp_length);
    let pseudo = pseudo_header(*from.ip(), *to.ip(), udp_length);
    let sum = match checksum(&[&pseudo, &header[20..28], payload]) {
        // Zero means that there is none; its other form is sent instead.
        0 => 0xFFFF,
        sum => sum,
    };
    header[26..28].copy_from_slice(&sum.to_be_bytes());
    header
}

fn pseudo_header(from: Ipv4Addr, to: Ipv4Addr, udp_length: [u8; 2]) -> [u8; 12] {
    let ([a, b, c, d], [e, f, g, h], [i, j]) = (from.octets(), to.octets(), udp_length);
    [a, b, c, d, e, f, g, h, 0, 17, i, j]
}

/// The Internet checksum (RFC 1071) over parts of even length, but for the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words
        .map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or_default()))
        .sum();
    // A carry comes back in at the bottom; at most 32,775 words were added, so twice is enough.
    let folded = (sum >> 16) + (sum & 0xFFFF);
    !u16_of(usize::try_from((folded >> 16) + (folded & 0xFFFF)).unwrap_or_default())
}

/// Payloads are bounded, so every length fits.
fn u16_of(length: usize) -> u16 {
    u16::try_from(length).expect("invariant: a datagram has at most 65,535 bytes")
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).expect("invariant: a block has at most a datagram or a name")
}

#[cfg(test)]
mod tests;
