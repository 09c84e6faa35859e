//! The feed over a real replica: pages, cursors, streams and their bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Body;
use engine::authority::{Charter, Grant, Role, SignedDocument};
use engine::event::sale::{Key, KeyNumber};
use engine::event::{GoodsLine, GoodsReceived, Payload};
use engine::ids::{Epoch, Lane, MerchantId, Scope};
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::Store;
use engine::store::memory::MemoryStore;
use hyper::body::Body as _;

use super::*;
use crate::auth::{Token, TokenHash};

const NOW_MS: u64 = 1_700_000_000_000;

fn merchant() -> Scope {
    Scope::Merchant(MerchantId::from_name("north"))
}

/// What a token in words is known by.
fn token(text: &str) -> TokenHash {
    Token::parse(text).unwrap().hash()
}

/// A stall's replica, and a feed over its store.
struct World {
    store: Arc<MemoryStore>,
    replica: Replica,
    commits: watch::Sender<Commits>,
    feed: Feed,
    access: Access,
    next_key: u64,
}

impl World {
    fn new() -> Self {
        Self::over(Arc::default(), 7)
    }

    fn over(store: Arc<MemoryStore>, epoch: u64) -> Self {
        let (root, control) = (Keypair::from_seed(&[1; 32]), Keypair::from_seed(&[2; 32]));
        let stall = Keypair::from_seed(&[3; 32]);
        let (tenant, device) = (root.tenant(), stall.device());
        let charter = Charter {
            tenant,
            serial: 1,
            name: "market".to_owned(),
            currency: *b"EUR",
            controls: BTreeSet::from([control.device()]),
            removed: Vec::new(),
        };
        let shared: Arc<dyn Store> = store.clone();
        let mut replica = Replica::open(stall, tenant, Epoch(epoch), shared.clone()).unwrap();
        replica.take_charter(&SignedDocument::sign(&charter, &root).unwrap()).unwrap();
        let commits = watch::Sender::default();
        let library = Library { store: shared, currency: "EUR".to_owned(), stall: Some(device) };
        let feed = Feed::new(library, commits.subscribe());
        let tills = BTreeMap::from([(token("t1").to_bytes(), "t1".to_owned())]);
        let access = Access::new(token("operator"), tills);
        let mut world = Self { store, replica, commits, feed, access, next_key: 1 };
        world.join("north", NOW_MS);
        world
    }

    /// The stall sells for this merchant from now on.
    fn join(&mut self, merchant: &str, issued_ms: u64) {
        let scope = Scope::Merchant(MerchantId::from_name(merchant));
        let lanes = [(scope, Lane::Ledger), (scope, Lane::Telemetry)];
        let grant = Grant {
            tenant: self.replica.tenant(),
            device: self.replica.device(),
            name: "stall".to_owned(),
            merchant: merchant.to_owned(),
            role: Role::Stall,
            reads: BTreeSet::from(lanes),
            writes: BTreeSet::from(lanes),
            issued_ms,
            not_after_ms: NOW_MS + 1_000,
        };
        let control = Keypair::from_seed(&[2; 32]);
        self.replica.take_grant(&SignedDocument::sign(&grant, &control).unwrap()).unwrap();
        self.commit();
    }

    fn commit(&mut self) {
        let batch = self.replica.close().unwrap();
        self.store.write(&batch).unwrap();
        self.replica.committed();
        self.commits.send_modify(|commits| commits.count += 1);
    }

    /// States that goods came, in a batch of its own. Returns the event's id.
    fn goods(&mut self) -> String {
        self.goods_of(merchant())
    }

    fn goods_of(&mut self, scope: Scope) -> String {
        let key = Key { till: "t".to_owned(), number: KeyNumber::Counter(self.next_key) };
        self.next_key += 1;
        let lines = vec![GoodsLine { sku: "tea".to_owned(), quantity: 1_000 }];
        let goods = GoodsReceived { key, at_ms: 0, reference: String::new(), lines };
        let payload = Payload::GoodsReceived(goods);
        let id = self.replica.append(scope, Lane::Ledger, payload, NOW_MS).unwrap();
        self.commit();
        id.to_string()
    }

