//! Instant selectors: the last sample of each series that is not too old.

use super::{ABSENT, Evaluator, LOOKBACK_MS, Row, Shifted, Table, is_present};
use crate::promql::{
    EvalError, Mode, Sample, Series,
    ast::Selector,
    limits::Use,
    matcher::Matcher,
    series::{Selection, is_stale},
};

impl Evaluator<'_> {
    /// Reads series, and counts what they take.
    pub(super) fn read(
        &self,
        matchers: &[Matcher],
        from: i64,
        to: i64,
    ) -> Result<Vec<Series>, EvalError> {
        self.read_selection(Selection {
            matchers,
            start_ms: from,
            end_ms: to,
            most_samples: self.budget.room(),
            only_newest: false,
        })
    }

    fn read_selection(&self, selection: Selection<'_>) -> Result<Vec<Series>, EvalError> {
        let selected = self.reader.select(selection)?;
        for series in &selected.series {
            self.budget.charge(Use::samples(series.samples.len()))?;
            self.budget.work(series.samples.len())?;
        }
        let mut annotations = self.annotations.borrow_mut();
        selected
            .warnings
            .iter()
            .for_each(|warning| annotations.data(warning));
        Ok(selected.series)
    }

    fn last_step(&self) -> i64 {
        self.steps.at(self.steps.count.saturating_sub(1))
    }

    /// The first and the last instant that a shifted expression looks at.
    pub(super) fn looked_at(&self, shifted: Shifted) -> (i64, i64) {
        (
            shifted.time(self.steps.start),
            shifted.time(self.last_step()),
        )
    }

    pub(super) fn selector(&self, selector: &Selector) -> Result<Table, EvalError> {
        let shifted = self.shifted(&selector.shift)?;
        let time = |step| shifted.time(step);
        match selector.smoothed {
            true => self.interpolated(&selector.matchers, time),
            false => self.select(&selector.matchers, time, |sample| sample.value),
        }
    }

    /// Of each series at each step what `take` makes of the sample that is seen at `time`,
    /// which never goes back.
    pub(super) fn select(
        &self,
        matchers: &[Matcher],
        time: impl Fn(i64) -> i64,
        take: impl Fn(&Sample) -> f64,
    ) -> Result<Table, EvalError> {
        let (first, last) = (time(self.steps.start), time(self.last_step()));
        let series = self.read_selection(Selection {
            matchers,
            start_ms: first.saturating_sub(LOOKBACK_MS),
            end_ms: last,
            most_samples: self.budget.room(),
            // Of one instant no other sample is seen.
            only_newest: first == last,
        })?;
        let mut rows = Vec::with_capacity(series.len());
        for Series { labels, samples } in series {
            self.budget.charge(Use::values(1, self.steps.count))?;
            self.budget.work(self.steps.count)?;
            let mut seen = 0;
            let mut any = false;
            let values = self.steps.times().map(|step| {
                let time = time(step);
                while samples.get(seen).is_some_and(|sample| sample.at <= time) {
                    seen += 1;
                }
                let sample = samples.get(..seen).and_then(<[Sample]>::last);
                let Some(sample) = sample.filter(|sample| self.is_seen(sample, time)) else {
                    return ABSENT;
                };
                any = true;
                take(sample)
            });
            let values = values.collect();
            if any {
                rows.push(Row {
                    labels,
                    values,
                    drop_name: false,
                });
            }
        }
        Ok(Table { rows })
    }

    /// Of each series at each step the value on the line between the samples around it, the
    /// last value where none follows.
    fn interpolated(
        &self,
        matchers: &[Matcher],
        time: impl Fn(i64) -> i64,
    ) -> Result<Table, EvalError> {
        let (first, last) = (time(self.steps.start), time(self.last_step()));
        let from = first.saturating_sub(LOOKBACK_MS);
        let mut rows = Vec::new();
        for Series { labels, samples } in
            self.read(matchers, from, last.saturating_add(LOOKBACK_MS))?
        {
            self.budget.charge(Use::values(1, self.steps.count))?;
            self.budget.work(self.steps.count)?;
            let values = self.steps.times().map(|step| {
                let time = time(step);
                let next = samples.partition_point(|sample| sample.at <= time);
                let before = next.checked_sub(1).and_then(|at| samples.get(at));
                let Some(before) = before.filter(|sample| self.is_seen(sample, time)) else {
                    return ABSENT;
                };
                let reach = time.saturating_add(LOOKBACK_MS);
                let behind = samples
                    .get(next)
                    .filter(|s| s.at <= reach && !is_stale(s.value));
                behind.map_or(before.value, |behind| {
                    let share = (time - before.at) as f64 / (behind.at - before.at) as f64;
                    before.value + (behind.value - before.value) * share
                })
            });
            let values: Vec<f64> = values.collect();
            if values.iter().any(|value| is_present(*value)) {
                rows.push(Row {
                    labels,
                    values,
                    drop_name: false,
                });
            }
        }
        Ok(Table { rows })
    }

    /// Whether a sample counts at a time: 2.13 takes in the far end of the look back.
    fn is_seen(&self, sample: &Sample, time: i64) -> bool {
        let oldest = time.saturating_sub(LOOKBACK_MS);
        let fresh = match self.mode {
            Mode::LogCache => sample.at >= oldest,
            Mode::Modern => sample.at > oldest,
        };
        fresh && !is_stale(sample.value)
    }
}
