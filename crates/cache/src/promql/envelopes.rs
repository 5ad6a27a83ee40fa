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
mod message;
mod names;
mod store;
mod texts;

use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use logweir_proto::fields::fields;

use super::{
    Labels, Mode,
    labels::METRIC_NAME,
    matcher::MatchOp,
    series::{ReadError, Sample, Selected, Selection, Series},
    sources::{SOURCE_ID, is_wanted},
};
use crate::{store::Passing, types::Types};
use identity::{Around, Identities, Identity};
use message::Message;
use names::Names;
pub use names::{Metric, metric_name};
pub use store::StoreSeries;
use texts::Texts;

/// Keys of fields: number and wire type.
mod key {
    /// Of an envelope.
    pub(super) const INSTANCE: u64 = 8 << 3 | 2;
    pub(super) const TAG: u64 = 9 << 3 | 2;
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
    /// Places in `series`, by the hash of their labels, which is kept with them.
    by_labels: HashTable<(u64, usize)>,
    texts: Texts,
    /// The tags in the ends of envelopes that have no others, by the numbers of the ends.
    by_end: HashMap<usize, Labels>,
    /// Room for the two parts of an envelope together.
    whole: Vec<u8>,
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

/// An envelope as its producer writes it.
#[derive(Clone, Copy)]
struct Form<'e> {
    print: u64,
    around: Around<'e>,
    /// Its end is fields as a whole, and all tags are among them.
    tags_in_end: bool,
}

