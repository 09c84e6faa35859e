//! What links carry, in what order, and where they stop.

use std::time::Duration;

use super::world::*;
use crate::quic::limits::{
    CONNECTION_WINDOW_BYTES, MESSAGE_BYTES_MAX, SEND_WINDOW_BYTES, STRANGER_MESSAGE_BYTES_MAX,
    STRIPE_BYTES_MAX, STRIPES_OPEN_MAX,
};
use crate::quic::{
    Closed, Endpoint, Inbound, LinkReceiver, LinkSender, Offence, SendError, TooLong,
};

#[tokio::test]
async fn messages_and_stripes_travel_both_ways() {
    let mut ends = pair().await.admitted().await;
    for (from, to) in [(0, 1), (1, 0)] {
        let message = vec![from as u8; 50_000];
        let stripe = vec![to as u8; STRIPE_BYTES_MAX];
        ends[from].send.message(&message).await.expect("sent");
        ends[from].send.message(b"").await.expect("sent");
        ends[from].send.stripe(0, stripe.clone()).await.expect("sent");
        let mut messages = Vec::new();
        let mut stripes = Vec::new();
        while messages.len() < 2 || stripes.is_empty() {
            match ends[to].next().await {
                Inbound::Message(body) => messages.push(body),
                Inbound::Stripe(bytes) => stripes.push(bytes),
                Inbound::Closed(closed) => panic!("{closed}"),
            }
        }
        assert_eq!(messages, [message, vec![]]);
        assert_eq!(stripes, [stripe]);
    }
    let stats = ends[0].send.stats();
    assert!(stats.sent_bytes > 120_000 && stats.received_bytes > 120_000, "{stats:?}");
    assert!(stats.rtt > Duration::ZERO && stats.rtt < Duration::from_secs(1));
}

