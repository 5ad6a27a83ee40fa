//! The figures of a hop that takes datagrams, under the names that the peers give them
//! (spec loggregator-v2 §7.8).

use super::snapshot::Snapshot;

const V1: (&str, &str) = ("metric_version", "1.0");
const V2: (&str, &str) = ("metric_version", "2.0");

/// What an agent or a UDP forwarder counts of V1.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatagramFigures {
    /// Datagrams received, those that were not taken included.
    pub ingress: u64,
    /// Envelopes handed to a connection.
    pub egress: u64,
    /// Datagrams that were not taken: no envelope, or none of a known type.
    pub invalid: u64,
    /// Lost in the kernel's buffer or in our queue.
    pub dropped: u64,
    /// Mean bytes of a datagram over the last minute.
    pub average_envelope: f64,
    /// Open V1 streams to routers, each on a connection of its own; `None` where V1 does
    /// not go on as such.
    pub streams: Option<usize>,
}

impl DatagramFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let help = "Total number of envelopes ingressed by the agent.";
        to.counter("ingress", help, &[V1], self.ingress);
        let help = "Total number of envelopes successfully egressed.";
        to.counter("egress", help, &[V1], self.egress);
        let help = "Total number of dropped envelopes.";
        let labels = [("direction", "all"), V1];
        to.counter("dropped", help, &labels, self.dropped);
        let labels = [("direction", "ingress"), V1, ("reason", "invalid")];
        to.counter("dropped", help, &labels, self.invalid);
        // The unit is a peer's mistake that dashboards select by.
        let unit = ("unit", "bytes/minute");
        let help = "Mean size of an envelope over the last minute, in bytes.";
        let labels = [unit, ("loggregator", "v1"), V1];
        to.gauge(
            "average_envelopes",
            help,
            unit.1,
            &labels,
            self.average_envelope,
        );
        if let Some(streams) = self.streams {
            let streams = streams as f64;
            let help = "Open connections to routers.";
            to.gauge("doppler_connections", help, "connections", &[V2], streams);
            let help = "Open V1 streams to routers.";
            to.gauge("doppler_v1_streams", help, "streams", &[V2], streams);
        }
    }
}
