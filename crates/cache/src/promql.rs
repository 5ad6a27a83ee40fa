//! PromQL: queries over series of samples. No I/O, no clock: series come through a
//! [`SeriesReader`], time and the deadline as arguments.
//!
//! One evaluator serves two modes, see [`Mode`]. A query is parsed once ([`Query::parse`])
//! and evaluated at one instant or at the steps of a range ([`Query::evaluate`]).

pub mod annotations;
pub mod ast;
mod display;
pub mod envelopes;
pub mod error;
mod eval;
pub mod functions;
pub mod labels;
pub mod limits;
pub mod matcher;
mod numbers;
mod pretty;
mod query;
pub mod series;
pub mod sources;
mod syntax;

pub use annotations::Annotations;
pub use error::{EvalError, ParseError};
pub use labels::Labels;
pub use limits::{Interrupt, Limits};
pub use matcher::{MatchOp, Matcher};
pub use numbers::plain_float;
pub use query::{Answer, Evaluation, Query, Span, VectorSample};
pub use series::{ReadError, Sample, Selected, Selection, Series, SeriesReader};
pub use syntax::parse_duration_ms;

/// Whose behaviour a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Prometheus 2.13.1, which the peer's log cache is built on: ranges closed on both
    /// sides, the 46 functions of its time, its messages.
    LogCache,
    /// Prometheus 3 with its experimental functions: ranges open on the left, names that
    /// are dropped at the end, annotations.
    Modern,
}
