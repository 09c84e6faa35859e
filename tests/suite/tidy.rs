//! Rules about the sources themselves: what must never be, and how large a thing may grow.
//!
//! Each rule is a function from sources to findings. Here it is held against the workspace; beside
//! the rule it is shown a small bad sample, so that we know that it can fail. The scanning is as
//! simple as rustfmt's regular layout allows. It reads files and never changes one.

mod blank;
mod fences;
mod links;
mod manifests;
mod places;
mod planted;
mod prose;
mod scan;
mod size;
mod tree;

use tree::Source;

/// Looks at every source and says what is wrong, one finding a line: `path:line: what; the mend`.
type Rule = fn(&[Source]) -> Vec<String>;

#[track_caller]
fn holds(rule: Rule) {
    let findings = rule(&tree::workspace());
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Expects findings at exactly these places of a made-up workspace, in this order.
#[track_caller]
fn check(rule: Rule, files: &[(&str, &str)], expected: &[&str]) {
    let sources = tree::from_texts(files.iter().map(|(path, text)| (*path, (*text).to_owned())));
    let findings = rule(&sources);
    let places: Vec<&str> =
        findings.iter().map(|found| found.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(places, expected, "{findings:#?}");
}

#[test]
fn every_place_that_a_rule_names_exists() {
    holds(places::all_exist);
}

#[test]
fn the_engine_touches_no_socket_clock_entropy_or_thread() {
    holds(fences::engine_is_pure);
}

#[test]
fn the_engine_has_no_floats() {
    holds(fences::engine_has_no_floats);
}

#[test]
fn the_engine_touches_files_in_the_store_adapter_alone() {
    holds(fences::engine_files);
}

#[test]
fn the_cores_are_sans_io() {
    holds(fences::cores_are_sans_io);
}

#[test]
fn daemons_reach_the_world_through_env_alone() {
    holds(fences::daemons_use_env);
}

#[test]
fn fenced_crates_stay_in_their_files() {
    holds(fences::crates_are_fenced);
}

#[test]
fn production_code_has_no_hash_maps() {
    holds(fences::no_hash_maps);
}

#[test]
fn dependencies_point_one_way() {
    holds(manifests::one_way);
}

#[test]
fn transport_does_not_interpret_events() {
    holds(manifests::transport_is_lean);
}

#[test]
fn files_are_short() {
    holds(size::files);
}

#[test]
fn functions_are_short() {
    holds(size::functions);
}

#[test]
fn lib_files_are_maps() {
    holds(size::lib_files);
}

#[test]
fn lines_are_at_most_100_columns() {
    holds(size::columns);
}

#[test]
fn every_source_opens_with_what_it_is_for() {
    holds(prose::opens_with_purpose);
}

#[test]
fn production_code_leaves_nothing_undone() {
    holds(prose::nothing_undone);
}

#[test]
fn an_expect_states_its_invariant() {
    holds(prose::expects_state_invariants);
}

#[test]
fn nothing_is_left_for_later() {
    holds(prose::nothing_for_later);
}

#[test]
fn every_test_runs_and_asserts() {
    holds(prose::tests_run);
}

#[test]
fn sources_are_plain_ascii() {
    holds(prose::ascii);
}

#[test]
fn planted_bugs_fit_the_sources() {
    holds(planted::fit);
}

#[test]
fn relative_links_lead_somewhere() {
    holds(links::lead_somewhere);
}
