//! Price bundles and when they are in force.
//!
//! Only what a control states counts, whoever else may write the lane. A bundle is content: its
//! name is the hash of all its prices, so whoever completes it gives the same. Pieces are gathered
//! for each control and count of pieces, so that a false piece spoils no other gathering. A piece
//! that was stated in two ways, or could never be one, spoils its own for good; a gathering that is
//! whole and does not hash to its name is false. The order of arrival changes nothing.
//!
//! Which statement of an instant holds is not decided here, but in `books::bundles`.
//!
//! ```text
//! row     0 | bundle 32 | device 32 | parts u16 BE | part u16 BE   value  its prices; none: spoilt
//! row     1 | bundle 32 | device 32 | parts u16 BE                 value  [`Gathering`]
//! row     2 | from u64 BE (offset by 2^63) | clock u64 BE | event 48   value  bundle 32
//!
//! parts   as stated; 0 where no gathering has so many, or not this one
//! ```

use serde::{Deserialize, Serialize};

use super::{Books, Origin, Projection, event_key, read_event_key};
use crate::decide::is_price;
use crate::event::prices::{BundlePrice, bundle_name};
use crate::event::{BundlePublished, Event, Payload, PricesScheduled, codec};
use crate::hash::Hash;
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::{BUNDLE_PIECE_BYTES_MAX, BUNDLE_PIECES_MAX, BUNDLE_PRICES_MAX, EVIDENCE_MAX};
use crate::store::{Read, ReadError};

const PIECE: u8 = 0;
const GATHERING: u8 = 1;
const SWITCH: u8 = 2;

/// What has become of a bundle's pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Some are missing.
    #[default]
    Waiting,
    /// All are here and hash to the name.
    Whole,
    /// They contradict each other, or the name, or could never be pieces.
    False,
}

/// What one control has stated of a bundle, in one count of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathering {
    /// Different pieces held.
    pub held: u16,
    /// What they come to.
    pub verdict: Verdict,
    /// The events that stated them, the first [`EVIDENCE_MAX`] in order.
    pub events: Vec<EventId>,
}

/// Where a gathering stands: the control that states it, and in how many pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bundle.
    pub bundle: Hash,
    /// The control.
    pub device: DeviceId,
    /// How many pieces it speaks of; 0 for what could never be a piece.
    pub parts: u16,
}

/// One statement of when a bundle is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// From when on, in milliseconds since 1970.
    pub from_ms: i64,
    /// The bundle.
    pub bundle: Hash,
    /// The event that stated it.
    pub event: EventId,
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::BundlePublished(piece) if books.is_control(&origin.log.device) => {
            gather(books, origin, piece)
        }
        Payload::PricesScheduled(switch) if books.is_control(&origin.log.device) => {
            let clock = event.hlc.0.to_be_bytes();
            let rest =
                [[SWITCH].as_slice(), &instant(switch.from_ms), &clock, &event_key(&origin.id)];
            let key = super::row(Projection::Bundles, origin.log.scope, &rest.concat());
            let PricesScheduled { bundle, .. } = switch;
            books.set_row(key, Some(bundle.0.to_vec()))
        }
        _ => Ok(()),
    }
}

/// Adds a piece to what its control stated, and looks at the whole again where that changed.
fn gather(
    books: &mut dyn Books,
    origin: &Origin,
    piece: &BundlePublished,
) -> Result<(), ReadError> {
    let scope = origin.log.scope;
    let counts = (1..=BUNDLE_PIECES_MAX).contains(&piece.parts) && piece.part < piece.parts;
    let (parts, part) = if counts { (piece.parts, piece.part) } else { (0, 0) };
    let place = Place { bundle: piece.bundle, device: origin.log.device, parts };
    let stated =
        if counts && is_piece(&piece.prices) { encoded(&piece.prices)? } else { spoilt()? };
    let row = piece_key(scope, &place, part);
    let held = books.row(&row)?;
    let now = match &held {
        Some(held) if *held != stated => spoilt()?,
        _ => stated,
    };
    let key = gathering_key(scope, &place);
    let mut gathering: Gathering = super::read(books.row(&key)?)?;
    gathering.held += u16::from(held.is_none());
    note(&mut gathering.events, origin.id);
    if held.as_ref() != Some(&now) {
        let spoils = now == spoilt()?;
        books.set_row(row, Some(now))?;
        if spoils {
            gathering.verdict = Verdict::False;
        } else if gathering.verdict == Verdict::Waiting && gathering.held == parts {
            gathering.verdict = verdict(books, scope, &place)?;
        }
    }
    super::set(books, key, &gathering)
}

/// Keeps the first events in order.
fn note(events: &mut Vec<EventId>, event: EventId) {
    if let Err(at) = events.binary_search(&event) {
        events.insert(at, event);
        events.truncate(EVIDENCE_MAX);
    }
}

