//! Writes down every datagram that arrives, as a capture with an interface for each link.

use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::time::Duration;

use super::stage::World;
use crate::net::LinkId;
use crate::net::pcap::{Capture, CaptureError};

/// A capture that is being written. The first error ends it.
pub struct Tap {
    capture: Capture<BufWriter<File>>,
    failed: Option<CaptureError>,
}

impl Tap {
    /// A datagram arrived over a link.
    pub(super) fn take(
        &mut self,
        at: Duration,
        link: u32,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        if self.failed.is_none() {
            self.failed = self.capture.datagram(link, at, from, to, bytes).err();
        }
    }
}

impl World {
    /// Writes down every datagram from now on.
    pub fn capture(&mut self, mut capture: Capture<BufWriter<File>>) -> Result<(), CaptureError> {
        let mut state = self.universe.state();
        for link in 0..state.network.link_count() {
            let name = state.network.link_name(LinkId(link));
            capture.interface(&name.map(|name| name.to_string()).unwrap_or_default())?;
        }
        state.capture = Some(Tap { capture, failed: None });
        Ok(())
    }

    /// Ends the capture, if there is one; says if it could not be written.
    pub fn end_capture(&mut self) -> Result<(), CaptureError> {
        let Some(Tap { capture, failed }) = self.universe.state().capture.take() else {
            return Ok(());
        };
        failed.map_or(Ok(()), Err)?;
        capture.finish().map(|_| ())
    }
}
