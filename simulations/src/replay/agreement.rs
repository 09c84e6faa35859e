//! Whether all replicas state the same, and the wait until they do.
//!
//! Two digests of one projection at one vector that differ are never a matter of waiting: that is
//! the one thing a replicated fold must not do, and it ends the run at once.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::bail;
use serde::Serialize;
use serde_json::Value;

use crate::replay::cluster::{Cluster, Site};
use crate::replay::limits::{ASK_EVERY, STILL_FOR};

/// What a digest is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// The merchant, or the tenant.
    pub scope: String,
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: String,
}

/// A digest, and the vector it holds at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// Hash of the vector over the logs that the projection reads.
    pub vector: String,
    /// Hash of its state.
    pub digest: String,
}

/// All that one replica states.
pub(crate) type Statement = BTreeMap<Subject, Digest>;

/// How the statements of several replicas compare.
#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    /// All the same, and not nothing.
    Equal,
    /// Some have not heard of something yet.
    Waiting,
    /// Two have the same events and another state.
    Diverged(String),
}

/// Reads the answer of `GET /v1/digest`. Values that are no text are taken as JSON writes them.
fn statement(answer: &Value) -> Statement {
    let list = answer["digests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value, member: &str| match &entry[member] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let entry = |of: &Value| {
        let (scope, projection) = (text(of, "scope"), text(of, "projection"));
        let subject = Subject { scope, projection, version: text(of, "version") };
        (subject, Digest { vector: text(of, "vector"), digest: text(of, "digest") })
    };
    list.iter().map(entry).collect()
}

fn compare(statements: &BTreeMap<String, Statement>) -> Comparison {
    let mut seen: BTreeMap<(&Subject, &str), (&str, &str)> = BTreeMap::new();
    for (replica, statement) in statements {
        for (subject, stated) in statement {
            let at = (subject, stated.vector.as_str());
            let (other, digest) = seen.entry(at).or_insert((replica, &stated.digest));
            if *digest != stated.digest {
                let Subject { scope, projection, .. } = subject;
                return Comparison::Diverged(format!(
                    "{other} and {replica} hold the same events and state {digest} and {} for \
                     {projection} of {scope}",
                    stated.digest
                ));
            }
        }
    }
    let mut all = statements.values();
    let first = all.next();
    match first {
        Some(first) if !first.is_empty() && all.all(|s| s == first) => Comparison::Equal,
        _ => Comparison::Waiting,
    }
}

/// Waits until every replica states the same, and gives that.
///
/// # Errors
///
/// Replicas that diverged, a daemon that stopped, or a minute without any change.
pub(crate) async fn reached(cluster: &mut Cluster) -> anyhow::Result<Statement> {
    let (mut before, mut moved) = (BTreeMap::new(), Instant::now());
    loop {
        let mut stated = BTreeMap::new();
        for replica in cluster.replicas() {
            replica.daemon.still_runs()?;
            let answer = replica.site.api.get("/v1/digest").await?;
            stated.insert(replica.site.name.clone(), statement(&answer));
        }
        match compare(&stated) {
            Comparison::Equal => return Ok(stated.into_values().next().unwrap_or_default()),
            Comparison::Diverged(how) => bail!("replicas diverged: {how}"),
            Comparison::Waiting if stated == before => {
                if moved.elapsed() > STILL_FOR {
                    let apart = apart(&stated);
                    bail!("replicas still disagree after {STILL_FOR:?} without a change: {apart}");
                }
            }
            Comparison::Waiting => (before, moved) = (stated, Instant::now()),
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Names, for each subject that is not stated alike, who states which vector.
fn apart(stated: &BTreeMap<String, Statement>) -> String {
    let mut subjects: Vec<&Subject> = stated.values().flat_map(BTreeMap::keys).collect();
    subjects.sort();
    subjects.dedup();
    let line = |subject: &&Subject| {
        let vectors: Vec<String> = stated
            .iter()
            .map(|(replica, statement)| {
                let vector = statement.get(*subject).map_or("nothing", |d| d.vector.as_str());
                format!("{replica} at {}", vector.get(..12).unwrap_or(vector))
            })
            .collect();
        let differ = stated
            .values()
            .any(|s| s.get(*subject) != stated.values().next().and_then(|s| s.get(*subject)));
        differ
            .then(|| format!("{} of {}: {}", subject.projection, subject.scope, vectors.join(", ")))
    };
    let lines: Vec<String> = subjects.iter().filter_map(line).collect();
    if lines.is_empty() { "none states anything".to_owned() } else { lines.join("; ") }
}

/// Waits until no stall has events that no receipt covers.
pub(crate) async fn all_receipted(stalls: &[Site]) -> anyhow::Result<()> {
    let asked = Instant::now();
    for stall in stalls {
        loop {
            let status = stall.api.get("/v1/status").await?;
            match status["at_risk"]["events"].as_u64() {
                Some(0) => break,
                at_risk if asked.elapsed() > STILL_FOR => {
                    bail!("{} still has {at_risk:?} events at risk", stall.name)
                }
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stated(entries: &[(&str, &str, &str)]) -> Statement {
        let entry = |(projection, vector, digest): &(&str, &str, &str)| {
            json!({"scope": "demo", "projection": projection, "version": 1,
                   "vector": vector, "digest": digest})
        };
        statement(&json!({"digests": entries.iter().map(entry).collect::<Vec<_>>()}))
    }

    fn check(first: &[(&str, &str, &str)], second: &[(&str, &str, &str)]) -> Comparison {
        compare(&BTreeMap::from([
            ("control".to_owned(), stated(first)),
            ("store 1".to_owned(), stated(second)),
        ]))
    }

    #[test]
    fn replicas_agree_when_all_state_the_same_of_everything() {
        let (sales, stock) = (("sales", "v1", "d1"), ("stock", "v1", "d2"));
        assert_eq!(check(&[sales, stock], &[stock, sales]), Comparison::Equal);
        assert_eq!(check(&[sales, stock], &[sales]), Comparison::Waiting);
        assert_eq!(check(&[sales], &[("sales", "v2", "d3")]), Comparison::Waiting);
    }

    #[test]
    fn stating_nothing_is_no_agreement() {
        assert_eq!(check(&[], &[]), Comparison::Waiting);
        assert_eq!(compare(&BTreeMap::new()), Comparison::Waiting);
    }

    #[test]
    fn another_digest_at_the_same_vector_is_a_divergence() {
        let Comparison::Diverged(how) = check(&[("stock", "v1", "d1")], &[("stock", "v1", "d2")])
        else {
            panic!("the divergence was not seen");
        };
        assert!(how.contains("control and store 1") && how.contains("stock of demo"), "{how}");
    }

    #[test]
    fn who_lags_is_named() {
        let stated = BTreeMap::from([
            ("control".to_owned(), stated(&[("sales", "v2", "d2"), ("stock", "v1", "d1")])),
            ("store 1".to_owned(), stated(&[("stock", "v1", "d1")])),
        ]);
        assert_eq!(apart(&stated), "sales of demo: control at v2, store 1 at nothing");
    }
}
