//! Bodies of the till's API, and their way to and from the core's types.
//!
//! Fields are checked here for what they are, and in `engine::decide` for what they say.

use engine::event::codec::CodecError;
use engine::event::sale::{Key, Line, Sale, Tender, TenderKind};
use engine::event::{GoodsLine, GoodsReceived, Refund, RefundLine, Void};
use engine::hash::Hash;
use engine::ids::EventId;
use engine::replica::append::AppendError;
use serde::{Deserialize, Serialize};
use shell::paths::WireBytes;
use shell::problem::Problem;

use super::time;
use crate::core::{CallError, Request, Status};

/// A sale, as a till sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaleBody {
    #[serde(default)]
    cashier: String,
    sold_at: String,
    business_day: Option<String>,
    currency: String,
    price_bundle: Option<Hash>,
    lines: Vec<LineBody>,
    tenders: Vec<TenderBody>,
    #[serde(default)]
    tip: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    sku: String,
    quantity: u64,
    #[serde(default)]
    zero_quantity: bool,
    amount: i64,
    unit_price: Option<i64>,
    #[serde(default)]
    discount: i64,
    #[serde(default)]
    tax: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TenderBody {
    kind: TenderKind,
    amount: i64,
}

/// A refund, as a till sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    sale: String,
    at: String,
    business_day: Option<String>,
    lines: Vec<RefundLineBody>,
    tenders: Vec<TenderBody>,
    restock: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundLineBody {
    line: u16,
    quantity: u64,
    amount: i64,
}

/// A void, as a till sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidBody {
    sale: String,
    at: String,
}

/// Goods received, as a till sends them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoodsBody {
    at: String,
    #[serde(default)]
    reference: String,
    lines: Vec<GoodsLineBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoodsLineBody {
    sku: String,
    quantity: u64,
}

/// A till to add.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TillBody {
    /// What people call it.
    pub name: String,
}

/// Whether sync is to be on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// On or off.
    pub up: bool,
}

/// How a stall stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct StatusBody {
    device: String,
    name: String,
    role: String,
    tenant: String,
    vector: String,
    events: u64,
    link_up: bool,
    halted: Option<String>,
    peers: Vec<PeerBody>,
    at_risk: AtRiskBody,
    forks: Vec<ForkBody>,
    disputed: u64,
    wire: WireBytes,
}

