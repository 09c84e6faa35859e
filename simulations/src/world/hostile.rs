//! A stranger without a grant that talks QUIC: sends garbage, what is too large, and what only
//! others may say, in messages and stripes.
//!
//! Its key is its own. It knows what anybody could have overheard: the charter and a stall's grant.
//! It never reads what it is told, and dials again whenever it is shown the door. Datagrams that
//! are no QUIC at all are thrown by others, see [`super::stranger`].

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use engine::authority::join::InviteId;
use engine::authority::{Charter, Grant, Receipt, SignedDocument};
use engine::hash::Hash;
use engine::ids::{Epoch, Lane, Log, Tip};
use engine::log::segment::Codec;
use engine::log::vector::VersionVector;
use engine::sign::Keypair;
use shell::daemon::{StartError, endpoint, fresh_epoch};
use transport::env::Env;
use transport::quic::{Endpoint, Expect, LinkReceiver, LinkSender};
use transport::wire::{self, Have, Hello, Join, Message, PROTOCOL, Ping, Want};

use super::env::SimEnv;
use super::executor::Owner;
use super::limits::{BIG_BYTES, BIG_TIME_MAX, HOSTILE_EVERY_MIN, SYNC_PORT};
use super::stage::World;
use crate::checkers::disks::scope;
use crate::protocol::tenant::{START_MS, Tenant};
use crate::scenario::{Hostility, Machine, Plan};

/// What a hostile machine is there for.
#[derive(Debug, Clone)]
pub struct Hostile {
    targets: Vec<usize>,
    sends: Hostility,
    /// Between two things that one target gets.
    every: Duration,
}

impl Hostile {
    /// The hostile machine of a plan's host, if it is one.
    pub fn of(plan: &Plan, host: usize) -> Option<Self> {
        let Machine::Hostile { to, sends, per_second } = &plan.machines[host] else { return None };
        let targets: Vec<usize> = to.iter().collect();
        // So many a second in all, to each target in turn. Each may cost a handshake.
        let each = u32::try_from(targets.len()).unwrap_or(1).max(1);
        let every = Duration::from_secs(1) * each / (*per_second).max(1);
        Some(Self { targets, sends: *sends, every: every.max(HOSTILE_EVERY_MIN) })
    }
}

impl World {
    /// A hostile machine begins to talk QUIC, beside what else runs on it.
    pub(super) fn attack(&mut self, host: usize) {
        let Some(hostile) = self.hostiles.get(&host).cloned() else { return };
        let owner = {
            let mut state = self.universe.state();
            let now = state.now;
            let body = &mut state.hosts[host];
            let run = body.run;
            if body.up { Owner { host, run } } else { body.start(self.seed, host, now) }
        };
        let env = SimEnv::new(self.universe.clone(), owner);
        for target in &hostile.targets {
            match Stranger::new(&env, &seed_of(host), *target, &hostile) {
                Ok(stranger) => env.spawn(Box::pin(stranger.go_on())),
                Err(cause) => {
                    let now = self.now();
                    self.failed_starts.push((now, host, cause.to_string()));
                }
            }
        }
    }
}

/// The seed of a stranger's key: none that a tenant knows.
fn seed_of(host: usize) -> [u8; 32] {
    let mut seed = [0xee; 32];
    seed[..8].copy_from_slice(&(host as u64).to_le_bytes());
    seed
}

/// A stranger that talks to one host.
struct Stranger {
    env: SimEnv,
    endpoint: Endpoint,
    key: Keypair,
    target: usize,
    sends: Hostility,
    every: Duration,
    link: Option<(LinkSender, LinkReceiver)>,
    turn: u64,
}

