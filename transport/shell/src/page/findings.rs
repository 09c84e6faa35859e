//! Findings in plain words: what is wrong, what is at stake, and the form that settles one.
//!
//! The form covers the evidence that was shown and no more, under a key that derives from it: a
//! double touch settles once, and evidence that came meanwhile keeps the finding open.

use engine::books::findings::{Stated, Which, findings};
use engine::event::FindingResolved;
use engine::event::sale::{Key, KeyNumber};
use engine::hash::Hash;
use engine::ids::EventId;
use engine::projections::findings::Rule;
use engine::store::ReadError;
use maud::{Markup, html};
use serde::Deserialize;

use super::words::{count, money, quantity};
use crate::access::Caller;
use crate::problem::Problem;
use crate::read::View;
use crate::settle::SettleBody;

/// Findings shown at once; the next ones come up as these are settled.
const SHOWN: usize = 20;
/// Pieces of evidence shown of one finding.
const EVIDENCE_SHOWN: usize = 4;
const KEY_CONTEXT: &str = "tentpole v1 page settlement";

/// The findings that are open.
#[derive(Debug, Default)]
pub struct Open {
    shown: Vec<Stated>,
    more: bool,
}

/// Reads the open findings of every merchant of the view, and the tenant's.
pub fn open(view: &View<'_>) -> Result<Open, ReadError> {
    let mut shown = Vec::new();
    for scope in crate::read::findings::scopes(view) {
        shown.extend(findings(view.store, scope, Which::Open, None, SHOWN + 1)?);
    }
    let more = shown.len() > SHOWN;
    shown.truncate(SHOWN);
    Ok(Open { shown, more })
}

/// The list, with a form for each.
pub fn section(open: &Open, currency: &str) -> Markup {
    html! {
        section #findings data-open=(open.shown.len()) {
            h2 { "Findings" }
            @if open.shown.is_empty() {
                p .good { "The books fit together." }
            }
            @for stated in &open.shown { (finding(stated, currency)) }
            @if open.more {
                p .note { "There are more; they come up as these are settled." }
            }
        }
    }
}

fn finding(stated: &Stated, currency: &str) -> Markup {
    let Stated { id, finding, .. } = stated;
    let (title, meaning) = words(finding.rule);
    let evidence = unsettled(stated);
    html! {
        div .finding data-finding=(id) {
            h3 { (title) }
            p { (meaning) }
            p { small { "About " (finding.subject) } }
            p .strong {
                @if finding.money != 0 { (money(finding.money, currency)) " at stake. " }
                @if finding.quantity != 0 { (quantity(finding.quantity)) " pieces at stake. " }
            }
            details {
                summary { (count(evidence.len() as i128, "event")) " to look at" }
                @for event in evidence.iter().take(EVIDENCE_SHOWN) { p { code { (event) } } }
                @if evidence.len() > EVIDENCE_SHOWN { p { "and more" } }
            }
            form .row method="post" action="/settle" {
                input type="hidden" name="finding" value=(id);
                input type="hidden" name="evidence" value=(listed(&evidence));
                input type="hidden" name="key" value=(key(id, &evidence));
                input name="note" required maxlength="200" placeholder="What was done about it"
                    aria-label={ "What was done about: " (title) };
                button { "Settle" }
            }
        }
    }
}

/// What somebody settles, as the page sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleForm {
    finding: Hash,
    /// Event ids with spaces between them.
    evidence: String,
    key: String,
    note: String,
}

impl SettleForm {
    /// The fact that it asks to be stated.
    pub fn into_event(self, caller: &Caller) -> Result<FindingResolved, Problem> {
        let evidence = self.evidence.split_whitespace().map(str::to_owned).collect();
        let key = Key { till: caller.till().to_owned(), number: KeyNumber::parse(&self.key) };
        let body = SettleBody { evidence, note: self.note.trim().to_owned() };
        body.into_event(key, self.finding)
    }
}

fn unsettled(stated: &Stated) -> Vec<EventId> {
    let evidence = stated.finding.evidence.iter();
    evidence.filter(|event| !stated.settled.contains_key(event)).copied().collect()
}

fn listed(evidence: &[EventId]) -> String {
    let ids: Vec<String> = evidence.iter().map(ToString::to_string).collect();
    ids.join(" ")
}

fn key(finding: &Hash, evidence: &[EventId]) -> String {
    let text = format!("{finding} {}", listed(evidence));
    let hash = blake3::derive_key(KEY_CONTEXT, text.as_bytes());
    format!("settle-{}", engine::hex::encode(&hash[..16]))
}

