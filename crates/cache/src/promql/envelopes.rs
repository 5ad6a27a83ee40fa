//! Envelopes as series: counters, gauges and timers (log-cache specification, 4.3).
//!
//! | envelope | name | value |
//! |---|---|---|
//! | counter | its own | the total |
//! | gauge | that of each metric | the value |
//! | timer | its own | stop less start, in nanoseconds |
//!
//! Labels are the tags, the source and the instance. Envelopes are walked through, not
//! decoded: what says which series one belongs to is hashed as it lies there, so that only
//! the first envelope of a series costs a set of labels.

mod identity;
mod names;
mod store;

use std::{collections::HashMap, sync::Arc};

use logweir_proto::fields::{Field, fields};

use super::{
    Labels, Mode,
    labels::METRIC_NAME,
    matcher::MatchOp,
    series::{ReadError, Sample, Selected, Selection, Series},
    sources::{SOURCE_ID, is_wanted},
};
use crate::types::Types;
use identity::{Identities, Identity};
use names::Names;
pub use names::{Metric, metric_name};
pub use store::StoreSeries;

/// Keys of fields: number and wire type.
mod key {
    /// Of an envelope.
    pub(super) const COUNTER: u64 = 5 << 3 | 2;
    pub(super) const GAUGE: u64 = 6 << 3 | 2;
    pub(super) const TIMER: u64 = 7 << 3 | 2;
    pub(super) const INSTANCE: u64 = 8 << 3 | 2;
    pub(super) const TAG: u64 = 9 << 3 | 2;
    /// The name of a counter or timer, a metric of a gauge, the first half of an entry.
    pub(super) const FIRST: u64 = 1 << 3 | 2;
    /// The second half of an entry.
    pub(super) const SECOND: u64 = 2 << 3 | 2;
    /// The start of a timer.
    pub(super) const START: u64 = 2 << 3;
    /// The total of a counter, the stop of a timer.
    pub(super) const THIRD: u64 = 3 << 3;
    /// The unit of a gauge's metric, and its value.
    pub(super) const UNIT: u64 = 1 << 3 | 2;
    pub(super) const VALUE: u64 = 2 << 3 | 1;
}

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// The types of envelopes that have series.
pub const METRICS: Types = Types::COUNTER.with(Types::GAUGE).with(Types::TIMER);

/// How envelopes are seen.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The peer's log cache knows whole seconds, and names of metrics are no labels.
    pub mode: Mode,
    /// Envelopes from this time on are not there (nanoseconds since 1970).
    pub before: i64,
    /// Only which series there are: they have no samples.
    pub only_labels: bool,
}

impl View {
    /// How a query that ends at `end` (milliseconds since 1970) sees them. The log cache
    /// reads up to its end, without it (specification, 4.4).
    pub fn of_query(mode: Mode, end: i64) -> Self {
        let before = match mode {
            Mode::LogCache => end.saturating_mul(MILLISECOND),
            Mode::Modern => i64::MAX,
        };
        Self {
            mode,
            before,
            only_labels: false,
        }
    }
}

/// Series in the making.
pub struct Gathering<'a> {
    selection: Selection<'a>,
    view: View,
    /// Whether the name of the metric is a label.
    labelled: bool,
    names: Names<'a>,
    identities: Identities,
    series: Vec<Building>,
    by_labels: HashMap<Labels, usize>,
    texts: HashMap<Box<str>, Arc<str>>,
    source: Arc<str>,
    /// What may still be had, in samples.
    room: usize,
}

struct Building {
    labels: Labels,
    /// With their times in nanoseconds.
    samples: Vec<(i64, f64)>,
    in_order: bool,
}

/// What a sample takes, in bytes: other things are counted as so many samples.
const SAMPLE_BYTES: usize = 16;

