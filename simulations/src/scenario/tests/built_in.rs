//! The scenarios that come with the program are possible, and the page about them is right.

use super::*;

/// What is taught to operators.
const PAGE: &str = include_str!("../../../../docs/simulation.md");

fn all() -> Vec<Scenario> {
    list().map(|name| find(name, &[]).unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn each_is_read_under_its_own_name() {
    for name in list() {
        assert_eq!(find(name, &[]).unwrap().name, name);
    }
    let asked = [
        "night-market",
        "stadium-surge",
        "carrier-failover",
        "split-brain",
        "power-cut",
        "cloned-disk",
        "long-offline",
        "flapping-uplink",
        "hostile-peer",
    ];
    assert!(asked.iter().all(|name| list().any(|known| known == *name)));
}

#[test]
fn each_is_written_and_read_again() {
    for scenario in all() {
        let text = to_toml(&scenario).unwrap();
        assert_eq!(read("again.toml", &text, &[]).unwrap(), scenario, "{text}");
    }
}

#[test]
fn each_comes_to_customers_and_the_network_takes_all_of_its_changes() {
    for scenario in all() {
        for seed in 0..20 {
            let plan = plan(&scenario, seed);
            let customers =
                plan.items.iter().filter(|item| matches!(item.what, Happening::Sale(_))).count();
            assert!(customers > 100, "{}: {customers}", plan.name);
            plan.topology.check(&|_| true).unwrap();
            assert_eq!(plan.machines.len(), plan.topology.hosts.len());
            for item in &plan.items {
                assert!(item.at <= plan.length, "{item:?}");
                match &item.what {
                    Happening::Network(change) => {
                        plan.topology.check_change(change, &|_| true).unwrap();
                    }
                    Happening::Host { host, .. } => assert!(*host < plan.machines.len()),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn each_is_explained_with_all_of_its_faults() {
    for scenario in all() {
        let text = explain(&scenario);
        assert!(text.starts_with(&format!("{}: {}", scenario.name, scenario.about)), "{text}");
        for (place, fault) in scenario.faults.iter().enumerate() {
            assert!(text.contains(&format!("[{}]", fault.name(place))), "{text}");
        }
        assert!(scenario.carriers.keys().all(|name| text.contains(name.as_str())), "{text}");
    }
}

#[test]
fn an_explanation_says_what_happens_when() {
    let text = explain(&find("split-brain", &[]).unwrap());
    for words in [
        "15 min of customers and faults; then faults stop, and everything must converge within 10",
        "stalls 1..8: on lte; on the LAN venue",
        "carrier lte: up 2000 kbit/s, 40 to 70 ms, 10 of 1000 lost; down 8000 kbit/s",
        "wristband: 240 pieces and no more, shared out as 5:1:1:1:5:1:1:1; 300 of 1000 want one",
        "at 2 min, for 6 min: nothing passes between hosts 0..4 | stalls 5..8 [split]",
        "at 9 min 20 s, for 2 min: nothing passes from stall 5 to stall 6, only back [one-way]",
    ] {
        assert!(text.contains(words), "{text}\n\nwithout\n\n{words}");
    }
}

#[test]
fn what_is_neither_built_in_nor_a_file_is_refused_with_the_names() {
    let error = find("nowhere", &[]).unwrap_err().to_string();
    assert!(error.contains("no scenario is called so; there are night-market, "), "{error}");
    let folder = env!("CARGO_MANIFEST_DIR");
    let error = find(folder, &[]).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn a_file_on_disk_is_read() {
    let path = format!("{}/scenarios/night-market.toml", env!("CARGO_MANIFEST_DIR"));
    if std::path::Path::new(&path).exists() {
        assert_eq!(find(&path, &[]).unwrap(), find("night-market", &[]).unwrap());
    }
}

#[test]
fn the_page_names_every_scenario_and_every_kind_of_fault() {
    for name in list().chain(kinds()) {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}

/// The blocks of the page that are scenarios, or parts of one.
fn examples() -> Vec<&'static str> {
    let blocks = PAGE.split("```toml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_mistake_that_the_page_shows_is_told_as_it_says() {
    let text = examples()[0].replace("[\"wifi\", ", "[\"wi-fi\", ");
    let error = read("harbour.toml", &text, &[]).unwrap_err().to_string();
    let first = error.split("; docs").next().unwrap();
    assert!(PAGE.contains(&format!("```text\n{first}\n```")), "{error}");
}

#[test]
fn the_examples_of_the_page_can_be_run() {
    let mut text = String::new();
    for example in examples() {
        text.push_str(example);
    }
    let scenario = read("page.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(scenario.faults.len() > 3 && scenario.swarm.is_some());
}
