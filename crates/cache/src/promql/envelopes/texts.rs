//! Texts of labels, which the series share.

use std::sync::Arc;

use hashbrown::HashMap;
use logweir_proto::fields::fields;

use crate::promql::labels::Label;

/// Keys of the halves of a tag: number and wire type.
mod key {
    pub(super) const NAME: u64 = 1 << 3 | 2;
    pub(super) const VALUE: u64 = 2 << 3 | 2;
}

/// Those that came by.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<Box<str>, Arc<str>>,
    /// Tags as they lie in envelopes.
    tags: HashMap<Box<[u8]>, Label>,
}

impl Texts {
    /// The text, one for all who have it.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.known.insert(text.into(), Arc::clone(&shared));
        shared
    }

    /// The label that a tag is: an entry of the map, without its key.
    pub(super) fn of_tag(&mut self, tag: &[u8]) -> Label {
        if let Some((name, value)) = self.tags.get(tag) {
            return (Arc::clone(name), Arc::clone(value));
        }
        let (mut name, mut value) = ("", "");
        for field in fields(tag) {
            match field.key {
                key::NAME => name = field.text(),
                key::VALUE => value = field.text(),
                _ => {}
            }
        }
        let label = (self.share(name), self.share(value));
        self.tags.insert(tag.into(), label.clone());
        label
    }
}
