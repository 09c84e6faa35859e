//! Canonical bytes of events and signed documents. bincode is used here and nowhere else in the
//! engine.
//!
//! ```text
//! envelope   kind u16 | version u8 | hlc u64 | body bytes | ext bytes
//! ```
//!
//! Integers are bincode 2 "standard": little-endian variable length (below 251 one byte; else a
//! marker 251, 252 or 253 and 2, 4 or 8 bytes), signed ones zigzag. Byte strings and lists bear
//! their length. Fixed-size ids and hashes stand bare. `docs/event-format.md` draws each body.
//!
//! One value has one encoding: what decodes but does not encode back to the same bytes is refused.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::evolve::Evolved;
use super::{Event, Payload, Unknown};
use crate::clock::Hlc;
use crate::limits::EVENT_BYTES_MAX;

/// bincode limits what a value takes when decoded: an integer that is one byte in the log counts
/// as up to sixteen. The bytes themselves are measured by [`encode`] and [`decode`].
const DECODED_BYTES_MAX: usize = 16 * EVENT_BYTES_MAX;

type Config = Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// Why bytes are not an event or document, or a value does not become one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value does not fit in one event.
    #[error("the event would exceed {EVENT_BYTES_MAX} bytes; split it")]
    TooLarge,
    /// The bytes do not decode.
    #[error("the bytes of {what} are malformed: {cause}; the sender's program is at fault")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What the decoder said.
        cause: String,
    },
    /// The bytes decode, but are not the one encoding of their value.
    #[error("the bytes of {what} are not canonical; the sender's program is at fault")]
    NotCanonical {
        /// What was being read.
        what: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    kind: u16,
    version: u8,
    hlc: Hlc,
    body: Vec<u8>,
    ext: Vec<u8>,
}

/// The canonical bytes of any serde value that fits in an event.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, CONFIG).map_err(|_| CodecError::TooLarge)?;
    if bytes.len() > EVENT_BYTES_MAX { Err(CodecError::TooLarge) } else { Ok(bytes) }
}

/// Reads the one encoding of a value; `what` names it in errors.
pub fn decode<T: DeserializeOwned + Serialize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, CodecError> {
    let malformed = |cause: String| CodecError::Malformed { what, cause };
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(malformed(format!("longer than {EVENT_BYTES_MAX} bytes")));
    }
    let (value, consumed): (T, usize) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error| malformed(error.to_string()))?;
    if consumed != bytes.len() || encode(&value)? != bytes {
        return Err(CodecError::NotCanonical { what });
    }
    Ok(value)
}

/// Which program a reader is: each generation knows the kinds and versions of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u16);

impl Generation {
    /// Sales, refunds, goods received, the catalogue, authority.
    pub const FIRST: Self = Self(1);
    /// The whole ledger.
    pub const LEDGER: Self = Self(2);
    /// This program.
    pub const CURRENT: Self = Self::LEDGER;
}

/// A payload's body, for writing it in another form than the canonical one.
pub struct Body<'a>(pub &'a Payload);

/// The canonical bytes of an event.
pub fn encode_event(event: &Event) -> Result<Vec<u8>, CodecError> {
    let (kind, version, body) = encode_body(&event.payload)?;
    encode(&Envelope { kind, version, hlc: event.hlc, body, ext: event.ext.clone() })
}

/// Reads an event. Unknown kinds and versions are kept whole.
pub fn decode_event(bytes: &[u8]) -> Result<Event, CodecError> {
    decode_event_as(Generation::CURRENT, bytes)
}

/// Reads an event as a program of an earlier generation would.
pub fn decode_event_as(generation: Generation, bytes: &[u8]) -> Result<Event, CodecError> {
    let envelope: Envelope = decode("an event", bytes)?;
    let Envelope { kind, version, hlc, body, ext } = envelope;
    let payload = if since(kind, version).is_some_and(|since| since <= generation) {
        decode_body(kind, version, body)?
    } else {
        Payload::Unknown(Unknown { kind, version, body })
    };
    Ok(Event { hlc, payload, ext })
}

/// Whether the first program knew this event: later ones may find it kept by one that did not.
pub fn is_of_first(event: &Event) -> bool {
    let kind = encode_body(&event.payload).map(|(kind, version, _)| since(kind, version));
    kind == Ok(Some(Generation::FIRST))
}

/// The body of a grown kind, in the lowest version that can express it.
fn encode_evolved<T: Evolved>(body: &T) -> Result<(u8, Vec<u8>), CodecError> {
    match body.to_v1() {
        Some(body) => Ok((1, encode(&body)?)),
        None => Ok((2, encode(body)?)),
    }
}

