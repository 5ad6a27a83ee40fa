//! Requests into envelopes.

use std::sync::Arc;

use bytes::Bytes;
use logweir_wire::otlp::{Defaults, Encoding, Outcome, Signal, import};

use super::{
    body::{Failure, gunzip},
    config::OtlpConfig,
    counts::Counts,
};
use crate::{
    grpc::unix_nanos,
    outlet::{OpenSink, Outlet},
};

/// A request may become so many times the bytes that it may have: what its resource says is
/// in each of its envelopes.
const SWELLING: usize = 16;

/// Requests from here on are worked on aside, for they take milliseconds.
const LARGE: usize = 64 << 10;

/// Everything between a door and the sinks.
#[derive(Clone)]
pub(super) struct Intake(Arc<Shared>);

struct Shared {
    source_id: String,
    message_bytes: usize,
    sinks: OpenSink,
    counts: Arc<Counts>,
}

/// A request whose bytes are there.
pub(super) struct Arrived {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    pub(super) gzip: bool,
    pub(super) body: Bytes,
}

impl Intake {
    pub(super) fn new(config: &OtlpConfig, sinks: &OpenSink, counts: Arc<Counts>) -> Self {
        Self(Arc::new(Shared {
            source_id: config.source_id.clone(),
            message_bytes: config.message_bytes,
            sinks: Arc::clone(sinks),
            counts,
        }))
    }

    /// Hands on what a request says.
    pub(super) async fn take(&self, request: Arrived) -> Result<Outcome, Failure> {
        let shared = Arc::clone(&self.0);
        if request.body.len() < LARGE && !request.gzip {
            return shared.take(&request);
        }
        let work = tokio::task::spawn_blocking(move || shared.take(&request));
        // Only a process that ends gives a task up.
        work.await
            .map_err(|error| Failure::Broken(error.to_string()))?
    }

    /// Counts a request of which nothing was taken.
    pub(super) fn failed(&self, failure: &Failure) {
        self.0.counts.failed(failure);
    }
}

impl Shared {
    fn take(&self, request: &Arrived) -> Result<Outcome, Failure> {
        let body = match request.gzip {
            true => gunzip(&request.body, self.message_bytes)?,
            false => request.body.clone(),
        };
        let defaults = Defaults {
            source_id: &self.source_id,
            now: unix_nanos(),
            most_bytes: self.message_bytes.saturating_mul(SWELLING),
        };
        let mut outlet = Outlet::new((self.sinks)());
        let Arrived {
            signal, encoding, ..
        } = *request;
        let outcome = import(signal, encoding, &body, &defaults, &mut |envelope| {
            outlet.push(envelope);
        });
        outlet.send_on();
        let outcome = outcome.map_err(Failure::Malformed)?;
        self.counts.taken(signal, &outcome);
        Ok(outcome)
    }
}
