//! The read calls about findings.

use axum::extract::{FromRef, State};
use engine::books;
use engine::books::findings::{Stated, Which};
use engine::hash::Hash;
use engine::ids::Scope;
use engine::projections::findings::Rule;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Library, View};
use crate::access::{Access, Caller};
use crate::answer::At;
use crate::extract::{Path, Query};
use crate::limits::FINDINGS_PAGE_MAX;
use crate::openapi::Routes;
use crate::problem::Problem;

/// A page of findings.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FindingsPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The findings, by id.
    pub findings: Vec<FindingEntry>,
    /// Where the next page begins.
    #[schema(value_type = Option<String>)]
    pub next: Option<Hash>,
}

/// One finding, with the vector that it holds at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FindingPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The finding.
    pub finding: FindingEntry,
}

/// A finding, as the API states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingEntry {
    /// The same on every replica.
    #[schema(value_type = String)]
    pub id: Hash,
    /// What is wrong.
    #[schema(value_type = String)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
    Library: FromRef<S>,
{
    Routes::default().call(__path_findings, findings).call(__path_finding, finding)
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateQuery {
    #[default]
    Open,
    Settled,
    All,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FindingsQuery {
    /// Which ones; the open ones if left out
    #[serde(default)]
    #[param(inline)]
    state: StateQuery,
    /// Begins after this finding: `next` of the page before
    #[param(value_type = Option<String>)]
    after: Option<Hash>,
    /// Findings in the page; 200 if left out, and at most
    #[param(minimum = 0)]
    limit: Option<usize>,
}

/// What does not fit together, until somebody settles it
#[utoipa::path(get, path = "/v1/findings", tag = "books", params(FindingsQuery),
    responses((status = 200, body = FindingsPage)))]
async fn findings(
    _: Caller,
    State(library): State<Library>,
    Query(query): Query<FindingsQuery>,
) -> Result<At<FindingsPage>, Problem> {
    let limit = query.limit.unwrap_or(FINDINGS_PAGE_MAX).clamp(1, FINDINGS_PAGE_MAX);
    let which = match query.state {
        StateQuery::Open => Which::Open,
        StateQuery::Settled => Which::Settled,
        StateQuery::All => Which::All,
    };
    let read = move |view: &View<'_>| {
        let mut found = Vec::new();
        for scope in scopes(view) {
            let after = query.after.as_ref();
            found.extend(books::findings::findings(view.store, scope, which, after, limit)?);
        }
        found.sort_by_key(|stated| stated.id);
        found.truncate(limit);
        let next = (found.len() == limit).then(|| found.last().map(|stated| stated.id)).flatten();
        let findings = found.into_iter().map(FindingEntry::from).collect();
        Ok(FindingsPage { vector: view.vector.to_string(), findings, next })
    };
    library.read(read).await
}

/// One finding, with the events that prove it
#[utoipa::path(get, path = "/v1/findings/{id}", tag = "books",
    params(("id" = String, Path, description = "the finding")),
    responses((status = 200, body = FindingPage)))]
async fn finding(
    _: Caller,
    State(library): State<Library>,
    Path(id): Path<Hash>,
) -> Result<At<FindingPage>, Problem> {
    let found = library.read(move |view| {
        for scope in scopes(view) {
            if let Some(stated) = books::findings::finding(view.store, scope, &id)? {
                let vector = view.vector.to_string();
                return Ok(Some(FindingPage { vector, finding: stated.into() }));
            }
        }
        Ok(None)
    });
    let At { vector, body } = found.await?;
    let missing = || Problem::not_found(format!("finding {id} is not known here"));
    body.map(|body| At { vector, body }).ok_or_else(missing)
}

/// The merchants', and the tenant's own for false documents.
pub(crate) fn scopes(view: &View<'_>) -> impl Iterator<Item = Scope> {
    view.scopes.iter().copied().chain([Scope::Tenant])
}
