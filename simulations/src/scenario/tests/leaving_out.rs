//! What is left out of a plan moves nothing else: that is what shrinking rests on.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The items of a plan without those of some names, and without refunds of sales that are gone.
fn without(plan: &Plan, ids: &BTreeSet<Id>) -> Vec<Item> {
    let is_left = |item: &&Item| {
        let is_gone = match item.id {
            Id::Refund(host, number) => ids.contains(&Id::Sale(host, number)),
            _ => false,
        };
        !ids.contains(&item.id) && !is_gone
    };
    plan.items.iter().filter(is_left).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn leaving_out_sales_moves_nothing_else(seed in 0_u64..1_000, luck in any::<u64>()) {
        let scenario = find("swarm", &[]).unwrap();
        let whole = plan(&scenario, seed);
        let ids = whole.ids().into_iter().enumerate().filter(|(place, id)| {
            !matches!(id, Id::Fault(_)) && luck >> (place % 64) & 1 == 1
        });
        let ids: BTreeSet<Id> = ids.map(|(_, id)| id).collect();
        let fewer = plan(&scenario.leaving_out(ids.clone()), seed);
        prop_assert_eq!(difference(&fewer.items, &without(&whole, &ids)), None);
        prop_assert_eq!(fewer.topology, whole.topology);
    }

    #[test]
    fn leaving_out_a_fault_moves_no_start_of_another(seed in 0_u64..1_000, nth in any::<usize>()) {
        let scenario = find("swarm", &[]).unwrap();
        let whole = plan(&scenario, seed);
        let faults = all_faults(&scenario, seed);
        prop_assume!(!faults.is_empty());
        let out = Id::Fault(faults[nth % faults.len()].0.clone());
        let fewer = plan(&scenario.leaving_out([out.clone()]), seed);
        prop_assert!(fewer.items.iter().all(|item| item.id != out));
        prop_assert_eq!(&fewer.machines, &whole.machines);
        // Ends may come instead of what kept them from coming, so that starts alone stay.
        for (name, fault) in &faults {
            let first = |plan: &Plan| {
                let is_it = |item: &&Item| {
                    item.id == Id::Fault(name.clone()) && item.at == fault.at.span()
                };
                plan.items.iter().find(is_it).cloned()
            };
            if Id::Fault(name.clone()) != out {
                prop_assert_eq!(first(&fewer), first(&whole));
            }
        }
        // But for the customers of a copy that is gone.
        let own = |items: &[Item]| {
            let is_own = |item: &&Item| match item.id {
                Id::Sale(host, _) | Id::Refund(host, _) => host <= scenario.stalls,
                Id::Stock(_) => true,
                Id::Fault(_) => false,
            };
            items.iter().filter(is_own).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(difference(&own(&fewer.items), &own(&whole.items)), None);
    }

    #[test]
    fn an_earlier_end_leaves_what_was_before(seed in 0_u64..1_000, end in 20_u64..600) {
        let scenario = frozen(&find("swarm", &[]).unwrap(), seed);
        let shorter = scenario.shortened(seconds(end));
        prop_assert_eq!(check(&shorter), []);
        let (whole, part) = (plan(&scenario, seed), plan(&shorter, seed));
        let before = |plan: Plan| {
            // Nobody misses the backup that a later fault would put back.
            let is_backup = |what: &Happening| {
                matches!(what, Happening::Host { deed: Deed::TakeImage(_), .. })
            };
            let items = plan.items.into_iter().filter(|item| item.at < seconds(end));
            items.filter(|item| !is_backup(&item.what)).collect::<Vec<_>>()
        };
        prop_assert_eq!(difference(&before(part), &before(whole)), None);
    }

    #[test]
    fn stalls_at_home_leave_the_others_as_they_are(seed in 0_u64..1_000, home in 1_usize..=3) {
        let scenario = frozen(&find("swarm", &[]).unwrap(), seed);
        let whole = plan(&scenario, seed);
        let fewer = plan(&scenario.sending_home([home]), seed);
        let sales_of = |plan: &Plan, stall: usize| {
            let is_it = |item: &&Item| matches!(item.id, Id::Sale(host, _) if host == stall);
            plan.items.iter().filter(is_it).cloned().collect::<Vec<_>>()
        };
        for stall in (1..=5).filter(|stall| *stall != home) {
            let (left, all) = (sales_of(&fewer, stall), sales_of(&whole, stall));
            prop_assert_eq!(difference(&left, &all), None);
        }
        prop_assert_eq!(sales_of(&fewer, home), []);
        prop_assert_eq!(&fewer.machines[home], &Machine::Absent);
        prop_assert!(fewer.dials.iter().all(|(from, to)| *from != home && *to != home));
    }
}

#[test]
fn faults_that_are_left_out_can_be_taken_out_of_the_file() {
    let scenario = frozen(&find("swarm", &[]).unwrap(), 3);
    let faults = all_faults(&scenario, 3);
    let out = [Id::Fault(faults[0].0.clone()), Id::Sale(1, 1)];
    let fewer = scenario.leaving_out(out);
    let tidy = fewer.tidied();
    assert_eq!(tidy.faults.len(), fewer.faults.len() - 1);
    assert_eq!(Vec::from(tidy.without.clone()), ["sale-1-1"]);
    assert_eq!(check(&tidy), []);
    assert_eq!(difference(&plan(&tidy, 3).items, &plan(&fewer, 3).items), None);
}

#[test]
fn what_can_be_left_out_is_listed_once() {
    let ids = plan(&find("power-cut", &[]).unwrap(), 1).ids();
    let once: BTreeSet<&Id> = ids.iter().collect();
    assert_eq!(once.len(), ids.len());
    assert!(once.contains(&Id::Fault("plug".to_owned())) && once.contains(&Id::Stock(1)));
}
