//! The text format in which Prometheus scrapes metrics, read line by line: a bad line
//! fails itself only.

use std::borrow::Cow;

mod builder;
mod scan;
#[cfg(test)]
mod tests;

use builder::Builder;

/// What a family's `TYPE` line says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in cumulative buckets, their sum and count.
    Histogram,
    /// Quantiles, their sum and count.
    Summary,
    /// Nothing is said.
    #[default]
    Untyped,
}

/// What a sample is of its family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// The value itself.
    Value,
    /// `NAME_sum` of a histogram or summary.
    Sum,
    /// `NAME_count` of a histogram or summary.
    Count,
    /// `NAME_bucket` of a histogram, up to and with this value (label `le`).
    Bucket(f64),
    /// `NAME` of a summary, at this quantile (label `quantile`).
    Quantile(f64),
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// What it is of its family.
    pub part: Part,
    /// In the order of the line, each name once, without the label that `part` holds.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// May be NaN or infinite.
    pub value: f64,
    /// Unix time in milliseconds, if it was given.
    pub timestamp: Option<i64>,
}

/// Samples of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family<'a> {
    /// Without the suffixes of a histogram or summary.
    pub name: Cow<'a, str>,
    /// Its type.
    pub kind: Kind,
    /// Its help, unescaped.
    pub help: Option<Cow<'a, str>>,
    /// In the order of the text.
    pub samples: Vec<Sample<'a>>,
}

/// How much of a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Samples; what follows is left out.
    pub samples: usize,
    /// Families; further ones are left out.
    pub families: usize,
    /// Labels of one sample; a line with more is bad.
    pub labels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            samples: 100_000,
            families: 20_000,
            labels: 64,
        }
    }
}

/// Why a line is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Bytes that are no UTF-8.
    #[error("not utf-8")]
    NotUtf8,
    /// The line starts with what is no name.
    #[error("no metric name")]
    NoName,
    /// The labels in braces are not well-formed.
    #[error("malformed labels")]
    BadLabels,
    /// A label comes twice.
    #[error("a label comes twice")]
    RepeatedLabel,
    /// More labels than the limit allows.
    #[error("too many labels")]
    TooManyLabels,
    /// No number where the value should be.
    #[error("the value is not a number")]
    BadValue,
    /// What follows the value is no time.
    #[error("the timestamp is not a number")]
    BadTimestamp,
    /// A bucket without a number as `le`, or a quantile without one as `quantile`.
    #[error("a bucket or quantile without its bound")]
    NoBound,
    /// A `TYPE` line that is not `# TYPE name type`.
    #[error("a TYPE line without a name and a known type")]
    BadType,
    /// A second `TYPE` line for a name, or one after the name's samples.
    #[error("a TYPE line that comes twice or after the samples")]
    LateType,
}

/// A bad line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition<'a> {
    /// In the order of the text.
    pub families: Vec<Family<'a>>,
    /// The first bad lines, at most [`ERRORS`].
    pub errors: Vec<LineError>,
    /// How many lines were bad.
    pub bad_lines: usize,
    /// Samples that were left out for the limits.
    pub left_out: usize,
}

/// How many bad lines are told; all are counted.
pub const ERRORS: usize = 8;

/// Reads a whole text.
pub fn parse<'a>(text: &'a [u8], limits: &Limits) -> Exposition<'a> {
    let mut builder = Builder::new(limits);
    for (line, bytes) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if let Err(reason) = builder.line(bytes) {
            builder.bad(LineError { line, reason });
        }
    }
    builder.finish()
}
