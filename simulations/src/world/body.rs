//! What of a host outlives its process: clocks, sockets' queues, the drive.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use super::clock::Clocks;
use super::draw::{Draw, Purpose};
use super::drive::Drive;
use super::executor::Owner;
use super::limits::{FREE_PORT_FIRST, SOCKET_BYTES_MAX};

/// A datagram that has arrived.
#[derive(Debug)]
pub struct Packet {
    /// Where from, as this host sees it.
    pub from: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// What has arrived at a socket and was not read.
#[derive(Debug, Default)]
pub struct Inbox {
    packets: VecDeque<Packet>,
    bytes: usize,
    waker: Option<Waker>,
}

impl Inbox {
    /// Takes a packet, or drops it when the buffer is full.
    pub fn put(&mut self, packet: Packet) -> bool {
        if self.bytes + packet.bytes.len() > SOCKET_BYTES_MAX {
            return false;
        }
        self.bytes += packet.bytes.len();
        self.packets.push_back(packet);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }

    /// The oldest packet.
    pub fn take(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.bytes.len();
        Some(packet)
    }

    /// Wakes `waker` when something arrives.
    pub fn watch(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }
}

/// A host, as its machine.
pub struct Body {
    /// The current start, or the last one. A process of an earlier start touches nothing here.
    pub run: u64,
    /// Whether that process lives.
    pub up: bool,
    /// Whether the machine sleeps.
    pub asleep: bool,
    /// Its clocks.
    pub clocks: Clocks,
    /// What the monotonic clock showed when the process started.
    pub started: Duration,
    /// What the process draws.
    pub random: Draw,
    /// By port.
    pub sockets: BTreeMap<u16, Inbox>,
    /// Its disk.
    pub drive: Drive,
}

impl Body {
    /// A machine that was never switched on.
    pub fn new(seed: u64, host: usize) -> Self {
        Self {
            run: 0,
            up: false,
            asleep: false,
            clocks: Clocks::default(),
            started: Duration::ZERO,
            random: Draw::new(seed, Purpose::Host { host, run: 0 }),
            sockets: BTreeMap::new(),
            drive: Drive::new(seed, host),
        }
    }

    /// A process starts.
    pub fn start(&mut self, seed: u64, host: usize, world: Duration) -> Owner {
        self.run += 1;
        self.up = true;
        self.started = self.clocks.monotonic(world);
        self.random = Draw::new(seed, Purpose::Host { host, run: self.run });
        Owner { host, run: self.run }
    }

    /// The process is severed from the world: nothing that it still does can be seen.
    pub fn sever(&mut self) {
        self.up = false;
        self.sockets.clear();
    }

    /// Whether the process of this start lives.
    pub fn is(&self, run: u64) -> bool {
        self.up && self.run == run
    }

    /// A port that nobody has.
    pub fn free_port(&self) -> Option<u16> {
        (FREE_PORT_FIRST..=u16::MAX).find(|port| !self.sockets.contains_key(port))
    }
}
