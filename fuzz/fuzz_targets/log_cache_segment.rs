//! Any bytes in a log cache's directory are read without a panic, also those whose checksums
//! somebody has made right, and what is read can be searched.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logweir_cache::{
    Block, Head, Put, Query, Store, StoreLimits, Types, Unsaved,
    record::{Found, Records, encode},
};

const SOURCE: &str = "app";

fuzz_target!(|input: &[u8]| {
    take_in(input);
    if let Some((head, body)) = input.split_at_checked(56) {
        let long = |at: usize| i64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let block = Block {
            source_id: SOURCE.into(),
            types: Types::from_bits(head[54]),
            head: Head {
                first: long(0).cast_unsigned(),
                last: long(8).cast_unsigned(),
                oldest: long(16),
                newest: long(24),
                came_first: long(32),
                came_last: long(40),
                count: word(48),
                // What a block may have is more than a fuzzer's memory.
                raw_bytes: u32::from(head[52]) << 8 | u32::from(head[53]),
                in_order: head[55] & 1 != 0,
                packed: head[55] & 2 != 0,
            },
            total: long(8).cast_unsigned() >> 1,
            body: Bytes::copy_from_slice(body),
        };
        let mut file = Vec::new();
        encode(&Unsaved::Appended(block.clone(), 0), &mut file);
        encode(&Unsaved::Sealed(block), &mut file);
        assert_eq!(take_in(&file), 0, "what was written is damaged");
    }
});

/// Restores a store from a file, and asks it. Returns how many bytes were damaged.
fn take_in(file: &[u8]) -> usize {
    let store = Store::new(StoreLimits {
        bytes: 1 << 20,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    });
    let mut damaged = 0;
    for found in Records::of(file) {
        match found {
            Found::Damaged(range) => damaged += range.len(),
            Found::Record(Unsaved::Sealed(block)) => {
                store.restore(block, None);
            }
            Found::Record(Unsaved::Appended(block, _)) => {
                store.restore_appended(&block);
            }
        }
    }
    store.restored();
    store.put(
        0,
        [Put {
            source_id: SOURCE,
            timestamp: 0,
            types: Types::LOG,
            envelope: b"\x12\x03app\x22\x03\x0A\x01x",
        }],
    );
    for (source, _) in store.meta().iter() {
        for descending in [false, true] {
            let query = Query {
                limit: 5,
                descending,
                names: Some(regex::Regex::new("a").unwrap()),
                ..Query::all(source)
            };
            store.read(&query);
            let query = Query {
                names: None,
                search: Some(regex::bytes::Regex::new("x").unwrap()),
                ..query
            };
            let page = store.read(&query);
            let query = Query {
                search: None,
                after: page.next,
                ..query
            };
            store.read(&query);
        }
    }
    store.sweep(i64::MAX);
    damaged
}