/// What a rule says, and what to do about it.
fn words(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::OverRefund => (
            "Too much refunded",
            "More was paid back of a sale than was paid for it, or a voided sale was refunded.",
        ),
        Rule::VoidElsewhere => (
            "A void that undoes nothing",
            "It names no sale that its stall had made before. It changed nothing in the books.",
        ),
        Rule::BadReference => {
            ("A wrong reference", "An event names another one that is not what it should be.")
        }
        Rule::KeyDoubled => (
            "One request, two events",
            "A sale or movement may have been counted twice; compare the two.",
        ),
        Rule::Fork => (
            "A disk was cloned or restored",
            "A device has two histories. If nobody restored a backup, somebody runs a copy.",
        ),
        Rule::ReceiptDoubled => (
            "Two receipts with one number",
            "A till printed one number twice, most likely from a copied disk.",
        ),
        Rule::ReceiptGap => ("A missing receipt", "A till left receipt numbers out."),
        Rule::LateSale => (
            "A sale on a closed day",
            "It counts for a business day that its stall had closed before.",
        ),
        Rule::RightsOverdrawn => (
            "Promised more than there is",
            "A stall sold or gave away promised stock that it had no right to.",
        ),
        Rule::RightsDoubled => (
            "Rights claimed twice",
            "Promised stock that was given once was taken twice, or by somebody else.",
        ),
        Rule::TransferShort => {
            ("A transfer came short", "Less was taken in than was sent; look for the rest.")
        }
        Rule::TransferOver => (
            "A transfer that does not fit",
            "More was taken in than was sent, or twice, or at another stall.",
        ),
        Rule::FalseDocument => (
            "A document that does not hold",
            "Its signature or content is not what it should be. Ask who wrote it.",
        ),
        Rule::OddTime => {
            ("A clock is days off", "A till's clock and its stall's disagree by days; set them.")
        }
        Rule::DrawerOff => (
            "The drawer does not add up",
            "A shift closed with another amount of cash than the books say.",
        ),
        Rule::FalseBundle => (
            "Prices that do not add up",
            "The pieces of a price list are not those that its name stands for.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine::ids::{Epoch, LogId, Scope, ShortHash};
    use engine::projections::findings::Finding;

    use super::*;

    fn event(seq: u64) -> EventId {
        EventId { log: LogId([1; 16]), epoch: Epoch(2), seq, hash: ShortHash([3; 16]) }
    }

    fn stated(settled: &[u64]) -> Stated {
        let subject = "<script>sale</script>".to_owned();
        let mut finding = Finding::new(Rule::OverRefund, subject, [event(1), event(2)]);
        finding.money = 450;
        finding.quantity = 1_500;
        let settled = settled.iter().map(|seq| (event(*seq), event(9))).collect();
        Stated { id: Hash([7; 32]), scope: Scope::Tenant, finding, settled }
    }

    #[test]
    fn a_finding_says_what_is_wrong_and_what_is_at_stake() {
        let open = Open { shown: vec![stated(&[])], more: true };
        let html = section(&open, "EUR").into_string();
        for part in ["Too much refunded", "4.50 EUR at stake", "1.5 pieces", "2 events", "more;"] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
        assert!(section(&Open::default(), "EUR").into_string().contains("The books fit together"));
    }

    #[test]
    fn a_form_covers_what_is_open_and_nothing_that_was_settled() {
        let whole = finding(&stated(&[]), "EUR").into_string();
        let rest = finding(&stated(&[1]), "EUR").into_string();
        let value = |event: &EventId| format!("value=\"{event}\"");
        assert!(whole.contains(&format!("value=\"{} {}\"", event(1), event(2))), "{whole}");
        assert!(rest.contains(&value(&event(2))) && rest.contains("1 event to"), "{rest}");
    }

    #[test]
    fn more_evidence_makes_another_key() {
        let id = Hash([7; 32]);
        let keys: BTreeMap<String, u64> =
            [vec![event(1)], vec![event(1), event(2)], vec![event(2)]]
                .into_iter()
                .zip(0..)
                .map(|(evidence, at)| (key(&id, &evidence), at))
                .collect();
        assert_eq!(keys.len(), 3);
        assert!(keys.keys().all(|key| key.len() <= 64));
        assert_eq!(key(&id, &[event(1)]), key(&id, &[event(1)]));
    }
}