/// What a sample takes, in bytes: other things are counted as so many samples.
const SAMPLE_BYTES: usize = 16;

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
            by_labels: HashTable::new(),
            texts: Texts::default(),
            by_end: HashMap::new(),
            whole: Vec::new(),
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

    /// Takes what is wanted of an envelope of the source. It must be well-formed; its fields
    /// for timestamp and source are not looked at.
    ///
    /// # Errors
    /// [`ReadError::TooManySamples`].
    pub fn add(&mut self, passing: Passing<'_>) -> Result<(), ReadError> {
        let end = self.identities.end(passing);
        let first = end.and_then(|end| Message::first(passing.start, end));
        let Some((message, around)) = first else {
            return self.add_unknown(passing, None);
        };
        let mut print = None;
        let added = message.each(|metric| {
            let Some(name) = self.names.find(metric.name, metric.types, metric.unit) else {
                return Ok(());
            };
            let identities = &self.identities;
            let print = *print.get_or_insert_with(|| identities.print_around(around));
            match identities.find_form(print, around, name) {
                Some(series) => self
                    .sample(series, passing.timestamp, metric.value)
                    .map_err(Some),
                None => Err(None),
            }
        });
        match added {
            Ok(()) => Ok(()),
            Err(Some(error)) => Err(error),
            // What was taken of it already is the same again.
            Err(None) => self.add_unknown(passing, Some(around)),
        }
    }

    /// The same for an envelope that looks like none before it.
    fn add_unknown(
        &mut self,
        passing: Passing<'_>,
        around: Option<Around<'_>>,
    ) -> Result<(), ReadError> {
        let mut whole = std::mem::take(&mut self.whole);
        whole.clear();
        whole.extend_from_slice(passing.start);
        whole.extend_from_slice(passing.end);
        let added = self.add_whole(passing, &whole, around);
        self.whole = whole;
        added
    }

    fn add_whole(
        &mut self,
        passing: Passing<'_>,
        envelope: &[u8],
        around: Option<Around<'_>>,
    ) -> Result<(), ReadError> {
        let (mut last, mut messages) = (None, 0);
        let mut identity = self.identities.begin();
        // Whether its end is fields as a whole, and all tags are among them.
        let mut tags_in_end = false;
        for field in fields(envelope) {
            if field.start == passing.start.len() {
                tags_in_end = identity.has_no_tags();
            }
            match field.key {
                key::TAG => identity.tag(field),
                key::INSTANCE => identity.instance = field.bytes(),
                _ => {
                    if let Some(message) = Message::of(field) {
                        last = Some(message);
                        messages += 1;
                    }
                }
            }
        }
        // Of several messages the last one counts, which a form does not tell.
        let form = around.filter(|_| messages == 1);
        let form = form.map(|around| Form {
            print: self.identities.print_around(around),
            around,
            tags_in_end,
        });
        let added = last.map_or(Ok(()), |message| {
            message.each(|metric| {
                let Some(name) = self.names.find(metric.name, metric.types, metric.unit) else {
                    return Ok(());
                };
                let known = form.and_then(|form| {
                    let identities = &self.identities;
                    identities.find_form(form.print, form.around, name)
                });
                let series = match known {
                    Some(known) => known,
                    None => self.find(envelope, &mut identity, name, form)?,
                };
                self.sample(series, passing.timestamp, metric.value)
            })
        });
        self.identities.finish(identity);
        added
    }

    fn sample(
        &mut self,
        series: Option<usize>,
        timestamp: i64,
        value: f64,
    ) -> Result<(), ReadError> {
        let building = series.and_then(|series| self.series.get_mut(series));
        let Some(building) = building.filter(|_| !self.view.only_labels) else {
            return Ok(());
        };
        let last = building.samples.last_mut();
        let later = last.as_ref().is_none_or(|(before, _)| *before <= timestamp);
        if self.selection.only_newest {
            if self.view.mode.at(timestamp) > self.selection.end_ms {
                return Ok(());
            }
            if let Some(last) = last {
                if later {
                    *last = (timestamp, value);
                }
                return Ok(());
            }
        }
        self.room = self.room.checked_sub(1).ok_or(ReadError::TooManySamples)?;
        building.in_order &= later;
        building.samples.push((timestamp, value));
        Ok(())
    }

    /// The series of an identity, if it is wanted.
    fn find(
        &mut self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        name: usize,
        form: Option<Form<'_>>,
    ) -> Result<Option<usize>, ReadError> {
        let series = match self.identities.find(envelope, identity, name) {
            Some(known) => known,
            None => self.meet(envelope, identity, name, form)?,
        };
        if let Some(form) = form {
            let identities = &mut self.identities;
            identities.remember_form(form.print, form.around, name, series);
        }
        Ok(series)
    }

    /// The same for one that comes for the first time.
    fn meet(
        &mut self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        name: usize,
        form: Option<Form<'_>>,
    ) -> Result<Option<usize>, ReadError> {
        let labels = self.labels(envelope, identity, name, form);
        let before = self.series.len();
        let series = match self.wants(&labels) {
            true => Some(self.place(labels)),
            false => None,
        };
        let is_new = self.series.len() > before;
        // What is remembered of it takes room also where it is one more of a known series.
        let taken = envelope.len() / SAMPLE_BYTES + 1;
        let room = self.room.checked_sub(taken);
        self.room = room.ok_or(ReadError::TooManySamples)?;
        // Mostly its form is all that there ever is of it.
        if !is_new || form.is_none() {
            self.identities.remember(envelope, identity, name, series);
        }
        Ok(series)
    }

    /// The place of the series of these labels, which is made if there is none.
    fn place(&mut self, labels: Labels) -> usize {
        // All texts are shared: who has the same ones has them at the same places.
        let hash = self.identities.hash(labels.addresses());
        let has = |(_, at): &(u64, usize)| {
            let building = self.series.get(*at);
            building.is_some_and(|building| building.labels == labels)
        };
        if let Some((_, known)) = self.by_labels.find(hash, has) {
            return *known;
        }
        let next = self.series.len();
        self.by_labels
            .insert_unique(hash, (hash, next), |(hash, _)| *hash);
        self.series.push(Building {
            labels,
            samples: Vec::new(),
            in_order: true,
        });
        next
    }

    fn labels(
        &mut self,
        envelope: &[u8],
        identity: &Identity<'_>,
        name: usize,
        form: Option<Form<'_>>,
    ) -> Labels {
        let end = form.filter(|form| form.tags_in_end);
        let end = end.map(|form| form.around.end);
        let shared = end.and_then(|end| self.by_end.get(&end));
        let mut builder = match shared {
            Some(shared) => shared.edit(),
            None => {
                let mut builder = Labels::default().edit();
                for tag in identity.tags(envelope) {
                    let (label, value) = self.texts.of_tag(tag);
                    builder.set(label, value);
                }
                builder
            }
        };
        if let (Some(end), None) = (end, shared) {
            self.by_end.insert(end, builder.clone().build());
        }
        let instance = std::str::from_utf8(identity.instance).unwrap_or_default();
        if !instance.is_empty() {
            let instance = self.texts.share(instance);
            builder.set(self.texts.share("instance_id"), instance);
        }
        builder.set(self.texts.share(SOURCE_ID), Arc::clone(&self.source));
        if self.labelled
            && let Some(metric) = self.names.get(name)
        {
            let metric = Arc::clone(&metric.name);
            builder.set(self.texts.share(METRIC_NAME), metric);
        }
        builder.build()
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

impl Mode {
    /// The time of a sample (milliseconds since 1970) of an envelope with this timestamp.
    fn at(self, timestamp: i64) -> i64 {
        match self {
            Mode::LogCache => timestamp.div_euclid(SECOND).saturating_mul(1000),
            Mode::Modern => timestamp.div_euclid(MILLISECOND),
        }
    }
}

/// Of several samples of one instant the last one stays.
fn samples(mut found: Vec<(i64, f64)>, in_order: bool, mode: Mode) -> Arc<[Sample]> {
    if !in_order {
        found.sort_by_key(|(timestamp, _)| *timestamp);
    }
    for (timestamp, _) in &mut found {
        *timestamp = mode.at(*timestamp);
    }
    found.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
    let samples = found.into_iter().map(|(at, value)| Sample { at, value });
    samples.collect()
}

#[cfg(test)]
mod tests;
