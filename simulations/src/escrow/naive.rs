//! What stalls without rights would do: a PN-counter of each item, merged whenever two stalls can
//! reach each other, and a sale whenever the stall's own view shows enough.
//!
//! It is kind to that strategy: whoever can be reached, over any number of links, is merged with at
//! once and for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::plan::{Cut, Plan};

/// How far the model sold beyond the stock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Oversold {
    /// Pieces sold that were not there.
    pub oversold_pieces: u64,
    /// Items of which that happened.
    pub oversold_items: usize,
    /// Pieces sold of the promised items.
    pub sold_pieces: u64,
    /// Pieces refused though all that was wanted was there.
    pub falsely_refused_pieces: u64,
    /// Pieces refused.
    pub refused_pieces: u64,
}

/// What one host knows: pieces sold of each item by each stall.
type View = Vec<Vec<u64>>;

/// Sells every basket of the plan so.
pub fn sell(plan: &Plan) -> Oversold {
    let stalls = plan.stores.len();
    let ranks: BTreeMap<&str, usize> =
        plan.items.iter().enumerate().map(|(at, item)| (item.sku.as_str(), at)).collect();
    let mut net = Net::new(plan);
    let mut sold = vec![0_u64; plan.items.len()];
    let mut out = Oversold::default();
    for (basket, (at, host)) in plan.baskets.iter().zip(&plan.visits) {
        net.move_to(*at);
        for line in &basket.lines {
            let Some(item) = ranks.get(&*line.sku).copied() else { continue };
            let wanted = line.quantity_thousandths;
            let view = net.view(*host);
            let known: u64 = (0..stalls).map(|stall| view[stall][item]).sum();
            if wanted == 0 {
                continue;
            }
            if known + wanted <= plan.items[item].stock {
                net.note(*host, item, wanted);
                sold[item] += wanted;
            } else {
                out.refused_pieces += wanted / 1_000;
                let left = plan.items[item].stock.saturating_sub(sold[item]);
                out.falsely_refused_pieces += if wanted <= left { wanted / 1_000 } else { 0 };
            }
        }
    }
    for (item, sold) in plan.items.iter().zip(&sold) {
        out.sold_pieces += sold / 1_000;
        let over = sold.saturating_sub(item.stock) / 1_000;
        out.oversold_pieces += over;
        out.oversold_items += usize::from(over > 0);
    }
    out
}

/// Who can reach whom, and what each group knows together.
struct Net<'a> {
    links: Vec<(usize, usize)>,
    /// When cuts begin and end, in time order, as indices of `cuts`.
    turns: Vec<(Duration, bool, usize)>,
    next: usize,
    cuts: &'a [Cut],
    cut: Vec<bool>,
    group: Vec<usize>,
    views: Vec<View>,
}

impl<'a> Net<'a> {
    fn new(plan: &'a Plan) -> Self {
        let hosts = plan.stores.len() + 1;
        let both = plan.cuts.iter().enumerate();
        let mut turns: Vec<_> =
            both.flat_map(|(at, cut)| [(cut.from, true, at), (cut.to, false, at)]).collect();
        turns.sort_unstable();
        let empty = vec![vec![0; plan.items.len()]; plan.stores.len()];
        Self {
            links: plan.links(),
            turns,
            next: 0,
            cuts: &plan.cuts,
            cut: vec![false; plan.cuts.len()],
            group: vec![0; hosts],
            views: vec![empty],
        }
    }

    /// What the group of a host knows.
    fn view(&self, host: usize) -> &View {
        &self.views[self.group[host]]
    }

    fn note(&mut self, host: usize, item: usize, quantity: u64) {
        self.views[self.group[host]][host - 1][item] += quantity;
    }

    /// Lets cuts begin and end up to a time, and merges those who meet.
    fn move_to(&mut self, at: Duration) {
        while let Some((turn, begins, cut)) = self.turns.get(self.next).copied() {
            if turn > at {
                return;
            }
            // Of one moment all at once.
            self.cut[cut] = begins;
            self.next += 1;
            if self.turns.get(self.next).is_none_or(|(next, ..)| *next > turn) {
                self.regroup();
            }
        }
    }

    fn regroup(&mut self) {
        let hosts = self.group.len();
        let mut group: Vec<usize> = (0..hosts).collect();
        let cut = self.cuts.iter().zip(&self.cut);
        let cut: Vec<(usize, usize)> =
            cut.filter(|(_, now)| **now).map(|(cut, _)| cut.pair).collect();
        let whole: Vec<_> = self.links.iter().filter(|pair| !cut.contains(pair)).collect();
        // Each round takes the lowest number of a neighbour; a line of hosts needs as many rounds.
        for _ in 0..hosts {
            let before = group.clone();
            for (a, b) in &whole {
                let low = group[*a].min(group[*b]);
                (group[*a], group[*b]) = (low, low);
            }
            if group == before {
                break;
            }
        }
        let mut views: BTreeMap<usize, View> = BTreeMap::new();
        for (low, before) in group.iter().zip(&self.group) {
            let theirs = &self.views[*before];
            match views.get_mut(low) {
                None => drop(views.insert(*low, theirs.clone())),
                Some(view) => merge(view, theirs),
            }
        }
        let numbers: BTreeMap<usize, usize> =
            views.keys().enumerate().map(|(at, low)| (*low, at)).collect();
        self.group = group.iter().map(|low| numbers[low]).collect();
        self.views = views.into_values().collect();
    }
}

fn merge(view: &mut View, theirs: &View) {
    for (mine, theirs) in view.iter_mut().flatten().zip(theirs.iter().flatten()) {
        *mine = (*mine).max(*theirs);
    }
}
