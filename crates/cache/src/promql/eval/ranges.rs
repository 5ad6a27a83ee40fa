//! Range vectors, and the functions that take them.

use std::sync::Arc;

use super::{ABSENT, Evaluator, LOOKBACK_MS, Row, Shifted, Table};
use crate::promql::{
    EvalError, Labels, Mode, Sample, Series,
    ast::{Edges, Expr, ExprKind, RangeSelector},
    functions::Window,
    limits::Use,
    series::is_stale,
};

/// A range vector: series with all samples that any step sees, and where each step looks.
pub(super) struct Ranges {
    pub(super) series: Vec<RangeSeries>,
    range: i64,
    shifted: Shifted,
    edges: Option<Edges>,
    mode: Mode,
}

pub(super) struct RangeSeries {
    pub(super) labels: Labels,
    pub(super) samples: Arc<[Sample]>,
    pub(super) drop_name: bool,
}

impl Ranges {
    pub(super) fn new(series: Vec<RangeSeries>, range: i64, shifted: Shifted, mode: Mode) -> Self {
        Self {
            series,
            range,
            shifted,
            edges: None,
            mode,
        }
    }

    /// What a step sees of a series; none where that is no sample. 2.13 takes in the start
    /// of the range, Prometheus 3 does not.
    pub(super) fn window<'s>(&self, series: &'s RangeSeries, step: i64) -> Option<Window<'s>> {
        let end = self.shifted.time(step);
        let start = end.saturating_sub(self.range);
        let (earliest, latest) = match self.edges {
            None => (start, end),
            Some(Edges::Anchored) => (start.saturating_sub(LOOKBACK_MS), end),
            Some(Edges::Smoothed) => (
                start.saturating_sub(LOOKBACK_MS),
                end.saturating_add(LOOKBACK_MS),
            ),
        };
        let from = series.samples.partition_point(|sample| match self.mode {
            Mode::LogCache => sample.at < earliest,
            Mode::Modern => sample.at <= earliest,
        });
        let to = series.samples.partition_point(|sample| sample.at <= latest);
        let samples = series
            .samples
            .get(from..to)
            .filter(|samples| !samples.is_empty())?;
        Some(Window {
            samples,
            start,
            end,
            step,
            edges: self.edges,
            mode: self.mode,
        })
    }
}

impl Evaluator<'_> {
    /// The range vector of an expression of that type.
    pub(super) fn ranges(&self, expr: &Expr) -> Result<Ranges, EvalError> {
        match &expr.unparen().kind {
            ExprKind::Range(range) => self.range_selector(range),
            ExprKind::Subquery(subquery) => self.subquery(subquery),
            _ => Err(EvalError::execution("a range vector is expected here")),
        }
    }

    fn range_selector(&self, selector: &RangeSelector) -> Result<Ranges, EvalError> {
        let shifted = self.shifted(&selector.selector.shift)?;
        let range = self.positive_duration(&selector.range)?;
        let (first, last) = self.looked_at(shifted);
        let (before, behind) = match selector.edges {
            None => (0, 0),
            Some(Edges::Anchored) => (LOOKBACK_MS, 0),
            Some(Edges::Smoothed) => (LOOKBACK_MS, LOOKBACK_MS),
        };
        let from = first.saturating_sub(range).saturating_sub(before);
        let read = self.read(
            &selector.selector.matchers,
            from,
            last.saturating_add(behind),
        )?;
        let series = read.into_iter().map(|Series { labels, samples }| {
            let samples = match samples.iter().any(|sample| is_stale(sample.value)) {
                true => samples
                    .iter()
                    .filter(|s| !is_stale(s.value))
                    .copied()
                    .collect(),
                false => samples,
            };
            RangeSeries {
                labels,
                samples,
                drop_name: false,
            }
        });
        let mut ranges = Ranges::new(series.collect(), range, shifted, self.mode);
        ranges.edges = selector.edges;
        Ok(ranges)
    }

    /// Calls a function for what each step sees of each series.
    pub(super) fn over_ranges(
        &self,
        ranges: &Ranges,
        mut call: impl FnMut(usize, &Window<'_>) -> Option<f64>,
    ) -> Result<Table, EvalError> {
        let mut rows = Vec::with_capacity(ranges.series.len());
        for series in &ranges.series {
            self.budget.charge(Use::values(1, self.steps.count))?;
            let mut values = Vec::with_capacity(self.steps.count);
            let mut any = false;
            for (index, step) in self.steps.times().enumerate() {
                let window = ranges.window(series, step);
                self.budget
                    .work(window.as_ref().map_or(1, |window| window.samples.len()))?;
                let value = window.and_then(|window| call(index, &window));
                any |= value.is_some();
                values.push(value.unwrap_or(ABSENT));
            }
            if any {
                let (labels, drop_name) = (series.labels.clone(), series.drop_name);
                rows.push(Row {
                    labels,
                    values,
                    drop_name,
                });
            }
        }
        Ok(Table { rows })
    }

    /// A range vector as the answer of an instant query.
    pub(crate) fn raw_ranges(&self, expr: &Expr) -> Result<Vec<Series>, EvalError> {
        let mut ranges = self.ranges(expr)?;
        // Edges matter to the functions only.
        ranges.edges = None;
        let found = ranges.series.iter().filter_map(|series| {
            let samples = ranges.window(series, self.steps.start)?.samples.into();
            let labels = match series.drop_name {
                true => series.labels.without_metadata(),
                false => series.labels.clone(),
            };
            Some(Series { labels, samples })
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        match found
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.labels == b.labels))
        {
            true => Err(EvalError::same_labelset()),
            false => Ok(found),
        }
    }
}
