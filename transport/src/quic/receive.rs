//! What arrives on a link: messages and whole stripes, each within its bound.
//!
//! Nothing is read unless the caller asks, so a caller that does not ask makes the peer wait.
//! Stripes are read side by side: a slow one holds up none that overtakes it.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use quinn::{ReadError, RecvStream};

use super::closed::{Closed, Offence};
use super::frame::Decoder;
use super::limits::{MESSAGE_BYTES_MAX, STRIPE_BYTES_MAX};
use super::link::Shared;

/// What arrived.
#[derive(Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A message, in the order in which they were sent.
    Message(Vec<u8>),
    /// A whole stripe, in the order in which they became whole.
    Stripe(Vec<u8>),
    /// The link has ended, and nothing follows.
    Closed(Closed),
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(body) => write!(f, "Message({} bytes)", body.len()),
            Self::Stripe(bytes) => write!(f, "Stripe({} bytes)", bytes.len()),
            Self::Closed(closed) => write!(f, "Closed({closed:?})"),
        }
    }
}

/// The receiving half of a link.
pub struct LinkReceiver {
    shared: Arc<Shared>,
    control: RecvStream,
    decoder: Decoder,
    /// At most as many as the peer may have open.
    stripes: VecDeque<Stripe>,
    /// Stripes that were whole when the link was lost.
    salvaged: VecDeque<Vec<u8>>,
    closed: Option<Closed>,
}

impl fmt::Debug for LinkReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkReceiver").field("stripes", &self.stripes.len()).finish_non_exhaustive()
    }
}

impl LinkReceiver {
    pub(super) fn new(shared: Arc<Shared>, control: RecvStream) -> Self {
        let (stripes, salvaged) = (VecDeque::new(), VecDeque::new());
        Self { shared, control, decoder: Decoder::default(), stripes, salvaged, closed: None }
    }

    /// The next message or stripe, messages first. Cancel-safe.
    pub async fn next(&mut self) -> Inbound {
        self.receive(true).await
    }

    /// The next message, while stripes are left with the peer. Cancel-safe.
    pub async fn next_message(&mut self) -> Inbound {
        self.receive(false).await
    }

    async fn receive(&mut self, stripes: bool) -> Inbound {
        if self.closed.is_none() && self.shared.closed_here() {
            self.end(Closed::Here);
        }
        if self.closed.is_none() {
            match if stripes { self.any().await } else { self.message().await } {
                Ok(inbound) => return inbound,
                Err(closed) => self.end(closed),
            }
        }
        if let Some(bytes) = self.salvaged.pop_front() {
            return Inbound::Stripe(bytes);
        }
        Inbound::Closed(self.closed.clone().unwrap_or(Closed::Here))
    }

    fn end(&mut self, closed: Closed) {
        match &closed {
            Closed::Offence(offence) => self.shared.close(offence.code(), &offence.to_string()),
            Closed::Here => {}
            _ => self.salvage(),
        }
        self.stripes.clear();
        self.closed = Some(closed);
    }

    /// Keeps the stripes that arrived whole before the link was lost: the peer need not send
    /// them again.
    fn salvage(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok(stream)) = pin!(self.shared.connection.accept_uni()).poll(&mut cx)
        {
            self.stripes.push_back(Stripe { stream, bytes: Vec::new() });
        }
        for stripe in &mut self.stripes {
            if let Poll::Ready(Ok(Step::Whole)) = stripe.poll(&mut cx) {
                self.salvaged.push_back(std::mem::take(&mut stripe.bytes));
            }
        }
    }

    async fn message(&mut self) -> Result<Inbound, Closed> {
        let Self { shared, control, decoder, .. } = self;
        next_message(shared, control, decoder).await.map(Inbound::Message)
    }

    async fn any(&mut self) -> Result<Inbound, Closed> {
        let Self { shared, control, decoder, stripes, .. } = self;
        loop {
            tokio::select! {
                biased;
                body = next_message(shared, control, decoder) => return body.map(Inbound::Message),
                bytes = poll_fn(|cx| poll_stripes(stripes, cx)) => {
                    return bytes.map(Inbound::Stripe);
                }
                stream = shared.connection.accept_uni() => {
                    stripes.push_back(Stripe { stream: stream?, bytes: Vec::new() });
                }
            }
        }
    }
}

/// The next whole message. What has arrived of it stays in `decoder` when the call is dropped.
async fn next_message(
    shared: &Shared,
    stream: &mut RecvStream,
    decoder: &mut Decoder,
) -> Result<Vec<u8>, Closed> {
    loop {
        shared.room(decoder.held()).await;
        match stream.read_chunk(decoder.wanted(), true).await {
            Ok(Some(chunk)) => {
                if let Some(body) =
                    decoder.push(&chunk.bytes, MESSAGE_BYTES_MAX).map_err(Offence::from)?
                {
                    return Ok(body);
                }
            }
            Ok(None) | Err(ReadError::Reset(_)) => return Err(Offence::ControlEnded.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A stripe that is not whole yet.
struct Stripe {
    stream: RecvStream,
    bytes: Vec<u8>,
}

/// What reading a stripe came to.
enum Step {
    Whole,
    /// The peer gave it up.
    Abandoned,
}

/// The first stripe that is whole, in the order in which they were opened.
fn poll_stripes(
    stripes: &mut VecDeque<Stripe>,
    cx: &mut Context<'_>,
) -> Poll<Result<Vec<u8>, Closed>> {
    let mut at = 0;
    while let Some(stripe) = stripes.get_mut(at) {
        match stripe.poll(cx) {
            Poll::Pending => at += 1,
            Poll::Ready(Err(closed)) => return Poll::Ready(Err(closed)),
            Poll::Ready(Ok(step)) => match (step, stripes.remove(at)) {
                (Step::Whole, Some(stripe)) => return Poll::Ready(Ok(stripe.bytes)),
                // The next one has moved to this place.
                _ => continue,
            },
        }
    }
    Poll::Pending
}

impl Stripe {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Closed>> {
        loop {
            // One byte more than allowed, to tell a full stripe from one that is too long.
            let wanted = STRIPE_BYTES_MAX + 1 - self.bytes.len();
            let read = pin!(self.stream.read_chunk(wanted, true)).poll(cx);
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Some(chunk))) => self.bytes.extend_from_slice(&chunk.bytes),
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(Step::Whole)),
                Poll::Ready(Err(ReadError::Reset(_))) => return Poll::Ready(Ok(Step::Abandoned)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            }
            if self.bytes.len() > STRIPE_BYTES_MAX {
                return Poll::Ready(Err(Offence::Stripe.into()));
            }
        }
    }
}
