//! What a drain wants of the envelopes of its source (spec agents-and-drains §3.3): kinds, and
//! for logs and events the source types.

#[cfg(test)]
mod tests;
mod types;

use logweir_proto::{
    fields::fields,
    peek::{Kind, Peek},
};
use logweir_route::selector::{Selector, What};

pub use types::{SourceType, SourceTypes, TypesError};

use crate::url::DrainData;

/// What a drain takes. Compared by value: the same wishes are the same drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    data: DrainData,
    types: SourceTypes,
}

const KINDS: [Kind; 5] = [
    Kind::Log,
    Kind::Counter,
    Kind::Gauge,
    Kind::Timer,
    Kind::Event,
];

/// Key of a tag in an envelope, and of name and value in it.
const TAG: u64 = 9 << 3 | 2;
const NAME: u64 = 1 << 3 | 2;
const VALUE: u64 = 2 << 3 | 2;

impl Filter {
    /// These kinds, and of these source types.
    pub fn new(data: DrainData, types: SourceTypes) -> Self {
        Self { data, types }
    }

    /// Whether the drain takes envelopes of this kind.
    pub fn takes(&self, kind: Kind) -> bool {
        use Kind::{Counter, Event, Gauge, Log, Timer};
        match self.data {
            DrainData::Logs => matches!(kind, Log | Event),
            DrainData::LogsNoEvents => kind == Log,
            DrainData::Metrics => matches!(kind, Counter | Gauge),
            DrainData::LogsAndMetrics => matches!(kind, Log | Counter | Gauge),
            DrainData::Traces => kind == Timer,
            DrainData::All => true,
        }
    }

    /// Whether [`Filter::wants`] leaves out envelopes that [`Filter::selectors`] let
    /// through.
    pub fn reads_types(&self) -> bool {
        self.types != SourceTypes::Every
    }

    /// The subscription of a drain: every kind that it takes, of one source or of all.
    pub fn selectors(&self, source: Option<&str>) -> Vec<Selector> {
        let kinds = KINDS.into_iter().filter(|kind| self.takes(*kind));
        let selector = |kind| Selector {
            source: source.map(Into::into),
            what: What::Any(kind),
        };
        kinds.map(selector).collect()
    }

    /// Whether the drain takes this envelope. One without a kind goes only to drains of
    /// everything, where it makes no message.
    pub fn wants(&self, envelope: &[u8], peek: &Peek<'_>) -> bool {
        let Some(kind) = peek.kind else {
            return self.data == DrainData::All;
        };
        self.takes(kind)
            && (self.types == SourceTypes::Every
                || !matches!(kind, Kind::Log | Kind::Event)
                || self.types.wants(source_type(envelope)))
    }
}

/// The value of the tag `source_type`, the last one if there are several.
fn source_type(envelope: &[u8]) -> Option<&str> {
    let tags = fields(envelope).filter(|field| field.key == TAG);
    tags.filter_map(|tag| {
        let (mut name, mut value) = ("", "");
        for field in fields(tag.bytes()) {
            match field.key {
                NAME => name = field.text(),
                VALUE => value = field.text(),
                _ => {}
            }
        }
        (name == "source_type").then_some(value)
    })
    .last()
}
