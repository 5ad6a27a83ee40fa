//! A role's own metrics as V2 envelopes, in the shape that the peers send.

use std::collections::BTreeMap;

use logweir_proto::v2;

use super::{
    legacy::Legacy,
    snapshot::{Labels, Snapshot, Value},
};

/// The family that is only scraped: one series per source would flood the stream
/// that they describe.
const SCRAPE_ONLY: &str = "logweir_source_dropped";

/// Makes the envelopes of one role and remembers what its agent has been told.
///
/// The peers' shape: typed `deprecated_tags` with text values, a counter's delta
/// since the last success and total 0, gauges rounded down to two decimals, no
/// instance id.
#[derive(Clone, Debug)]
pub struct Pulse {
    source_id: String,
    origin: String,
    told: BTreeMap<(String, Labels), u64>,
    /// The names of today are sent.
    current: bool,
    /// The names of the first generation are sent.
    legacy: Option<Legacy>,
}

impl Pulse {
    /// `source_id` and `origin` of the envelopes, such as `doppler` and
    /// `loggregator.doppler`.
    pub fn new(source_id: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            source_id: source_id.into(),
            origin: origin.into(),
            told: BTreeMap::new(),
            current: true,
            legacy: None,
        }
    }

    /// The same under the names of the first generation as well, if the role is that old.
    pub fn with_legacy_names(self) -> Self {
        Self {
            legacy: Legacy::of(&self.origin),
            ..self
        }
    }

    /// The same under the names of the first generation alone.
    pub fn only_legacy_names(self) -> Self {
        Self {
            current: false,
            ..self.with_legacy_names()
        }
    }

    /// One envelope for each series, stamped `now` (Unix nanoseconds). Call
    /// [`Pulse::delivered`] with the same snapshot once they are sent; until then
    /// the next envelopes carry these deltas again.
    pub fn envelopes(&self, snapshot: &Snapshot, now: i64) -> Vec<v2::Envelope> {
        let mut envelopes = match self.current {
            true => self.current(snapshot, now),
            false => Vec::new(),
        };
        if let Some(legacy) = &self.legacy {
            let messages = legacy.messages(snapshot, &self.told).into_iter();
            let labels = Labels::default();
            let envelope = |message| self.envelope(legacy.origin, &labels, message, now);
            envelopes.extend(messages.map(envelope));
        }
        envelopes
    }

    fn current(&self, snapshot: &Snapshot, now: i64) -> Vec<v2::Envelope> {
        let mut envelopes = Vec::new();
        for (name, family) in &snapshot.families {
            if name == SCRAPE_ONLY {
                continue;
            }
            for (labels, value) in &family.series {
                let message = match *value {
                    Value::Count(count) => {
                        let told = self.told.get(&(name.clone(), labels.clone())).copied();
                        counter(name, count.saturating_sub(told.unwrap_or(0)))
                    }
                    Value::Level(level) => gauge(name, &family.unit, level),
                };
                envelopes.push(self.envelope(&self.origin, labels, message, now));
            }
        }
        envelopes
    }

    /// The envelopes of `snapshot` were sent.
    pub fn delivered(&mut self, snapshot: &Snapshot) {
        for (name, family) in &snapshot.families {
            for (labels, value) in &family.series {
                if let Value::Count(count) = *value {
                    self.told.insert((name.clone(), labels.clone()), count);
                }
            }
        }
    }

    /// An event of this role.
    pub fn event(&self, title: &str, body: &str, now: i64) -> v2::Envelope {
        let event = v2::Event {
            title: title.into(),
            body: body.into(),
        };
        let event = v2::envelope::Message::Event(event);
        self.envelope(&self.origin, &Labels::default(), event, now)
    }

    fn envelope(
        &self,
        origin: &str,
        labels: &Labels,
        message: v2::envelope::Message,
        now: i64,
    ) -> v2::Envelope {
        let mut deprecated_tags: BTreeMap<_, _> = labels
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        deprecated_tags.insert("origin".into(), text(origin));
        v2::Envelope {
            timestamp: now,
            source_id: self.source_id.clone(),
            deprecated_tags,
            message: Some(message),
            ..v2::Envelope::default()
        }
    }
}

fn text(value: &str) -> v2::Value {
    v2::Value {
        data: Some(v2::value::Data::Text(value.into())),
    }
}

pub(super) fn counter(name: &str, delta: u64) -> v2::envelope::Message {
    v2::envelope::Message::Counter(v2::Counter {
        name: name.into(),
        delta,
        total: 0,
    })
}

pub(super) fn gauge(name: &str, unit: &str, level: f64) -> v2::envelope::Message {
    let value = v2::GaugeValue {
        unit: unit.into(),
        value: (level * 100.0).floor() / 100.0,
    };
    v2::envelope::Message::Gauge(v2::Gauge {
        metrics: [(name.into(), value)].into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(ingress: u64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let labels = [("direction", "ingress"), ("metric_version", "2.0")];
        snapshot.counter("dropped", "", &labels, ingress);
        snapshot.gauge(
            "subscriptions",
            "",
            "subscriptions",
            &[("metric_version", "2.0")],
            1.239,
        );
        snapshot.counter("logweir_source_dropped", "", &[("source_id", "a")], 9);
        snapshot
    }

    fn delta(envelope: &v2::Envelope) -> (u64, u64) {
        match &envelope.message {
            Some(v2::envelope::Message::Counter(counter)) => (counter.delta, counter.total),
            other => panic!("no counter: {other:?}"),
        }
    }

    #[test]
    fn envelopes_have_the_peers_shape() {
        let pulse = Pulse::new("doppler", "loggregator.doppler");
        let envelopes = pulse.envelopes(&snapshot(7), 42);
        assert_eq!(envelopes.len(), 2, "per-source series are only scraped");
        let dropped = &envelopes[0];
        assert_eq!(
            (dropped.timestamp, dropped.source_id.as_str()),
            (42, "doppler")
        );
        assert_eq!(dropped.instance_id, "");
        assert!(dropped.tags.is_empty());
        let tags: Vec<_> = dropped.deprecated_tags.iter().collect();
        assert_eq!(
            tags,
            [
                (&"direction".to_owned(), &text("ingress")),
                (&"metric_version".to_owned(), &text("2.0")),
                (&"origin".to_owned(), &text("loggregator.doppler")),
            ]
        );
        assert_eq!(delta(dropped), (7, 0));
        let Some(v2::envelope::Message::Gauge(gauge)) = &envelopes[1].message else {
            panic!("no gauge: {:?}", envelopes[1]);
        };
        let expected = v2::GaugeValue {
            unit: "subscriptions".into(),
            value: 1.23,
        };
        assert_eq!(gauge.metrics.get("subscriptions"), Some(&expected));
    }

    #[test]
    fn a_delta_is_kept_until_it_was_delivered() {
        let mut pulse = Pulse::new("doppler", "loggregator.doppler");
        assert_eq!(delta(&pulse.envelopes(&snapshot(7), 1)[0]), (7, 0));
        assert_eq!(
            delta(&pulse.envelopes(&snapshot(9), 2)[0]),
            (9, 0),
            "the first was lost"
        );
        pulse.delivered(&snapshot(9));
        assert_eq!(
            delta(&pulse.envelopes(&snapshot(9), 3)[0]),
            (0, 0),
            "idle counters send 0"
        );
        assert_eq!(delta(&pulse.envelopes(&snapshot(12), 4)[0]), (3, 0));
    }
}