    fn read(&self, after: Option<&str>, filter: &Filter, limit: usize) -> Result<Page, Problem> {
        let snapshot = self.store.snapshot();
        let view = self.feed.library.view(snapshot.as_ref()).unwrap();
        let (feed, cursor) = begin(&view, filter, after).unwrap()?;
        Ok(page(&view, &feed, cursor, filter, limit).unwrap())
    }

    fn stream(&self, after: Option<String>) -> impl Future<Output = Result<Response, Problem>> {
        let bearer = self.access.bearer(token("t1")).expect("a known token");
        stream::open(self.feed.clone(), bearer, Filter::default(), after)
    }
}

fn ids(page: &Page) -> Vec<&str> {
    page.events.iter().filter_map(|(_, event)| event["id"].as_str()).collect()
}

fn only(kind: &str) -> Filter {
    Filter::parse(Some(kind), None).unwrap()
}

/// Reads a stream until `done` with what has come.
async fn until(body: &mut Body, mut done: impl FnMut(&str) -> bool) -> String {
    let mut text = String::new();
    while !done(&text) {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        let Some(frame) = frame else { panic!("the stream ended after {text}") };
        text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
    }
    text
}

/// The cursors of a stream's events.
fn cursors(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_repeat() {
    let mut world = World::new();
    let mut expected: Vec<String> = (0..5).map(|_| world.goods()).collect();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.read(after.as_deref(), &only("goods-received"), 2).unwrap();
        assert!(page.events.len() <= 2);
        found.extend(ids(&page).into_iter().map(str::to_owned));
        after = Some(page.cursor.to_string());
        if !page.more {
            break;
        }
    }
    assert_eq!(found, expected);
    // The last cursor goes on with what comes later.
    expected.push(world.goods());
    let later = world.read(after.as_deref(), &Filter::default(), 9).unwrap();
    assert_eq!(ids(&later), [expected.last().unwrap()]);
    let end = world.read(Some(&later.cursor.to_string()), &Filter::default(), 9).unwrap();
    assert!(end.events.is_empty() && !end.more && end.cursor == later.cursor);
}

#[test]
fn a_filter_lets_through_its_kinds_and_lane_alone() {
    let mut world = World::new();
    let goods = world.goods();
    let all = world.read(None, &Filter::default(), 9).unwrap();
    assert_eq!(all.events.len(), 2, "the epoch's opening and the goods");
    assert_eq!(ids(&world.read(None, &only("goods-received"), 9).unwrap()), [&goods]);
    let both = world.read(None, &only("epoch-opened,goods-received"), 9).unwrap();
    assert_eq!(ids(&both), ids(&all));
    let none = world.read(None, &only("sale-completed"), 9).unwrap();
    assert!(none.events.is_empty() && none.cursor == all.cursor, "it was looked at all the same");
    let lane = |lane: &str| world.read(None, &Filter::parse(None, Some(lane)).unwrap(), 9).unwrap();
    assert_eq!(lane("ledger").events.len(), 2);
    assert_eq!(lane("telemetry").events.len(), 0);
    let merchants_only = Filter { merchants_only: true, ..Filter::default() };
    assert_eq!(world.read(None, &merchants_only, 9).unwrap().events.len(), 2);
    for (kinds, lane) in [(Some("sale"), None), (Some(""), None), (None, Some("lane"))] {
        assert_eq!(Filter::parse(kinds, lane).unwrap_err().name, "malformed");
    }
}

#[test]
fn a_till_of_a_stall_that_joined_again_sees_the_events_of_the_present_merchant() {
    let mut world = World::new();
    let before = world.goods();
    let own = Filter { merchants_only: true, ..only("goods-received") };
    assert_eq!(ids(&world.read(None, &own, 9).unwrap()), [&before]);
    world.join("bakery", NOW_MS + 1);
    let after = world.goods_of(Scope::Merchant(MerchantId::from_name("bakery")));
    assert_eq!(ids(&world.read(None, &own, 9).unwrap()), [&after]);
    let all = world.read(None, &only("goods-received"), 9).unwrap();
    assert_eq!(ids(&all), [&before, &after], "the operator sees both");
}

