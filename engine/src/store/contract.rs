//! What every store must do, run against each of them.
//!
//! How a store fails, and what a crash leaves, is tested beside the store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;

use super::memory::MemoryStore;
use super::{Batch, Read, Row, Store};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Something that a store can be opened on again and again.
trait Disk {
    /// Opens the store, runs `work` on it and closes it.
    fn session(&self, work: &mut dyn FnMut(&dyn Store));
}

impl Disk for MemoryStore {
    fn session(&self, work: &mut dyn FnMut(&dyn Store)) {
        self.crash(&mut |_| 0);
        work(self);
    }
}

#[cfg(feature = "rocksdb")]
impl Disk for tempfile::TempDir {
    fn session(&self, work: &mut dyn FnMut(&dyn Store)) {
        work(&super::rocks::RocksStore::open(self.path()).unwrap());
    }
}

/// Runs `test` on an empty disk of each kind.
fn check_disks(test: impl Fn(&dyn Disk)) {
    test(&MemoryStore::default());
    #[cfg(feature = "rocksdb")]
    test(&tempfile::TempDir::new().unwrap());
}

/// Runs `test` on an empty store of each kind.
fn check(test: impl Fn(&dyn Store)) {
    check_disks(|disk| disk.session(&mut |store| test(store)));
}

fn batch(changes: &[(&str, Option<&str>)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec()),
            None => batch.delete(key.as_bytes().to_vec()),
        }
    }
    batch
}

/// Writes each key with itself as its value.
fn put_all(store: &dyn Store, keys: &[&str]) {
    let changes: Vec<_> = keys.iter().map(|key| (*key, Some(*key))).collect();
    store.write(&batch(&changes)).unwrap();
}

fn get(read: &dyn Read, key: &str) -> Option<String> {
    read.get(key.as_bytes()).unwrap().map(|value| String::from_utf8(value).unwrap())
}

