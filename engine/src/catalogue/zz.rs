//! temp
use super::*;
use automerge::*;
use automerge::transaction::Transactable;
use std::time::Instant;
#[test]
fn measure_catalogue() {
    let mut c = Catalogue::new();
    let items: Vec<_> = (0..10_000).map(|n| ItemEdit::of(format!("{}", 1_000_000 + n * 37)).text(Field::Name, format!("Item number {n}")).price(199 + n).text(Field::Tax, "standard").text(Field::Unit, "piece").text(Field::Category, format!("Aisle {}", n % 40))).collect();
    let a = [1u8; 16];
    for e in c.edit(&a, &items).unwrap() { c.apply(&e.bytes, &a); }
    c.take_touched();
    let t = Instant::now();
    let mut parts = [0u128; 6];
    for n in 0..1000u64 {
        let sku = format!("{}", 1_000_000 + (n * 7919 % 10_000) * 37);
        let t = Instant::now();
        let d = c.branch_for_tests(&a); parts[0] += t.elapsed().as_micros(); 
        let t = Instant::now();
        let mut d = d;
        let mut tx = d.transaction(); tx.put(ROOT, format!("price/{sku}"), 5000 + n as i64).unwrap(); tx.commit();
        parts[1] += t.elapsed().as_micros();
        let t = Instant::now();
        drop(d);
        parts[5] += t.elapsed().as_micros();
        let t = Instant::now();
        let e = c.edit(&a, &[ItemEdit::of(sku.clone()).price(500 + n as i64)]).unwrap(); parts[2] += t.elapsed().as_micros();
        let t = Instant::now();
        c.apply(&e[0].bytes, &a); let _ = c.take_touched(); parts[3] += t.elapsed().as_micros();
        let t = Instant::now();
        c.item(&sku); parts[4] += t.elapsed().as_micros();
    }
    eprintln!("per edit us: clone {} tx {} edit {} apply+settle {} item {} drop {} total {:?}", parts[0]/1000, parts[1]/1000, parts[2]/1000, parts[3]/1000, parts[4]/1000, parts[5]/1000, t.elapsed());
}
