//! Events as JSON, for `export` and the events call.
//!
//! Every event is shown, also of kinds that this program does not know.

use std::ops::ControlFlow;

use engine::event::{Payload, codec};
use engine::ids::{EventId, LOG_BYTES, Log};
use engine::keys;
use engine::replica::lanes::StoredEvent;
use engine::store::{Read, ReadError};
use serde_json::{Value, json};

/// A page of events in the order of logs, epochs and sequence numbers, those after the cursor,
/// and the cursor of the next page.
pub fn events(
    store: &dyn Read,
    after: Option<&EventId>,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>), ReadError> {
    let (mut from, to) = keys::all_events();
    if let Some(id) = after {
        from = keys::event(id);
        from.push(0);
    }
    let mut out = Vec::new();
    let mut last = None;
    let mut log: Option<Log> = None;
    let mut failed = None;
    store.scan(&from, &to, &mut |key, row| {
        if out.len() == limit {
            return ControlFlow::Break(());
        }
        let Some(id) = keys::read_event_id(key) else { return ControlFlow::Continue(()) };
        if log.is_none_or(|log| log.id() != id.log) {
            match store.get(&keys::log(&id.log)) {
                Ok(row) => log = row.and_then(|row| read_log(&row)),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        if let Some((stored, log)) = StoredEvent::from_bytes(row).zip(log) {
            out.push(event(&id, &log, &stored));
            last = Some(id);
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let next = last.filter(|_| out.len() == limit).map(|id| id.to_string());
    Ok((out, next))
}

fn read_log(row: &[u8]) -> Option<Log> {
    let bytes: &[u8; LOG_BYTES] = row.try_into().ok()?;
    Log::from_bytes(bytes)
}

fn event(id: &EventId, log: &Log, stored: &StoredEvent) -> Value {
    let place = json!({
        "id": id.to_string(),
        "device": log.device.to_string(),
        "scope": log.scope.to_string(),
        "lane": log.lane,
        "epoch": id.epoch.to_string(),
        "seq": id.seq,
        "hash": stored.hash.to_string(),
    });
    let mut out = place;
    match codec::decode_event(&stored.bytes) {
        Ok(event) => {
            out["hlc_ms"] = json!(event.hlc.wall_ms());
            out["kind"] = json!(codec::kind_name(&event.payload));
            out["body"] = body(&event.payload);
        }
        Err(error) => out["garbled"] = json!(error.to_string()),
    }
    out
}

fn body(payload: &Payload) -> Value {
    let mut value = serde_json::to_value(codec::Body(payload)).unwrap_or(Value::Null);
    // Bytes read better as hexadecimal than as a list of numbers.
    let bytes = match payload {
        Payload::CatalogueChanged(body) => Some(("change", &body.change)),
        Payload::Unknown(unknown) => Some(("body", &unknown.body)),
        _ => None,
    };
    if let Some((field, bytes)) = bytes {
        value[field] = json!(engine::hex::encode(bytes));
    }
    value
}