/// Reads a grown kind. What version 1 could express is not canonical in version 2.
fn decode_evolved<T: Evolved>(
    what: &'static str,
    version: u8,
    body: &[u8],
) -> Result<T, CodecError> {
    if version == 1 {
        return decode(what, body).map(T::from_v1);
    }
    let value: T = decode(what, body)?;
    if value.to_v1().is_some() { Err(CodecError::NotCanonical { what }) } else { Ok(value) }
}

macro_rules! kinds {
    (
        version 1: $($kind:literal $since:literal $variant:ident $what:literal;)*
        versions 1 and 2: $(
            $kind2:literal $since1:literal $since2:literal $variant2:ident $what2:literal;
        )*
    ) => {
        /// Kind, version and body of a payload.
        fn encode_body(payload: &Payload) -> Result<(u16, u8, Vec<u8>), CodecError> {
            match payload {
                $(Payload::$variant(body) => Ok(($kind, 1, encode(body)?)),)*
                $(Payload::$variant2(body) => {
                    encode_evolved(body).map(|(version, body)| ($kind2, version, body))
                })*
                Payload::Unknown(unknown) => {
                    Ok((unknown.kind, unknown.version, unknown.body.clone()))
                }
            }
        }

        fn decode_body(kind: u16, version: u8, body: Vec<u8>) -> Result<Payload, CodecError> {
            match (kind, version) {
                $(($kind, 1) => decode($what, &body).map(Payload::$variant),)*
                $(($kind2, 1 | 2) => {
                    decode_evolved($what2, version, &body).map(Payload::$variant2)
                })*
                _ => Ok(Payload::Unknown(Unknown { kind, version, body })),
            }
        }

        /// The generation that first knew a kind in a version.
        fn since(kind: u16, version: u8) -> Option<Generation> {
            match (kind, version) {
                $(($kind, 1) => Some(Generation($since)),)*
                $(($kind2, 1) => Some(Generation($since1)),
                ($kind2, 2) => Some(Generation($since2)),)*
                _ => None,
            }
        }

        /// What people call the payload's kind.
        pub fn kind_name(payload: &Payload) -> &'static str {
            match payload {
                $(Payload::$variant(_) => $what,)*
                $(Payload::$variant2(_) => $what2,)*
                Payload::Unknown(_) => "unknown",
            }
        }

        impl Serialize for Body<'_> {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                match self.0 {
                    $(Payload::$variant(body) => body.serialize(out),)*
                    $(Payload::$variant2(body) => body.serialize(out),)*
                    Payload::Unknown(body) => body.serialize(out),
                }
            }
        }

        /// Every kind's name, for filters and documents.
        pub const KINDS: &[&str] = &[$($what,)* $($what2,)* "unknown"];
    };
}