/// At most `limit` rows of a range; the visitor breaks at the last of them.
fn rows(read: &dyn Read, from: &[u8], to: &[u8], limit: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    read.scan(from, to, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    rows
}

fn keys(read: &dyn Read, from: &str, to: &str) -> Vec<String> {
    let rows = rows(read, from.as_bytes(), to.as_bytes(), usize::MAX);
    rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

fn last(read: &dyn Read, from: &str, to: &str) -> Option<String> {
    let row = read.last(from.as_bytes(), to.as_bytes()).unwrap();
    row.map(|(key, value)| {
        assert_eq!(key, value, "put_all writes each key as its value");
        String::from_utf8(key).unwrap()
    })
}

#[test]
fn a_value_is_there_from_its_put_to_its_delete() {
    check(|store| {
        assert_eq!(get(store, "a"), None);
        store.write(&batch(&[("a", Some("1")), ("b", Some("2"))])).unwrap();
        assert_eq!(get(store, "a").as_deref(), Some("1"));
        store.write(&batch(&[("a", Some("3"))])).unwrap();
        assert_eq!(get(store, "a").as_deref(), Some("3"));
        store.write(&batch(&[("a", None), ("absent", None)])).unwrap();
        assert_eq!(get(store, "a"), None);
        assert_eq!(get(store, "b").as_deref(), Some("2"));
    });
}

#[test]
fn the_last_change_of_a_key_in_a_batch_counts() {
    check(|store| {
        let changes =
            [("a", Some("1")), ("a", Some("2")), ("b", Some("1")), ("b", None), ("c", None)];
        store.write(&batch(&changes)).unwrap();
        store.write(&batch(&[("c", None), ("c", Some("3"))])).unwrap();
        assert_eq!(get(store, "a").as_deref(), Some("2"));
        assert_eq!(get(store, "b"), None);
        assert_eq!(get(store, "c").as_deref(), Some("3"));
    });
}

#[test]
fn an_empty_batch_changes_nothing() {
    check(|store| {
        put_all(store, &["a"]);
        store.write(&Batch::default()).unwrap();
        assert_eq!(keys(store, "", "z"), ["a"]);
    });
}

#[test]
fn an_empty_key_and_an_empty_value_are_rows_like_others() {
    check(|store| {
        store.write(&batch(&[("", Some("of the empty key")), ("a", Some(""))])).unwrap();
        assert_eq!(get(store, "").as_deref(), Some("of the empty key"));
        assert_eq!(get(store, "a").as_deref(), Some(""));
        let both = [(vec![], b"of the empty key".to_vec()), (b"a".to_vec(), vec![])];
        assert_eq!(rows(store, b"", b"b", usize::MAX), both);
        assert_eq!(store.last(b"", b"b").unwrap(), Some((b"a".to_vec(), vec![])));
    });
}

#[test]
fn a_scan_visits_from_its_first_key_up_to_but_not_its_last() {
    check(|store| {
        put_all(store, &["d", "b", "a", "bb", "c"]);
        assert_eq!(keys(store, "b", "d"), ["b", "bb", "c"]);
        assert_eq!(keys(store, "ba", "bz"), ["bb"]);
        assert_eq!(keys(store, "", "zz"), ["a", "b", "bb", "c", "d"]);
    });
}

#[test]
fn keys_sort_as_unsigned_bytes() {
    check(|store| {
        let mut batch = Batch::default();
        for key in [&[0x80][..], &[0x7f, 0xff], &[0x7f], &[0xfe, 0xff]] {
            batch.put(key.to_vec(), vec![]);
        }
        store.write(&batch).unwrap();
        let keys: Vec<_> =
            rows(store, &[], &[0xff], usize::MAX).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [&[0x7f][..], &[0x7f, 0xff], &[0x80], &[0xfe, 0xff]]);
    });
}

#[test]
fn a_scan_ends_where_its_visitor_breaks() {
    check(|store| {
        put_all(store, &["a", "b", "c"]);
        assert_eq!(rows(store, b"a", b"z", 1).len(), 1);
        assert_eq!(rows(store, b"a", b"z", 2).len(), 2);
    });
}

#[test]
fn a_range_that_is_empty_or_runs_backwards_holds_nothing() {
    check(|store| {
        put_all(store, &["a", "b", "c"]);
        for (from, to) in [("b", "b"), ("c", "a"), ("", ""), ("bb", "bc"), ("d", "e")] {
            assert_eq!(keys(store, from, to), [""; 0], "{from}..{to}");
            assert_eq!(last(store, from, to), None, "{from}..{to}");
        }
    });
}

#[test]
fn last_is_the_greatest_key_below_the_end_of_its_range() {
    check(|store| {
        put_all(store, &["a", "b", "bb", "d"]);
        assert_eq!(last(store, "a", "d").as_deref(), Some("bb"));
        assert_eq!(last(store, "a", "da").as_deref(), Some("d"));
        assert_eq!(last(store, "b", "bb").as_deref(), Some("b"));
        assert_eq!(last(store, "", "b").as_deref(), Some("a"));
        assert_eq!(last(store, "c", "d"), None, "no lower row is taken instead");
        store.write(&batch(&[("bb", None)])).unwrap();
        assert_eq!(last(store, "a", "d").as_deref(), Some("b"));
    });
}

#[test]
fn a_snapshot_does_not_see_later_writes() {
    check(|store| {
        put_all(store, &["a", "b"]);
        let before = store.snapshot();
        store.write(&batch(&[("a", Some("new")), ("b", None), ("c", Some("c"))])).unwrap();
        let after = store.snapshot();
        store.write(&batch(&[("d", Some("d"))])).unwrap();

        assert_eq!(keys(&*before, "", "z"), ["a", "b"]);
        assert_eq!(get(&*before, "a").as_deref(), Some("a"));
        assert_eq!(get(&*before, "c"), None);
        assert_eq!(last(&*before, "", "z").as_deref(), Some("b"));
        assert_eq!(keys(&*after, "", "z"), ["a", "c"]);
        drop(before);
        assert_eq!(keys(&*after, "", "z"), ["a", "c"]);
        assert_eq!(keys(store, "", "z"), ["a", "c", "d"]);
    });
}

#[test]
fn a_visitor_may_write_and_its_scan_does_not_see_it() {
    check(|store| {
        put_all(store, &["a", "b"]);
        let mut seen = 0;
        store
            .scan(b"a", b"z", &mut |key, _| {
                seen += 1;
                let mut batch = Batch::default();
                batch.put([key, b"!"].concat(), vec![]);
                store.write(&batch).unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, 2);
        assert_eq!(keys(store, "", "z"), ["a", "a!", "b", "b!"]);
    });
}

#[test]
fn a_reader_sees_a_batch_whole_or_not_at_all() {
    const WRITES: u32 = 200;
    check(|store| {
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for count in 0..WRITES {
                    let count = count.to_string();
                    store.write(&batch(&[("a", Some(&count)), ("z", Some(&count))])).unwrap();
                }
            });
            while !writer.is_finished() {
                let snapshot = store.snapshot();
                assert_eq!(get(&*snapshot, "a"), get(&*snapshot, "z"));
                let rows = rows(store, b"a", b"zz", usize::MAX);
                assert!(rows.windows(2).all(|pair| pair[0].1 == pair[1].1), "{rows:?}");
            }
        });
        assert_eq!(get(store, "z"), Some((WRITES - 1).to_string()));
    });
}

