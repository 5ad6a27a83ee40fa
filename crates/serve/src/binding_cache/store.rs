//! What the agents are answered: JSON, made once for each change.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use logweir_drain::binding::{Binding, legacy};
use serde::Serialize;

/// One list, in the shape of today and in the one before v8.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) current: Bytes,
    pub(super) legacy: Bytes,
}

/// Both lists. Clones are the same store.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Lists>);

#[derive(Default)]
struct Lists {
    bindings: ArcSwapOption<Listed>,
    aggregate: ArcSwapOption<Listed>,
}

impl Store {
    /// Replaces the drains of apps.
    pub(super) fn set_bindings(&self, bindings: &[Binding]) {
        let legacy = legacy::of_bindings(bindings);
        self.0
            .bindings
            .store(Some(Arc::new(listed(bindings, &legacy))));
    }

    /// Replaces the drains of everything.
    pub(super) fn set_aggregate(&self, bindings: &[Binding]) {
        let legacy = legacy::of_aggregate(bindings);
        self.0
            .aggregate
            .store(Some(Arc::new(listed(bindings, &legacy))));
    }

    /// The drains of apps; `None` until they were read once.
    pub(super) fn bindings(&self) -> Option<Arc<Listed>> {
        self.0.bindings.load_full()
    }

    /// The drains of everything.
    pub(super) fn aggregate(&self) -> Option<Arc<Listed>> {
        self.0.aggregate.load_full()
    }
}

fn listed(current: &[Binding], legacy: &[legacy::Binding]) -> Listed {
    Listed {
        current: json(&current),
        legacy: json(&legacy),
    }
}

/// JSON as Go's encoder writes it: what could end an HTML script is escaped, and a line
/// ends it.
fn json(value: &impl Serialize) -> Bytes {
    // Text and lists alone: nothing that JSON cannot say.
    let text = serde_json::to_string(value).unwrap_or_else(|_| "[]".into());
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // All of these stand in strings only.
        match c {
            '&' => out.push_str("\\u0026"),
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out.push('\n');
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_as_the_peers_write_them() {
        let store = Store::default();
        assert!(store.bindings().is_none());
        store.set_bindings(&[]);
        let text = |listed: Option<Arc<Listed>>| {
            let listed = listed.expect("a list");
            let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
            (text(&listed.current), text(&listed.legacy))
        };
        assert_eq!(text(store.bindings()), ("[]\n".into(), "[]\n".into()));
        store.set_aggregate(&[Binding {
            url: "https://h?a=1&b=<2>".to_owned().into(),
            ..Binding::default()
        }]);
        assert_eq!(
            text(store.aggregate()),
            (
                "[{\"url\":\"https://h?a=1\\u0026b=\\u003c2\\u003e\",\"credentials\":[]}]\n".into(),
                "[{\"app_id\":\"\",\"drains\":[\"https://h?a=1\\u0026b=\\u003c2\\u003e\"],\
                 \"hostname\":\"\",\"v2_available\":true}]\n"
                    .into()
            )
        );
    }
}
