//! The figures of each role under the names and labels that the peers give them
//! (spec 7.7, 7.8), and ours beside them. Plain numbers in, series out: a role
//! fills one in its collector.

use logweir_route::{
    Cause, Exchange, LossTotals, QueueStats, exchange::IngressStats, ledger::causes,
};

use super::snapshot::Snapshot;

const V2: (&str, &str) = ("metric_version", "2.0");
const INGRESS: (&str, &str) = ("direction", "ingress");
const EGRESS: (&str, &str) = ("direction", "egress");

/// What an agent counts. Envelopes unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentFigures {
    /// Received from clients, discarded logs included.
    pub ingress: u64,
    /// Handed to a router's connection.
    pub egress: u64,
    /// Lost before the queue towards the routers.
    pub dropped_ingress: u64,
    /// Lost in or after that queue.
    pub dropped_egress: u64,
    /// Envelopes that got their source id from an origin tag.
    pub origin_mappings: u64,
    /// Mean bytes of an envelope over the last minute.
    pub average_envelope: f64,
    /// Open connections to routers.
    pub connections: usize,
    /// Open streams to routers.
    pub streams: usize,
}

impl AgentFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        to.counter(
            "ingress",
            "Total number of envelopes ingressed by the agent.",
            &[V2],
            self.ingress,
        );
        to.counter(
            "egress",
            "Total number of envelopes successfully egressed.",
            &[V2],
            self.egress,
        );
        let help = "Total number of dropped envelopes.";
        to.counter("dropped", help, &[INGRESS, V2], self.dropped_ingress);
        to.counter("dropped", help, &[EGRESS, V2], self.dropped_egress);
        // The unit is a peer's mistake that dashboards select by.
        let unit = ("unit", "bytes/minute");
        let help = "Envelopes whose source id came from their origin tag.";
        to.counter("origin_mappings", help, &[unit, V2], self.origin_mappings);
        let help = "Mean size of an envelope over the last minute, in bytes.";
        let labels = [unit, ("loggregator", "v2"), V2];
        to.gauge(
            "average_envelopes",
            help,
            "bytes/minute",
            &labels,
            self.average_envelope,
        );
        let help = "Open connections to routers.";
        to.gauge(
            "doppler_connections",
            help,
            "connections",
            &[V2],
            self.connections as f64,
        );
        let help = "Open V1 streams to routers.";
        to.gauge("doppler_v1_streams", help, "streams", &[V2], 0.0);
        let help = "Open V2 streams to routers.";
        to.gauge(
            "doppler_v2_streams",
            help,
            "streams",
            &[V2],
            self.streams as f64,
        );
    }
}

/// What a router counts. Envelopes unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct RouterFigures {
    /// Received from agents.
    pub ingress: u64,
    /// Written to subscribers; one envelope to two subscribers counts twice.
    pub egress: u64,
    /// Lost before matching.
    pub dropped_ingress: u64,
    /// Lost in subscribers' queues.
    pub dropped_egress: u64,
    /// Open subscriptions.
    pub subscriptions: usize,
}

impl RouterFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        to.counter("ingress", "Envelopes received.", &[V2], self.ingress);
        to.counter(
            "egress",
            "Envelopes written to subscribers.",
            &[V2],
            self.egress,
        );
        let help = "Envelopes dropped.";
        to.counter("dropped", help, &[INGRESS, V2], self.dropped_ingress);
        to.counter("dropped", help, &[EGRESS, V2], self.dropped_egress);
        let subscriptions = self.subscriptions as f64;
        to.gauge(
            "subscriptions",
            "Open subscriptions.",
            "subscriptions",
            &[V2],
            subscriptions,
        );
    }
}

/// What a reverse log proxy counts. Envelopes unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct RlpFigures {
    /// Received from routers.
    pub ingress: u64,
    /// Written to readers.
    pub egress: u64,
    /// Lost in readers' queues.
    pub dropped: u64,
    /// Streams refused because there were too many.
    pub rejected_streams: u64,
    /// Open streams of readers.
    pub subscriptions: usize,
    /// Connections to routers made.
    pub router_connects: u64,
    /// Connections to routers lost.
    pub router_disconnects: u64,
}

impl RlpFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let labels = [("protocol", "grpc"), V2];
        to.counter(
            "ingress",
            "Envelopes received from routers.",
            &labels,
            self.ingress,
        );
        to.counter(
            "egress",
            "Envelopes written to readers.",
            &[V2],
            self.egress,
        );
        to.counter("dropped", "Envelopes dropped.", &[EGRESS, V2], self.dropped);
        let help = "Streams refused because there were too many.";
        to.counter("rejected_streams", help, &[V2], self.rejected_streams);
        let subscriptions = self.subscriptions as f64;
        to.gauge(
            "subscriptions",
            "Open streams of readers.",
            "total",
            &[V2],
            subscriptions,
        );
        let help = "Connections to routers made.";
        to.counter("log_router_connects", help, &[], self.router_connects);
        let help = "Connections to routers lost.";
        to.counter("log_router_disconnects", help, &[], self.router_disconnects);
    }
}