#[test]
fn what_was_written_is_there_when_the_store_is_opened_again() {
    check_disks(|disk| {
        disk.session(&mut |store| put_all(store, &["a", "b"]));
        disk.session(&mut |store| {
            assert_eq!(keys(store, "", "z"), ["a", "b"]);
            store.write(&batch(&[("a", None), ("c", Some("c"))])).unwrap();
        });
        disk.session(&mut |store| assert_eq!(keys(store, "", "z"), ["b", "c"]));
    });
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Write(Batch),
    /// Takes a snapshot, writes, and looks at the snapshot.
    WriteBesideSnapshot(Batch),
    Get(Vec<u8>),
    Scan(Vec<u8>, Vec<u8>, usize),
    Last(Vec<u8>, Vec<u8>),
    Reopen,
}

/// Keys so few that histories meet the same ones again and again.
fn some_key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0), Just(1), Just(0x80), Just(0xfe)], 0..4)
}

/// Batches of a few puts and deletes over few keys.
pub fn batches() -> impl Strategy<Value = Batch> {
    let change = (some_key(), proptest::option::of(vec(any::<u8>(), 0..6)));
    vec(change, 0..5).prop_map(|changes| {
        let mut batch = Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    })
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => batches().prop_map(Step::Write),
        2 => batches().prop_map(Step::WriteBesideSnapshot),
        3 => some_key().prop_map(Step::Get),
        4 => (some_key(), some_key(), 1..6_usize).prop_map(|(from, to, n)| Step::Scan(from, to, n)),
        3 => (some_key(), some_key()).prop_map(|(from, to)| Step::Last(from, to)),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..40)
}

fn apply(model: &mut Model, batch: &Batch) {
    for (key, value) in batch.iter() {
        match value {
            Some(value) => model.insert(key.to_vec(), value.to_vec()),
            None => model.remove(key),
        };
    }
}

/// The rows of a range, found without asking the map for a range.
fn rows_of(model: &Model, from: &[u8], to: &[u8]) -> Vec<Row> {
    let within = |key: &[u8]| from <= key && key < to;
    model
        .iter()
        .filter(|(key, _)| within(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Does one step on the store and on the model; their answers must agree.
fn step(store: &dyn Store, model: &mut Model, step: &Step) {
    match step {
        Step::Write(batch) => {
            store.write(batch).unwrap();
            apply(model, batch);
        }
        Step::WriteBesideSnapshot(batch) => {
            let snapshot = store.snapshot();
            store.write(batch).unwrap();
            let before = rows(&*snapshot, &[], &[0xff], usize::MAX);
            assert_eq!(before, rows_of(model, &[], &[0xff]), "the snapshot");
            apply(model, batch);
        }
        Step::Get(key) => assert_eq!(store.get(key).unwrap(), model.get(key).cloned()),
        Step::Scan(from, to, limit) => {
            let mut expect = rows_of(model, from, to);
            expect.truncate(*limit);
            assert_eq!(rows(store, from, to, *limit), expect);
        }
        Step::Last(from, to) => {
            assert_eq!(store.last(from, to).unwrap(), rows_of(model, from, to).pop());
        }
        Step::Reopen => unreachable!("histories are split here"),
    }
}

/// Runs a history on `disk` and, at the end of each session, compares everything.
fn replay(disk: &dyn Disk, history: &[Step]) {
    let mut model = Model::new();
    for session in history.split(|step| matches!(step, Step::Reopen)) {
        disk.session(&mut |store| {
            for each in session {
                step(store, &mut model, each);
            }
            let all = rows(store, &[], &[0xff], usize::MAX);
            assert_eq!(all, rows_of(&model, &[], &[0xff]));
        });
    }
}

proptest! {
    #[test]
    fn the_memory_store_agrees_with_an_ordered_map(history in history()) {
        replay(&MemoryStore::default(), &history);
    }
}

#[cfg(feature = "rocksdb")]
proptest! {
    // Each case opens databases and syncs; a few dozen take seconds.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_store_on_disk_agrees_with_an_ordered_map(history in history()) {
        replay(&tempfile::TempDir::new().unwrap(), &history);
    }
}
