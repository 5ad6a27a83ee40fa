//! What a syslog door counts, besides the books of its exchange.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use logweir_wire::syslog::{
    framing::FramingError,
    parse::{Form, ParseError},
};

use crate::{complaints::Complaints, metrics::Registry};

const FORMS: [&str; 3] = ["rfc5424", "rfc3164", "bare"];
const REASONS: [&str; 5] = ["empty", "bad_metric", "too_long", "no_length", "truncated"];

/// Counts of one door.
#[derive(Default)]
pub(super) struct Counts {
    messages: [AtomicU64; FORMS.len()],
    rejected: [AtomicU64; REASONS.len()],
    complaints: [Complaints; REASONS.len()],
}

impl Counts {
    /// Counts that the metrics show.
    pub(super) fn shown(door: &'static str, registry: &Registry) -> Arc<Self> {
        let counts = Arc::new(Self::default());
        let shown = Arc::clone(&counts);
        registry.collect(move |to| {
            for (form, count) in FORMS.into_iter().zip(&shown.messages) {
                let help = "Syslog messages that became envelopes, by form.";
                let labels = [("door", door), ("form", form)];
                let value = count.load(Ordering::Relaxed);
                to.counter("logweir_syslog_messages", help, &labels, value);
            }
            for (reason, count) in REASONS.into_iter().zip(&shown.rejected) {
                let help = "Syslog messages that were not taken, by reason.";
                let labels = [("door", door), ("reason", reason)];
                let value = count.load(Ordering::Relaxed);
                to.counter("logweir_syslog_rejected", help, &labels, value);
            }
        });
        counts
    }

    /// A message became an envelope.
    pub(super) fn taken(&self, form: Form) {
        let index = match form {
            Form::Rfc5424 => 0,
            Form::Rfc3164 => 1,
            Form::Bare => 2,
        };
        self.messages[index].fetch_add(1, Ordering::Relaxed);
    }

    /// A message did not.
    pub(super) fn refused(&self, error: &ParseError) {
        match error {
            // Nothing is lost with it.
            ParseError::Empty => self.reject(0),
            ParseError::BadMetric { .. } => {
                self.reject(1);
                self.complaints[1].tell(error);
            }
        }
    }

    /// A stream of messages is not what it should be.
    pub(super) fn broken(&self, from: std::net::SocketAddr, error: &FramingError) {
        let reason = match error {
            FramingError::TooLong { .. } => 2,
            FramingError::NoLength { .. } => 3,
            FramingError::Truncated { .. } => 4,
        };
        self.reject(reason);
        self.complaints[reason].tell(format_args!("{from}: {error}"));
    }

    fn reject(&self, reason: usize) {
        self.rejected[reason].fetch_add(1, Ordering::Relaxed);
    }
}
