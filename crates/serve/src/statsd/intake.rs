//! Datagrams of lines into envelopes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::statsd::{self, LineError, Sample, Value};

use super::{
    config::StatsdConfig,
    series::{Identity, Reading, Series, number},
};
use crate::{
    complaints::Complaints, datagram_door, grpc::unix_nanos, metrics::Registry, outlet::Outlet,
};

/// Why a line was not taken: the names in the metrics.
const REASONS: [&str; 6] = [
    "not_utf8",
    "no_name",
    "no_type",
    "bad_value",
    "bad_rate",
    "set_full",
];
const SET_FULL: usize = 5;

/// Lines taken, and by reason those that were not.
#[derive(Default)]
struct Counts {
    lines: AtomicU64,
    rejected: [AtomicU64; REASONS.len()],
}

/// Everything between the socket and the sink.
pub(super) struct Intake {
    source_id: String,
    set_interval: Duration,
    series: Series,
    outlet: Outlet,
    counts: Arc<Counts>,
    complaints: [Complaints; REASONS.len()],
}

impl Intake {
    pub(super) fn new(config: &StatsdConfig, outlet: Outlet, registry: &Registry) -> Self {
        let counts = Arc::new(Counts::default());
        let shown = Arc::clone(&counts);
        registry.collect(move |to| {
            let help = "Lines of statsd that were taken.";
            let lines = shown.lines.load(Ordering::Relaxed);
            to.counter("logweir_statsd_lines", help, &[], lines);
            for (reason, count) in REASONS.into_iter().zip(&shown.rejected) {
                let help = "Lines of statsd that were not taken, by reason.";
                let labels = [("reason", reason)];
                let rejected = count.load(Ordering::Relaxed);
                to.counter("logweir_statsd_rejected", help, &labels, rejected);
            }
        });
        Self {
            source_id: config.source_id.clone(),
            set_interval: config.set_interval,
            series: Series::new(config.series, config.counter_envelopes),
            outlet,
            counts,
            complaints: Default::default(),
        }
    }

    fn line(&mut self, sample: &Sample<'_>) -> Result<(), usize> {
        let identity = self.identity(sample);
        match sample.value {
            Value::Member(member) => match self.series.add_member(&identity, member) {
                true => Ok(()),
                false => Err(SET_FULL),
            },
            Value::Number(_) => {
                let value = number(sample).unwrap_or_default();
                if let Some(reading) = self.series.observe(sample, &identity, value) {
                    self.outlet.push_envelope(&envelope(identity, reading));
                }
                Ok(())
            }
        }
    }

    /// The source is what the name begins with; the tag `origin` says the same unless the
    /// line has its own.
    fn identity(&self, sample: &Sample<'_>) -> Identity {
        let (source_id, name) = match sample.origin() {
            Some(parts) => parts,
            None => (&self.source_id[..], sample.name),
        };
        let mut tags = BTreeMap::from([("origin".to_owned(), source_id.to_owned())]);
        tags.extend(
            sample
                .tags
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Identity {
            source_id: source_id.to_owned(),
            name: name.to_owned(),
            tags,
        }
    }

    fn reject(&self, line: &[u8], reason: usize, error: impl std::fmt::Display) {
        self.counts.rejected[reason].fetch_add(1, Ordering::Relaxed);
        // The peer's words: operators look for them.
        let line = &line[..line.len().min(200)];
        self.complaints[reason].tell(format_args!(
            "Error parsing stat line \"{}\": {error}",
            line.escape_ascii()
        ));
    }
}

impl datagram_door::Intake for Intake {
    fn take(&mut self, datagram: &[u8]) {
        let mut taken = 0;
        for line in statsd::lines(datagram) {
            match statsd::parse(line) {
                Ok(sample) => match self.line(&sample) {
                    Ok(()) => taken += 1,
                    Err(reason) => self.reject(line, reason, "too many members of sets"),
                },
                Err(error) => self.reject(line, index(error), error),
            }
        }
        self.counts.lines.fetch_add(taken, Ordering::Relaxed);
    }

    fn send_on(&mut self) {
        self.outlet.send_on();
    }

    fn period(&self) -> Duration {
        self.set_interval
    }

    fn tick(&mut self) {
        for (identity, size) in self.series.sets() {
            let reading = Reading::Gauge(size as f64, "set");
            self.outlet.push_envelope(&envelope(identity, reading));
        }
    }
}

fn index(error: LineError) -> usize {
    match error {
        LineError::NotUtf8 => 0,
        LineError::NoName => 1,
        LineError::NoType => 2,
        LineError::BadValue => 3,
        LineError::BadRate => 4,
    }
}

fn envelope(identity: Identity, reading: Reading) -> v2::Envelope {
    let Identity {
        source_id,
        name,
        tags,
    } = identity;
    let message = match reading {
        Reading::Gauge(value, unit) => {
            let unit = unit.to_owned();
            let metrics = BTreeMap::from([(name, v2::GaugeValue { unit, value })]);
            Message::Gauge(v2::Gauge { metrics })
        }
        Reading::Delta(delta) => Message::Counter(v2::Counter {
            name,
            delta,
            total: 0,
        }),
    };
    v2::Envelope {
        timestamp: unix_nanos(),
        source_id,
        tags,
        message: Some(message),
        ..v2::Envelope::default()
    }
}