impl Stranger {
    fn new(
        env: &SimEnv,
        seed: &[u8; 32],
        target: usize,
        hostile: &Hostile,
    ) -> Result<Self, StartError> {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Self {
            env: env.clone(),
            endpoint: endpoint(env, seed, any)?,
            key: Keypair::from_seed(seed),
            target,
            sends: hostile.sends,
            every: hostile.every,
            link: None,
            turn: 0,
        })
    }

    /// Until the machine ends.
    async fn go_on(mut self) {
        loop {
            let next = self.env.now().instant.after(self.every);
            let name = format!("host-{}:{SYNC_PORT}", self.target);
            if let Some(address) = self.env.resolve(&name).await.unwrap_or_default().first() {
                self.send(*address).await;
            }
            self.env.sleep_until(next).await;
            self.turn += 1;
        }
    }

    async fn send(&mut self, address: SocketAddr) {
        let kinds = [Hostility::Garbage, Hostility::Oversized, Hostility::Unauthorized];
        let (kind, turn) = match self.sends {
            Hostility::All => (kinds[(self.turn % 3) as usize], self.turn / 3),
            one => (one, self.turn),
        };
        match kind {
            Hostility::Garbage => {
                let mut body = vec![0; 1 + (self.draw() % 4_096) as usize];
                self.env.fill_random(&mut body);
                self.message(address, &body).await;
            }
            Hostility::Oversized if turn.is_multiple_of(2) => {
                self.message(address, &vec![0xff; BIG_BYTES]).await;
            }
            Hostility::Oversized => self.stripe(address).await,
            _ => {
                let body = wire::encode(&self.unauthorized(turn)).unwrap_or_default();
                self.message(address, &body).await;
            }
        }
    }

    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.env.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A link to the target, made anew if the last one ended.
    async fn link(&mut self, address: SocketAddr) -> Option<LinkSender> {
        if self.link.as_ref().is_none_or(|(link, _)| link.closed().is_some()) {
            self.link = None;
            // Whoever has no room for it is left in peace for this turn.
            let link = self.endpoint.connect(address, Expect::AnyDevice).await.ok()?;
            self.link = Some(link.split());
        }
        self.link.as_ref().map(|(link, _)| link.clone())
    }

    /// A message, as far as the target takes it.
    async fn message(&mut self, address: SocketAddr, body: &[u8]) {
        let Some(link) = self.link(address).await else { return };
        let end = self.env.now().instant.after(BIG_TIME_MAX);
        tokio::select! {
            biased;
            _ = link.message(body) => {}
            // It waits for room that a stranger does not get.
            () = self.env.sleep_until(end) => self.link = None,
        }
    }

    /// A segment, which a stranger may not send at all.
    async fn stripe(&mut self, address: SocketAddr) {
        let Some(link) = self.link(address).await else { return };
        let mut bytes = vec![0; transport::quic::limits::STRIPE_BYTES_MAX];
        self.env.fill_random(&mut bytes);
        let end = self.env.now().instant.after(BIG_TIME_MAX);
        tokio::select! {
            biased;
            _ = link.stripe(0, bytes) => {}
            () = self.env.sleep_until(end) => self.link = None,
        }
    }

    /// What only others may say, or nobody.
    fn unauthorized(&self, turn: u64) -> Message {
        let tenant = Tenant::default();
        let stall = Tenant::stall(1).device();
        let (scope, lane) = (scope(), Lane::Ledger);
        let log = Log { tenant: tenant.id(), device: stall, scope, lane };
        let tip =
            Tip { epoch: Epoch(self.draw()), seq: 1 + self.draw() % 1_000, hash: self.hash() };
        let vector = VersionVector([(log, vec![tip])].into());
        match turn % 9 {
            0 => self.hello(&tenant, Some(tenant.charter()), None),
            1 => self.hello(&tenant, Some(tenant.charter()), Some(tenant.grant(1, "main"))),
            2 => self.hello(&tenant, Some(tenant.charter()), self.grant(&tenant)),
            3 => self.hello(&tenant, self.charter(&tenant), self.grant(&tenant)),
            4 => Message::Have(Have { full: true, last: true, vector, grants: Vec::new() }),
            5 => Message::Want(vec![Want { log, known: Vec::new() }]),
            6 => {
                let control = tenant.control().device();
                let receipt = Receipt { control, log, leaves: vec![tip], at_ms: u64::MAX };
                let signed = SignedDocument::sign(&receipt, &self.key);
                Message::Receipts(signed.into_iter().collect())
            }
            7 => Message::Ping(Ping { nonce: self.draw(), announced: self.hash(), books: None }),
            _ => Message::Join(Join {
                invite: InviteId(self.draw().to_le_bytes()),
                proof: self.hash(),
            }),
        }
    }

    fn hash(&self) -> Hash {
        let mut bytes = [0; 32];
        self.env.fill_random(&mut bytes);
        Hash(bytes)
    }

    fn hello(
        &self,
        tenant: &Tenant,
        charter: Option<SignedDocument>,
        grant: Option<SignedDocument>,
    ) -> Message {
        Message::Hello(Box::new(Hello {
            protocol: (PROTOCOL, PROTOCOL),
            codecs: Codec::ALL.iter().map(|codec| *codec as u8).collect(),
            tenant: tenant.id(),
            charter,
            grant,
            instance: fresh_epoch(&self.env),
            heard: false,
            have: None,
        }))
    }

    /// A grant of everything to itself, signed by itself.
    fn grant(&self, tenant: &Tenant) -> Option<SignedDocument> {
        let grant = tenant.grant(1, "main").reopen::<Grant>().ok()?;
        let grant = Grant { device: self.key.device(), issued_ms: START_MS + 1, ..grant };
        SignedDocument::sign(&grant, &self.key).ok()
    }

    /// A later charter that makes it a control, signed by itself.
    fn charter(&self, tenant: &Tenant) -> Option<SignedDocument> {
        let charter = tenant.charter().reopen::<Charter>().ok()?;
        let controls = [self.key.device()].into();
        SignedDocument::sign(&Charter { serial: 2, controls, ..charter }, &self.key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::testing::{self, s};
    use crate::checkers::{self, Moment};
    use crate::scenario::{Deed, HostSet};

    /// A control, a stall, and a stranger that talks to both for ten seconds.
    fn attacked(sends: Hostility) -> (Plan, World) {
        let mut plan = testing::plan(1);
        plan.topology.hosts.push(plan.topology.hosts[1].clone());
        let to: HostSet = [0, 1].into_iter().collect();
        plan.machines.push(Machine::Hostile { to, sends, per_second: 40 });
        let mut world = testing::world(&plan);
        world.run_until(s(1)).unwrap();
        let before = world.state().network.stats().of(2, "lte").unwrap().up.passed;
        assert_eq!(before, 0, "it has not begun");
        world.deed(2, &Deed::Attack);
        testing::sell(&mut world, 1, 10);
        world.deed(2, &Deed::EndAttack);
        (plan, world)
    }

    #[track_caller]
    fn check(sends: Hostility) -> World {
        let (plan, mut world) = attacked(sends);
        assert_eq!(world.failed_starts, []);
        assert_eq!(world.tills.acknowledged.len(), 10);
        let ended = world.state().network.stats().of(2, "lte").unwrap().up.clone();
        world.run_until(s(30)).unwrap();
        let after = world.state().network.stats().of(2, "lte").unwrap().up.clone();
        assert_eq!(after, ended, "it has ended");
        for mut checker in checkers::all(&plan) {
            for moment in [Moment::Tick, Moment::Healed, Moment::End] {
                assert_eq!(testing::look(checker.as_mut(), &mut world, moment), None);
            }
        }
        assert!(ended.offered > 100, "{}", ended.offered);
        world
    }

    #[test]
    fn garbage_reaches_its_targets_and_changes_nothing() {
        let world = check(Hostility::Garbage);
        // Each link with garbage on it was closed by whoever heard it.
        assert!(world.glance(0).unwrap().sessions.len() <= 2);
    }

    #[test]
    fn what_is_too_large_fills_nobody() {
        check(Hostility::Oversized);
    }

    #[test]
    fn a_stranger_gets_no_rights_by_what_it_says() {
        let world = check(Hostility::Unauthorized);
        let stranger = Keypair::from_seed(&seed_of(2)).device();
        for host in [0, 1] {
            // It was heard, and nothing that it said stands.
            let vector = engine::books::vector(world.store(host).as_ref()).unwrap();
            assert!(vector.0.keys().all(|log| log.device != stranger));
            let names = engine::books::names(world.store(host).as_ref()).unwrap();
            assert!(!names.contains_key(&stranger));
        }
    }

    #[test]
    fn everything_in_turn() {
        check(Hostility::All);
    }
}
