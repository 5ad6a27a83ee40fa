//! What strangers ask of a log cache: paths, queries, places and expressions. Whatever
//! is asked, the store answers within its bounds.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use logweir_cache::{Put, Query, Store, StoreLimits, Types};

fuzz_target!(|text: &str| {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = format!("/api/v1/search/{path}");
    let Ok(Some(mut asked)) = logweir_serve::log_cache::question(&path, query) else {
        return;
    };
    assert!((1..=1000).contains(&asked.limit));
    asked.source_id = "app".to_owned();
    let page = store().read(&asked);
    assert!(page.envelopes.len() <= asked.limit + Query::OVERSHOOT);
});

fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let store = Store::new(StoreLimits {
            bytes: 1 << 20,
            max_age: None,
            max_age_of: Vec::new(),
            per_source_envelopes: None,
            compress: true,
        });
        // Logs `line` of instance `0`, at times that go on, stand still and go back.
        for (at, timestamp) in [1, 2, 2, 2, 5, 4, -1].into_iter().enumerate() {
            let envelope = [
                b"\x08".as_slice(),
                &[u8::try_from(timestamp & 0x7f).unwrap_or(0)],
                b"\x12\x03app\x22\x06\x0a\x04line",
            ]
            .concat();
            let put = Put {
                source_id: "app",
                timestamp,
                types: Types::LOG,
                envelope: &envelope,
            };
            store.put(i64::try_from(at).unwrap_or(0), [put]);
        }
        store
    })
}
