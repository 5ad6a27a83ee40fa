#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use std::fs::OpenOptions;

use bytes::Bytes;
use logweir_cache::{Put, Query, StoreLimits, Types};
use tempfile::TempDir;

use super::*;

fn limits(bytes: usize) -> StoreLimits {
    StoreLimits {
        bytes,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    }
}

const ROOMY: usize = 1 << 28;

fn open(dir: &TempDir, bytes: usize) -> (Disk, Arc<Store>, Back) {
    let store = Arc::new(Store::new(limits(bytes)));
    let (disk, back) = Disk::open(dir.path(), Arc::clone(&store)).unwrap();
    (disk, store, back)
}

/// What an envelope may be, for all the store knows; not to be compressed.
fn noise(seed: i64) -> Vec<u8> {
    let mut state = seed.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let words = (0..32).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().collect()
}

fn put(store: &Store, source: &str, timestamp: i64) {
    let envelope = noise(timestamp);
    let one = Put {
        source_id: source,
        timestamp,
        types: Types::LOG,
        envelope: &envelope,
    };
    store.put(timestamp, [one]);
}

fn all(store: &Store, source: &str) -> Vec<Bytes> {
    store.read(&Query::all(source)).envelopes
}

fn files(dir: &TempDir, kind: Kind) -> Vec<PathBuf> {
    let files = super::super::files::list(dir.path(), kind).unwrap();
    files.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn what_was_saved_is_there_after_the_process_was_killed() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, back) = open(&dir, ROOMY);
    assert!(back.clean && back.loaded.bytes == 0);
    for at in 0..3000 {
        put(&store, ["one", "two"][usize::from(at % 3 == 0)], at);
        if at % 250 == 0 {
            disk.save().unwrap();
        }
    }
    disk.save().unwrap();
    let saved = [all(&store, "one"), all(&store, "two")];
    put(&store, "one", 3000);
    // Nobody says that it ends.
    drop(disk);
    for _ in 0..3 {
        let (mut disk, store, back) = open(&dir, ROOMY);
        assert!(!back.clean && back.loaded.damaged.is_empty());
        assert_eq!([all(&store, "one"), all(&store, "two")], saved);
        disk.save().unwrap();
    }
    let (mut disk, store, _) = open(&dir, ROOMY);
    disk.save().unwrap();
    disk.mark_clean().unwrap();
    drop((disk, store));
    assert!(open(&dir, ROOMY).2.clean);
}

#[test]
fn a_directory_is_for_one_process() {
    let dir = TempDir::new().unwrap();
    let _first = open(&dir, ROOMY);
    let second = Disk::open(dir.path(), Arc::new(Store::new(limits(ROOMY))));
    assert_eq!(second.err().unwrap().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn damage_costs_what_is_damaged() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, _) = open(&dir, ROOMY);
    for at in 0..3000 {
        put(&store, "app", at);
        if at % 1000 == 999 {
            disk.save().unwrap();
        }
    }
    let saved = all(&store, "app");
    drop(disk);
    let segment = &files(&dir, Kind::Segment)[0];
    let mut bytes = fs::read(segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // And the end was not written.
    bytes.truncate(bytes.len() - 10);
    fs::write(segment, bytes).unwrap();
    let (_disk, store, back) = open(&dir, ROOMY);
    assert_eq!(back.loaded.damaged.len(), 1);
    let left = all(&store, "app");
    assert!(left.len() > 2000 && left.len() < 3000, "{}", left.len());
    assert!(left.iter().all(|one| saved.contains(one)));
    assert_eq!(store.meta_of("app").unwrap().count, left.len() as u64);
}

#[test]
fn no_bytes_in_the_directory_are_too_strange() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("0000000000000001.seg"), noise(1)).unwrap();
    fs::write(dir.path().join("0000000000000002.jnl"), noise(2)).unwrap();
    fs::write(dir.path().join("0000000000000003.seg"), b"").unwrap();
    fs::write(dir.path().join("notes.txt"), b"mine").unwrap();
    let (mut disk, store, back) = open(&dir, ROOMY);
    assert_eq!(back.loaded.damaged.len(), 2);
    assert_eq!(store.stats().envelopes, 0);
    disk.save().unwrap();
    assert!(files(&dir, Kind::Segment).is_empty() && files(&dir, Kind::Journal).is_empty());
    assert!(dir.path().join("notes.txt").exists());
}

