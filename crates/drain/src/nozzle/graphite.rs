//! Settings of a nozzle to Graphite.

use logweir_net::resolve::Target;
use logweir_proto::peek::Kind;

/// What has a number in it.
pub(super) const KINDS: [Kind; 3] = [Kind::Counter, Kind::Gauge, Kind::Timer];

/// Carbon's plaintext protocol over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphiteSettings {
    /// The receiver.
    pub address: Target,
    /// Before every path, without a dot at its end. Empty: nothing.
    pub prefix: String,
}