#[test]
fn a_cursor_of_another_directory_or_of_a_restored_one_is_refused() {
    let (mut here, mut there) = (World::new(), World::over(Arc::default(), 8));
    here.goods();
    there.goods();
    let backup = here.store.image();
    here.goods();
    let last = here.read(None, &Filter::default(), 9).unwrap().cursor.to_string();
    let refused = |world: &World, text: &str| {
        world.read(Some(text), &Filter::default(), 9).err().map(|problem| problem.name)
    };
    assert_eq!(refused(&here, &last), None);
    assert_eq!(refused(&there, &last), Some("unknown-cursor"));
    let mut restored = World::over(Arc::new(MemoryStore::from_image(&backup)), 9);
    assert_eq!(refused(&restored, &last), Some("unknown-cursor"), "it has not come so far");
    restored.next_key = 77;
    restored.goods();
    assert_eq!(refused(&restored, &last), Some("unknown-cursor"), "it has gone another way");
    assert_eq!(refused(&here, "x"), Some("malformed"));
}

#[tokio::test]
async fn a_stream_goes_on_with_what_is_committed_and_where_another_broke_off() {
    let mut world = World::new();
    let mut sent = vec![world.goods(), world.goods()];
    let mut response = world.stream(None).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["tentpole-vector"].len(), 64);
    let text = until(response.body_mut(), |text| text.contains(&sent[1])).await;
    assert!(text.contains(&sent[0]), "{text}");
    let broken_off = cursors(&text).last().map(|cursor| (*cursor).to_owned());
    sent.push(world.goods());
    until(response.body_mut(), |text| text.contains(&sent[2])).await;
    drop(response);
    sent.push(world.goods());
    let mut response = world.stream(broken_off).await.unwrap();
    let text = until(response.body_mut(), |text| text.contains(&sent[3])).await;
    let data: Vec<&str> = text.lines().filter(|line| line.starts_with("data: ")).collect();
    assert_eq!(data.len(), 2, "{text}");
    assert!(data[0].contains(&sent[2]) && data[1].contains(&sent[3]), "{text}");
}

#[tokio::test]
async fn streams_are_bounded_in_number_and_a_place_comes_free_again() {
    let world = World::new();
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        open.push(world.stream(None).await.unwrap());
    }
    assert_eq!(world.feed.streams(), STREAMS_MAX);
    assert_eq!(world.stream(None).await.unwrap_err().name, "busy");
    open.pop();
    while world.feed.streams() == STREAMS_MAX {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(world.stream(None).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_takes_nothing_is_cut_off() {
    let mut world = World::new();
    world.feed.stall_timeout = Duration::from_millis(100);
    let mut response = world.stream(None).await.unwrap();
    world.goods();
    while world.feed.streams() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was handed over may still be taken; then the stream is over.
    while poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx)).await.is_some() {}
}

#[tokio::test]
async fn a_stream_ends_when_its_tills_token_is_replaced_and_others_go_on() {
    let mut world = World::new();
    let before = world.goods();
    let mut tills = world.stream(None).await.unwrap();
    let operator = world.access.bearer(token("operator")).unwrap();
    let mut operators =
        stream::open(world.feed.clone(), operator, Filter::default(), None).await.unwrap();
    until(tills.body_mut(), |text| text.contains(&before)).await;
    world.access.add_till("t1", token("t1-anew"));
    let after = world.goods();
    while let Some(frame) = poll_fn(|cx| Pin::new(tills.body_mut()).poll_frame(cx)).await {
        let frame = frame.unwrap();
        let text = std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        assert!(!text.contains(&after), "{text}");
    }
    until(operators.body_mut(), |text| text.contains(&after)).await;
    assert_eq!(world.feed.streams(), 1);
}

#[tokio::test]
async fn a_stream_ends_when_the_daemon_stops() {
    let mut world = World::new();
    let goods = world.goods();
    let mut response = world.stream(None).await.unwrap();
    world.commits.send_modify(|commits| commits.stopping = true);
    until(response.body_mut(), |text| text.contains(&goods)).await;
    while poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx)).await.is_some() {}
    assert_eq!(world.feed.streams(), 0);
}
