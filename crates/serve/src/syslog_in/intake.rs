//! Messages into envelopes, whatever brought them.

use std::{sync::Arc, time::Duration};

use logweir_wire::syslog::parse::{self, Arrival};

use super::counts::Counts;
use crate::{datagram_door, grpc::unix_nanos, logplex::input, outlet::Outlet};

/// How often the UDP door looks for what the kernel dropped.
const LOOK: Duration = Duration::from_secs(10);

/// Everything between a message and the sink.
pub(super) struct Intake {
    source_id: String,
    outlet: Outlet,
    /// Takes what names a token of Logplex.
    lines: input::Intake,
    pub(super) counts: Arc<Counts>,
    envelope: Vec<u8>,
}

impl Intake {
    pub(super) fn new(
        source_id: &str,
        outlet: Outlet,
        lines: input::Intake,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            source_id: source_id.to_owned(),
            outlet,
            lines,
            counts,
            envelope: Vec::new(),
        }
    }
}

impl datagram_door::Intake for Intake {
    fn take(&mut self, message: &[u8]) {
        // Python's handler ends its datagrams so.
        let message = message.strip_suffix(b"\0").unwrap_or(message);
        if self.lines.take_known(message) {
            return;
        }
        let arrival = Arrival {
            received: unix_nanos(),
            source_id: &self.source_id,
        };
        self.envelope.clear();
        match parse::envelope(message, &arrival, &mut self.envelope) {
            // RFC 3164 has its app in a tag with a colon.
            Ok(_) if self.lines.take_envelope(&self.envelope) => {}
            Ok(form) => {
                self.outlet.push(&self.envelope);
                self.counts.taken(form);
            }
            Err(error) => self.counts.refused(&error),
        }
    }

    fn send_on(&mut self) {
        self.outlet.send_on();
        self.lines.send_on();
    }

    fn period(&self) -> Duration {
        LOOK
    }

    fn tick(&mut self) {}
}
