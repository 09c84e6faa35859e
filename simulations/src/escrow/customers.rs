//! What people do at a till: they bring a basket, wait a moment while the stall asks others for
//! what it lacks, and go with the rest if it does not come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use engine::event::sale::{Key, KeyNumber, Sale};
use engine::ids::Scope;
use engine::projections::rights::rows::Account;
use engine::projections::{Books, rights};
use node::core::Request;

use crate::protocol::host::Machine;
use crate::protocol::world::World;

/// Between two looks of a till whether the rights have come.
const LOOK: Duration = Duration::from_millis(150);
/// Looks before the customer goes.
const LOOKS: u32 = 10;

/// Lines that customers went without.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    /// Each line: the item, thousandths, cents.
    pub lines: Vec<(String, u64, i64)>,
    /// Thousandths of them that some stalls together still had rights to at that moment, for all
    /// that the customer wanted.
    pub falsely: u64,
    /// Sales that got what they lacked from others in time.
    pub fetched: u64,
    /// Customers at a till.
    pub inside: u64,
    /// Things that went wrong, in words.
    pub troubles: Vec<String>,
}

/// What all customers share.
#[derive(Clone)]
pub struct Street {
    /// The market's scope.
    pub scope: Scope,
    /// Stock of each promised item, in thousandths.
    pub stock: Rc<BTreeMap<String, u64>>,
    /// What went wrong for customers.
    pub refused: Rc<RefCell<Refused>>,
}

/// A basket at a till.
#[derive(Clone)]
struct Visit {
    host: usize,
    sale: Sale,
    zero: Vec<usize>,
    looks: u32,
    /// How often lines were taken out; each time it is another request.
    round: u32,
}

impl Street {
    /// A customer comes to the till of `host` after a while.
    pub fn visit_after(
        &self,
        span: Duration,
        world: &mut World,
        host: usize,
        (sale, zero): (Sale, Vec<usize>),
    ) {
        let street = self.clone();
        let visit = Visit { host, sale, zero, looks: 0, round: 0 };
        world.do_after(span, move |world| {
            street.refused.borrow_mut().inside += 1;
            street.ask(world, visit);
            Ok(())
        });
    }

    fn ask(&self, world: &mut World, visit: Visit) {
        let request = Request::Sale(visit.sale.clone(), visit.zero.clone());
        world.ask_after(Duration::ZERO, visit.host, request);
        let street = self.clone();
        // A sync takes two milliseconds, and one batch may be under way.
        let span = if visit.looks == 0 { Duration::from_millis(10) } else { LOOK };
        world.do_after(span, move |world| street.look(world, visit));
    }

    /// Was it sold? If not, does it pay to wait?
    fn look(&self, world: &mut World, mut visit: Visit) -> anyhow::Result<()> {
        let key = visit.sale.key.clone();
        if self.is_sold(world, visit.host, &key)? {
            let mut refused = self.refused.borrow_mut();
            refused.fetched += u64::from(visit.looks > 0);
            refused.inside -= 1;
            world.short.remove(&key);
            return Ok(());
        }
        match world.short.remove(&key) {
            Some(short) if short.asked.is_empty() || visit.looks >= LOOKS => {
                self.go_without(world, visit, &short.sku)
            }
            _ if visit.looks > 20 * LOOKS => {
                let trouble = format!("no answer at host {} to {key:?}", visit.host);
                let mut refused = self.refused.borrow_mut();
                refused.troubles.push(trouble);
                refused.inside -= 1;
                Ok(())
            }
            _ => {
                visit.looks += 1;
                self.ask(world, visit);
                Ok(())
            }
        }
    }

    fn is_sold(&self, world: &mut World, host: usize, key: &Key) -> anyhow::Result<bool> {
        let Some(Machine::Stall(stall)) = world.hosts[host].machine.as_mut() else {
            return Ok(false);
        };
        let replica = &transport::device::Core::device(stall.as_mut()).replica;
        Ok(replica.bearer(self.scope, key)?.is_some())
    }

    /// The customer goes without one item, and takes the rest.
    fn go_without(&self, world: &mut World, mut visit: Visit, sku: &str) -> anyhow::Result<()> {
        let left = self.left(world, sku)?;
        let mut refused = self.refused.borrow_mut();
        let mut wanted = 0;
        visit.sale.lines.retain(|line| {
            let goes = line.sku == sku && line.quantity > 0;
            if goes {
                wanted += line.quantity;
                refused.lines.push((line.sku.clone(), line.quantity, line.amount));
            }
            !goes
        });
        visit.zero = indices_of_nothing(&visit.sale);
        refused.falsely += if wanted <= left { wanted } else { 0 };
        if visit.sale.lines.is_empty() {
            refused.inside -= 1;
            return Ok(());
        }
        drop(refused);
        visit.round += 1;
        visit.looks = 0;
        let number = visit.sale.key.number.to_string();
        let number = number.split('/').next().unwrap_or_default().to_owned();
        visit.sale.key.number = KeyNumber::Text(format!("{number}/{}", visit.round));
        visit.sale.tenders[0].amount = visit.sale.total().unwrap_or_default();
        self.ask(world, visit);
        Ok(())
    }

    /// What nobody has sold yet of an item, over all stalls, as each of them knows of itself.
    fn left(&self, world: &mut World, sku: &str) -> anyhow::Result<u64> {
        let mut sold = 0_i128;
        for host in &mut world.hosts[1..] {
            let device = host.device();
            let Some(machine) = host.machine.as_mut() else { continue };
            let replica = &machine.device().replica;
            let row = replica.row(&rights::rows::account(self.scope, sku, &device))?;
            sold += account(row)?.spent;
        }
        let stock = self.stock.get(sku).copied().unwrap_or_default();
        let sold = u64::try_from(sold)?;
        anyhow::ensure!(sold <= stock, "{sku}: {sold} sold of {stock}");
        Ok(stock - sold)
    }
}

fn account(row: Option<Vec<u8>>) -> anyhow::Result<Account> {
    let row = row.map(|row| engine::event::codec::decode("an account row", &row)).transpose()?;
    Ok(row.unwrap_or_default())
}

fn indices_of_nothing(sale: &Sale) -> Vec<usize> {
    let lines = sale.lines.iter().enumerate();
    lines.filter(|(_, line)| line.quantity == 0).map(|(at, _)| at).collect()
}
