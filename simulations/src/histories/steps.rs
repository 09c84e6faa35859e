//! What a history is made of, and how one is drawn. A smaller number is a simpler step, so that
//! shrinking goes towards plain stories.

use proptest::collection::vec;
use proptest::prelude::*;

/// Machines at most, copies included.
pub const MACHINES_MAX: usize = 6;

/// What may happen in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Honest tills; no copies of disks, no forfeits: rights must hold to the piece.
    Plain,
    /// Honest tills; disks are copied, machines are cloned, rights are forfeited.
    Honest,
    /// Whatever can be signed.
    Lying,
}

/// A history from an empty tenant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What may happen.
    pub flavour: Flavour,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step; machines are counted modulo how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A machine appends a fact.
    Do(usize, Deed),
    /// A machine closes its group into a batch that is on its way to the disk.
    Close(usize),
    /// The oldest batch on its way is written, and the machine hears of it.
    Write(usize),
    /// A machine closes, and everything is written.
    Commit(usize),
    /// The power fails: so many batches on their way are found on the disk afterwards.
    Crash(usize, u8),
    /// Another machine starts from a copy of the disk.
    CopyDisk(usize),
    /// Another machine goes on where this one runs, in the same epoch.
    CopyMachine(usize),
    /// Segments go from one machine to another: shuffled, some lost, some twice.
    Carry(usize, usize, u16),
    /// A machine starts again with a program that has other versions of the projections.
    Upgrade(usize, u8),
    /// A machine rebuilds a little.
    Rebuild(usize),
}

/// A fact, as it is drawn; what it becomes depends on where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    /// What kind.
    pub what: What,
    /// Which SKU.
    pub sku: u8,
    /// How much.
    pub pieces: u8,
    /// Which of the events that it may refer to.
    pub aim: u8,
    /// Everything else.
    pub twist: u16,
    /// In a lying history: whether this one lies.
    pub lie: bool,
}

macro_rules! whats {
    ($($what:ident $weight:literal,)*) => {
        /// Kinds of facts, the plainest first, with how often each is drawn.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum What { $($what),* }

        const WHATS: &[(What, u32)] = &[$((What::$what, $weight)),*];
    };
}

whats! {
    Receive 10, Sell 22, Refund 7, Void 5, Return 2, Spoil 2, Count 3,
    Dispatch 4, TakeIn 5, Reserve 4, Release 3, Expire 2,
    Request 4, Grant 8, Accept 8, SendBack 3, Spend 2, Forfeit 2, Mint 1,
    Cash 3, OpenShift 3, CloseShift 3, CloseDay 2, Reprint 2, Resolve 5,
    Publish 4, Schedule 3, Season 1, Telemetry 1, Link 1, Document 2, Unknown 1,
}

fn deed() -> impl Strategy<Value = Deed> {
    let total: u32 = WHATS.iter().map(|(_, weight)| weight).sum();
    let what = (0..total).prop_map(|at| {
        let mut left = at;
        for (what, weight) in WHATS {
            if left < *weight {
                return *what;
            }
            left -= weight;
        }
        What::Receive
    });
    let numbers = (0..3_u8, 0..9_u8, any::<u8>(), any::<u16>(), any::<bool>());
    (what, numbers).prop_map(|(what, (sku, pieces, aim, twist, lie))| Deed {
        what,
        sku,
        pieces,
        aim,
        twist,
        lie,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..MACHINES_MAX;
    prop_oneof![
        60 => (at(), deed()).prop_map(|(at, deed)| Step::Do(at, deed)),
        12 => at().prop_map(Step::Commit),
        18 => (at(), at(), any::<u16>()).prop_map(|(from, to, luck)| Step::Carry(from, to, luck)),
        6 => at().prop_map(Step::Close),
        4 => at().prop_map(Step::Write),
        4 => (at(), 0..3_u8).prop_map(|(at, kept)| Step::Crash(at, kept)),
        2 => at().prop_map(Step::CopyDisk),
        2 => at().prop_map(Step::CopyMachine),
        2 => (at(), any::<u8>()).prop_map(|(at, which)| Step::Upgrade(at, which)),
        4 => at().prop_map(Step::Rebuild),
    ]
}

/// Histories of up to `length` steps.
pub fn histories(length: usize) -> impl Strategy<Value = History> {
    let flavour = prop_oneof![
        1 => Just(Flavour::Plain),
        1 => Just(Flavour::Honest),
        2 => Just(Flavour::Lying),
    ];
    (flavour, vec(step(), 1..length)).prop_map(|(flavour, steps)| History { flavour, steps })
}
