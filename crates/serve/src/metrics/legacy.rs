//! The names of the first generation (spec loggregator-v1 §8). Dashboards of that time divide,
//! say, `MetronAgent.dropsondeMarshaller.sentEnvelopes` by
//! `DopplerServer.listeners.receivedEnvelopes`.

use std::collections::BTreeMap;

use logweir_proto::v2::envelope::Message;

use super::{
    pulse::{counter, gauge},
    snapshot::{Labels, Snapshot, Value},
};

/// What a role was called, and its metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Legacy {
    /// The tag `origin`.
    pub(super) origin: &'static str,
    rows: &'static [Row],
}

/// One metric of then, and where its value is now.
#[derive(Debug)]
struct Row {
    name: &'static str,
    shape: Shape,
    /// A family of today, of which every series with these labels counts.
    from: &'static str,
    labels: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Counter,
    /// A gauge of this unit.
    Value(&'static str),
    /// A gauge of this unit, one for each event then: now how many there were, if any.
    Events(&'static str),
}

const V1: (&str, &str) = ("metric_version", "1.0");
const V2: (&str, &str) = ("metric_version", "2.0");

const fn row(
    name: &'static str,
    shape: Shape,
    from: &'static str,
    labels: &'static [(&'static str, &'static str)],
) -> Row {
    Row {
        name,
        shape,
        from,
        labels,
    }
}

/// An agent. What it sends is all that it sends: agents of then knew one generation only.
const METRON: &[Row] = &[
    row(
        "dropsondeAgentListener.receivedMessageCount",
        Shape::Counter,
        "ingress",
        &[V1],
    ),
    row(
        "udp.receiveErrorCount",
        Shape::Counter,
        "dropped",
        &[("direction", "all"), V1],
    ),
    row(
        "dropsondeMarshaller.sentEnvelopes",
        Shape::Counter,
        "egress",
        &[],
    ),
    row(
        "DopplerForwarder.sentMessages",
        Shape::Counter,
        "egress",
        &[],
    ),
];

/// A router.
const DOPPLER: &[Row] = &[
    row(
        "listeners.receivedEnvelopes",
        Shape::Counter,
        "ingress",
        &[V2],
    ),
    row(
        "doppler.shedEnvelopes",
        Shape::Counter,
        "dropped",
        &[("direction", "ingress"), V2],
    ),
    row(
        "TruncatingBuffer.totalDroppedMessages",
        Shape::Counter,
        "dropped",
        &[("direction", "egress"), V2],
    ),
    row("sentEnvelopes", Shape::Counter, "egress", &[V2]),
    row(
        "messageRouter.numberOfFirehoseSinks",
        Shape::Value("sinks"),
        "subscriptions",
        &[V2],
    ),
];

/// A traffic controller.
const TRAFFIC_CONTROLLER: &[Row] = &[
    row(
        "dopplerProxy.firehoses",
        Shape::Value("connections"),
        "doppler_proxy.firehoses",
        &[],
    ),
    row(
        "dopplerProxy.appStreams",
        Shape::Value("connections"),
        "doppler_proxy.app_streams",
        &[],
    ),
    row(
        "dopplerProxy.slowConsumer",
        Shape::Events("consumer"),
        "doppler_proxy.slow_consumer",
        &[],
    ),
];

impl Legacy {
    /// What the role with this `origin` was called, if it is that old.
    pub(super) fn of(origin: &str) -> Option<Self> {
        let (origin, rows) = match origin {
            "loggregator.metron" => ("MetronAgent", METRON),
            "loggregator.doppler" => ("DopplerServer", DOPPLER),
            "loggregator.trafficcontroller" => ("LoggregatorTrafficController", TRAFFIC_CONTROLLER),
            _ => return None,
        };
        Some(Self { origin, rows })
    }

    /// A message for each metric of which there is something to say; `told` are the counts that
    /// were sent before.
    pub(super) fn messages(
        &self,
        snapshot: &Snapshot,
        told: &BTreeMap<(String, Labels), u64>,
    ) -> Vec<Message> {
        let message = |row: &Row| {
            let family = snapshot.families.get(row.from)?;
            let has = |labels: &Labels| {
                let mut wanted = row.labels.iter();
                wanted.all(|(name, value)| labels.get(*name).is_some_and(|own| own == value))
            };
            let (mut count, mut level, mut any) = (0, 0.0, false);
            for (labels, value) in family.series.iter().filter(|(labels, _)| has(labels)) {
                any = true;
                match *value {
                    Value::Level(own) => level += own,
                    Value::Count(own) => {
                        let before = told.get(&(row.from.to_owned(), labels.clone()));
                        count += own.saturating_sub(before.copied().unwrap_or(0));
                    }
                }
            }
            match row.shape {
                _ if !any => None,
                Shape::Counter => Some(counter(row.name, count)),
                Shape::Value(unit) => Some(gauge(row.name, unit, level)),
                Shape::Events(_) if count == 0 => None,
                Shape::Events(unit) => Some(gauge(row.name, unit, count as f64)),
            }
        };
        self.rows.iter().filter_map(message).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::{AgentFigures, DatagramFigures, Pulse, RouterFigures, Snapshot};
    use logweir_proto::v2::{Envelope, envelope::Message, value::Data};

    /// `origin.name` and the value of each envelope with an origin of then.
    fn shown(envelopes: &[Envelope]) -> Vec<(String, f64)> {
        let shown = envelopes.iter().filter_map(|envelope| {
            let origin = envelope.deprecated_tags["origin"].data.clone();
            let Some(Data::Text(origin)) = origin else {
                panic!("no origin")
            };
            let (name, value) = match envelope.message.as_ref() {
                Some(Message::Counter(counter)) => (&counter.name, counter.delta as f64),
                Some(Message::Gauge(gauge)) => {
                    let (name, value) = gauge.metrics.first_key_value()?;
                    (name, value.value)
                }
                other => panic!("{other:?}"),
            };
            (!origin.starts_with("loggregator.")).then(|| (format!("{origin}.{name}"), value))
        });
        shown.collect()
    }

    #[test]
    fn a_router_is_a_doppler_server() {
        let mut snapshot = Snapshot::default();
        RouterFigures {
            ingress: 70,
            egress: 60,
            dropped_ingress: 1,
            dropped_egress: 2,
            subscriptions: 3,
        }
        .report(&mut snapshot);
        let mut pulse = Pulse::new("doppler", "loggregator.doppler");
        assert_eq!(shown(&pulse.envelopes(&snapshot, 1)), []);
        pulse = pulse.with_legacy_names();
        let of = |name: &str, value| (format!("DopplerServer.{name}"), value);
        let all = pulse.envelopes(&snapshot, 1);
        assert_eq!(
            shown(&all),
            [
                of("listeners.receivedEnvelopes", 70.0),
                of("doppler.shedEnvelopes", 1.0),
                of("TruncatingBuffer.totalDroppedMessages", 2.0),
                of("sentEnvelopes", 60.0),
                of("messageRouter.numberOfFirehoseSinks", 3.0),
            ]
        );
        assert!(all.iter().all(|envelope| envelope.source_id == "doppler"));
        pulse.delivered(&snapshot);
        let again = shown(&pulse.envelopes(&snapshot, 2));
        assert_eq!(again[0].1, 0.0, "deltas, as under the names of today");
    }

    #[test]
    fn an_agent_is_metron_and_sends_both_generations() {
        let mut snapshot = Snapshot::default();
        AgentFigures {
            egress: 100,
            ..AgentFigures::default()
        }
        .report(&mut snapshot);
        DatagramFigures {
            ingress: 9,
            egress: 5,
            dropped: 4,
            ..DatagramFigures::default()
        }
        .report(&mut snapshot);
        let pulse = Pulse::new("metron", "loggregator.metron").only_legacy_names();
        let all = pulse.envelopes(&snapshot, 1);
        let of = |name: &str, value| (format!("MetronAgent.{name}"), value);
        assert_eq!(
            shown(&all),
            [
                of("dropsondeAgentListener.receivedMessageCount", 9.0),
                of("udp.receiveErrorCount", 4.0),
                of("dropsondeMarshaller.sentEnvelopes", 105.0),
                of("DopplerForwarder.sentMessages", 105.0),
            ]
        );
        assert_eq!(all.len(), 4, "an agent's names of today are only scraped");
    }

    #[test]
    fn a_slow_consumer_is_an_event() {
        let mut snapshot = Snapshot::default();
        let name = "doppler_proxy.slow_consumer";
        snapshot.counter(name, "", &[], 0);
        let identity = ("traffic_controller", "loggregator.trafficcontroller");
        let pulse = Pulse::new(identity.0, identity.1).with_legacy_names();
        assert_eq!(shown(&pulse.envelopes(&snapshot, 1)), []);
        snapshot.counter(name, "", &[], 2);
        let slow = "LoggregatorTrafficController.dopplerProxy.slowConsumer".to_owned();
        assert_eq!(shown(&pulse.envelopes(&snapshot, 1)), [(slow, 2.0)]);
    }
}