#[derive(Debug, Serialize, Deserialize)]
struct PeerBody {
    device: String,
    name: String,
    connected: bool,
    behind: u64,
    ahead: u64,
    last_seen_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct AtRiskBody {
    events: u64,
    amount: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ForkBody {
    id: String,
    device: String,
    lane: String,
    after_seq: u64,
    proven: bool,
}

impl StatusBody {
    /// The status as the API states it.
    pub fn new(status: &Status, wire: WireBytes) -> Self {
        let peers = status.peers.iter().map(|peer| PeerBody {
            device: peer.device.to_string(),
            name: peer.name.clone(),
            connected: peer.connected,
            behind: peer.behind,
            ahead: peer.ahead,
            last_seen_ms: peer.last_seen_ms,
        });
        let forks = status.forks.iter().map(|fork| ForkBody {
            id: fork.id.to_string(),
            device: fork.log.device.to_string(),
            lane: format!("{:?}", fork.log.lane).to_lowercase(),
            after_seq: fork.parent.seq,
            proven: fork.proven,
        });
        Self {
            device: status.device.to_string(),
            name: status.name.clone(),
            role: "stall".to_owned(),
            tenant: status.tenant.to_string(),
            vector: status.vector.to_string(),
            events: status.events,
            link_up: status.link_up,
            halted: status.halted.clone(),
            peers: peers.collect(),
            at_risk: AtRiskBody { events: status.at_risk.events, amount: status.at_risk.amount },
            forks: forks.collect(),
            disputed: status.disputed,
            wire,
        }
    }

    /// A few lines for a person.
    pub fn in_words(&self) -> String {
        let mut out = format!(
            "{} ({})\n  events {}, link {}\n  at risk now: {} events, {} minor units\n",
            self.name,
            self.device,
            self.events,
            if self.link_up { "up" } else { "down (drill)" },
            self.at_risk.events,
            self.at_risk.amount,
        );
        if let Some(reason) = &self.halted {
            out.push_str(&format!("  HALTED: {reason}\n"));
        }
        for peer in &self.peers {
            let state = if peer.connected { "connected" } else { "not connected" };
            out.push_str(&format!(
                "  {} {state}, {} events behind, last seen {} ms ago\n",
                peer.name, peer.behind, peer.last_seen_ms
            ));
        }
        for fork in &self.forks {
            out.push_str(&format!(
                "  FORK: device {} has two branches after event {} of its {} lane; its disk was \
                 cloned or restored\n",
                fork.device, fork.after_seq, fork.lane
            ));
        }
        out
    }
}

impl SaleBody {
    pub(super) fn into_request(self, key: Key) -> Result<Request, Problem> {
        let at = time::time("sold_at", &self.sold_at)?;
        let zero = self.lines.iter().enumerate().filter(|(_, line)| line.zero_quantity);
        let zero = zero.map(|(index, _)| index).collect();
        let lines = self.lines.into_iter().map(|line| Line {
            sku: line.sku,
            quantity: line.quantity,
            amount: line.amount,
            unit_price: line.unit_price,
            discount: line.discount,
            tax: line.tax,
        });
        let sale = Sale {
            key,
            cashier: self.cashier,
            sold_at_ms: at.ms,
            offset_minutes: at.offset_minutes,
            business_day: time::day(self.business_day.as_deref(), at)?,
            currency: currency("currency", &self.currency)?,
            price_bundle: self.price_bundle,
            lines: lines.collect(),
            tenders: tenders(self.tenders),
            tip: self.tip,
            ..Sale::default()
        };
        Ok(Request::Sale(sale, zero))
    }
}

impl RefundBody {
    pub(super) fn into_request(self, key: Key, currency: [u8; 3]) -> Result<Request, Problem> {
        let at = time::time("at", &self.at)?;
        let lines = self.lines.into_iter().map(|line| RefundLine {
            line: line.line,
            sku: String::new(),
            quantity: line.quantity,
            amount: line.amount,
        });
        Ok(Request::Refund(Refund {
            key,
            sale: event_id("sale", &self.sale)?,
            at_ms: at.ms,
            business_day: time::day(self.business_day.as_deref(), at)?,
            currency,
            lines: lines.collect(),
            tenders: tenders(self.tenders),
            restock: self.restock,
            receipt: 0,
            restored: Vec::new(),
        }))
    }
}

impl VoidBody {
    pub(super) fn into_request(self, key: Key) -> Result<Request, Problem> {
        let at_ms = time::time("at", &self.at)?.ms;
        Ok(Request::Void(Void { key, sale: event_id("sale", &self.sale)?, at_ms }))
    }
}

impl GoodsBody {
    pub(super) fn into_request(self, key: Key) -> Result<Request, Problem> {
        let at_ms = time::time("at", &self.at)?.ms;
        let line = |line: GoodsLineBody| GoodsLine { sku: line.sku, quantity: line.quantity };
        let lines = self.lines.into_iter().map(line).collect();
        Ok(Request::Goods(GoodsReceived { key, at_ms, reference: self.reference, lines }))
    }
}

/// The problem that a refused call is answered with.
pub(super) fn problem(error: &CallError) -> Problem {
    let text = error.to_string();
    match error {
        CallError::NotEnrolled => Problem::not_enrolled(text),
        CallError::Append(AppendError::Codec(CodecError::TooLarge)) => Problem::too_large(text),
        CallError::Append(AppendError::NotGranted { .. }) => Problem::forbidden(text),
        CallError::Halted(_) | CallError::Append(_) => Problem::halted(text),
        CallError::Refused(refusal) => shell::refusal::problem(refusal),
    }
}

/// Three capital letters.
pub(super) fn currency(field: &str, text: &str) -> Result<[u8; 3], Problem> {
    let code = <[u8; 3]>::try_from(text.as_bytes()).ok();
    code.filter(|code| code.iter().all(u8::is_ascii_uppercase)).ok_or_else(|| {
        Problem::malformed(format!("{field} {text:?} is not an ISO 4217 code, as in EUR"))
    })
}

/// A short name without control characters.
pub(super) fn name(field: &str, text: &str) -> Result<(), Problem> {
    let good = !text.is_empty()
        && text.len() <= engine::limits::NAME_BYTES_MAX
        && !text.chars().any(char::is_control);
    if good {
        Ok(())
    } else {
        Err(Problem::malformed(format!("{field} must have 1 to 64 bytes, none of them control")))
    }
}

fn event_id(field: &str, text: &str) -> Result<EventId, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_reference(format!("{field} {text:?} is not an event id; copy it whole"))
    })
}

fn tenders(bodies: Vec<TenderBody>) -> Vec<Tender> {
    bodies.into_iter().map(|body| Tender { kind: body.kind, amount: body.amount }).collect()
}