/// Whether all pieces, none of them spoilt, make the bundle that they are named after.
fn verdict(books: &dyn Books, scope: Scope, place: &Place) -> Result<Verdict, ReadError> {
    let mut all: Vec<BundlePrice> = Vec::new();
    for part in 0..place.parts {
        let prices = read_piece(books.row(&piece_key(scope, place, part))?)?;
        let follows = all.last().zip(prices.first()).is_none_or(|(a, b)| a.sku < b.sku);
        if !follows || all.len() + prices.len() > BUNDLE_PRICES_MAX {
            return Ok(Verdict::False);
        }
        all.extend(prices);
    }
    let named = bundle_name(&all).map_err(garbled)?;
    Ok(if named == place.bundle { Verdict::Whole } else { Verdict::False })
}

/// Whether a list may be a piece: some prices, every one possible, in order of SKUs, each SKU once.
fn is_piece(prices: &[BundlePrice]) -> bool {
    let bytes = encoded(&prices).map_or(usize::MAX, |bytes| bytes.len());
    // The count of a full piece takes three bytes.
    !prices.is_empty()
        && bytes <= BUNDLE_PIECE_BYTES_MAX + 3
        && prices.iter().all(is_price)
        && prices.is_sorted_by(|a, b| a.sku < b.sku)
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, ReadError> {
    codec::encode(value).map_err(garbled)
}

/// What stands in the place of a piece that is none: no prices.
fn spoilt() -> Result<Vec<u8>, ReadError> {
    encoded(&Vec::<BundlePrice>::new())
}

fn garbled(error: codec::CodecError) -> ReadError {
    ReadError::Device(error.to_string())
}

/// The prices in a piece's row.
pub(crate) fn read_piece(row: Option<Vec<u8>>) -> Result<Vec<BundlePrice>, ReadError> {
    super::read(row)
}

/// The key of a piece's row.
pub(crate) fn piece_key(scope: Scope, place: &Place, part: u16) -> Vec<u8> {
    let Place { bundle, device, parts } = place;
    let (parts, part) = (parts.to_be_bytes(), part.to_be_bytes());
    let rest = [[PIECE].as_slice(), &bundle.0, &device.0, &parts, &part].concat();
    super::row(Projection::Bundles, scope, &rest)
}

fn gathering_key(scope: Scope, place: &Place) -> Vec<u8> {
    let Place { bundle, device, parts } = place;
    let rest = [[GATHERING].as_slice(), &bundle.0, &device.0, &parts.to_be_bytes()].concat();
    super::row(Projection::Bundles, scope, &rest)
}

/// The rows of the gatherings of one bundle, or of all.
pub(crate) fn gatherings(scope: Scope, bundle: Option<&Hash>) -> Range {
    let bundle = bundle.map_or([].as_slice(), |bundle| &bundle.0);
    keys::prefix(super::row(Projection::Bundles, scope, &[&[GATHERING], bundle].concat()))
}

/// A gathering's place and what it says.
pub(crate) fn read_gathering(key: &[u8], value: &[u8]) -> Option<(Place, Gathering)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (bundle, rest) = rest.strip_prefix(&[GATHERING])?.split_first_chunk::<32>()?;
    let (device, parts) = rest.split_first_chunk::<32>()?;
    let parts = u16::from_be_bytes(parts.try_into().ok()?);
    let place = Place { bundle: Hash(*bundle), device: DeviceId(*device), parts };
    Some((place, codec::decode("a bundle's row", value).ok()?))
}

/// The rows of the statements from the beginning up to this instant, or after it.
pub(crate) fn switches(scope: Scope, until_ms: Option<i64>, after_ms: Option<i64>) -> Range {
    let (first, end) = keys::prefix(super::row(Projection::Bundles, scope, &[SWITCH]));
    let after = |ms: i64| match ms.checked_add(1) {
        Some(next) => {
            let rest = [[SWITCH].as_slice(), &instant(next)].concat();
            super::row(Projection::Bundles, scope, &rest)
        }
        None => end.clone(),
    };
    (after_ms.map_or(first, after), until_ms.map_or(end.clone(), after))
}

/// A statement.
pub(crate) fn read_switch(key: &[u8], value: &[u8]) -> Option<Switch> {
    let (_, _, rest) = keys::read_row(key)?;
    let (instant, rest) = rest.strip_prefix(&[SWITCH])?.split_first_chunk::<8>()?;
    let from_ms = (u64::from_be_bytes(*instant) ^ (1 << 63)) as i64;
    let event = read_event_key(rest.get(8..)?)?;
    Some(Switch { from_ms, bundle: Hash(value.try_into().ok()?), event })
}

/// Milliseconds so that they sort.
fn instant(ms: i64) -> [u8; 8] {
    (ms as u64 ^ (1 << 63)).to_be_bytes()
}

/// Where a bundle's pieces lie whole.
pub(crate) fn whole(
    store: &dyn Read,
    scope: Scope,
    bundle: &Hash,
) -> Result<Option<Place>, ReadError> {
    let (from, to) = gatherings(scope, Some(bundle));
    let mut found = None;
    store.scan(&from, &to, &mut |key, value| {
        if let Some((place, gathering)) = read_gathering(key, value)
            && gathering.verdict == Verdict::Whole
        {
            found = Some(place);
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(found)
}
