//! A short year on few stalls: what the long run on real sales shows, bounded for every build.

use std::time::Duration;

use engine::escrow::Strategy;

use super::plan::{Cut, Plan};
use super::{Options, naive, run};

fn options(strategies: &[Strategy]) -> Options {
    Options {
        sales: None,
        stores: 3,
        popular: 12,
        stock_permille: 900,
        seed: 3,
        days: Some(30),
        day_ms: 400,
        strategies: strategies.to_vec(),
    }
}

#[test]
fn a_plan_splits_the_stock_and_never_overlaps_cuts_of_one_link() {
    let plan = Plan::make(&options(&[])).unwrap();
    assert_eq!(plan.items.len(), 12);
    for item in &plan.items {
        assert_eq!(item.shares.iter().sum::<u64>(), item.stock);
        assert_eq!(item.stock, item.wanted / 1_000 * 900 / 1_000 * 1_000);
    }
    let mut cuts: Vec<&Cut> = plan.cuts.iter().collect();
    cuts.sort_by_key(|cut| (cut.pair, cut.from));
    for pair in cuts.windows(2) {
        assert!(pair[0].pair != pair[1].pair || pair[0].to < pair[1].from, "{pair:?}");
    }
    assert!((50..500).contains(&plan.apart_permille), "{}", plan.apart_permille);
    assert!(plan.visits.is_sorted_by_key(|(at, _)| *at));
    let links = plan.links();
    assert!(plan.cuts.iter().all(|cut| links.contains(&cut.pair)));
}

#[test]
fn without_cuts_the_model_oversells_nothing_and_with_cuts_it_does() {
    let mut plan = Plan::make(&options(&[])).unwrap();
    assert!(naive::sell(&plan).oversold_pieces > 0);
    plan.cuts.clear();
    let together = naive::sell(&plan);
    assert_eq!((together.oversold_pieces, together.falsely_refused_pieces), (0, 0));
    assert!(together.refused_pieces > 0, "a tenth is missing");
}

#[test]
fn two_stalls_that_never_meet_sell_the_stock_twice() {
    let mut plan = Plan::make(&options(&[])).unwrap();
    plan.cuts = plan
        .links()
        .into_iter()
        .map(|pair| Cut { pair, from: Duration::ZERO, to: plan.end * 2 })
        .collect();
    for item in &mut plan.items {
        item.stock = item.wanted / 4_000 * 1_000;
    }
    let apart = naive::sell(&plan);
    assert!(apart.oversold_pieces > apart.sold_pieces / 3, "{apart:?}");
}

#[test]
fn with_rights_nothing_is_oversold_and_every_cent_is_there() {
    let report = super::run(&options(&[]), &|_| {}).unwrap();
    report.verdict().unwrap();
    let [none, on_demand, low_water] = &report.strategies[..] else { panic!("{report:?}") };
    assert_eq!((none.moved_pieces, none.fetched_sales), (0, 0));
    assert!(none.falsely_refused_pieces > 0, "a static split refuses what others have");
    for moved in [on_demand, low_water] {
        assert!(moved.moved_pieces > 0 && moved.fetched_sales > 0, "{moved:?}");
        assert!(moved.falsely_refused_pieces < none.falsely_refused_pieces, "{moved:?}");
        assert!(moved.sold_pieces > none.sold_pieces, "{moved:?}");
    }
}

#[test]
fn a_seed_gives_one_run() {
    let plan = Plan::make(&Options { days: Some(6), ..options(&[]) }).unwrap();
    let run = || {
        let mut outcome = run::sell(&plan, Strategy::LowWater, &|_| ()).unwrap();
        outcome.run_ms = 0;
        format!("{outcome:?}")
    };
    assert_eq!(run(), run());
}
