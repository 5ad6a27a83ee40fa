//! The series that a script has loaded.

use std::cell::Cell;

use anyhow::Result;
use logweir_cache::promql::{
    Labels, ReadError, Sample, Selected, Selection, Series, SeriesReader,
    labels::{BUCKET, METRIC_NAME},
    series::STALE,
};

use crate::points::{Description, Point};

/// What a query looked at that we do not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Native histograms.
    NativeHistograms,
    /// Start timestamps.
    StartTimestamps,
}

#[derive(Debug, Default)]
struct Stored {
    labels: Labels,
    samples: Vec<Sample>,
    native: Vec<i64>,
    start_times: bool,
}

/// Loaded series, and what was looked at since [`Store::forget`].
#[derive(Debug, Default)]
pub struct Store {
    series: Vec<Stored>,
    seen: Cell<Option<Beyond>>,
}

impl Store {
    /// Adds a described series whose points lie so many milliseconds apart from 0 on.
    /// `custom_buckets` also makes a native histogram of each classic one.
    ///
    /// # Errors
    /// Points beyond the end of time.
    pub fn load(
        &mut self,
        description: &Description,
        interval: i64,
        custom_buckets: bool,
    ) -> Result<()> {
        let mut native = Vec::new();
        let mut samples = Vec::new();
        for (index, point) in description.points.iter().enumerate() {
            let at = i64::try_from(index)? * interval;
            match point {
                Point::Value(value) => samples.push(Sample { at, value: *value }),
                Point::Stale => samples.push(Sample { at, value: STALE }),
                Point::Native => native.push(at),
                Point::Gap => {}
            }
        }
        if custom_buckets && let Some(labels) = histogram_of(&description.labels) {
            let times = samples.iter().map(|sample| sample.at).collect();
            self.merge(labels, Vec::new(), times, false);
        }
        self.merge(
            description.labels.clone(),
            samples,
            native,
            description.start_times,
        );
        Ok(())
    }

    fn merge(&mut self, labels: Labels, samples: Vec<Sample>, native: Vec<i64>, starts: bool) {
        let place = self
            .series
            .iter()
            .position(|stored| stored.labels == labels);
        let place = place.unwrap_or_else(|| {
            self.series.push(Stored {
                labels,
                ..Stored::default()
            });
            self.series.len() - 1
        });
        if let Some(stored) = self.series.get_mut(place) {
            stored.samples.extend(samples);
            stored.samples.sort_by_key(|sample| sample.at);
            stored.native.extend(native);
            stored.start_times |= starts;
        }
    }

    /// Forgets all series.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    /// Forgets what was looked at.
    pub fn forget(&self) {
        self.seen.set(None);
    }

    /// What was looked at that we do not carry.
    pub fn seen(&self) -> Option<Beyond> {
        self.seen.get()
    }
}

/// The labels of the histogram that a series is a bucket of.
fn histogram_of(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name().strip_suffix("_bucket")?;
    let mut edited = labels.edit();
    edited.set(METRIC_NAME, name);
    edited.set(BUCKET, "");
    Some(edited.build())
}

impl SeriesReader for Store {
    fn select(&self, selection: Selection<'_>) -> Result<Selected, ReadError> {
        let window = selection.start_ms..=selection.end_ms;
        let mut selected = Selected::default();
        for stored in self
            .series
            .iter()
            .filter(|stored| selection.wants(&stored.labels))
        {
            if stored.native.iter().any(|at| window.contains(at)) {
                self.seen.set(Some(Beyond::NativeHistograms));
            } else if stored.start_times && self.seen.get().is_none() {
                self.seen.set(Some(Beyond::StartTimestamps));
            }
            let within = stored
                .samples
                .iter()
                .filter(|sample| window.contains(&sample.at));
            let samples: Vec<Sample> = within.copied().collect();
            if !samples.is_empty() {
                let labels = stored.labels.clone();
                selected.series.push(Series {
                    labels,
                    samples: samples.into(),
                });
            }
        }
        Ok(selected)
    }
}
