//! What a reader asks for: a source, a kind and sometimes exact metric names.

use hashbrown::HashSet;
use logweir_proto::{
    peek::{Kind, Peek},
    v2,
};

/// One wish of a reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The exact source id; `None` for every source.
    pub source: Option<Box<str>>,
    /// Kind of envelope, and names where the reader gave any.
    pub what: What,
}

/// Kind of envelope that a selector asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Every envelope of this kind.
    Any(Kind),
    /// Counters of exactly this name.
    Counter(Box<str>),
    /// Gauges whose set of metric names is exactly this one. Sorted; a name that
    /// the reader listed twice makes the selector match nothing, as at the peers.
    Gauge(Vec<Box<str>>),
}

/// Why a request was refused. Texts are the reverse log proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// No selector at all.
    #[error("Selectors cannot be empty")]
    Empty,
    /// A selector that names no kind.
    #[error("Selectors must have a Message")]
    NoMessage,
}

impl Selector {
    /// Reads a selector off the wire. `None` where it names no kind: a router
    /// ignores such a selector.
    pub fn from_wire(selector: &v2::Selector) -> Option<Self> {
        use v2::selector::Message;
        let what = match selector.message.as_ref()? {
            Message::Log(_) => What::Any(Kind::Log),
            Message::Timer(_) => What::Any(Kind::Timer),
            Message::Event(_) => What::Any(Kind::Event),
            Message::Counter(counter) if counter.name.is_empty() => What::Any(Kind::Counter),
            Message::Counter(counter) => What::Counter(counter.name.as_str().into()),
            Message::Gauge(gauge) if gauge.names.is_empty() => What::Any(Kind::Gauge),
            Message::Gauge(gauge) => {
                let mut names: Vec<Box<str>> = gauge
                    .names
                    .iter()
                    .map(|name| name.as_str().into())
                    .collect();
                names.sort_unstable();
                What::Gauge(names)
            }
        };
        let source = (!selector.source_id.is_empty()).then(|| selector.source_id.as_str().into());
        Some(Self { source, what })
    }

    /// Reads the selectors of a request as a router does: what names no kind is
    /// ignored, what is listed twice counts once.
    pub fn all_from_wire(selectors: &[v2::Selector]) -> Vec<Self> {
        // A stranger's list may be long: no comparing of all with all.
        let mut seen = HashSet::with_capacity(selectors.len());
        let all = selectors.iter().filter_map(Self::from_wire);
        all.filter(|selector| seen.insert(selector.clone()))
            .collect()
    }

    /// Whether an envelope is of the kind and names asked for. The source is not
    /// looked at: the index has found the selector by it.
    pub fn wants(&self, envelope: &Peek<'_>) -> bool {
        self.what.matches(envelope)
    }
}

impl What {
    /// Whether an envelope is of this kind and has exactly these names.
    pub fn matches(&self, envelope: &Peek<'_>) -> bool {
        match self {
            What::Any(kind) => envelope.kind == Some(*kind),
            What::Counter(name) => {
                envelope.kind == Some(Kind::Counter)
                    && envelope.metric_name().is_some_and(|own| *own == **name)
            }
            What::Gauge(names) => {
                envelope.kind == Some(Kind::Gauge) && same_set(names, envelope.gauge_names())
            }
        }
    }

    /// The kind asked for.
    pub fn kind(&self) -> Kind {
        match self {
            What::Any(kind) => *kind,
            What::Counter(_) => Kind::Counter,
            What::Gauge(_) => Kind::Gauge,
        }
    }
}

fn same_set(wanted: &[Box<str>], own: Vec<std::borrow::Cow<'_, str>>) -> bool {
    let mut own: Vec<&str> = own.iter().map(|name| &**name).collect();
    own.sort_unstable();
    own.dedup();
    if own.is_empty() {
        // A peer's key for "no metric" is the one of the single name "".
        return wanted.len() == 1 && wanted[0].is_empty();
    }
    own.len() == wanted.len()
        && own
            .iter()
            .zip(wanted)
            .all(|(own, wanted)| *own == &**wanted)
}

/// Checks a reader's request as the reverse log proxy does, and folds the legacy
/// selector into the list.
///
/// # Errors
/// No selector at all, or one that names no kind.
pub fn validate(request: &mut v2::EgressBatchRequest) -> Result<(), SelectorError> {
    let legacy = request.legacy_selector.take();
    if request.selectors.is_empty() {
        request.selectors.extend(legacy);
    }
    if request.selectors.is_empty() {
        return Err(SelectorError::Empty);
    }
    if request
        .selectors
        .iter()
        .any(|selector| selector.message.is_none())
    {
        return Err(SelectorError::NoMessage);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_very_many_selectors_is_read_in_no_time() {
        let selectors: Vec<_> = (0..200_000)
            .map(|number| v2::Selector {
                source_id: format!("app-{}", number % 150_000),
                message: Some(v2::selector::Message::Log(v2::LogSelector {})),
            })
            .collect();
        let all = Selector::all_from_wire(&selectors);
        assert_eq!(all.len(), 150_000);
        assert_eq!(all[149_999].source.as_deref(), Some("app-149999"));
    }
}
