//! The store against a list of all that came.

use proptest::prelude::*;

use super::*;
use crate::query::Cursor;

const SOURCES: [&str; 3] = ["app", "", "another/source\n"];
const TYPES: [Types; 6] = [
    Types::LOG,
    Types::COUNTER,
    Types::GAUGE,
    Types::TIMER,
    Types::EVENT,
    Types::OTHER,
];

#[derive(Clone, Debug)]
struct One {
    source: usize,
    types: usize,
    timestamp: i64,
    size: usize,
}

fn one() -> impl Strategy<Value = One> {
    // Mostly in order, often equal, sometimes anywhere.
    let timestamp = prop_oneof![
        4 => -5..5_i64,
        1 => any::<i64>(),
    ];
    (
        prop_oneof![8 => Just(0_usize), 1 => 1..3_usize],
        0..6_usize,
        timestamp,
        prop_oneof![20 => 0..50_usize, 1 => 0..20_000_usize],
    )
        .prop_map(|(source, types, timestamp, size)| One {
            source,
            types,
            timestamp,
            size,
        })
}

fn query() -> impl Strategy<Value = Query> {
    let time = prop_oneof![3 => -6..6_i64, 1 => any::<i64>()];
    (
        0..3_usize,
        time.clone(),
        time,
        prop_oneof![1..20_usize, Just(usize::MAX)],
        0..64_u8,
        any::<bool>(),
    )
        .prop_map(|(source, start, end, limit, types, descending)| Query {
            start,
            end,
            limit,
            descending,
            types: Types::from_bits(types),
            ..Query::all(SOURCES[source])
        })
}

/// What the store must answer: places and bytes, and whether there is more.
fn expected(all: &[(One, Vec<u8>)], query: &Query) -> (Vec<Bytes>, bool) {
    let mut found: Vec<_> = all
        .iter()
        .enumerate()
        .filter(|(_, (one, _))| {
            SOURCES[one.source] == query.source_id
                && query.types.intersects(TYPES[one.types])
                && (query.start..query.end).contains(&one.timestamp)
        })
        .map(|(place, (one, bytes))| ((one.timestamp, place), bytes))
        .collect();
    found.sort_by_key(|(key, _)| *key);
    if query.descending {
        found.reverse();
    }
    let mut count = query.limit.min(found.len());
    while count < found.len() && found[count].0.0 == found[count - 1].0.0 {
        count += 1;
    }
    let envelopes = found.iter().take(count);
    let envelopes = envelopes.map(|(_, bytes)| Bytes::copy_from_slice(bytes));
    (envelopes.collect(), count < found.len())
}

fn filled(all: &[One], compress: bool) -> (Store, Vec<(One, Vec<u8>)>) {
    let store = Store::new(StoreLimits {
        compress,
        ..roomy()
    });
    let all: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let text = format!("{place} {}", "x".repeat(one.size));
            (one.clone(), log(SOURCES[one.source], one.timestamp, &text))
        })
        .collect();
    for few in all.chunks(7) {
        let puts = few.iter().map(|(one, bytes)| Put {
            source_id: SOURCES[one.source],
            timestamp: one.timestamp,
            types: TYPES[one.types],
            envelope: bytes,
        });
        store.put(0, puts);
    }
    (store, all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn reads_are_those_of_a_list(
        all in prop::collection::vec(one(), 0..400),
        queries in prop::collection::vec(query(), 10),
        compress in any::<bool>(),
    ) {
        let (store, all) = filled(&all, compress);
        for query in queries {
            let page = store.read(&query);
            let (envelopes, more) = expected(&all, &query);
            prop_assert_eq!(&page.envelopes, &envelopes, "{:?}", query);
            prop_assert!(page.next.is_some() || !more, "{:?}", query);
        }
        for (at, name) in SOURCES.iter().enumerate() {
            let own: Vec<_> = all.iter().filter(|(one, _)| one.source == at).collect();
            let times = || own.iter().map(|(one, _)| one.timestamp);
            let meta = times().min().map(|oldest| SourceMeta {
                count: own.len() as u64,
                expired: 0,
                oldest,
                newest: times().max().unwrap(),
            });
            prop_assert_eq!(store.meta_of(name), meta);
        }
        prop_assert_eq!(store.stats().envelopes, all.len() as u64);
    }

    #[test]
    fn pages_are_the_whole_in_parts(
        all in prop::collection::vec(one(), 0..400),
        whole in query(),
        (limit, max_bytes, max_scan) in (1..30_usize, 1..5000_usize, 1..100_000_usize),
    ) {
        let (store, _) = filled(&all, true);
        let whole = Query { limit: usize::MAX, ..whole };
        let mut left = store.read(&whole).envelopes.into_iter();
        let mut after: Option<Cursor> = None;
        loop {
            let query = Query { limit, max_bytes, max_scan, after, ..whole.clone() };
            let page = store.read(&query);
            for envelope in page.envelopes {
                prop_assert_eq!(Some(envelope), left.next());
            }
            prop_assert!(page.next.is_none() || page.next != after, "no way on");
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        prop_assert_eq!(left.next(), None);
    }
}
