//! Events as JSON, for the feed and `export`.
//!
//! Every event is shown, also of kinds that this program does not know.

use engine::event::{Payload, codec};
use engine::ids::{EventId, Log};
use engine::replica::lanes::StoredEvent;
use serde_json::{Value, json};

/// An event with its id, log, time, kind and body.
pub(crate) fn event(id: &EventId, log: &Log, stored: &StoredEvent) -> Value {
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
