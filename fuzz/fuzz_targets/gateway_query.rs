//! Any query is refused or becomes a bounded request for preferred tags.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_serve::gateway::{MAX_SELECTORS, Query};

fuzz_target!(|raw: &str| {
    let query = Query::parse(raw);
    let Ok(request) = query.request() else { return };
    assert!(!request.selectors.is_empty() && request.selectors.len() <= MAX_SELECTORS);
    assert!(request.use_preferred_tags);
    let sources = query.source_ids();
    for selector in &request.selectors {
        assert!(selector.message.is_some());
        // Nothing wider than what was asked for, and authorised, may be opened.
        assert!(sources.is_empty() || sources.contains(&selector.source_id.as_str()));
    }
});