#[test]
fn the_disk_has_its_bounds() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, _) = open(&dir, 4 << 20);
    put(&store, "quiet", 0);
    disk.save().unwrap();
    for at in 0..100_000 {
        put(&store, "noisy", at);
        if at % 500 == 0 {
            disk.save().unwrap();
            let on_disk: u64 = fs::read_dir(dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().len())
                .sum();
            assert!(on_disk < 32 << 20, "{on_disk}");
        }
    }
    disk.save().unwrap();
    let saved = all(&store, "noisy");
    drop(disk);
    let (_disk, store, _) = open(&dir, 4 << 20);
    assert_eq!(all(&store, "quiet").len(), 1);
    let back = all(&store, "noisy");
    assert!(back.len() * 10 > saved.len() * 9);
    assert_eq!(back, saved[saved.len() - back.len()..]);
    assert!(store.stats().bytes <= 4 << 20);
}

#[test]
fn a_full_disk_costs_what_comes_while_it_is_full_and_nothing_once_it_is_not() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, _) = open(&dir, ROOMY);
    for at in 0..1000 {
        put(&store, "app", at);
    }
    disk.save().unwrap();
    // From now on the device of both files is full.
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    disk.segment.as_mut().unwrap().file = full();
    disk.journal.as_mut().unwrap().file = full();
    for at in 1000..3000 {
        put(&store, "app", at);
    }
    let error = disk.save().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(all(&store, "app").len(), 3000);
    // Whoever starts now finds what was saved before.
    let copy = TempDir::new().unwrap();
    for path in [files(&dir, Kind::Segment), files(&dir, Kind::Journal)].concat() {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    assert_eq!(all(&open(&copy, ROOMY).1, "app").len(), 1000);
    // There is room again.
    disk.save().unwrap();
    drop(disk);
    let (_disk, again, back) = open(&dir, ROOMY);
    assert!(back.loaded.damaged.is_empty());
    assert_eq!(all(&again, "app"), all(&store, "app"));
}

#[test]
fn a_new_journal_has_what_is_open_and_the_old_one_goes() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, _) = open(&dir, ROOMY);
    disk.journal_bytes = 10_000;
    let mut numbers = Vec::new();
    for at in 0..300 {
        // A source each: no block is ever full.
        put(&store, &format!("source {}", at % 30), at);
        disk.save().unwrap();
        let journals = files(&dir, Kind::Journal);
        assert_eq!(journals.len(), 1);
        numbers.extend(journals);
        disk.journal_bytes = 10_000;
    }
    numbers.dedup();
    assert!(numbers.len() > 3, "{numbers:?}");
    drop(disk);
    let (_disk, again, _) = open(&dir, ROOMY);
    for at in 0..30 {
        let source = format!("source {at}");
        assert_eq!(all(&again, &source), all(&store, &source));
    }
}

#[test]
fn one_block_of_a_quiet_source_does_not_keep_a_segment() {
    let dir = TempDir::new().unwrap();
    let (mut disk, store, _) = open(&dir, ROOMY);
    for at in 0..1000 {
        put(&store, "app", at);
    }
    disk.save().unwrap();
    disk.close_segment();
    let first = files(&dir, Kind::Segment);
    store.forget_saved(&disk.segments[0].home);
    disk.save().unwrap();
    let second = files(&dir, Kind::Segment);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    drop(disk);
    assert_eq!(all(&open(&dir, ROOMY).1, "app"), all(&store, "app"));
}
