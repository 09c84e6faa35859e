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
use shell::lan::TillApi;
use shell::paths::WireBytes;
use shell::problem::Problem;
use shell::read::Rebuilding;
use utoipa::ToSchema;

use super::time;
use crate::core::{CallError, Movement, Request, Status};

/// A sale, as a till sends it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleBody {
    /// Who rings it up.
    #[serde(default)]
    cashier: String,
    /// When, as the till's clock shows it: RFC 3339 with the local offset; the stall's time in UTC
    /// if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    sold_at: Option<String>,
    /// The day that it counts for; the local date of `sold_at` if left out.
    #[schema(example = "2017-01-01")]
    business_day: Option<String>,
    /// The market's, an ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// The price bundle that the prices come from.
    #[schema(value_type = Option<String>)]
    price_bundle: Option<Hash>,
    /// 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    lines: Vec<LineBody>,
    /// 1 to 16 ways of paying, which cover the amounts and the tip.
    #[schema(min_items = 1, max_items = 16)]
    tenders: Vec<TenderBody>,
    /// In minor units, on top of the amounts.
    #[serde(default)]
    tip: i64,
    /// The reservation that it fulfils, which is let go.
    reservation: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineBody {
    /// What is sold.
    #[schema(example = "1004906")]
    sku: String,
    /// Thousandths: 1000 is one piece.
    #[schema(example = 1000)]
    quantity: u64,
    /// Says that a quantity of 0 is meant.
    #[serde(default)]
    zero_quantity: bool,
    /// What is charged for the line, in minor units.
    #[schema(example = 199)]
    amount: i64,
    /// The price that led to the amount.
    unit_price: Option<i64>,
    /// The discount that led to the amount.
    #[serde(default)]
    discount: i64,
    /// Tax within the amount.
    #[serde(default)]
    tax: i64,
    #[schema(value_type = Option<String>)]
    price_bundle: Option<Hash>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenderBody {
    /// `cash`, `card` or `voucher`; only cash may exceed what is due.
    #[schema(value_type = String, example = "cash")]
    kind: TenderKind,
    /// In minor units.
    #[schema(example = 199)]
    amount: i64,
    /// A card that was accepted while no acquirer could be asked.
    #[serde(default)]
    offline: bool,
}

/// A refund, as a till sends it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    /// The sale's id.
    sale: String,
    /// When: RFC 3339 with the local offset; the stall's time in UTC if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// The day that it counts for; the local date of `at` if left out.
    business_day: Option<String>,
    /// What comes back, never more than was sold.
    lines: Vec<RefundLineBody>,
    /// How it is paid back: exactly its lines.
    tenders: Vec<TenderBody>,
    /// Whether the goods can be sold again.
    restock: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefundLineBody {
    /// The sale's line, counted from 0.
    line: u16,
    /// Thousandths.
    #[schema(example = 1000)]
    quantity: u64,
    /// In minor units.
    #[schema(example = 199)]
    amount: i64,
}

/// A void, as a till sends it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidBody {
    /// The sale's id.
    sale: String,
    /// When: RFC 3339 with the local offset; the stall's time in UTC if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
}

/// Goods received, as a till sends them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoodsBody {
    /// When: RFC 3339 with the local offset; the stall's time in UTC if left out.
    #[schema(example = "2017-01-01T10:00:00+01:00")]
    at: Option<String>,
    /// The delivery note, or whatever it is known by.
    #[serde(default)]
    reference: String,
    /// What came.
    lines: Vec<GoodsLineBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GoodsLineBody {
    /// The SKU.
    #[schema(example = "1004906")]
    pub(super) sku: String,
    /// Thousandths.
    #[schema(example = 24000)]
    pub(super) quantity: u64,
    /// Whether the item is promised from now on: sold by rights, of which these goods are the
    /// first.
    #[serde(default)]
    pub(super) promise: bool,
}

/// A till to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TillBody {
    /// What people call it.
    pub name: String,
}

/// Whether sync is to be on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// On or off.
    pub up: bool,
}

