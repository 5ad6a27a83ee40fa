//! What is saved is there again.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A disk: sealed blocks, and the parts of open ones in the order in which they came.
#[derive(Default)]
struct Disk {
    sealed: Vec<Block>,
    journal: Vec<(Block, usize)>,
}

impl Disk {
    fn save(&mut self, store: &Store, home: &Arc<Home>) {
        for part in 0..Store::PARTS {
            let unsaved = store.unsaved(part);
            for one in &unsaved {
                match one {
                    Unsaved::Sealed(block) => self.sealed.push(block.clone()),
                    Unsaved::Appended(block, offset) => self.journal.push((block.clone(), *offset)),
                }
            }
            store.saved(part, &unsaved, home);
            assert!(store.unsaved(part).is_empty());
        }
    }

    fn restore(&self, limits: StoreLimits) -> Store {
        let store = Store::new(limits);
        for block in &self.sealed {
            assert!(store.restore(block.clone(), Some(&Arc::default())));
        }
        let mut open = BTreeMap::new();
        for (block, offset) in &self.journal {
            let key = (
                Arc::clone(&block.source_id),
                block.types.bits(),
                block.head.first,
            );
            let (latest, bytes) = open
                .entry(key)
                .or_insert_with(|| (block.clone(), Vec::new()));
            *latest = block.clone();
            bytes.truncate(*offset);
            assert_eq!(bytes.len(), *offset);
            bytes.extend_from_slice(&block.body);
        }
        for (latest, bytes) in open.into_values() {
            store.restore_appended(&Block {
                body: bytes.into(),
                ..latest
            });
        }
        store.restored();
        store
    }
}

fn all(store: &Store, source: &str) -> Vec<Bytes> {
    store.read(&Query::all(source)).envelopes
}

#[test]
fn a_store_comes_back_as_it_was_saved() {
    let store = Store::new(roomy());
    put(&store, 3, "early", 3, "before it is tracked");
    store.track();
    let (mut disk, home) = (Disk::default(), Arc::default());
    for at in 0..2000_i64 {
        let source = ["one", "two", "three"][usize::try_from(at % 3).unwrap()];
        put(&store, at, source, at / 7, &noise(at));
        if at % 97 == 0 {
            disk.save(&store, &home);
        }
    }
    disk.save(&store, &home);
    assert!(disk.sealed.len() > 6);
    let again = disk.restore(roomy());
    let (before, after) = (store.meta(), again.meta());
    assert!(before.iter().eq(after.iter()));
    for (source, _) in before.iter() {
        assert_eq!(all(&store, source), all(&again, source));
    }
    // What comes now has its place after what was there.
    put(&again, 0, "one", 1999 / 7, "the last");
    assert_eq!(texts(&all(&again, "one")).last().unwrap(), "the last");
}

#[test]
fn what_had_gone_is_still_told_after_a_restart() {
    let limits = || StoreLimits {
        bytes: 400_000,
        per_source_envelopes: Some(500),
        ..roomy()
    };
    let store = Store::new(limits());
    store.track();
    let (mut disk, home) = (Disk::default(), Arc::default());
    for at in 0..3000_i64 {
        let source = ["much", "much", "little"][usize::try_from(at % 3).unwrap()];
        put(&store, at, source, at, &noise(at));
        if at % 111 == 0 {
            disk.save(&store, &home);
        }
    }
    disk.save(&store, &home);
    let again = disk.restore(limits());
    for (source, came) in [("much", 2000), ("little", 1000)] {
        let (before, after) = (store.meta_of(source), again.meta_of(source));
        let (before, after) = (before.unwrap(), after.unwrap());
        assert!(before.expired > 100);
        assert_eq!(before.count + before.expired, came);
        // What is on the disk of what had gone may come back.
        assert_eq!(after.count + after.expired, came);
    }
    // So it is after the next restart.
    again.track();
    disk.save(&again, &home);
    let last = disk.restore(limits());
    for (source, meta) in again.meta().iter() {
        let after = last.meta_of(source).unwrap();
        assert_eq!(after.count + after.expired, meta.count + meta.expired);
    }
}

#[test]
fn blocks_of_a_file_that_goes_are_saved_again() {
    let store = Store::new(roomy());
    store.track();
    let (mut disk, first, second) = (Disk::default(), Arc::default(), Arc::default());
    for at in 0..3000 {
        put(&store, at, "app", at, &noise(at));
        if at == 1500 {
            disk.save(&store, &first);
        }
    }
    disk.save(&store, &second);
    let in_first = store.forget_saved(&first);
    assert!(in_first > 3 && in_first < disk.sealed.len());
    let unsaved: usize = (0..Store::PARTS)
        .map(|part| store.unsaved(part).len())
        .sum();
    assert_eq!(unsaved, in_first);
    let mut again = Disk::default();
    again.save(&store, &second);
    assert_eq!(again.sealed.len(), in_first);
    assert_eq!(Arc::strong_count(&first), 1, "nothing is in it any more");
}

