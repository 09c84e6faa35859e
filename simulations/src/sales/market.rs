//! The built-in market: sales of the shape of the real ones, for when those cannot be had.
//!
//! Everything follows from the seed: ChaCha12, one stream for each store, integers only. The
//! shape (stores, baskets a store, lines a basket, pieces a line, hours, discounts, fuel, lines of
//! quantity zero) is set by eye after the real year; nothing here is fitted. It reads no file.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::sales::totals::Row;
use crate::sales::{Basket, Line, Products, Sales, sold_at};

/// Stores in the market; they are numbered from 1, the busiest first.
pub const STORES: u64 = 457;

/// Products in the market; log-uniform ranks make few of them sell most.
const PRODUCTS: u64 = 1 << 15;

/// Local midnight before the first sale, in seconds since 1970: 2017-01-01T00:00:00-05:00.
const FIRST_MIDNIGHT: i64 = 1_483_246_800;

/// Baskets in each local hour, of every 1,000.
const HOURS: [u64; 24] =
    [5, 4, 2, 2, 2, 5, 12, 19, 27, 39, 54, 65, 67, 71, 75, 85, 96, 97, 86, 71, 54, 33, 19, 10];

/// The measure in which fuel is sold is small: thousands of pieces to a tank.
const FUEL_SKU: &str = "6534178";

const KINDS: [&str; 16] = [
    "BREAD", "MILK", "CHEESE", "YOGURT", "APPLES", "BANANAS", "SOUP", "PASTA", "CEREAL", "COFFEE",
    "TEA", "CRACKERS", "CANDY", "JUICE", "WATER", "SOAP",
];

/// Sums to one thousand, so that a draw below it always falls in an hour.
const _: () = {
    let (mut sum, mut hour) = (0, 0);
    while hour < HOURS.len() {
        sum += HOURS[hour];
        hour += 1;
    }
    assert!(sum == 1000);
};

/// All sales of the market with this seed.
pub fn load(seed: u64) -> Sales {
    load_stores(seed, STORES)
}

fn load_stores(seed: u64, stores: u64) -> Sales {
    let mut products = Products::default();
    products.insert(FUEL_SKU.into(), "GASOLINE-REG UNLEADED");
    for rank in 0..PRODUCTS {
        let kind = KINDS[(rank % 16) as usize];
        products.insert(sku(rank).into(), &format!("{kind} NO {}", rank / 16 + 1));
    }
    let baskets = (1..=stores).flat_map(|store| receipts(seed, store)).map(Receipt::into_basket);
    Sales::new(baskets.collect(), products)
}

/// Gives every till line of the market to `each`, for the totals.
pub fn each_row(seed: u64, each: impl FnMut(Row)) {
    each_row_of(seed, STORES, each);
}

fn each_row_of(seed: u64, stores: u64, mut each: impl FnMut(Row)) {
    for receipt in (1..=stores).flat_map(|store| receipts(seed, store)) {
        for sold in &receipt.lines {
            each(Row {
                store: receipt.store,
                basket: receipt.id,
                utc_ms: receipt.utc_second * 1000,
                quantity_thousandths: sold.pieces * 1000,
                amount_cents: sold.cents.cast_signed(),
                discount_cents: sold.discount.cast_signed(),
            });
        }
    }
}

/// A receipt before it is given its texts.
struct Receipt {
    store: u64,
    id: u64,
    utc_second: i64,
    lines: Vec<Sold>,
}

struct Sold {
    sku: String,
    pieces: u64,
    cents: u64,
    discount: u64,
}

impl Receipt {
    fn into_basket(self) -> Basket {
        let lines = self.lines.into_iter().map(|sold| Line {
            sku: sold.sku.into(),
            quantity_thousandths: sold.pieces * 1000,
            amount_cents: sold.cents.cast_signed(),
            discount_cents: sold.discount.cast_signed(),
        });
        Basket {
            store: self.store,
            id: self.id,
            sold_at: sold_at(self.utc_second).expect("invariant: the market is open in 2017"),
            lines: lines.collect(),
        }
    }
}

/// How many receipts a store writes; falls with its rank roughly as in the real year.
fn baskets_in(store: u64) -> u64 {
    4_200 * 8 / (8 + store - 1)
}

/// The receipts of one store, in no order.
fn receipts(seed: u64, store: u64) -> impl Iterator<Item = Receipt> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(store);
    (0..baskets_in(store)).map(move |nth| {
        let day = below(&mut rng, 365);
        let second = hour(&mut rng) * 3600 + below(&mut rng, 3600);
        Receipt {
            store,
            id: store * 100_000 + nth,
            utc_second: FIRST_MIDNIGHT + (day * 86_400 + second).cast_signed(),
            lines: (0..log_uniform(&mut rng, 5)).map(|_| sold(&mut rng)).collect(),
        }
    })
}