// The registry of kinds: number, generations, variant, name. A line here is frozen once a flow
// that uses it has shipped.
kinds! {
    version 1:
    1 1 EpochOpened "epoch-opened";
    3 1 GoodsReceived "goods-received";
    6 1 SaleVoided "sale-voided";
    7 1 TelemetrySampled "telemetry-sampled";
    8 1 GrantIssued "grant-issued";
    9 1 DeviceRevoked "device-revoked";
    10 1 ForkProven "fork-proven";
    11 2 GoodsDispatched "goods-dispatched";
    12 2 GoodsTakenIn "goods-taken-in";
    13 2 GoodsReturned "goods-returned";
    14 2 StockCounted "stock-counted";
    15 2 GoodsSpoiled "goods-spoiled";
    16 2 GoodsReserved "goods-reserved";
    17 2 ReservationReleased "reservation-released";
    18 2 ReservationExpired "reservation-expired";
    19 2 RightsMinted "rights-minted";
    20 2 RightsRequested "rights-requested";
    21 2 RightsGranted "rights-granted";
    22 2 RightsAccepted "rights-accepted";
    23 2 RightsReturned "rights-returned";
    24 2 RightsSpent "rights-spent";
    25 2 RightsForfeited "rights-forfeited";
    26 2 ReceiptReprinted "receipt-reprinted";
    27 2 CashMoved "cash-moved";
    28 2 ShiftOpened "shift-opened";
    29 2 ShiftClosed "shift-closed";
    30 2 DayClosed "day-closed";
    31 2 FindingResolved "finding-resolved";
    32 2 LinkChanged "link-changed";
    33 2 SeasonOpened "season-opened";
    34 2 BundlePublished "bundle-published";
    35 2 PricesScheduled "prices-scheduled";
    versions 1 and 2:
    2 1 2 CatalogueChanged "catalogue-changed";
    4 1 2 SaleCompleted "sale-completed";
    5 1 2 SaleRefunded "sale-refunded";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unknown(kind: u16, body: Vec<u8>, ext: Vec<u8>) -> Event {
        let payload = Payload::Unknown(Unknown { kind, version: 9, body });
        Event { hlc: Hlc(7), payload, ext }
    }

    #[test]
    fn an_unknown_kind_comes_back_byte_for_byte() {
        let bytes = encode_event(&unknown(4_000, vec![1, 2, 3], vec![4])).unwrap();
        let event = decode_event(&bytes).unwrap();
        assert_eq!(event, unknown(4_000, vec![1, 2, 3], vec![4]));
        assert_eq!(encode_event(&event).unwrap(), bytes);
    }

    #[test]
    fn a_sale_that_version_1_can_express_is_not_canonical_in_version_2() {
        let sale = crate::event::sale::Sale::default();
        let body = encode(&sale).unwrap();
        let payload = Payload::Unknown(Unknown { kind: 4, version: 2, body });
        let bytes = encode_event(&Event { hlc: Hlc(0), payload, ext: vec![] }).unwrap();
        assert!(matches!(decode_event(&bytes), Err(CodecError::NotCanonical { .. })));
        let first = decode_event_as(Generation::FIRST, &bytes).unwrap();
        assert!(matches!(first.payload, Payload::Unknown(_)), "an older program keeps it");
    }

    #[test]
    fn each_thing_that_version_2_added_comes_back_without_the_others() {
        use crate::event::sale::Sale;
        use crate::event::{CatalogueChanged, Refund};
        use crate::hash::Hash;
        use crate::ids::{Epoch, EventId, LogId, ShortHash};
        let log = LogId([1; 16]);
        let place = EventId { log, epoch: Epoch(1), seq: 1, hash: ShortHash([1; 16]) };
        let sales = [
            Sale { receipt: 1, ..Sale::default() },
            Sale { reservation: Some(place), ..Sale::default() },
            Sale { promised: vec![0], ..Sale::default() },
            Sale { line_bundles: vec![(0, Hash([1; 32]))], ..Sale::default() },
            Sale { accepted_offline: vec![0], ..Sale::default() },
        ];
        let refund = Refund {
            key: Sale::default().key,
            sale: place,
            at_ms: 0,
            business_day: 0,
            currency: *b"EUR",
            lines: vec![],
            tenders: vec![],
            restock: true,
            receipt: 0,
            restored: vec![],
        };
        let refunds =
            [Refund { receipt: 1, ..refund.clone() }, Refund { restored: vec![0], ..refund }];
        let payloads = sales.into_iter().map(Payload::SaleCompleted);
        let payloads = payloads.chain(refunds.into_iter().map(Payload::SaleRefunded));
        let season = CatalogueChanged { season: 1, change: vec![] };
        for payload in payloads.chain([Payload::CatalogueChanged(season)]) {
            let event = Event { hlc: Hlc(0), payload, ext: vec![] };
            assert_eq!(decode_event(&encode_event(&event).unwrap()).unwrap(), event);
        }
    }

    #[test]
    fn a_known_kind_with_a_byte_too_many_is_refused() {
        let mut body = encode(&vec![1_u8]).unwrap();
        body.push(0);
        let payload = Payload::Unknown(Unknown { kind: 2, version: 1, body });
        let bytes = encode_event(&Event { hlc: Hlc(0), payload, ext: vec![] }).unwrap();
        assert!(matches!(decode_event(&bytes), Err(CodecError::NotCanonical { .. })));
    }

    #[test]
    fn a_longer_spelling_of_the_same_number_is_refused() {
        // Kind 4000 spelled with four bytes instead of two.
        let bytes = [252, 0xa0, 0x0f, 0, 0, 9, 7, 0, 0];
        assert!(decode_event(&bytes).is_err());
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        let bytes = [1, 1, 0, 253, 255, 255, 255, 255, 255, 255, 255, 127];
        assert!(matches!(decode_event(&bytes), Err(CodecError::Malformed { .. })));
    }

    #[test]
    fn an_event_over_the_limit_is_not_made() {
        let event = unknown(4_000, vec![0; EVENT_BYTES_MAX], vec![]);
        assert_eq!(encode_event(&event), Err(CodecError::TooLarge));
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_back_to_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Ok(event) = decode_event(&bytes) {
                prop_assert_eq!(encode_event(&event).unwrap(), bytes);
            }
        }
    }
}
