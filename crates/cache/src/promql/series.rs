//! What the evaluator reads: series of samples, through a trait that a store implements.

use std::sync::Arc;

use super::{labels::Labels, limits::Interrupt, matcher::Matcher};

/// The value that ends a series: one bit pattern of NaN (Prometheus `value.StaleNaN`).
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether a value is the stale marker, by its bits.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// One series: samples in the order of their times, at most one for each millisecond.
#[derive(Debug, Clone)]
pub struct Series {
    /// What names it, the metric's name included.
    pub labels: Labels,
    /// Its samples, oldest first.
    pub samples: Arc<[Sample]>,
}

/// What a reader found.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// The series; no two with the same labels.
    pub series: Vec<Series>,
    /// What the user should know, such as data that could not be had.
    pub warnings: Vec<String>,
}

/// Why a reader gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Told to the user as it stands.
    #[error("{0}")]
    Failed(String),
    /// There are more samples than the query may have.
    #[error("more samples than the query may have")]
    TooManySamples,
    /// It must end early.
    #[error("reading was interrupted")]
    Interrupted(Interrupt),
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The conditions on labels, all of which must hold.
    pub matchers: &'a [Matcher],
    /// The first millisecond of interest.
    pub start_ms: i64,
    /// The last millisecond of interest.
    pub end_ms: i64,
    /// The most samples that may be had. A reader that finds more stops with
    /// [`ReadError::TooManySamples`] before it holds them all.
    pub most_samples: usize,
    /// Of each series only the last sample up to `end_ms` is looked at: others may be left
    /// out.
    pub only_newest: bool,
}

impl Selection<'_> {
    /// Whether a series of these labels is wanted.
    pub fn wants(&self, labels: &Labels) -> bool {
        let mut matchers = self.matchers.iter();
        matchers.all(|matcher| matcher.matches(labels.get(&matcher.name)))
    }
}

/// Where series come from.
pub trait SeriesReader {
    /// The wanted series, each with its samples of the window. Samples outside of the
    /// window do no harm.
    ///
    /// # Errors
    /// What the user is told, or that the query wants too much.
    fn select(&self, selection: Selection<'_>) -> Result<Selected, ReadError>;
}

/// Series that are already in memory.
impl SeriesReader for Vec<Series> {
    fn select(&self, selection: Selection<'_>) -> Result<Selected, ReadError> {
        let mut selected = Selected::default();
        let mut room = selection.most_samples;
        for series in self.iter().filter(|series| selection.wants(&series.labels)) {
            let (start, end) = (selection.start_ms, selection.end_ms);
            let from = series.samples.partition_point(|sample| sample.at < start);
            let to = series.samples.partition_point(|sample| sample.at <= end);
            let samples = series.samples.get(from..to).unwrap_or_default();
            room = room
                .checked_sub(samples.len())
                .ok_or(ReadError::TooManySamples)?;
            if !samples.is_empty() {
                let labels = series.labels.clone();
                selected.series.push(Series {
                    labels,
                    samples: samples.into(),
                });
            }
        }
        Ok(selected)
    }
}
