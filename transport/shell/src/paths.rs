//! Paths: the tasks around each QUIC link, between its streams and the driver.
//!
//! A path reads, decodes and hands on; what is handed over to be sent it writes. It never looks at
//! what a message says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::ids::Lane;
use tokio::sync::{Notify, mpsc};
use transport::device::Input;
use transport::env::Env;
use transport::quic::{Inbound, Link, LinkReceiver, LinkSender};
use transport::router::CloseCode;
use transport::session::{Frame, PathId};
use transport::wire::{self, Message, Peer};
use utoipa::ToSchema;

use crate::limits::{EVENTS_MAX, PATH_MESSAGES_MAX, PATH_SEGMENTS_MAX};

/// What paths bring to the driver.
pub(crate) enum Event {
    /// A link is up.
    Up(PathId, Peer, Path),
    /// Something arrived, or the link is gone.
    Input(Input),
}

/// The driver's end of a path.
pub(crate) struct Path {
    messages: mpsc::Sender<Message>,
    segments: mpsc::Sender<(Lane, Vec<u8>)>,
    link: LinkSender,
}

impl Path {
    /// Whether it takes another message and another segment.
    pub(crate) fn is_ready(&self) -> bool {
        self.messages.capacity() > 0 && self.segments.capacity() > 0
    }

    /// Hands over a frame; the caller has seen that the path is ready.
    pub(crate) fn send(&self, frame: Frame) {
        // A path that ended meanwhile reports so itself.
        let _ = match frame {
            Frame::Message(message) => self.messages.try_send(message).is_ok(),
            Frame::Segment { lane, bytes } => self.segments.try_send((lane, bytes)).is_ok(),
        };
    }

    /// Lets the peer send segments.
    pub(crate) fn admit(&self) {
        self.link.admit();
    }

    /// Ends the link.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        self.link.close(code as u32, reason);
    }
}

/// UDP payload bytes of every link so far.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema,
)]
pub struct WireBytes {
    /// Sent, with everything QUIC adds.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

/// Makes paths and counts what they carry. Clones share it.
#[derive(Clone)]
pub struct Paths {
    next: Arc<AtomicU64>,
    live: Arc<Mutex<BTreeMap<PathId, LinkSender>>>,
    ended: Arc<Mutex<WireBytes>>,
    events: mpsc::Sender<Event>,
    /// Rung when a path has room again.
    pub(crate) room: Arc<Notify>,
}

impl Paths {
    /// The maker of paths, and where the driver hears of them.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Event>) {
        let (events, inbox) = mpsc::channel(EVENTS_MAX);
        let paths = Self {
            next: Arc::default(),
            live: Arc::default(),
            ended: Arc::default(),
            events,
            room: Arc::default(),
        };
        (paths, inbox)
    }

    /// What every link carried so far, ended ones included.
    pub fn wire_bytes(&self) -> WireBytes {
        let mut sum = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        for link in self.live.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let stats = link.stats();
            sum.sent_bytes += stats.sent_bytes;
            sum.received_bytes += stats.received_bytes;
        }
        sum
    }

    /// Runs a link until it ends.
    pub(crate) async fn run<E: Env>(&self, env: &E, link: Link) {
        let id = PathId(self.next.fetch_add(1, Ordering::Relaxed));
        let peer = Peer { device: link.peer(), exporter: link.exporter() };
        let (sender, receiver) = link.split();
        self.live.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender.clone());
        let (messages, message_queue) = mpsc::channel(PATH_MESSAGES_MAX);
        let (segments, segment_queue) = mpsc::channel(PATH_SEGMENTS_MAX);
        env.spawn(Box::pin(write_messages(sender.clone(), message_queue, self.room.clone())));
        env.spawn(Box::pin(write_segments(sender.clone(), segment_queue, self.room.clone())));
        let path = Path { messages, segments, link: sender.clone() };
        if self.events.send(Event::Up(id, peer, path)).await.is_ok() {
            self.read(id, &sender, receiver).await;
        }
        let stats = sender.stats();
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.sent_bytes += stats.sent_bytes;
        ended.received_bytes += stats.received_bytes;
    }

    async fn read(&self, id: PathId, sender: &LinkSender, mut receiver: LinkReceiver) {
        loop {
            let input = match receiver.next().await {
                Inbound::Message(bytes) => match wire::decode(&bytes) {
                    Ok(message) => Input::Message(id, message),
                    Err(error) => {
                        sender.close(CloseCode::Fault as u32, &error.to_string());
                        Input::PathDown(id)
                    }
                },
                Inbound::Stripe(bytes) => Input::Segment(id, bytes),
                Inbound::Closed(reason) => {
                    tracing::debug!(path = id.0, %reason, "link ended");
                    Input::PathDown(id)
                }
            };
            let last = matches!(input, Input::PathDown(_));
            if self.events.send(Event::Input(input)).await.is_err() || last {
                return;
            }
        }
    }
}

async fn write_messages(link: LinkSender, mut queue: mpsc::Receiver<Message>, room: Arc<Notify>) {
    while let Some(message) = queue.recv().await {
        room.notify_one();
        let sent = match wire::encode(&message) {
            Ok(bytes) => link.message(&bytes).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            link.close(CloseCode::Fault as u32, &error);
            return;
        }
    }
}

async fn write_segments(
    link: LinkSender,
    mut queue: mpsc::Receiver<(Lane, Vec<u8>)>,
    room: Arc<Notify>,
) {
    while let Some((lane, bytes)) = queue.recv().await {
        room.notify_one();
        // Lanes are in order of priority, QUIC's higher numbers go first.
        if link.stripe(-(lane as i32), bytes).await.is_err() {
            return;
        }
    }
}
