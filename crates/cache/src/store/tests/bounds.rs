//! What goes, when, and how it is counted.

use super::*;

/// The meta of a source as the store's answers have it.
fn counted(store: &Store, source: &str) -> (u64, i64) {
    let all = store.read(&Query::all(source)).envelopes;
    let oldest = all.first().map(|first| {
        let first = v2::Envelope::decode(first.clone()).unwrap();
        first.timestamp
    });
    (all.len() as u64, oldest.unwrap_or(0))
}

#[test]
fn the_noisy_source_loses_its_own() {
    let store = Store::new(StoreLimits {
        bytes: 1 << 20,
        ..roomy()
    });
    for at in 0..10 {
        put(&store, at, "quiet", at, &noise(at));
    }
    let mut smallest = u64::MAX;
    for at in 0..20_000 {
        put(&store, at, "noisy", at, &noise(at));
        assert!(store.stats().bytes <= 1 << 20);
        let meta = store.meta_of("noisy").unwrap();
        assert_eq!(meta.count + meta.expired, at.cast_unsigned() + 1);
        if meta.expired > 0 {
            smallest = smallest.min(meta.count);
        }
    }
    assert!(smallest > 3000, "no cliff: {smallest}");
    assert_eq!(store.meta_of("quiet").unwrap().count, 10);
    let meta = store.meta_of("noisy").unwrap();
    assert_eq!(counted(&store, "noisy"), (meta.count, meta.oldest));
    let stats = store.stats();
    assert_eq!(stats.expired.budget, meta.expired);
    assert_eq!(stats.put, stats.envelopes + stats.expired.budget);
}

#[test]
fn a_hundred_thousand_sources_have_their_bounds() {
    let bytes = 8 << 20;
    let store = Store::new(StoreLimits { bytes, ..roomy() });
    for at in 0..100_000 {
        put(
            &store,
            at * SECOND / 1000,
            &format!("source {at}"),
            at,
            "hello",
        );
        if at % 1000 == 0 {
            assert!(store.stats().bytes <= bytes);
        }
    }
    let stats = store.stats();
    assert_eq!(stats.envelopes, stats.sources as u64);
    assert_eq!(stats.put, 100_000);
    assert!(stats.sources > 5_000, "{stats:?}");
    assert!(store.meta_of("source 99999").is_some());
    assert!(store.meta_of("source 0").is_none(), "the oldest go");
    assert_eq!(store.meta().len(), stats.sources);
}

#[test]
fn a_million_of_one_timestamp_are_kept_and_read_in_pages() {
    let store = Store::new(roomy());
    let envelope = log("app", 9, "the same");
    let put = Put {
        source_id: "app",
        timestamp: 9,
        types: Types::LOG,
        envelope: &envelope,
    };
    for _ in 0..1000 {
        store.put(0, std::iter::repeat_n(put, 1000));
    }
    let meta = store.meta_of("app").unwrap();
    assert_eq!((meta.count, meta.oldest, meta.newest), (1_000_000, 9, 9));
    for descending in [false, true] {
        let mut query = Query {
            limit: 100,
            descending,
            ..Query::all("app")
        };
        let page = store.read(&query);
        assert_eq!(page.envelopes.len(), 100 + Query::OVERSHOOT);
        query.after = page.next;
        let page = store.read(&query);
        assert_eq!(page.envelopes.len(), 100 + Query::OVERSHOOT);
    }
}

#[test]
fn so_many_of_a_source_are_kept() {
    for most in [1, 2, 3, 100, 1000] {
        let store = Store::new(StoreLimits {
            per_source_envelopes: Some(most),
            ..roomy()
        });
        for at in 0..3 * most.cast_signed() {
            put(&store, at, "app", at, "hello");
            let meta = store.meta_of("app").unwrap();
            let came = at.cast_unsigned() + 1;
            assert_eq!(meta.count + meta.expired, came);
            assert!(meta.count <= most);
            assert!(meta.count >= came.min(most - most / 16), "{meta:?} {most}");
        }
        let meta = store.meta_of("app").unwrap();
        assert_eq!(counted(&store, "app"), (meta.count, meta.oldest));
        assert_eq!(meta.newest, 3 * most.cast_signed() - 1);
        assert_eq!(store.stats().expired.per_source, meta.expired);
    }
}

