#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use bytes::Bytes;
use tempfile::TempDir;

use super::*;

fn chunk(number: usize, size: usize) -> Chunk {
    let mut frames = format!("{number:08}").into_bytes();
    frames.resize(size.max(8), b'.');
    Chunk {
        frames: Bytes::from(frames),
        envelopes: 1,
        deprecated_tags: false,
    }
}

fn number(chunk: &Chunk) -> usize {
    std::str::from_utf8(&chunk.frames[..8])
        .unwrap()
        .parse()
        .unwrap()
}

fn rest(spool: &mut Spool) -> Vec<usize> {
    std::iter::from_fn(|| spool.read_next().unwrap().map(|chunk| number(&chunk))).collect()
}

#[test]
fn what_was_not_delivered_comes_again_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut spool = Spool::open(dir.path(), 1 << 30).unwrap();
    for one in 0..10 {
        spool.append(&chunk(one, 100)).unwrap();
    }
    for one in 0..6 {
        assert_eq!(number(&spool.read_next().unwrap().unwrap()), one);
    }
    spool.delivered(4).unwrap();
    assert_eq!(spool.stats().envelopes, 6);
    drop(spool);
    let mut spool = Spool::open(dir.path(), 1 << 30).unwrap();
    assert_eq!(spool.stats().envelopes, 6);
    spool.append(&chunk(10, 100)).unwrap();
    assert_eq!(rest(&mut spool), [4, 5, 6, 7, 8, 9, 10]);
    spool.delivered(7).unwrap();
    drop(spool);
    let mut spool = Spool::open(dir.path(), 1 << 30).unwrap();
    assert_eq!(rest(&mut spool), [0; 0]);
    assert_eq!(spool.stats(), SpoolStats::default());
}

#[test]
fn one_spool_has_one_user() {
    let dir = TempDir::new().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    let second = Spool::open(dir.path(), 1 << 20).err().unwrap();
    assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
    drop(spool);
    for _ in 0..3 {
        Spool::open(dir.path(), 1 << 20).unwrap();
    }
    // lock, dead, and one segment.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    Spool::open(dir.path(), 1 << 20).unwrap().remove_if_empty();
    assert!(!dir.path().exists());
}

#[test]
fn nobody_else_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let own = dir.path().join("spool").join("drain");
    Spool::open(&own, 1 << 20).unwrap();
    let mode = fs::metadata(&own).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn segments_go_when_they_are_delivered() {
    let dir = TempDir::new().unwrap();
    let files = || {
        fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| number_of(&entry.as_ref().unwrap().path()).is_some())
            .count()
    };
    let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
    for one in 0..100 {
        assert_eq!(spool.append(&chunk(one, 8 << 10)).unwrap(), 0);
    }
    assert!(files() > 5);
    assert_eq!(rest(&mut spool), (0..100).collect::<Vec<_>>());
    spool.delivered(100).unwrap();
    assert_eq!(files(), 1);
}

#[test]
fn past_the_bound_the_oldest_go_and_are_counted() {
    let dir = TempDir::new().unwrap();
    let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
    let mut lost = 0;
    for one in 0..1_000 {
        lost += spool.append(&chunk(one, 8 << 10)).unwrap();
        if one == 20 {
            // Some are under way when their segment goes.
            for _ in 0..10 {
                spool.read_next().unwrap().unwrap();
            }
        }
    }
    let left = rest(&mut spool);
    assert_eq!(left.len() as u64 + lost + 10, 1_000);
    assert_eq!(left, (1_000 - left.len()..1_000).collect::<Vec<_>>());
    assert_eq!(spool.stats().unread_bytes, 0);
    spool.delivered(10 + left.len()).unwrap();
    assert_eq!(spool.stats().envelopes, 0);
    drop(spool);
    assert_eq!(
        Spool::open(dir.path(), 1 << 20).unwrap().stats().envelopes,
        0
    );
}

#[test]
fn a_record_that_was_cut_off_takes_no_other_with_it() {
    let dir = TempDir::new().unwrap();
    let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
    for one in 0..3 {
        spool.append(&chunk(one, 100)).unwrap();
    }
    drop(spool);
    let path = path_of(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 1, whole.len() - 100, whole.len() - 111] {
        fs::write(&path, &whole[..length]).unwrap();
        let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
        spool.append(&chunk(9, 100)).unwrap();
        assert_eq!(rest(&mut spool), [0, 1, 9]);
        drop(spool);
        fs::remove_file(path_of(dir.path(), 2)).unwrap();
    }
}

#[test]
fn damage_is_noticed_and_what_comes_after_the_segment_survives() {
    let dir = TempDir::new().unwrap();
    let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
    for one in 0..3 {
        spool.append(&chunk(one, 100)).unwrap();
    }
    drop(spool);
    let path = path_of(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[112 + 50] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::write(dir.path().join("position"), b"nonsense").unwrap();
    let mut spool = Spool::open(dir.path(), 1 << 20).unwrap();
    spool.append(&chunk(7, 100)).unwrap();
    assert_eq!(rest(&mut spool), [0, 7]);
}

#[test]
fn what_was_refused_is_kept_until_it_is_replayed() {
    let dir = TempDir::new().unwrap();
    let mut spool = Spool::open(dir.path(), 64 << 10).unwrap();
    spool.append(&chunk(1, 100)).unwrap();
    for one in 2..5 {
        assert_eq!(spool.bury(&chunk(one, 100)).unwrap(), 0);
    }
    assert_eq!(
        spool.bury(&chunk(5, 64 << 10)).unwrap(),
        1,
        "no room for it"
    );
    drop(spool);
    let mut spool = Spool::open(dir.path(), 64 << 10).unwrap();
    assert_eq!(spool.stats().dead, 3);
    assert_eq!(spool.replay().unwrap(), 3);
    assert_eq!((spool.replay().unwrap(), spool.stats().dead), (0, 0));
    assert_eq!(rest(&mut spool), [1, 2, 3, 4]);
}
