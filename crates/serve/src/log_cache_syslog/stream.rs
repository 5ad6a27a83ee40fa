//! The bytes of one client: messages, and the envelopes that they become.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_wire::syslog::{
    framing::{Decoder, Framing, begun::Begun},
    log_cache::{self, Trim},
};

use super::{config::LogCacheSyslogConfig, counts::Counts};
use crate::{
    grpc::unix_nanos,
    outlet::Outlet,
    syslog_in::connection::{Goes, Stream},
};

/// Lines of one message come together: what has not gone on for this long is whole.
const QUIET: Duration = Duration::from_millis(250);

/// Messages of one client.
pub(super) struct Messages {
    framing: Framed,
    taker: Taker,
}

/// How messages follow each other.
enum Framed {
    Counted(Decoder),
    Begun(Begun),
}

/// Messages into envelopes.
struct Taker {
    from: SocketAddr,
    trim: Trim,
    outlet: Outlet,
    counts: Arc<Counts>,
    /// An envelope at hand.
    envelope: Vec<u8>,
}

impl Messages {
    pub(super) fn new(
        config: &LogCacheSyslogConfig,
        from: SocketAddr,
        outlet: Outlet,
        counts: Arc<Counts>,
    ) -> Self {
        let limit = config.message_bytes;
        let framing = match config.newline_framing {
            true => Framed::Begun(Begun::new(limit)),
            false => Framed::Counted(Decoder::with_framing(Framing::OctetCounted, limit)),
        };
        let trim = match config.trim {
            true => Trim::WhiteSpace,
            false => Trim::Newline,
        };
        Self {
            framing,
            taker: Taker {
                from,
                trim,
                outlet,
                counts,
                envelope: Vec::new(),
            },
        }
    }
}

impl Taker {
    fn take(&mut self, message: &[u8]) {
        self.envelope.clear();
        match log_cache::envelope(message, unix_nanos(), self.trim, &mut self.envelope) {
            Ok(()) => {
                self.outlet.push(&self.envelope);
                self.counts.taken();
            }
            Err(refusal) => self.counts.refused(self.from, refusal),
        }
    }
}

impl Stream for Messages {
    fn take(&mut self, bytes: &[u8]) -> Goes {
        let mut goes = Goes::On;
        match &mut self.framing {
            Framed::Counted(decoder) => {
                decoder.push(bytes);
                while let Some(message) = decoder.next_message() {
                    match message {
                        Ok(message) => self.taker.take(message),
                        Err(error) => {
                            self.taker.counts.refused(self.taker.from, &error);
                            if error.is_fatal() {
                                goes = Goes::Over;
                            }
                        }
                    }
                }
            }
            Framed::Begun(decoder) => {
                decoder.push(bytes);
                while let Some(message) = decoder.next_message() {
                    match message {
                        Ok(message) => self.taker.take(message),
                        Err(error) => self.taker.counts.refused(self.taker.from, error),
                    }
                }
            }
        }
        self.taker.outlet.send_on();
        goes
    }

    fn patience(&self) -> Option<Duration> {
        match &self.framing {
            Framed::Begun(decoder) if decoder.has_rest() => Some(QUIET),
            _ => None,
        }
    }

    fn rest(&mut self) {
        if let Framed::Begun(decoder) = &mut self.framing
            && let Some(message) = decoder.rest()
        {
            self.taker.take(message);
            self.taker.outlet.send_on();
        }
    }

    fn finish(&mut self) {
        let counts = Arc::clone(&self.taker.counts);
        let taker = &mut self.taker;
        let from = taker.from;
        match &mut self.framing {
            Framed::Counted(decoder) => match decoder.finish() {
                Some(Ok(message)) => taker.take(message),
                Some(Err(error)) => counts.refused(from, error),
                None => {}
            },
            Framed::Begun(decoder) => match decoder.finish() {
                Some(Ok(message)) => taker.take(message),
                Some(Err(error)) => counts.refused(from, error),
                None => {}
            },
        }
        self.taker.outlet.send_on();
    }
}
