//! Label sets: what names a series.

use std::{fmt, sync::Arc};

/// The label that holds the name of a metric.
pub const METRIC_NAME: &str = "__name__";
/// The label of a histogram's bucket that holds its upper bound.
pub const BUCKET: &str = "le";
/// What describes a sample's schema and goes where the name goes (Prometheus 3).
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// One label: its name and its value, shared between the series that have it.
pub type Label = (Arc<str>, Arc<str>);

/// A set of labels sorted by name, without empty values. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl Labels {
    /// A set of these pairs. Of a name given twice the last value stays; empty values go.
    pub fn new(
        pairs: impl IntoIterator<Item = (impl Into<Arc<str>>, impl Into<Arc<str>>)>,
    ) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// The value of a label; an absent label has the empty value.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |(_, value)| value)
    }

    fn find(&self, name: &str) -> Option<&Label> {
        self.0
            .binary_search_by(|(have, _)| have.as_ref().cmp(name))
            .ok()
            .and_then(|at| self.0.get(at))
    }

    /// The name of the metric, empty where there is none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// All labels, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Where the texts are in memory.
    pub(super) fn addresses(&self) -> impl Iterator<Item = usize> {
        let place = |text: &Arc<str>| Arc::as_ptr(text).addr();
        self.0
            .iter()
            .flat_map(move |(name, value)| [place(name), place(value)])
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels for whose name `keep` says yes.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .cloned()
                .collect(),
        )
    }

    /// The labels without the metric's name.
    pub fn without_name(&self) -> Self {
        self.retain(|name| name != METRIC_NAME)
    }

    /// The labels without the metric's name, type and unit.
    pub fn without_metadata(&self) -> Self {
        self.retain(|name| !METADATA.contains(&name))
    }

    /// A builder that starts from these labels.
    pub fn edit(&self) -> LabelsBuilder {
        // Some more are mostly added.
        let mut pairs = Vec::with_capacity(self.0.len() + 4);
        pairs.extend_from_slice(&self.0);
        LabelsBuilder { pairs }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Labels {
    /// `{a="1", b="2"}`, values quoted with Rust's escapes.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(out, "{comma}{name}={value:?}")?;
        }
        out.write_str("}")
    }
}

/// A label set in the making.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<Label>,
}

impl LabelsBuilder {
    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        let (name, value) = (name.into(), value.into());
        match self.pairs.binary_search_by(|(have, _)| have.cmp(&name)) {
            Ok(at) if value.is_empty() => drop(self.pairs.remove(at)),
            Ok(at) => {
                if let Some(pair) = self.pairs.get_mut(at) {
                    pair.1 = value;
                }
            }
            Err(_) if value.is_empty() => {}
            Err(at) => self.pairs.insert(at, (name, value)),
        }
    }

    /// Keeps the labels for whose name `keep` says yes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.pairs.retain(|(name, _)| keep(name));
    }

    /// The set.
    pub fn build(self) -> Labels {
        Labels(self.pairs.into())
    }
}

/// Whether `name` may be a label of Prometheus 2: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sorted_and_hold_no_empty_value() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.get("c"), "");
    }

    #[test]
    fn metadata_goes_with_the_name() {
        let labels = Labels::new([(METRIC_NAME, "x"), ("__type__", "counter"), ("a", "1")]);
        assert_eq!(labels.without_metadata(), Labels::new([("a", "1")]));
        assert_eq!(labels.without_name().len(), 2);
    }
}
