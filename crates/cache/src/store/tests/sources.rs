//! All sources by name, while some come and others go.

use super::*;

#[test]
fn sources_are_told_by_name_as_they_come_and_go() {
    let store = Store::new(StoreLimits {
        bytes: 60_000,
        ..roomy()
    });
    assert!(store.meta().is_empty());
    let mut most = 0;
    for at in 0..600_i64 {
        // Some stay, some are never heard of again.
        let source = match at % 3 {
            0 => format!("stays {}", at % 5),
            _ => format!("{}", (at * 7919) % 1000),
        };
        put(&store, at, &source, at, &noise(at));
        let sources = store.meta();
        let names: Vec<&str> = sources.iter().map(|(name, _)| name).collect();
        assert!(names.is_sorted_by(|a, b| a < b));
        assert_eq!(names.len(), store.stats().sources);
        assert_eq!(sources.name_bytes(), names.concat().len());
        // Whatever holds most may go at once.
        assert_eq!(names.contains(&&*source), store.meta_of(&source).is_some());
        for (name, meta) in sources.iter() {
            assert_eq!(store.meta_of(name), Some(meta));
        }
        most = most.max(sources.len());
    }
    assert!(store.meta().len() < 400 && most > 20, "{most}");
}
