//! Names of metrics, made into what PromQL can say.

use std::{borrow::Cow, sync::Arc};

use hashbrown::HashMap;

use crate::{
    promql::{labels::METRIC_NAME, matcher::Matcher},
    types::Types,
};

/// A metric as it is asked for: everything but letters and digits of ASCII becomes `_`, and
/// so does a digit at the start (log-cache specification, 4.3).
pub fn metric_name(raw: &str) -> Cow<'_, str> {
    let fits = |at: usize, letter: char| {
        letter == '_' || letter.is_ascii_alphabetic() || at > 0 && letter.is_ascii_digit()
    };
    if raw.char_indices().all(|(at, letter)| fits(at, letter)) {
        return Cow::Borrowed(raw);
    }
    let letters = raw.char_indices();
    let letters = letters.map(|(at, letter)| if fits(at, letter) { letter } else { '_' });
    Cow::Owned(letters.collect())
}

/// What is known of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name as it is asked for.
    pub name: Arc<str>,
    /// The one type of its envelopes that was seen first.
    pub types: Types,
    /// Its unit in the envelope that was seen first; empty if it has none.
    pub unit: String,
}

/// The names that came by, and which of them are wanted.
pub(super) struct Names<'a> {
    matchers: &'a [Matcher],
    /// The one before: mostly it is the next one too.
    last: (Vec<u8>, Option<usize>),
    known: HashMap<Vec<u8>, Option<usize>>,
    wanted: Vec<Metric>,
}

impl<'a> Names<'a> {
    pub(super) fn new(matchers: &'a [Matcher]) -> Self {
        let mut names = Self {
            matchers,
            last: (Vec::new(), None),
            known: HashMap::new(),
            wanted: Vec::new(),
        };
        // An empty name may be wanted too.
        names.last.1 = names.meet(b"", Types::COUNTER, b"");
        names
    }

    /// The place of a metric among those that are wanted.
    pub(super) fn find(&mut self, raw: &[u8], types: Types, unit: &[u8]) -> Option<usize> {
        if self.last.0 == raw {
            return self.last.1;
        }
        let found = match self.known.get(raw) {
            Some(known) => *known,
            None => self.meet(raw, types, unit),
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(raw);
        self.last.1 = found;
        found
    }

    fn meet(&mut self, raw: &[u8], types: Types, unit: &[u8]) -> Option<usize> {
        let name = metric_name(std::str::from_utf8(raw).unwrap_or_default());
        let mut about = self.matchers.iter().filter(|one| &*one.name == METRIC_NAME);
        let place = about.all(|matcher| matcher.matches(&name)).then(|| {
            let same = self.wanted.iter().position(|metric| *metric.name == *name);
            same.unwrap_or_else(|| {
                self.wanted.push(Metric {
                    name: name.into(),
                    types,
                    unit: String::from_utf8_lossy(unit).into_owned(),
                });
                self.wanted.len() - 1
            })
        });
        self.known.insert(raw.to_vec(), place);
        place
    }

    pub(super) fn get(&self, at: usize) -> Option<&Metric> {
        self.wanted.get(at)
    }

    /// Those that came by.
    pub(super) fn into_metrics(self) -> Vec<Metric> {
        let named = self.wanted.into_iter();
        named.filter(|metric| !metric.name.is_empty()).collect()
    }
}
