//! A picture holds its run whatever that says, and needs nothing else.

use std::time::Duration;

use super::super::made_up;
use super::*;

/// What would end the script element, open a comment in it, end a line of it, or be taken for a
/// place in the template.
const HOSTILE: &str = "</script><script>alert(1)</script><!--<script> ]]> &lt; \u{2028}\u{2029} \
                       /*rows*/ \\u003c/script> \" ' \\ \n";

fn market() -> Run {
    made_up::run(3, Duration::from_secs(600), 5)
}

fn hostile() -> Run {
    let (mut run, text) = (market(), HOSTILE.to_owned());
    run.scenario.clone_from(&text);
    run.hosts.iter_mut().for_each(|host| host.name.clone_from(&text));
    run.hosts[1].carriers[0].name.clone_from(&text);
    run.events.iter_mut().for_each(|event| event.text.clone_from(&text));
    run.spans.iter_mut().for_each(|span| span.carrier = Some(text.clone()));
    run.marks.insert(text.clone(), 1);
    run.currency.code.clone_from(&text);
    run.violation.iter_mut().for_each(|violation| violation.checker.clone_from(&text));
    run
}

/// The data element's text, read as the browser would: up to the first end of a script element.
fn data(html: &str) -> &str {
    let opening = "<script type=\"application/json\" id=\"run\">";
    let (_, after) = html.split_once(opening).expect("the page has a data element");
    after.split_once("</script").expect("the data element ends").0
}

#[track_caller]
fn check(run: &Run) -> String {
    let html = html(run);
    let page: serde_json::Value = serde_json::from_str(data(&html)).expect("the data is JSON");
    assert_eq!(serde_json::from_value::<Run>(page["run"].clone()).unwrap(), *run);
    assert_eq!(page["seed"], run.seed.to_string());
    html
}

#[test]
fn the_run_in_a_picture_is_the_one_that_was_drawn() {
    check(&market());
    check(&Run { seed: u64::MAX, ..market() });
}

#[test]
fn hostile_names_stay_text() {
    let (calm, hostile) = (check(&market()), check(&hostile()));
    for mark in ["<script", "</script", "<!--", "alert(1)</"] {
        let count = |html: &str| html.matches(mark).count();
        assert_eq!(count(&hostile), count(&calm), "of {mark}");
    }
    let is_bad = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\n');
    assert_eq!(data(&hostile).find(is_bad), None);
}

#[test]
fn every_part_of_the_template_is_filled_in() {
    let html = check(&market());
    for marker in ["/*style*/", "/*run*/", "/*rows*/", "/*view*/"] {
        assert!(TEMPLATE.contains(marker) && !html.contains(marker), "{marker}");
    }
    for part in [STYLE, ROWS, VIEW] {
        assert!(html.contains(part));
        assert!(!part.contains("</script") && !part.contains("</style"));
    }
}

#[test]
fn a_picture_reaches_for_nothing_outside_itself() {
    let html = check(&market());
    // The name of SVG's elements, which nobody fetches.
    let html = html.replace("http://www.w3.org/2000/svg", "");
    for way_out in ["://", "src=", "href=", "@import", "fetch(", "url(\"", "import("] {
        assert!(!html.contains(way_out), "{way_out}");
    }
    assert_eq!(html.matches("url(").count(), html.matches("url(#").count());
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn texts_reach_the_page_as_text_nodes_alone() {
    for way_in in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!ROWS.contains(way_in) && !VIEW.contains(way_in), "{way_in}");
    }
}

#[test]
fn thirty_stalls_and_three_hours_fit_into_two_megabytes() {
    let html = check(&made_up::run(30, Duration::from_secs(3 * 3_600), 42));
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
}

#[test]
fn a_picture_that_cannot_be_written_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent").join("run.html");
    let message = write(&market(), &path).unwrap_err().to_string();
    assert!(message.contains("absent/run.html"), "{message}");
    let path = folder.path().join("run.html");
    write(&market(), &path).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), html(&market()));
}
