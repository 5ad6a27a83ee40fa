//! OTLP, the protocol of OpenTelemetry: envelopes into logs, metrics and spans, and back.
//!
//! [`export`] says what envelopes become (spec agents-and-drains §1.3), [`import`] reads a
//! stranger's request, protobuf or JSON, record by record: however a request is made up,
//! what is in memory at a time is one of its records. The tables are on the protocol page
//! (docs/protocols/otlp.md).

mod answer;
mod attributes;
pub mod export;
mod histograms;
mod import;
mod json;
mod leaf;
mod logs;
pub mod messages;
mod metrics;
mod refusal;
mod spans;
#[cfg(test)]
mod tests;
mod uri;
mod walk;

pub use answer::{answer, failure};
pub use import::{Defaults, Outcome, import};
pub use refusal::Refusal;
pub use walk::Malformed;

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Log records.
    Logs,
    /// Data points of metrics.
    Metrics,
    /// Spans.
    Traces,
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`, and gRPC.
    Protobuf,
    /// `application/json`: lower camel case, ids in hexadecimal, 64-bit numbers as text.
    Json,
}

impl Signal {
    /// Every signal, in the order of [`Signal::index`].
    pub const ALL: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

    /// Position in arrays of counts by signal.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        }
    }

    /// The method that takes a request over gRPC.
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        }
    }

    /// The path that takes a request over HTTP.
    pub const fn http_path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
        }
    }
}
