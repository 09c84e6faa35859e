//! Receipts: the control's signed word on what it durably holds of each log.

use engine::authority::{Receipt, SignedDocument};
use engine::ids::{DeviceId, Log};
use transport::env::{Instant, Now};
use transport::limits::GATHER_FOR;
use transport::wire::Message;

use super::Hub;

impl Hub {
    /// The leaves of these logs moved, durably: a receipt is due.
    pub(super) fn receipt_committed(&mut self, logs: &[Log], now: Now) {
        let me = self.device.replica.device();
        self.receipts_due.extend(logs.iter().filter(|log| log.device != me));
        self.send_due_receipts(now);
    }

    /// Sends what is due to the logs' devices, or to whoever relayed them.
    pub(super) fn send_due_receipts(&mut self, now: Now) {
        if self.receipts_due.is_empty() || now.instant < self.receipts_from {
            return;
        }
        self.receipts_from = now.instant.after(GATHER_FOR);
        for log in std::mem::take(&mut self.receipts_due) {
            if let Some(receipt) = self.receipt(&log, now) {
                self.device.router.send_receipt(&log, &receipt);
            }
        }
    }

    /// When receipts that were held back are to be sent.
    pub(super) fn receipts_timeout(&self) -> Option<Instant> {
        (!self.receipts_due.is_empty()).then_some(self.receipts_from)
    }

    /// Tells peers that greeted what is held of their logs, and of those that they can relay to.
    pub(super) fn receipt_greeted(&mut self, now: Now) {
        while let Some(peer) = self.device.router.poll_greeted() {
            for log in self.logs_for(&peer) {
                if let Some(receipt) = self.receipt(&log, now) {
                    self.device.router.send(&peer, &Message::Receipts(vec![receipt]));
                }
            }
        }
    }

    fn logs_for(&self, peer: &DeviceId) -> Vec<Log> {
        let router = &self.device.router;
        let Some(session) = router.session(peer) else { return Vec::new() };
        let direct = |device| router.session(device).is_some_and(|session| session.is_open());
        let ours = self.device.replica.vector();
        let theirs = session.theirs().0.keys();
        let relayed = theirs.filter(|log| log.device != *peer && !direct(&log.device));
        let own = ours.0.keys().filter(|log| log.device == *peer);
        let me = self.device.replica.device();
        own.chain(relayed.filter(|log| log.device != me && ours.0.contains_key(log)))
            .copied()
            .collect()
    }

    fn receipt(&mut self, log: &Log, now: Now) -> Option<SignedDocument> {
        // Two receipts in one millisecond must still be told apart.
        self.last_receipt_ms = now.wall_ms.max(self.last_receipt_ms + 1);
        let replica = &self.device.replica;
        let receipt = Receipt {
            control: replica.device(),
            log: *log,
            leaves: replica.vector().leaves(log).to_vec(),
            at_ms: self.last_receipt_ms,
        };
        SignedDocument::sign(&receipt, replica.key()).ok()
    }
}
