//! What links carry, in what order, and where they stop.

use std::time::Duration;

use super::world::*;
use crate::quic::limits::{
    CONNECTION_WINDOW_BYTES, MESSAGE_BYTES_MAX, SEND_WINDOW_BYTES, STRANGER_MESSAGE_BYTES_MAX,
    STRIPE_BYTES_MAX, STRIPES_OPEN_MAX,
};
use crate::quic::{Closed, Inbound, LinkReceiver, Offence, SendError, TooLong};

#[tokio::test]
async fn messages_and_stripes_travel_both_ways() {
    let mut ends = pair().await.admitted().await;
    for (from, to) in [(0, 1), (1, 0)] {
        let message = vec![from as u8; 100_000];
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
    assert!(stats.sent_bytes > 170_000 && stats.received_bytes > 170_000, "{stats:?}");
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
    let mut order = Vec::new();
    for _ in 0..11 {
        match two.next().await {
            Inbound::Stripe(bytes) => order.push(bytes[0]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, [99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "and the rest one after the other");
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
async fn a_stranger_may_send_no_stripes_and_shorter_messages() {
    let [one, mut two] = pair().await.ends();
    assert!(stuck(one.send.stripe(0, vec![1])).await);
    let body = vec![0; STRANGER_MESSAGE_BYTES_MAX + 1];
    let sending = one.send.message(&body);
    let (_, inbound) = soon(async { tokio::join!(sending, two.next()) }).await;
    let bound = STRANGER_MESSAGE_BYTES_MAX;
    let offence = Offence::Message(TooLong { length: body.len(), bound });
    assert_eq!(inbound, Inbound::Closed(Closed::Offence(offence)));
}

#[tokio::test]
async fn an_admitted_peer_may_send_long_messages() {
    let [one, mut two] = pair().await.admitted().await;
    let body = vec![7; MESSAGE_BYTES_MAX];
    let (sent, inbound) = soon(async { tokio::join!(one.send.message(&body), two.next()) }).await;
    sent.expect("sent");
    assert_eq!(inbound, Inbound::Message(body));
}

/// A peer by hand, let in and admitted, and the receiving half of its link.
async fn raw_and_receiver() -> (Raw, quinn::SendStream, LinkReceiver, impl Drop) {
    let two = endpoint(2);
    let raw = async {
        let raw = Raw::dial(address(&two), |_| {}).await.expect("connects");
        let (send, _) = raw.control(&[0; 4]).await;
        (raw, send)
    };
    let (link, (raw, control)) = soon(async { tokio::join!(welcome(&two), raw) }).await;
    let (send, receive) = link.expect("let in").split();
    send.admit();
    (raw, control, receive, Keep((two, send)))
}

struct Keep<T>(#[allow(dead_code, reason = "held for its drop")] T);

impl<T> Drop for Keep<T> {
    fn drop(&mut self) {}
}

async fn check_offence(raw: &Raw, receive: &mut LinkReceiver, offence: Offence) {
    let closed = Inbound::Closed(Closed::Offence(offence));
    assert_eq!(soon(receive.next()).await, closed);
    assert_eq!(soon(receive.next()).await, closed, "and it stays so");
    assert_eq!(raw.closed_with().await, u64::from(offence.code()));
}

#[tokio::test]
async fn an_announced_giant_closes_the_link_before_it_is_read() {
    let (raw, mut control, mut receive, _keep) = raw_and_receiver().await;
    control.write_all(&u32::MAX.to_le_bytes()).await.expect("writes");
    let length = u32::MAX as usize;
    let offence = Offence::Message(TooLong { length, bound: MESSAGE_BYTES_MAX });
    check_offence(&raw, &mut receive, offence).await;
}

#[tokio::test]
async fn a_stripe_over_the_bound_closes_the_link() {
    let (raw, _control, mut receive, _keep) = raw_and_receiver().await;
    let mut stripe = soon(raw.connection.open_uni()).await.expect("opens");
    let sending = async { stripe.write_all(&vec![0; STRIPE_BYTES_MAX + 1]).await };
    let checking = check_offence(&raw, &mut receive, Offence::Stripe);
    let _ = soon(async { tokio::join!(sending, checking) }).await;
}

#[tokio::test]
async fn a_control_stream_that_ends_closes_the_link() {
    let (raw, mut control, mut receive, _keep) = raw_and_receiver().await;
    control.finish().expect("open");
    check_offence(&raw, &mut receive, Offence::ControlEnded).await;
}

#[tokio::test]
async fn a_stripe_that_its_sender_gives_up_is_never_seen() {
    let (raw, _control, mut receive, _keep) = raw_and_receiver().await;
    let mut given_up = soon(raw.connection.open_uni()).await.expect("opens");
    given_up.write_all(b"half of").await.expect("writes");
    assert!(stuck(receive.next()).await, "half a stripe is none");
    given_up.reset(5_u32.into()).expect("open");
    let mut whole = soon(raw.connection.open_uni()).await.expect("opens");
    whole.write_all(b"whole").await.expect("writes");
    whole.finish().expect("open");
    assert_eq!(soon(receive.next()).await, Inbound::Stripe(b"whole".to_vec()));
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
    let [one, mut two] = pair().await.admitted().await;
    for n in 0..3 {
        one.send.stripe(0, vec![n; 10_000]).await.expect("sent");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.send.close(40, "gone");
    tokio::time::sleep(Duration::from_millis(200)).await;
    for n in 0..3 {
        assert_eq!(two.next().await, Inbound::Stripe(vec![n; 10_000]));
    }
    let reason = "gone".to_owned();
    let closed = Closed::ByPeer { code: 40, reason };
    assert_eq!(two.next().await, Inbound::Closed(closed.clone()));
    assert_eq!(two.send.closed(), Some(closed.clone()));
    assert_eq!(two.send.message(b"late").await, Err(SendError::Closed(closed)));
}

#[tokio::test]
async fn nothing_more_comes_from_a_link_that_this_side_closed() {
    let [one, mut two] = pair().await.admitted().await;
    one.send.message(b"unread").await.expect("sent");
    one.send.stripe(0, vec![1]).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
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