fn hour(rng: &mut ChaCha12Rng) -> u64 {
    let mut draw = below(rng, 1000);
    let mut hour = 0;
    for share in HOURS {
        if draw < share {
            break;
        }
        draw -= share;
        hour += 1;
    }
    hour
}

fn sold(rng: &mut ChaCha12Rng) -> Sold {
    match below(rng, 1000) {
        // A tank of fuel: the price of a measure is a fraction of a cent.
        0..9 => {
            let pieces = 3_000 + below(rng, 17_000);
            let cents = pieces * (220 + below(rng, 60)) / 1000;
            Sold { sku: FUEL_SKU.to_owned(), pieces, cents, discount: 0 }
        }
        // A correction: nothing handed over, nothing charged.
        9..15 => Sold { sku: any_sku(rng).1, pieces: 0, cents: 0, discount: 0 },
        _ => {
            let (rank, sku) = any_sku(rng);
            let pieces = if below(rng, 5) == 0 { log_uniform(rng, 3) } else { 1 };
            // Half the lines are marked down, whole lines at once, so amounts need not divide.
            let full = pieces * price(rank);
            let discount = if below(rng, 2) == 0 { full * below(rng, 40) / 100 } else { 0 };
            Sold { sku, pieces, cents: full - discount, discount }
        }
    }
}

fn any_sku(rng: &mut ChaCha12Rng) -> (u64, String) {
    let rank = log_uniform(rng, PRODUCTS.ilog2()) - 1;
    (rank, sku(rank))
}

/// Numbers of a real look: seven digits, not dense. 40,503 is odd, so ranks stay distinct.
fn sku(rank: u64) -> String {
    (1_000_000 + (rank * 40_503) % PRODUCTS * 37).to_string()
}

/// Cents for one piece: 49 to 1,248, the same for a product wherever it is sold.
fn price(rank: u64) -> u64 {
    49 + (rank * 7_919) % 1_200
}

/// A number from 0 to `bound - 1`. The bias of the product is below one in a million here.
fn below(rng: &mut ChaCha12Rng, bound: u64) -> u64 {
    (u64::from(rng.next_u32()) * bound) >> 32
}

/// A number from 1 to `2^bits - 1`, each power of two as likely as the next.
fn log_uniform(rng: &mut ChaCha12Rng, bits: u32) -> u64 {
    let floor = 1 << below(rng, u64::from(bits));
    floor + below(rng, floor)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sales::totals::Totals;

    #[test]
    fn a_seed_gives_one_market_and_another_seed_another() {
        let first = |seed| receipts(seed, 1).next().expect("a receipt").into_basket();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn the_market_has_the_shape_of_the_real_year() {
        let sales = load_stores(1, 8);
        let stores: BTreeSet<u64> = sales.baskets.iter().map(|b| b.store).collect();
        let lines: Vec<&Line> = sales.baskets.iter().flat_map(|b| &b.lines).collect();
        let share = |of: &dyn Fn(&Line) -> bool| {
            lines.iter().filter(|line| of(line)).count() * 1000 / lines.len()
        };
        let year: u64 = (1..=STORES).map(baskets_in).sum();
        assert_eq!(stores.len(), 8);
        assert!((120_000..180_000).contains(&year), "{year}");
        assert!((8..12).contains(&(lines.len() / sales.baskets.len())));
        assert!((3..12).contains(&share(&|l| l.quantity_thousandths == 0)));
        assert!((350..650).contains(&share(&|l| l.discount_cents > 0)));
        assert!(share(&|l| l.quantity_thousandths > 100_000) > 1);
        let uneven = |l: &Line| {
            let mills = l.amount_cents.cast_unsigned() * 1000;
            l.quantity_thousandths > 0 && !mills.is_multiple_of(l.quantity_thousandths)
        };
        assert!(share(&uneven) > 20);
        assert!(sales.baskets.iter().all(|b| b.day().starts_with("2017-")));
        assert!(lines.iter().all(|l| !sales.products.name(&l.sku).starts_with("product")));
    }

    #[test]
    fn products_have_numbers_of_their_own() {
        let numbers: BTreeSet<String> = (0..PRODUCTS).map(sku).collect();
        assert_eq!(numbers.len() as u64, PRODUCTS);
        assert!(!numbers.contains(FUEL_SKU));
    }

    #[test]
    fn totals_agree_with_the_baskets() {
        let mut sales = load_stores(7, 4);
        let stores = sales.busiest(3, 1).expect("three stores");
        sales.narrow(&stores, 40);
        let mut totals = Totals::default();
        each_row_of(7, 4, |row| totals.add(&row));
        for (store, sums) in totals.of(&stores, 40) {
            let lines: Vec<&Line> = sales.of_store(store).flat_map(|b| &b.lines).collect();
            assert_eq!(sums.baskets, sales.of_store(store).count() as u64);
            assert_eq!(sums.lines, lines.len() as u64);
            assert_eq!(sums.amount_cents, lines.iter().map(|l| l.amount_cents).sum::<i64>());
            assert!(sums.baskets > 100);
        }
    }
}
