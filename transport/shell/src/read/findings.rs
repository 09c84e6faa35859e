//! The read calls about findings.

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use engine::books;
use engine::books::findings::{Stated, Which};
use engine::hash::Hash;
use engine::ids::Scope;
use engine::projections::findings::Rule;
use engine::store::{Read, ReadError};
use serde::{Deserialize, Serialize};

use super::{Library, reading};
use crate::access::{Access, Caller};
use crate::extract::{Path, Query};
use crate::limits::FINDINGS_PAGE_MAX;
use crate::problem::Problem;

/// A page of findings.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindingsPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The findings, by id.
    pub findings: Vec<FindingEntry>,
    /// Where the next page begins.
    pub next: Option<Hash>,
}

/// One finding, with the vector that it holds at.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindingPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The finding.
    pub finding: FindingEntry,
}

/// A finding, as the API states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEntry {
    /// The same on every replica.
    pub id: Hash,
    /// What is wrong.
    pub rule: Rule,
    /// Whose books it is in.
    pub scope: String,
    /// With what.
    pub subject: String,
    /// Minor units at stake.
    pub money: i128,
    /// Thousandths at stake.
    pub quantity: i128,
    /// Whether some of its evidence is not settled.
    pub open: bool,
    /// The events that prove it.
    pub evidence: Vec<EvidenceEntry>,
}

/// An event that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceEntry {
    /// The event.
    pub event: String,
    /// The event that settled it.
    pub settled_by: Option<String>,
}

impl From<Stated> for FindingEntry {
    fn from(stated: Stated) -> Self {
        let evidence = stated.finding.evidence.iter().map(|event| EvidenceEntry {
            event: event.to_string(),
            settled_by: stated.settled.get(event).map(ToString::to_string),
        });
        Self {
            id: stated.id,
            rule: stated.finding.rule,
            scope: stated.scope.to_string(),
            subject: stated.finding.subject.clone(),
            money: stated.finding.money,
            quantity: stated.finding.quantity,
            open: stated.is_open(),
            evidence: evidence.collect(),
        }
    }
}

/// The routes of these calls.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Router::new().route("/v1/findings", get(findings)).route("/v1/findings/{id}", get(finding))
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateQuery {
    #[default]
    Open,
    Settled,
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingsQuery {
    #[serde(default)]
    state: StateQuery,
    after: Option<Hash>,
    limit: Option<usize>,
}

async fn findings(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<FindingsQuery>,
) -> Result<Json<FindingsPage>, Problem> {
    let limit = query.limit.unwrap_or(FINDINGS_PAGE_MAX).clamp(1, FINDINGS_PAGE_MAX);
    let which = match query.state {
        StateQuery::Open => Which::Open,
        StateQuery::Settled => Which::Settled,
        StateQuery::All => Which::All,
    };
    reading(library, move |store, _| {
        let mut found = Vec::new();
        for scope in scopes(store)? {
            let after = query.after.as_ref();
            found.extend(books::findings::findings(store, scope, which, after, limit)?);
        }
        found.sort_by_key(|stated| stated.id);
        found.truncate(limit);
        let next = (found.len() == limit).then(|| found.last().map(|stated| stated.id)).flatten();
        let findings = found.into_iter().map(FindingEntry::from).collect();
        let vector = books::vector(store)?.hash().to_string();
        Ok(FindingsPage { vector, findings, next })
    })
    .await
}

async fn finding(
    _: Caller,
    State(library): State<Library>,
    Path(id): Path<Hash>,
) -> Result<Json<FindingPage>, Problem> {
    let found = reading(library, move |store, _| {
        let vector = books::vector(store)?.hash().to_string();
        for scope in scopes(store)? {
            if let Some(stated) = books::findings::finding(store, scope, &id)? {
                return Ok(Some(FindingPage { vector, finding: stated.into() }));
            }
        }
        Ok(None)
    });
    let missing = || Problem::not_found(format!("finding {id} is not known here"));
    found.await?.0.map(Json).ok_or_else(missing)
}

/// The merchants', and the tenant's own for false documents.
pub(super) fn scopes(store: &dyn Read) -> Result<Vec<Scope>, ReadError> {
    let mut scopes = books::scopes(store)?;
    scopes.push(Scope::Tenant);
    Ok(scopes)
}
