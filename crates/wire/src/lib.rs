//! Pure formats: proto JSON, server-sent events, the V1 and 2013 generations and what
//! they become in V2, multipart bodies, OTLP and syslog both ways, Logplex's lines, statsd,
//! Prometheus' text, Graphite's lines. No I/O.

pub mod convert;
pub mod dropsonde;
pub mod graphite;
pub mod json;
pub mod legacy;
pub mod logplex;
pub mod multipart;
pub mod otlp;
pub mod prometheus_text;
pub mod sse;
pub mod statsd;
pub mod syslog;
