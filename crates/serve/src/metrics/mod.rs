//! Self-metrics: counters and gauges of this process, the Prometheus text that
//! shows them, and the envelopes that carry them to an agent.
//!
//! A [`Registry`] is made at start-up, one per role, and handed down; there is no
//! global. Names are specified in `docs/metrics.md`. The peers' names carry no
//! `_total` suffix, which OpenMetrics encoders insist on; hence our own text.

mod datagrams;
mod exposition;
mod legacy;
mod log_cache;
mod log_cache_disk;
mod pulse;
mod recent;
mod registry;
mod roles;
mod snapshot;

pub use datagrams::DatagramFigures;
pub use exposition::{CONTENT_TYPE, text};
pub use log_cache::LogCacheFigures;
pub use log_cache_disk::LogCacheDiskFigures;
pub use pulse::Pulse;
pub use recent::RecentFigures;
pub use registry::{Counter, Gauge, Registry};
pub use roles::{AgentFigures, HopFigures, RlpFigures, RouterFigures};
pub use snapshot::{Family, Kind, Labels, Snapshot, Value};