#[test]
fn a_new_journal_has_all_that_is_open() {
    let store = Store::new(roomy());
    store.track();
    let (mut disk, home) = (Disk::default(), Arc::default());
    for at in 0..50 {
        put(&store, at, "app", at, &noise(at));
        disk.save(&store, &home);
    }
    store.forget_appended();
    disk.journal.clear();
    disk.save(&store, &home);
    assert_eq!(all(&disk.restore(roomy()), "app"), all(&store, "app"));
}

#[test]
fn a_journal_that_ends_in_the_middle_gives_what_is_whole() {
    let store = Store::new(roomy());
    store.track();
    let mut disk = Disk::default();
    for at in 0..5 {
        put(&store, at, "app", at, &format!("line {at}"));
    }
    disk.save(&store, &Arc::default());
    let (block, _) = &mut disk.journal[0];
    block.body.truncate(block.body.len() - 1);
    let again = disk.restore(roomy());
    assert_eq!(again.meta_of("app").unwrap().count, 4);
    assert_eq!(texts(&all(&again, "app"))[3], "line 3");
}

#[test]
fn what_comes_back_has_the_bounds_of_what_comes() {
    let store = Store::new(roomy());
    store.track();
    let mut disk = Disk::default();
    for at in 0..1000 {
        put(&store, at, "app", at, &noise(at));
    }
    disk.save(&store, &Arc::default());
    let again = disk.restore(StoreLimits {
        per_source_envelopes: Some(300),
        ..roomy()
    });
    let meta = again.meta_of("app").unwrap();
    assert!(meta.count <= 300 && meta.count > 100, "{meta:?}");
    assert_eq!((meta.count + meta.expired, meta.newest), (1000, 999));
    assert_eq!(all(&again, "app").len() as u64, meta.count);
    let again = disk.restore(StoreLimits {
        bytes: 50_000,
        ..roomy()
    });
    let stats = again.stats();
    assert!(stats.bytes <= 50_000 && stats.envelopes > 50, "{stats:?}");
}

#[test]
fn what_is_no_block_is_refused_or_empty() {
    let store = Store::new(roomy());
    store.track();
    for at in 0..500 {
        put(&store, at, "app", at, &noise(at));
    }
    let mut disk = Disk::default();
    disk.save(&store, &Arc::default());
    let good = disk.sealed.remove(0);
    let again = Store::new(roomy());
    let strange = |change: fn(&mut Block)| {
        let mut block = good.clone();
        change(&mut block);
        again.restore(block, None)
    };
    assert!(!strange(|block| block.head.count = 0));
    assert!(!strange(|block| block.head.raw_bytes = u32::MAX));
    assert!(!strange(|block| block.head.oldest = i64::MAX));
    assert!(!strange(|block| block.types = Types::ANY));
    assert_eq!(again.stats(), StoreStats::default());
    // Its bytes are only looked at when it is read.
    assert!(strange(|block| block.body = Bytes::from_static(b"no block")));
    assert!(again.restore(disk.sealed.remove(0), None));
    assert!(!all(&again, "app").is_empty());
}

fn strange() -> impl Strategy<Value = Block> {
    let places = (0..4_u64, 0..4_u64, any::<u64>(), any::<u64>());
    let times = (-3..3_i64, -3..3_i64, any::<i64>(), any::<i64>());
    let counts = (0..5_u32, 0..300_u32, any::<bool>(), any::<bool>());
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        // Mostly entries.
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 4, 8, 15, 16]), 0..60),
    ];
    (places, times, counts, body, 0..6_u8).prop_map(|(places, times, counts, body, bit)| Block {
        source_id: "app".into(),
        types: Types::from_bits(1 << bit),
        head: Head {
            first: places.0,
            last: places.1.max(places.2 >> 20 & (places.2 << 60)),
            oldest: times.0,
            newest: times.1,
            came_first: times.2,
            came_last: times.3,
            count: counts.0,
            raw_bytes: counts.1,
            in_order: counts.2,
            packed: counts.3,
        },
        total: places.3 >> (places.3 % 64),
        body: body.into(),
    })
}

proptest! {
    /// Whoever can write checksums can write anything.
    #[test]
    fn no_block_is_too_strange(blocks in prop::collection::vec(strange(), 1..6)) {
        let store = Store::new(StoreLimits { bytes: 5000, ..roomy() });
        for block in blocks {
            store.restore_appended(&block);
            store.restore(block, None);
        }
        store.restored();
        put(&store, 0, "app", 0, "hello");
        for descending in [false, true] {
            let query = Query { limit: 2, descending, ..Query::all("app") };
            let page = store.read(&query);
            store.read(&Query { after: page.next, ..query });
        }
        store.sweep(i64::MAX);
        store.sweep(i64::MIN);
    }
}
