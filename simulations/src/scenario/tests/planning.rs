//! What comes of a scenario under a seed: customers, goods, machines.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn sales(plan: &Plan) -> Vec<(Duration, &Sale)> {
    let sale = |item: &'_ Item| match &item.what {
        Happening::Sale(_) => Some(item.at),
        _ => None,
    };
    let sales = plan.items.iter().filter(|item| sale(item).is_some());
    sales
        .filter_map(|item| match &item.what {
            Happening::Sale(sale) => Some((item.at, sale)),
            _ => None,
        })
        .collect()
}

/// An hour at the venue with these fields of the workload.
fn hour(workload: &str) -> Scenario {
    let settings = ["minutes=60".to_owned(), "seconds=0".to_owned()];
    read("hour.toml", &format!("{VENUE}[workload]\n{workload}"), &settings).unwrap()
}

#[test]
fn a_seed_gives_one_plan_and_another_seed_another() {
    let scenario = find("swarm", &[]).unwrap();
    assert_eq!(plan(&scenario, 7), plan(&scenario, 7));
    assert_ne!(plan(&scenario, 7).items, plan(&scenario, 8).items);
}

#[test]
fn items_come_in_the_order_of_time_and_sales_are_numbered_in_it() {
    let plan = plan(&find("swarm", &[]).unwrap(), 7);
    assert!(plan.items.is_sorted_by_key(|item| item.at));
    let mut last: BTreeMap<usize, (Duration, u32)> = BTreeMap::new();
    for (at, sale) in sales(&plan) {
        let (before, number) = last.insert(sale.host, (at, sale.number)).unwrap_or_default();
        assert!(before < at && sale.number == number + 1, "{sale:?}");
    }
    assert!(last.len() >= 5);
}

#[test]
fn customers_come_as_often_as_the_workload_says() {
    for (mean, expected) in [("10", 1_080), ("0.5", 21_600), ("60", 180)] {
        let plan = plan(&hour(&format!("mean-seconds = {mean}")), 1);
        let count = sales(&plan).len();
        assert!(count.abs_diff(expected) < expected / 8, "{mean}: {count}");
    }
    assert!(sales(&plan(&hour("mean-seconds = 0"), 1)).is_empty());
}

#[test]
fn a_surge_brings_more_and_a_closed_market_nobody() {
    let surges = "mean-seconds = 2\n\
                  [[workload.surges]]\nfrom-seconds = 600\nto-seconds = 1200\nfactor = 4\n\
                  [[workload.surges]]\nfrom-seconds = 1200\nto-seconds = 1800\nfactor = 0\n\
                  [[workload.surges]]\nfrom-seconds = 1800\nto-seconds = 2400\nfactor = 0.5\n";
    let plan = plan(&hour(surges), 1);
    let within = |from: u64| {
        let span = seconds(from)..seconds(from + 600);
        sales(&plan).iter().filter(|(at, _)| span.contains(at)).count()
    };
    let (usual, more, none, fewer) = (within(0), within(600), within(1_200), within(1_800));
    assert_eq!(none, 0);
    assert!((700..1_000).contains(&usual), "{usual}");
    assert!((3_300..3_900).contains(&more), "{more}");
    assert!((370..530).contains(&fewer), "{fewer}");
}

#[test]
fn other_baskets_and_refunds_leave_arrivals_as_they_were() {
    let times = |workload: &str| {
        let plan = plan(&hour(workload), 3);
        sales(&plan).iter().map(|(at, sale)| (*at, sale.host)).collect::<Vec<_>>()
    };
    let usual = times("lines = 3");
    assert_eq!(times("lines = 7"), usual);
    assert_eq!(times("refunds-permille = 500"), usual);
    assert_eq!(times("skus = 7\nzipf = 0"), usual);
}

#[test]
fn baskets_are_as_large_as_the_workload_says_and_name_no_item_twice() {
    let plan = plan(&hour("lines = 4\nskus = 1000\nzipf = 0"), 1);
    let baskets = sales(&plan);
    let lines: usize = baskets.iter().map(|(_, sale)| sale.lines.len()).sum();
    let mean = lines * 100 / baskets.len();
    assert!((370..430).contains(&mean), "{mean}");
    for (_, sale) in baskets {
        let skus: BTreeSet<&str> = sale.lines.iter().map(|line| &*line.sku).collect();
        assert!(skus.len() == sale.lines.len() && (1..=7).contains(&skus.len()), "{sale:?}");
        assert!(sale.lines.iter().all(|line| line.pieces > 0 && line.amount > 0), "{sale:?}");
    }
}

#[test]
fn an_item_costs_the_same_in_every_basket() {
    let plan = plan(&hour("skus = 20"), 1);
    let mut prices: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, sale) in sales(&plan) {
        for line in &sale.lines {
            let price = line.amount / i64::from(line.pieces);
            assert_eq!(line.amount, price * i64::from(line.pieces));
            assert_eq!(*prices.entry(&line.sku).or_insert(price), price);
        }
    }
    assert_eq!(prices.len(), 20);
}

#[test]
fn refunds_follow_their_sales() {
    let plan = plan(&hour("refunds-permille = 200"), 1);
    let sold: BTreeMap<(usize, u32), Duration> =
        sales(&plan).iter().map(|(at, sale)| ((sale.host, sale.number), *at)).collect();
    let mut count = 0;
    for item in &plan.items {
        let Happening::Refund(Refund { host, number }) = item.what else { continue };
        count += 1;
        assert!(item.at > sold[&(host, number)] + seconds(29));
    }
    let permille = count * 1_000 / sold.len();
    assert!((140..240).contains(&permille), "{permille}");
}