#[tokio::test]
async fn messages_keep_their_order_and_come_before_stripes() {
    let [one, mut two] = pair().await.admitted().await;
    let sending = async {
        for n in 0..300_u32 {
            one.send.message(&n.to_le_bytes().repeat(n as usize)).await.expect("sent");
        }
    };
    let receiving = async {
        for n in 0..300_u32 {
            let body = n.to_le_bytes().repeat(n as usize);
            assert_eq!(two.next().await, Inbound::Message(body));
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn an_urgent_stripe_overtakes_those_that_wait() {
    let [one, mut two] = pair().await.admitted().await;
    // On one thread nothing is sent until this task waits for something.
    for n in 0..10 {
        one.send.stripe(1, vec![n; 60_000]).await.expect("taken over");
    }
    one.send.stripe(2, vec![99; 60_000]).await.expect("taken over");
    assert_eq!(two.next().await, Inbound::Stripe(vec![99; 60_000]));
}

#[tokio::test]
async fn what_is_over_the_bound_is_not_sent_and_harms_nothing() {
    let [one, mut two] = pair().await.admitted().await;
    let length = MESSAGE_BYTES_MAX + 1;
    let too_long = TooLong { length, bound: MESSAGE_BYTES_MAX };
    assert_eq!(one.send.message(&vec![0; length]).await, Err(SendError::Message(too_long)));
    let length = STRIPE_BYTES_MAX + 1;
    assert_eq!(one.send.stripe(0, vec![0; length]).await, Err(SendError::Stripe(length)));
    one.send.message(b"well").await.expect("sent");
    assert_eq!(two.next().await, Inbound::Message(b"well".to_vec()));
}

#[tokio::test]
async fn stripes_and_long_messages_of_a_stranger_wait_until_it_is_admitted() {
    let [one, mut two] = pair().await.ends();
    assert!(stuck(one.send.stripe(0, vec![1])).await);
    let body = vec![7; MESSAGE_BYTES_MAX];
    let sending = async {
        one.send.message(&body).await.expect("sent");
        one.send.stripe(0, vec![2]).await.expect("sent");
    };
    let admitting = async {
        until(|| two.send.stats().received_bytes > STRANGER_MESSAGE_BYTES_MAX as u64).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let held = two.send.stats().received_bytes;
        two.send.admit();
        held
    };
    // The call that waits while the peer is admitted goes on.
    let receiving = soon(two.receive.next());
    let ((), inbound, held) = soon(async { tokio::join!(sending, receiving, admitting) }).await;
    assert!(held < (STRANGER_MESSAGE_BYTES_MAX + MESSAGE_BYTES_MAX / 4) as u64, "{held} bytes");
    assert_eq!(inbound, Inbound::Message(body));
    assert_eq!(two.next().await, Inbound::Stripe(vec![2]));
}

#[tokio::test]
async fn a_stranger_that_leaves_in_the_middle_of_a_message_is_noticed() {
    let [one, mut two] = pair().await.ends();
    let body = vec![7; MESSAGE_BYTES_MAX];
    let leaving = async {
        assert!(stuck(one.send.message(&body)).await);
        one.send.close(33, "");
    };
    let (_, inbound) = soon(async { tokio::join!(leaving, two.receive.next_message()) }).await;
    assert!(matches!(inbound, Inbound::Closed(Closed::ByPeer { code: 33, .. })), "{inbound:?}");
}

/// A peer by hand, let in and admitted, and the receiving half of its link.
struct ByHand {
    raw: Raw,
    control: quinn::SendStream,
    receive: LinkReceiver,
    held: (Endpoint, LinkSender),
}

async fn by_hand() -> ByHand {
    let two = endpoint(2);
    let raw = async {
        let raw = Raw::dial(address(&two), |_| {}).await.expect("connects");
        let (send, _) = raw.control(&[0; 4]).await;
        (raw, send)
    };
    let (link, (raw, control)) = soon(async { tokio::join!(welcome(&two), raw) }).await;
    let (send, receive) = link.expect("let in").split();
    send.admit();
    ByHand { raw, control, receive, held: (two, send) }
}

impl ByHand {
    async fn check_offence(&mut self, offence: Offence) {
        let closed = Inbound::Closed(Closed::Offence(offence));
        assert_eq!(soon(self.receive.next()).await, closed);
        assert_eq!(soon(self.receive.next()).await, closed, "and it stays so");
        assert_eq!(self.raw.closed_with().await, u64::from(offence.code()));
    }
}

#[tokio::test]
async fn an_announced_giant_closes_the_link_before_it_is_read() {
    let mut peer = by_hand().await;
    peer.control.write_all(&u32::MAX.to_le_bytes()).await.expect("writes");
    let length = u32::MAX as usize;
    peer.check_offence(Offence::Message(TooLong { length, bound: MESSAGE_BYTES_MAX })).await;
}

#[tokio::test]
async fn a_stripe_over_the_bound_closes_the_link() {
    let mut peer = by_hand().await;
    let mut stripe = soon(peer.raw.connection.open_uni()).await.expect("opens");
    let sending = async { stripe.write_all(&vec![0; STRIPE_BYTES_MAX + 1]).await };
    let checking = peer.check_offence(Offence::Stripe);
    let _ = soon(async { tokio::join!(sending, checking) }).await;
}

#[tokio::test]
async fn a_control_stream_that_ends_closes_the_link() {
    let mut peer = by_hand().await;
    peer.control.finish().expect("open");
    peer.check_offence(Offence::ControlEnded).await;
}

#[tokio::test]
async fn a_stripe_that_its_sender_gives_up_is_never_seen() {
    let mut peer = by_hand().await;
    let mut given_up = soon(peer.raw.connection.open_uni()).await.expect("opens");
    given_up.write_all(b"half of").await.expect("writes");
    assert!(stuck(peer.receive.next()).await, "half a stripe is none");
    given_up.reset(5_u32.into()).expect("open");
    let mut whole = soon(peer.raw.connection.open_uni()).await.expect("opens");
    whole.write_all(b"whole").await.expect("writes");
    whole.finish().expect("open");
    assert_eq!(soon(peer.receive.next()).await, Inbound::Stripe(b"whole".to_vec()));
}

#[tokio::test]
async fn a_stripe_whose_call_is_dropped_midway_is_never_seen() {
    let [one, mut two] = pair().await.admitted().await;
    // On one thread nothing leaves until this task waits, so the send window fills up.
    let fit = SEND_WINDOW_BYTES as usize / STRIPE_BYTES_MAX;
    assert!(fit * STRIPE_BYTES_MAX < SEND_WINDOW_BYTES as usize, "the next one fits in part");
    for _ in 0..=fit {
        tokio::select! {
            biased;
            sent = one.send.stripe(0, vec![1; STRIPE_BYTES_MAX]) => sent.expect("taken over"),
            () = std::future::ready(()) => {}
        }
    }
    for _ in 0..fit {
        assert_eq!(two.next().await, Inbound::Stripe(vec![1; STRIPE_BYTES_MAX]));
    }
    assert!(stuck(two.receive.next()).await);
}

#[tokio::test]
async fn calls_that_are_dropped_leave_nothing_half_sent() {
    let [one, mut two] = pair().await.admitted().await;
    // Nobody reads: both calls get stuck halfway.
    let mut stripes = 0;
    while !stuck(one.send.stripe(0, vec![1; STRIPE_BYTES_MAX])).await {
        stripes += 1;
    }
    let long = vec![2; MESSAGE_BYTES_MAX];
    assert!(stuck(one.send.message(&long)).await);
    let sending = one.send.message(b"after");
    let receiving = async {
        let (mut whole, mut messages) = (0, Vec::new());
        while messages.len() < 2 || whole < stripes {
            match two.next().await {
                Inbound::Message(body) => messages.push(body),
                Inbound::Stripe(bytes) => {
                    assert_eq!(bytes.len(), STRIPE_BYTES_MAX);
                    whole += 1;
                }
                Inbound::Closed(closed) => panic!("{closed}"),
            }
        }
        assert!(stuck(two.receive.next()).await, "the stripe that was given up");
        messages
    };
    let (sent, messages) = soon(async { tokio::join!(sending, receiving) }).await;
    sent.expect("sent");
    assert_eq!(messages, [long, b"after".to_vec()]);
}

#[tokio::test]
async fn a_receiver_that_does_not_read_bounds_what_is_sent() {
    let [one, mut two] = pair().await.admitted().await;
    let mut sent = 0_usize;
    while !stuck(one.send.stripe(0, vec![sent as u8; STRIPE_BYTES_MAX])).await {
        sent += 1;
    }
    let held = u64::from(CONNECTION_WINDOW_BYTES);
    assert!(sent <= STRIPES_OPEN_MAX as usize, "{sent} stripes");
    assert!((sent * STRIPE_BYTES_MAX) as u64 <= held + SEND_WINDOW_BYTES);
    assert!(two.send.stats().received_bytes < held + held / 4);
    for _ in 0..sent {
        assert!(matches!(two.next().await, Inbound::Stripe(_)));
    }
    // One more was given up halfway; there is room again.
    one.send.stripe(0, vec![255]).await.expect("sent");
    assert_eq!(two.next().await, Inbound::Stripe(vec![255]));
}

#[tokio::test]
async fn messages_pass_while_stripes_are_left_with_the_peer() {
    let [one, mut two] = pair().await.admitted().await;
    let filling = async {
        let mut sent = 0;
        while !stuck(one.send.stripe(0, vec![1; STRIPE_BYTES_MAX])).await {
            sent += 1;
        }
        sent
    };
    let stripes = soon(filling).await;
    assert!(stripes > 0);
    // Several times the reserve, so that credit has to come back.
    for n in 0..40_u8 {
        let body = vec![n; 64 * 1024];
        let (sending, receiving) = (one.send.message(&body), two.receive.next_message());
        let (sent, inbound) = soon(async { tokio::join!(sending, receiving) }).await;
        sent.expect("sent");
        assert_eq!(inbound, Inbound::Message(body));
    }
    for _ in 0..stripes {
        assert!(matches!(two.next().await, Inbound::Stripe(_)));
    }
}

#[tokio::test]
async fn many_stripes_arrive_whole_through_a_narrow_window() {
    let [one, mut two] = pair().await.admitted().await;
    let stripe = |n: usize| vec![(n % 251) as u8; n * 173 % (STRIPE_BYTES_MAX + 1)];
    let mut sends = tokio::task::JoinSet::new();
    for n in 0..400 {
        let send = one.send.clone();
        sends.spawn(async move { send.stripe((n % 4) as i32, stripe(n)).await });
    }
    let mut got = Vec::new();
    for _ in 0..400 {
        match two.next().await {
            Inbound::Stripe(bytes) => got.push(bytes),
            other => panic!("{other:?}"),
        }
    }
    let mut expected: Vec<_> = (0..400).map(stripe).collect();
    got.sort();
    expected.sort();
    assert!(got == expected);
    assert!(sends.join_all().await.into_iter().all(|sent| sent.is_ok()));
}

#[tokio::test]
async fn stripes_that_arrived_whole_outlive_the_link() {
    let mut peer = by_hand().await;
    let connection = &peer.raw.connection;
    let mut cut = soon(connection.open_uni()).await.expect("opens");
    cut.write_all(b"half of").await.expect("writes");
    for n in 0..3 {
        let mut whole = soon(connection.open_uni()).await.expect("opens");
        whole.write_all(&[n; 10_000]).await.expect("writes");
        whole.finish().expect("open");
        soon(whole.stopped()).await.expect("acknowledged to its end");
    }
    connection.close(40_u32.into(), b"gone");
    until(|| peer.held.1.closed().is_some()).await;
    for n in 0..3 {
        assert_eq!(soon(peer.receive.next()).await, Inbound::Stripe(vec![n; 10_000]));
    }
    let closed = Closed::ByPeer { code: 40, reason: "gone".to_owned() };
    assert_eq!(soon(peer.receive.next()).await, Inbound::Closed(closed.clone()));
    assert_eq!(peer.held.1.message(b"late").await, Err(SendError::Closed(closed)));
}

#[tokio::test]
async fn nothing_more_comes_from_a_link_that_this_side_closed() {
    let [one, mut two] = pair().await.admitted().await;
    one.send.message(b"unread").await.expect("sent");
    one.send.stripe(0, vec![1; 5_000]).await.expect("sent");
    until(|| two.send.stats().received_bytes > 6_000).await;
    two.send.close(41, "revoked");
    assert_eq!(two.next().await, Inbound::Closed(Closed::Here));
}

#[tokio::test]
async fn a_link_ends_politely_when_both_halves_are_dropped() {
    let [one, mut two] = pair().await.ends();
    let End { send, receive, _endpoint } = one;
    drop(send);
    assert!(stuck(two.receive.next()).await, "the other half still holds it");
    drop(receive);
    let reason = String::new();
    assert_eq!(two.next().await, Inbound::Closed(Closed::ByPeer { code: 0, reason }));
}
