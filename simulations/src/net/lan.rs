//! A LAN: a link for every ordered pair of the hosts on it, made when it is first used.
//!
//! It knows no addresses and no routes.

use std::sync::Arc;

use super::link::Link;
use super::luck::Luck;
use super::spec::LinkSpec;
use super::trace::Trace;

/// A LAN.
#[derive(Debug)]
pub struct Lan {
    pub name: String,
    /// The hosts on it, in their order.
    pub members: Vec<usize>,
    /// The number of its first link.
    pub first_link: usize,
    pub is_down: bool,
    spec: LinkSpec,
    trace: Option<Arc<Trace>>,
    seed: u64,
    links: Vec<Option<Box<Link>>>,
}

impl Lan {
    /// A LAN of these hosts.
    pub fn new(
        name: &str,
        members: Vec<usize>,
        first_link: usize,
        kind: (&LinkSpec, Option<Arc<Trace>>),
        seed: u64,
    ) -> Self {
        let mut links = Vec::new();
        links.resize_with(members.len() * members.len(), || None);
        Self {
            name: name.to_owned(),
            members,
            first_link,
            is_down: false,
            spec: kind.0.clone(),
            trace: kind.1,
            seed,
            links,
        }
    }

    /// How many numbers its links have.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// The place of a host among the members.
    pub fn member(&self, host: usize) -> Option<usize> {
        self.members.binary_search(&host).ok()
    }

    /// The place of the link between two members.
    pub fn place(&self, from: usize, to: usize) -> usize {
        from * self.members.len() + to
    }

    /// The hosts that the link at a place is from and to.
    pub fn ends(&self, place: usize) -> Option<(usize, usize)> {
        let count = self.members.len();
        let (from, to) = (place.checked_div(count)?, place.checked_rem(count)?);
        Some((*self.members.get(from)?, self.members[to]))
    }

    /// The link at a place.
    pub fn link(&mut self, place: usize) -> &mut Link {
        let ends = self.ends(place);
        let (spec, trace, seed, name) = (&self.spec, self.trace.as_ref(), self.seed, &self.name);
        self.links[place].get_or_insert_with(|| {
            let (from, to) = ends.unwrap_or_default();
            let luck = Luck::new(seed, &format!("lan/{name}/{from}/{to}"));
            Box::new(Link::new(spec, trace, luck))
        })
    }

    /// Loses what waits in its queues.
    pub fn flush(&mut self, now: u64) {
        self.links.iter_mut().flatten().for_each(|link| link.flush(now));
    }
}
