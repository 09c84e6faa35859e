//! Links in plain words.

use crate::net::{CarrierSpec, LinkSpec};

/// A carrier, both ways.
pub(super) fn carrier(carrier: &CarrierSpec) -> String {
    let mut text = if carrier.up == carrier.down {
        format!("both ways {}", link(&carrier.up))
    } else {
        format!("up {}; down {}", link(&carrier.up), link(&carrier.down))
    };
    if let Some(nat) = carrier.nat {
        text += &format!("; behind a NAT that forgets after {} s", nat.expires_s);
    }
    text
}

/// One direction.
pub(super) fn link(link: &LinkSpec) -> String {
    let usual = LinkSpec::default();
    let mut parts = vec![match (&link.trace, link.rate_kbit) {
        (Some(trace), _) => format!("as fast as the trace {trace}"),
        (None, Some(rate)) => format!("{rate} kbit/s"),
        (None, None) => "unlimited".to_owned(),
    }];
    parts.push(match link.jitter_ms {
        0 => format!("{} ms", link.delay_ms),
        jitter => format!("{} to {} ms", link.delay_ms, link.delay_ms + jitter),
    });
    let mut say = |is_so: bool, words: String| {
        if is_so {
            parts.push(words);
        }
    };
    let permille = |number: u16, what: &str| format!("{number} of 1000 {what}");
    say(link.lost_permille > 0, permille(link.lost_permille, "lost"));
    if let Some(burst) = link.burst {
        let words = format!("bursts in which {} of 1000 are lost", burst.lost_permille);
        say(burst.enter_permille > 0, words);
    }
    say(link.repeated_permille > 0, permille(link.repeated_permille, "twice"));
    let late = format!("held back by {} ms", link.reorder_ms);
    say(link.reordered_permille > 0, permille(link.reordered_permille, &late));
    say(link.corrupted_permille > 0, permille(link.corrupted_permille, "damaged"));
    let queue = format!("a queue of {} KiB", link.queue_bytes / 1_024);
    say(link.queue_bytes != usual.queue_bytes, queue);
    say(link.mtu != usual.mtu, format!("nothing over {} bytes passes", link.mtu));
    if let Some(cap) = link.cap_bytes {
        say(true, format!("{} KiB in all", cap / 1_024));
    }
    parts.join(", ")
}
