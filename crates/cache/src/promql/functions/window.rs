//! A range of one series' samples, as a function sees it.

use crate::promql::{Mode, ast::Edges, series::Sample};

/// The samples of a range and where the range lies, in milliseconds.
pub(crate) struct Window<'a> {
    /// The samples in the range, oldest first, never none; with `edges` also some before
    /// it, and behind it where they are smoothed.
    pub(crate) samples: &'a [Sample],
    /// The start of the range.
    pub(crate) start: i64,
    /// The end of the range.
    pub(crate) end: i64,
    /// The evaluated instant: the end unless an offset or `@` moved it.
    pub(crate) step: i64,
    pub(crate) edges: Option<Edges>,
    pub(crate) mode: Mode,
}

impl Window<'_> {
    /// The length of the range in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.end - self.start)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|sample| sample.value)
    }
}

/// Milliseconds as seconds.
pub(crate) fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}