/// The books of a hop: what came in, its queues together (`offered = taken +
/// dropped + queued`, those of readers that left included), and its losses by cause
/// and, for the sources that lost most, by source.
#[derive(Clone, Copy, Debug)]
pub struct HopFigures<'a> {
    /// What came in at the doors.
    pub ingress: IngressStats,
    /// The balance of all queues together.
    pub queues: QueueStats,
    /// All losses of this hop.
    pub losses: &'a LossTotals,
}

impl HopFigures<'_> {
    /// Sources that are named in the metrics.
    pub const TOP: usize = 50;

    /// Adds the books of an exchange to a snapshot.
    pub fn report_exchange(exchange: &Exchange, to: &mut Snapshot) {
        let stats = exchange.stats();
        let losses = exchange.losses();
        HopFigures {
            ingress: stats.ingress,
            queues: stats.queues,
            losses: &losses,
        }
        .report(to);
    }

    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let mut count = |name, help, value| to.counter(name, help, &[], value);
        count(
            "logweir_ingress",
            "Envelopes received.",
            self.ingress.ingress,
        );
        count(
            "logweir_ingress_bytes",
            "Bytes of the envelopes received.",
            self.ingress.bytes,
        );
        count(
            "logweir_unmatched",
            "Envelopes that nobody wanted.",
            self.ingress.unmatched,
        );
        let help = "Envelopes whose invalid UTF-8 was replaced.";
        count("logweir_sanitized", help, self.ingress.sanitized);
        count(
            "logweir_offered",
            "Envelopes offered to queues.",
            self.queues.offered,
        );
        count(
            "logweir_taken",
            "Envelopes taken from queues.",
            self.queues.taken,
        );
        let help = "Envelopes that wait in queues.";
        to.gauge(
            "logweir_queued",
            help,
            "envelopes",
            &[],
            self.queues.queued as f64,
        );
        let help = "Bytes that wait in queues.";
        to.gauge(
            "logweir_queued_bytes",
            help,
            "bytes",
            &[],
            self.queues.queued_bytes as f64,
        );
        for cause in Cause::ALL {
            let lost = self.losses.by_cause()[cause.index()];
            to.counter(
                "logweir_dropped",
                "Envelopes dropped.",
                &[("cause", cause.name())],
                lost,
            );
        }
        let help =
            "Envelopes dropped, of the sources that lost most; all others have source_id \"\".";
        let (top, rest) = self.losses.top(Self::TOP);
        for (source, counts) in top
            .iter()
            .map(|(id, counts)| (*id, counts))
            .chain([("", &rest)])
        {
            for (cause, lost) in causes(counts) {
                let labels = [("source_id", source), ("cause", cause.name())];
                to.counter("logweir_source_dropped", help, &labels, lost);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Value, text};

    #[test]
    fn an_agent_shows_the_peers_names() {
        let mut snapshot = Snapshot::default();
        AgentFigures {
            ingress: 5,
            dropped_egress: 2,
            ..AgentFigures::default()
        }
        .report(&mut snapshot);
        let page = text(&[("", snapshot)]);
        for line in [
            "ingress{metric_version=\"2.0\"} 5",
            "dropped{direction=\"egress\",metric_version=\"2.0\"} 2",
            "origin_mappings{metric_version=\"2.0\",unit=\"bytes/minute\"} 0",
            "average_envelopes{loggregator=\"v2\",metric_version=\"2.0\",unit=\"bytes/minute\"} 0",
            "doppler_connections{metric_version=\"2.0\"} 0",
            "doppler_v1_streams{metric_version=\"2.0\"} 0",
            "doppler_v2_streams{metric_version=\"2.0\"} 0",
        ] {
            assert!(
                page.lines().any(|shown| shown == line),
                "{line} is missing in\n{page}"
            );
        }
    }

    #[test]
    fn drops_are_shown_by_cause_and_by_source() {
        let mut losses = LossTotals::default();
        losses.record(Cause::TooLarge, "quiet", 1);
        for app in 0..HopFigures::TOP {
            losses.record(Cause::QueueFull, &format!("noisy-{app}"), 10);
        }
        let (ingress, queues) = (IngressStats::default(), QueueStats::default());
        let mut snapshot = Snapshot::default();
        HopFigures {
            ingress,
            queues,
            losses: &losses,
        }
        .report(&mut snapshot);
        let value = |name, labels: &[(&str, &str)]| snapshot.value(name, labels);
        let dropped = "logweir_dropped";
        assert_eq!(
            value(dropped, &[("cause", "queue_full")]),
            Some(Value::Count(500))
        );
        assert_eq!(
            value(dropped, &[("cause", "shutdown")]),
            Some(Value::Count(0))
        );
        let source = "logweir_source_dropped";
        let noisy = [("cause", "queue_full"), ("source_id", "noisy-7")];
        assert_eq!(value(source, &noisy), Some(Value::Count(10)));
        let rest = [("cause", "too_large"), ("source_id", "")];
        assert_eq!(value(source, &rest), Some(Value::Count(1)));
    }
}