/// The message of an envelope.
#[derive(Clone, Copy)]
enum Message<'e> {
    Counter(&'e [u8]),
    Gauge(&'e [u8]),
    Timer(&'e [u8]),
}

impl<'a> Gathering<'a> {
    /// None yet.
    pub fn new(selection: Selection<'a>, view: View) -> Self {
        let exact = selection
            .matchers
            .iter()
            .any(|one| &*one.name == METRIC_NAME && one.op == MatchOp::Equal);
        Self {
            selection,
            view,
            labelled: view.mode == Mode::Modern || !exact,
            names: Names::new(selection.matchers),
            identities: Identities::default(),
            series: Vec::new(),
            by_labels: HashMap::new(),
            texts: HashMap::new(),
            source: Arc::from(""),
            room: selection.most_samples,
        }
    }

    /// The first timestamp that is of interest and the first after it (nanoseconds since
    /// 1970).
    pub fn window(&self) -> (i64, i64) {
        let Selection {
            start_ms, end_ms, ..
        } = self.selection;
        let start = start_ms.saturating_mul(MILLISECOND);
        let end = end_ms.saturating_add(1).saturating_mul(MILLISECOND);
        let end = match self.view.mode {
            // What is in the last second has the time at which it begins.
            Mode::LogCache => end.saturating_add(SECOND),
            Mode::Modern => end,
        };
        (start, end.min(self.view.before))
    }

    /// Goes on to a source. False if it is not wanted.
    pub fn source(&mut self, source_id: &str) -> bool {
        if !is_wanted(self.selection.matchers, source_id) {
            return false;
        }
        self.source = Arc::from(source_id);
        self.identities.source(source_id);
        true
    }

    /// Takes what is wanted of an envelope of the source. It must be well-formed; its
    /// fields for timestamp and source are not looked at.
    ///
    /// # Errors
    /// [`ReadError::TooManySamples`].
    pub fn add(&mut self, timestamp: i64, envelope: &[u8]) -> Result<(), ReadError> {
        let mut message = None;
        let mut identity = self.identities.begin();
        for field in fields(envelope) {
            match field.key {
                key::TAG => identity.tag(field),
                key::INSTANCE => identity.instance = field.bytes(),
                key::COUNTER => message = Some(Message::Counter(field.bytes())),
                key::GAUGE => message = Some(Message::Gauge(field.bytes())),
                key::TIMER => message = Some(Message::Timer(field.bytes())),
                _ => {}
            }
        }
        let added = match message {
            None => Ok(()),
            Some(Message::Counter(counter)) => {
                let (mut name, mut total) = (&[][..], 0);
                for field in fields(counter) {
                    match field.key {
                        key::FIRST => name = field.bytes(),
                        key::THIRD => total = field.varint(),
                        _ => {}
                    }
                }
                let metric = (name, Types::COUNTER, &[][..]);
                self.sample(envelope, &mut identity, metric, (timestamp, total as f64))
            }
            Some(Message::Timer(timer)) => {
                let (mut name, mut start, mut stop) = (&[][..], 0, 0);
                for field in fields(timer) {
                    match field.key {
                        key::FIRST => name = field.bytes(),
                        key::START => start = field.varint().cast_signed(),
                        key::THIRD => stop = field.varint().cast_signed(),
                        _ => {}
                    }
                }
                let took = stop.wrapping_sub(start) as f64;
                let metric = (name, Types::TIMER, &b"nanoseconds"[..]);
                self.sample(envelope, &mut identity, metric, (timestamp, took))
            }
            Some(Message::Gauge(gauge)) => {
                let metrics = fields(gauge).filter(|field| field.key == key::FIRST);
                let mut metrics = metrics.map(gauge_metric);
                metrics.try_for_each(|(name, unit, value)| {
                    let metric = (name, Types::GAUGE, unit);
                    self.sample(envelope, &mut identity, metric, (timestamp, value))
                })
            }
        };
        self.identities.end(identity);
        added
    }

    fn sample(
        &mut self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        (name, types, unit): (&[u8], Types, &[u8]),
        (timestamp, value): (i64, f64),
    ) -> Result<(), ReadError> {
        let Some(name) = self.names.find(name, types, unit) else {
            return Ok(());
        };
        let series = match self.identities.find(envelope, identity, name) {
            Some(known) => known,
            None => self.meet(envelope, identity, name)?,
        };
        let building = series.and_then(|series| self.series.get_mut(series));
        let Some(building) = building.filter(|_| !self.view.only_labels) else {
            return Ok(());
        };
        self.room = self.room.checked_sub(1).ok_or(ReadError::TooManySamples)?;
        let last = building.samples.last();
        building.in_order &= last.is_none_or(|(before, _)| *before <= timestamp);
        building.samples.push((timestamp, value));
        Ok(())
    }

    /// The series of an identity that comes for the first time, if it is wanted.
    fn meet(
        &mut self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        name: usize,
    ) -> Result<Option<usize>, ReadError> {
        let (labels, bytes) = self.labels(envelope, identity, name);
        let series = if self.wants(&labels) {
            let next = self.series.len();
            let at = *self.by_labels.entry(labels.clone()).or_insert(next);
            if at == next {
                self.series.push(Building {
                    labels,
                    samples: Vec::new(),
                    in_order: true,
                });
            }
            Some(at)
        } else {
            None
        };
        let taken = bytes / SAMPLE_BYTES + 1;
        let room = self.room.checked_sub(taken);
        self.room = room.ok_or(ReadError::TooManySamples)?;
        self.identities.remember(envelope, identity, name, series);
        Ok(series)
    }

    fn labels(&mut self, envelope: &[u8], identity: &Identity<'_>, name: usize) -> (Labels, usize) {
        let mut builder = Labels::default().edit();
        let mut bytes = 0;
        for tag in identity.tags(envelope) {
            let (mut label, mut value) = ("", "");
            for field in fields(tag) {
                match field.key {
                    key::FIRST => label = field.text(),
                    key::SECOND => value = field.text(),
                    _ => {}
                }
            }
            bytes += tag.len();
            let (label, value) = (self.text(label), self.text(value));
            builder.set(label, value);
        }
        let instance = std::str::from_utf8(identity.instance).unwrap_or_default();
        if !instance.is_empty() {
            builder.set(self.text("instance_id"), self.text(instance));
        }
        builder.set(self.text(SOURCE_ID), Arc::clone(&self.source));
        if self.labelled
            && let Some(metric) = self.names.get(name)
        {
            let metric = Arc::clone(&metric.name);
            builder.set(self.text(METRIC_NAME), metric);
        }
        (builder.build(), bytes)
    }

    /// Series share their texts.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(text.into(), Arc::clone(&shared));
        shared
    }

    /// Names and sources were looked at before; a tag may have the name of a label that is
    /// not there.
    fn wants(&self, labels: &Labels) -> bool {
        let matchers = self.selection.matchers.iter();
        let mut others = matchers.filter(|one| !matches!(&*one.name, METRIC_NAME | SOURCE_ID));
        others.all(|matcher| matcher.matches(labels.get(&matcher.name)))
    }

    /// What was wanted: the series, and what is known of their metrics.
    pub fn finish(self) -> (Selected, Vec<Metric>) {
        let Self {
            view,
            series,
            names,
            ..
        } = self;
        let series = series.into_iter();
        let series = series.map(|building| Series {
            samples: samples(building.samples, building.in_order, view.mode),
            labels: building.labels,
        });
        let selected = Selected {
            series: series.collect(),
            warnings: Vec::new(),
        };
        (selected, names.into_metrics())
    }
}

/// Of several samples of one instant the last one stays.
fn samples(mut found: Vec<(i64, f64)>, in_order: bool, mode: Mode) -> Arc<[Sample]> {
    if !in_order {
        found.sort_by_key(|(timestamp, _)| *timestamp);
    }
    let at = |timestamp: i64| match mode {
        Mode::LogCache => timestamp.div_euclid(SECOND).saturating_mul(1000),
        Mode::Modern => timestamp.div_euclid(MILLISECOND),
    };
    let mut kept: Vec<Sample> = Vec::with_capacity(found.len());
    for (timestamp, value) in found {
        let sample = Sample {
            at: at(timestamp),
            value,
        };
        match kept.last_mut() {
            Some(last) if last.at == sample.at => *last = sample,
            _ => kept.push(sample),
        }
    }
    kept.into()
}

/// Name, unit and value of one metric of a gauge.
fn gauge_metric(entry: Field<'_>) -> (&[u8], &[u8], f64) {
    let (mut name, mut unit, mut value) = (&[][..], &[][..], 0.0);
    for field in fields(entry.bytes()) {
        match field.key {
            key::FIRST => name = field.bytes(),
            key::SECOND => {
                for part in fields(field.bytes()) {
                    match part.key {
                        key::UNIT => unit = part.bytes(),
                        key::VALUE => value = part.double(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (name, unit, value)
}

#[cfg(test)]
mod tests;
