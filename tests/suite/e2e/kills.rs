//! SIGKILL at random moments under load: what was acknowledged is there exactly once, nothing is
//! there that was never asked, and every chain checks out, each time.
//!
//! `TENTPOLE_KILLS` says how often (10 if it does not), `TENTPOLE_SEED` when and what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::harness::{Api, Market, Stall, tea};

const TILLS: u64 = 6;
/// From the first request of a round to its kill, at most.
const ROUND_MS_MAX: u64 = 250;

/// Sebastiano Vigna's SplitMix64: enough to pick moments, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

/// A till of the load: its requests are numbered, and no two tills charge the same amount.
#[derive(Clone)]
struct Till {
    number: u64,
    token: String,
    next: u64,
}

/// One request, by till and number.
type Request = (u64, u64);

/// What one till's round came to.
struct Round {
    till: Till,
    /// Requests with the ids they were answered with.
    acknowledged: Vec<(Request, String)>,
    /// The request that the kill cut off.
    unanswered: Option<Request>,
}

fn amount((till, number): Request) -> i64 {
    i64::try_from(1 + till + TILLS * number).expect("few sales")
}

async fn ask(api: &Api, request: Request) -> Result<(bool, String), reqwest::Error> {
    let answer = api.write("/v1/sales", &request.1.to_string(), &tea(amount(request))).await?;
    assert_eq!(answer.status, 201, "{request:?}: {answer:?}");
    Ok((answer.replayed, answer.body["sale"].as_str().expect("an id").to_owned()))
}

/// Sells until the connection breaks.
async fn sell_until_cut(mut till: Till, api: Api) -> Round {
    let mut acknowledged = Vec::new();
    loop {
        let request = (till.number, till.next);
        till.next += 1;
        match ask(&api, request).await {
            Ok((replayed, id)) => {
                assert!(!replayed, "{request:?} was never asked before");
                acknowledged.push((request, id));
            }
            Err(_) => return Round { till, acknowledged, unanswered: Some(request) },
        }
    }
}

fn sell_at(stall: &Stall, tills: Vec<Till>) -> JoinSet<Round> {
    let mut selling = JoinSet::new();
    for till in tills {
        let api = stall.door().with_token(&till.token);
        selling.spawn(sell_until_cut(till, api));
    }
    selling
}

/// Lets time pass before a kill. The moment is the point; nothing is waited for.
async fn until_the_moment(random: &mut Random) {
    tokio::time::sleep(Duration::from_millis(random.below(ROUND_MS_MAX))).await;
}

/// Expects the books to be the acknowledged sales and some of the unanswered ones.
async fn must_hold(stall: &Stall, sold: &BTreeMap<Request, String>, open: &[Request]) {
    let total = stall.total().await;
    let mut possible = BTreeSet::from([(sold.len() as u64, sum(sold.keys()))]);
    for request in open {
        let with = possible.iter().map(|(count, sum)| (count + 1, sum + amount(*request)));
        possible = possible.iter().copied().chain(with.collect::<Vec<_>>()).collect();
    }
    let found = (total["baskets"].as_u64().unwrap_or(0), total["amount"].as_i64().unwrap_or(0));
    assert!(possible.contains(&found), "{total} is none of {possible:?}");
}

fn sum<'a>(requests: impl Iterator<Item = &'a Request>) -> i64 {
    requests.map(|request| amount(*request)).sum()
}

/// Repeats the requests of a round as tills do, and expects each to stand exactly once.
async fn settle(stall: &Stall, rounds: &[Round], sold: &mut BTreeMap<Request, String>) {
    for round in rounds {
        let api = stall.door().with_token(&round.till.token);
        for (request, id) in &round.acknowledged {
            let again = ask(&api, *request).await.expect("an answer");
            assert_eq!(again, (true, id.clone()), "{request:?} was acknowledged");
        }
        if let Some(request) = round.unanswered {
            let (_, id) = ask(&api, request).await.expect("an answer");
            sold.insert(request, id);
        }
    }
    let total = stall.total().await;
    let expected = (json!(sold.len()), json!(sum(sold.keys())));
    assert_eq!((total["baskets"].clone(), total["amount"].clone()), expected);
}

async fn tills(stall: &Stall) -> Vec<Till> {
    let mut tills = Vec::new();
    for number in 0..TILLS {
        let made = stall.ask(&["till", "add", &format!("load-{number}")]).await;
        let token = made["token"].as_str().expect("a token").to_owned();
        tills.push(Till { number, token, next: 1 });
    }
    tills
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// How many kills, and what picks their moments.
fn settings() -> (u64, Random) {
    let kills = setting("TENTPOLE_KILLS").unwrap_or(10);
    let clock = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let seed = setting("TENTPOLE_SEED").unwrap_or(clock);
    println!("{kills} kills; TENTPOLE_SEED={seed} picks the same moments");
    (kills, Random(seed))
}

/// The request and the id of each sale that the centre holds.
async fn at_the_centre(market: &Market) -> Vec<(Request, String)> {
    let read = |event: &Value| {
        let key = &event["body"]["key"];
        let till = key["till"].as_str()?.strip_prefix("load-")?.parse().ok()?;
        let number = key["number"]["Counter"].as_u64()?;
        Some(((till, number), event["id"].as_str()?.to_owned()))
    };
    let events = market.events().await;
    let sales = events.iter().filter(|event| event["kind"] == "sale-completed");
    let mut sales: Vec<_> = sales.map(|event| read(event).expect("one of ours")).collect();
    sales.sort();
    sales
}

#[tokio::test]
async fn no_kill_loses_an_acknowledged_sale_or_invents_one() {
    let (kills, mut random) = settings();
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    let mut tills = tills(&north).await;
    let mut sold: BTreeMap<Request, String> = BTreeMap::new();
    for _ in 0..kills {
        let selling = sell_at(&north, tills);
        until_the_moment(&mut random).await;
        north.kill();
        let rounds = selling.join_all().await;
        north.start().await;
        north.must_verify().await;
        let acknowledged = rounds.iter().flat_map(|round| round.acknowledged.iter().cloned());
        sold.extend(acknowledged);
        let open: Vec<Request> = rounds.iter().filter_map(|round| round.unanswered).collect();
        must_hold(&north, &sold, &open).await;
        settle(&north, &rounds, &mut sold).await;
        tills = rounds.into_iter().map(|round| round.till).collect();
    }
    market.wait_equal_digests(&[&north]).await;
    north.wait_nothing_at_risk().await;
    let expected: Vec<(Request, String)> = sold.into_iter().collect();
    assert_eq!(at_the_centre(&market).await, expected);
    assert_eq!(market.control.status().await["forks"], json!([]));
    market.control.must_verify().await;
    println!("{kills} kills, {} sales, each once", expected.len());
}

#[tokio::test]
async fn no_kill_of_the_control_loses_a_sale_or_stops_one() {
    let (kills, mut random) = settings();
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    let tills = tills(&north).await;
    let selling = sell_at(&north, tills);
    for _ in 0..kills.min(20) {
        until_the_moment(&mut random).await;
        market.control.kill();
        market.control.start().await;
        market.control.must_verify().await;
    }
    north.kill();
    let rounds = selling.join_all().await;
    north.start().await;
    let mut sold: BTreeMap<Request, String> =
        rounds.iter().flat_map(|round| round.acknowledged.iter().cloned()).collect();
    settle(&north, &rounds, &mut sold).await;
    market.wait_equal_digests(&[&north]).await;
    north.wait_nothing_at_risk().await;
    assert_eq!(at_the_centre(&market).await, sold.into_iter().collect::<Vec<_>>());
    market.control.must_verify().await;
}