#[test]
fn what_is_too_old_goes_type_by_type() {
    let store = Store::new(StoreLimits {
        max_age: Some(Duration::from_secs(80)),
        max_age_of: vec![(Types::COUNTER, Duration::from_secs(8))],
        ..roomy()
    });
    for at in 0..200_i64 {
        // The clocks of those who send are wrong.
        let timestamp = -at;
        let envelope = log("app", timestamp, "hello");
        let both = [Types::LOG, Types::COUNTER].map(|types| Put {
            source_id: "app",
            timestamp,
            types,
            envelope: &envelope,
        });
        store.put(at * SECOND, both);
        store.sweep(at * SECOND);
        let count = |types| {
            let types = Query {
                types,
                ..Query::all("app")
            };
            store.read(&types).envelopes.len()
        };
        if at > 100 {
            assert!((81..=93).contains(&count(Types::LOG)));
            assert!((9..=12).contains(&count(Types::COUNTER)));
        }
    }
    let meta = store.meta_of("app").unwrap();
    assert_eq!(counted(&store, "app"), (meta.count, meta.oldest));
    assert_eq!((meta.newest, meta.oldest), (0, -199));
    store.sweep(400 * SECOND);
    assert_eq!(store.meta_of("app"), None);
    let stats = store.stats();
    assert_eq!((stats.envelopes, stats.expired.age), (0, 400));
    assert_eq!((stats.bytes, stats.oldest), (0, None));
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_for_ever() {
    let store = Store::new(StoreLimits {
        max_age: Some(Duration::from_secs(10)),
        ..roomy()
    });
    put(&store, 1_000_000 * SECOND, "app", 0, "from tomorrow");
    store.sweep(100 * SECOND);
    store.sweep(102 * SECOND);
    put(&store, 105 * SECOND, "app", 0, "from now");
    store.sweep(110 * SECOND);
    assert_eq!(store.meta_of("app").unwrap().count, 2);
    store.sweep(111 * SECOND);
    assert_eq!(
        texts(&store.read(&Query::all("app")).envelopes),
        ["from now"]
    );
}

#[test]
fn an_envelope_larger_than_all_the_room_is_counted_as_gone() {
    let store = Store::new(StoreLimits {
        bytes: 10_000,
        ..roomy()
    });
    put(&store, 0, "quiet", 0, "hello");
    let long: String = (0..100).map(noise).collect();
    put(&store, 0, "noisy", 0, &long);
    assert_eq!(store.meta_of("noisy"), None);
    assert_eq!(store.meta_of("quiet").unwrap().count, 1);
    assert_eq!(store.stats().expired.budget, 1);
}

#[test]
fn sources_that_get_as_much_do_not_fill_their_blocks_at_once() {
    const SOURCES: usize = 1_000;
    let store = Store::new(roomy());
    let sealed = || -> usize {
        let shards = (0..SHARDS).map(|index| {
            let shard = store.shard(index);
            let lanes = shard.sources.iter().flatten().flat_map(|one| &one.lanes);
            lanes.map(|lane| lane.blocks.len()).sum::<usize>()
        });
        shards.sum()
    };
    let (mut before, mut most) = (0, 0);
    // Three blocks of each.
    for line in 0_i64.. {
        for source in 0..SOURCES {
            let text = noise(line * 1_000 + i64::try_from(source).unwrap());
            put(&store, line, &format!("source-{source:04}"), line, &text);
        }
        let now = sealed();
        most = most.max(now - before);
        before = now;
        if now > 3 * SOURCES {
            break;
        }
    }
    assert!(most < SOURCES / 5, "{most} of {SOURCES} at once");
}
