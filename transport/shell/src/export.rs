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
    let value = match payload {
        Payload::EpochOpened(body) => serde_json::to_value(body),
        Payload::CatalogueChanged(body) => {
            return json!({ "change": engine::hex::encode(&body.change) });
        }
        Payload::GoodsReceived(body) => serde_json::to_value(body),
        Payload::SaleCompleted(body) => serde_json::to_value(body),
        Payload::SaleRefunded(body) => serde_json::to_value(body),
        Payload::SaleVoided(body) => serde_json::to_value(body),
        Payload::TelemetrySampled(body) => serde_json::to_value(body),
        Payload::GrantIssued(body) | Payload::DeviceRevoked(body) => serde_json::to_value(body),
        Payload::ForkProven(body) => serde_json::to_value(body),
        Payload::Unknown(unknown) => {
            return json!({
                "kind": unknown.kind,
                "version": unknown.version,
                "body": engine::hex::encode(&unknown.body),
            });
        }
    };
    value.unwrap_or(Value::Null)
}
