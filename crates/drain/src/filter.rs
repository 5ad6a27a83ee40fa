//! What a drain wants of the envelopes of its source (spec agents-and-drains §3.3): kinds, and
//! for logs and events the source types.

#[cfg(test)]
mod tests;
mod types;

use logweir_proto::peek::{Kind, Peek};
use logweir_route::selector::{Selector, What};

pub use types::{SourceType, SourceTypes, TypesError};

use crate::{notice::tag, url::DrainData};

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
                || self.types.wants(tag(envelope, "source_type")))
    }
}