/// How a stall stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusBody {
    /// The device.
    device: String,
    /// What people call it.
    name: String,
    /// `stall`.
    role: String,
    /// The tenant.
    tenant: String,
    /// The market's currency, an ISO 4217 code.
    currency: String,
    /// The hash of the committed version vector.
    vector: String,
    /// Events held.
    events: u64,
    /// Whether sync is on.
    link_up: bool,
    /// Why nothing is written any more.
    halted: Option<String>,
    /// The peers known in this run.
    peers: Vec<PeerBody>,
    /// What no control has receipted.
    at_risk: AtRiskBody,
    /// Logs with two branches on one parent.
    forks: Vec<ForkBody>,
    /// Books that are being rebuilt.
    rebuilding: Option<Rebuilding>,
    /// Events beyond what a revocation accepted.
    disputed: u64,
    /// UDP payload since the start.
    wire: WireBytes,
    /// How tills on the LAN reach the node.
    till_api: Option<TillApiBody>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct TillApiBody {
    /// The listener's address.
    address: String,
    /// SHA-256 of its certificate, for tills to pin.
    fingerprint: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct PeerBody {
    /// The peer.
    device: String,
    /// What people call it.
    name: String,
    /// Whether a session is open.
    connected: bool,
    /// Events held here that it is not known to hold.
    behind: u64,
    /// Logs of which it holds something that is not here yet.
    ahead: u64,
    /// Milliseconds since it was last heard.
    last_seen_ms: u64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AtRiskBody {
    /// Own events.
    events: u64,
    /// What they come to, in minor units.
    amount: i64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ForkBody {
    /// The fork.
    id: String,
    /// Whose log.
    device: String,
    /// The log's lane.
    lane: String,
    /// The last event before the branches part.
    after_seq: u64,
    /// Whether a proof is in the authority lane.
    proven: bool,
}

impl StatusBody {
    /// The status as the API states it.
    pub fn new(
        status: &Status,
        currency: &str,
        wire: WireBytes,
        till_api: Option<&TillApi>,
    ) -> Self {
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
            currency: currency.to_owned(),
            vector: status.vector.to_string(),
            events: status.events,
            link_up: status.link_up,
            halted: status.halted.clone(),
            peers: peers.collect(),
            at_risk: AtRiskBody { events: status.at_risk.events, amount: status.at_risk.amount },
            forks: forks.collect(),
            rebuilding: status.rebuilding.as_ref().map(Rebuilding::from),
            disputed: status.disputed,
            wire,
            till_api: till_api.map(|TillApi { address, fingerprint, .. }| TillApiBody {
                address: address.clone(),
                fingerprint: fingerprint.clone(),
            }),
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
        if let Some(Rebuilding { projections, done, total }) = &self.rebuilding {
            let names = projections.join(", ");
            out.push_str(&format!("  rebuilding {names}: {done} of {total} events\n"));
        }
        for peer in &self.peers {
            let state = if peer.connected { "connected" } else { "not connected" };
            out.push_str(&format!(
                "  {} {state}, {} events behind, last seen {} ms ago\n",
                peer.name, peer.behind, peer.last_seen_ms
            ));
        }
        if let Some(TillApiBody { address, fingerprint }) = &self.till_api {
            out.push_str(&format!("  tills on the LAN at {address}, certificate {fingerprint}\n"));
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
    pub(crate) fn into_request(self, key: Key) -> Result<Request, Problem> {
        let at = time::time_or_stall("sold_at", self.sold_at.as_deref())?;
        let zero = self.lines.iter().enumerate().filter(|(_, line)| line.zero_quantity);
        let zero = zero.map(|(index, _)| index).collect();
        let bundles = (0..).zip(&self.lines);
        let bundles = bundles.filter_map(|(at, line)| Some((at, line.price_bundle?))).collect();
        let lines = self.lines.into_iter().map(|line| Line {
            sku: line.sku,
            quantity: line.quantity,
            amount: line.amount,
            unit_price: line.unit_price,
            discount: line.discount,
            tax: line.tax,
        });
        let offline = self.tenders.iter().zip(0_u8..).filter(|(tender, _)| tender.offline);
        let accepted_offline = offline.map(|(_, at)| at).collect();
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
            reservation: self.reservation.map(|id| event_id("reservation", &id)).transpose()?,
            accepted_offline,
            line_bundles: bundles,
            ..Sale::default()
        };
        Ok(Request::Sale(sale, zero))
    }
}

impl RefundBody {
    pub(super) fn into_request(self, key: Key, currency: [u8; 3]) -> Result<Request, Problem> {
        let at = time::time_or_stall("at", self.at.as_deref())?;
        if let Some(at) = self.tenders.iter().position(|tender| tender.offline) {
            let text = format!("tenders[{at}].offline is for sales alone; leave it out");
            return Err(Problem::malformed(text));
        }
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
        let at_ms = time::time_or_stall("at", self.at.as_deref())?.ms;
        Ok(Request::Void(Void { key, sale: event_id("sale", &self.sale)?, at_ms }))
    }
}

impl GoodsBody {
    pub(super) fn into_request(self, key: Key) -> Result<Request, Problem> {
        let at_ms = time::time_or_stall("at", self.at.as_deref())?.ms;
        let newly = self.lines.iter().filter(|line| line.promise);
        let newly: Vec<String> = newly.map(|line| line.sku.clone()).collect();
        let line = |line: GoodsLineBody| GoodsLine { sku: line.sku, quantity: line.quantity };
        let lines = self.lines.into_iter().map(line).collect();
        let goods = GoodsReceived { key, at_ms, reference: self.reference, lines };
        Ok(match newly.is_empty() {
            true => Request::Goods(Movement::Received(goods)),
            false => Request::Promised(goods, newly),
        })
    }
}

/// The problem that a refused call is answered with.
pub(super) fn problem(error: &CallError) -> Problem {
    let text = error.to_string();
    match error {
        CallError::NotEnrolled => Problem::not_enrolled(text),
        CallError::Append(AppendError::Codec(CodecError::TooLarge)) => Problem::too_large(text),
        CallError::Append(AppendError::NotGranted { .. }) => Problem::forbidden(text),
        CallError::Catalogue(error) => super::catalogue::problem(error),
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

pub(super) fn event_id(field: &str, text: &str) -> Result<EventId, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_reference(format!("{field} {text:?} is not an event id; copy it whole"))
    })
}

fn tenders(bodies: Vec<TenderBody>) -> Vec<Tender> {
    bodies.into_iter().map(|body| Tender { kind: body.kind, amount: body.amount }).collect()
}