#[test]
fn stalls_open_with_their_stock_and_promises_are_shared_out_whole() {
    let promise = |shares: &str| {
        let text = format!(
            "opening-stock = 5\nskus = 2\n[[workload.promises]]\nsku = 'band'\nstock = 10\n\
             wanted-permille = 300\n{shares}"
        );
        let plan = plan(&hour(&text), 1);
        let stock = plan.items.iter().filter_map(|item| match &item.what {
            Happening::Stock(stock) => Some(stock),
            _ => None,
        });
        let pieces = |stock: &Stock| {
            let of = |sku: &str| stock.goods.iter().find(|goods| &*goods.sku == sku);
            assert_eq!(of("item-2").map(|goods| (goods.pieces, goods.promised)), Some((5, false)));
            of("band").map_or(0, |goods| if goods.promised { goods.pieces } else { u32::MAX })
        };
        stock.map(pieces).collect::<Vec<_>>()
    };
    assert_eq!(promise(""), [4, 3, 3]);
    assert_eq!(promise("shares = [1, 0, 4]"), [2, 0, 8]);
    assert_eq!(promise("shares = [0, 1]"), [0, 10, 0]);
}

#[test]
fn promised_items_are_wanted_as_often_as_the_workload_says() {
    let text = "mean-seconds = 2\n[[workload.promises]]\nsku = 'band'\nstock = 10\n\
                wanted-permille = 300\n";
    let plan = plan(&hour(text), 1);
    let wants = |sale: &Sale| sale.lines.iter().any(|line| &*line.sku == "band");
    let all = sales(&plan);
    let permille = all.iter().filter(|(_, sale)| wants(sale)).count() * 1_000 / all.len();
    assert!((270..330).contains(&permille), "{permille}");
}

#[test]
fn stalls_dial_each_other_as_the_venue_says() {
    let dials = |peers: &str| {
        let text = VENUE.replace("stalls = 3", &format!("stalls = 3\npeers = '{peers}'"));
        let plan = plan(&read("a.toml", &text, &[]).unwrap(), 1);
        plan.dials.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(dials("none"), []);
    assert_eq!(dials("ring"), [(1, 2), (2, 3), (3, 1)]);
    assert_eq!(dials("star"), [(2, 1), (3, 1)]);
    assert_eq!(dials("all"), [(1, 2), (1, 3), (2, 3)]);
    let home = |absent: &str| {
        plan(&venue("").sending_home(absent.parse::<HostSet>().unwrap().iter()), 1).dials
    };
    assert_eq!(home("2"), BTreeSet::from([(1, 3)]));
    assert_eq!(home("2..3"), BTreeSet::new());
}

#[test]
fn a_copy_is_a_machine_of_its_own_with_customers_while_it_runs() {
    let clone = "[[faults]]\nat-seconds = 20\nfor-seconds = 40\nwhat = 'clone'\nhost = 2\n\
                 [workload]\nmean-seconds = 1\n";
    let scenario = venue(clone);
    let plan = plan(&scenario, 1);
    assert_eq!(plan.machines.len(), 5);
    assert_eq!(plan.machines[4], Machine::CopyOf(2));
    assert_eq!(plan.topology.hosts[4], plan.topology.hosts[2]);
    assert_eq!(story(&plan), ["20 2: Copy { to: 4 }", "60 4: Stop"]);
    assert!(plan.dials.contains(&(4, 3)));
    let times = sales(&plan).into_iter().filter(|(_, sale)| sale.host == 4).map(|(at, _)| at);
    let times: Vec<Duration> = times.collect();
    assert!(
        times.len() > 20 && times.iter().all(|at| (25..60).contains(&at.as_secs())),
        "{times:?}"
    );
    assert_eq!(plan.may_fork(), BTreeSet::from([2]));
    assert_eq!(plan.may_lose(), BTreeSet::new());
    let idle = venue(&clone.replace("host = 2", "host = 2\nsells = false"));
    assert!(sales(&super::plan(&idle, 1)).iter().all(|(_, sale)| sale.host < 4));
}

#[test]
fn a_stranger_is_a_machine_on_the_internet_and_on_the_lans_of_its_victims() {
    let attack = "[[faults]]\nat-seconds = 20\nfor-seconds = 40\nwhat = 'hostile-peer'\n\
                  host = '0..1'\nsends = 'garbage'\n";
    let plan = plan(&venue(attack), 1);
    let to = HostSet::from_iter([0, 1]);
    let hostile = Machine::Hostile { to, sends: Hostility::Garbage, per_second: 10 };
    assert_eq!(plan.machines[4], hostile);
    assert_eq!(plan.topology.hosts[4].lans, ["hall"]);
    assert_eq!(plan.topology.hosts[4].carriers.len(), 1);
    assert_eq!(story(&plan), ["20 4: Attack", "60 4: EndAttack"]);
}

#[test]
fn what_may_be_forked_and_lost_is_known() {
    let fault = |what: &str| {
        let text = format!("[[faults]]\nat-seconds = 20\nhost = 2\nwhat = '{what}'\n");
        let plan = plan(&venue(&text), 1);
        (plan.may_fork().len(), plan.may_lose().len())
    };
    assert_eq!(fault("wipe"), (1, 1));
    assert_eq!(fault("restart-from-backup'\ntaken-seconds = 1 # '"), (1, 1));
    assert_eq!(fault("bit-rot"), (0, 1));
    assert_eq!(fault("power-cut"), (0, 0));
    assert_eq!(fault("clone"), (1, 0));
}
