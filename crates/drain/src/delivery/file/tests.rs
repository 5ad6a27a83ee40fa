use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::{aside, writer::Writer};
use crate::nozzle::{FileSettings, Fsync};

fn settings(dir: &TempDir) -> FileSettings {
    FileSettings {
        path: dir.path().join("all.jsonl"),
        rotate_bytes: 0,
        rotate_after: Duration::ZERO,
        keep: 100,
        gzip: false,
        sync: Fsync::Never,
    }
}

/// The files beside `path` that were put aside, oldest first.
fn others(path: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(path.parent().unwrap()).unwrap();
    let all = all.map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|one| one != path).collect();
    all.sort();
    all
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_file_never_has_more_bytes_than_it_may_but_whole_lines() {
    let dir = TempDir::new().unwrap();
    let settings = FileSettings {
        rotate_bytes: 10,
        ..settings(&dir)
    };
    let mut writer = Writer::open(settings.clone()).unwrap();
    let done = writer.append(b"1234\n567\nabcdefghijklmno\nx\n");
    assert_eq!((done.bytes, done.rotated), (27, true));
    assert!(done.error.is_none());
    let done = writer.append(b"yy\n");
    assert_eq!((done.bytes, done.rotated), (3, false));
    let path = &settings.path;
    let aside: Vec<_> = others(path).iter().map(|one| text(one)).collect();
    assert_eq!(aside, ["1234\n567\n", "abcdefghijklmno\n"]);
    assert_eq!(text(path), "x\nyy\n");
    // A file that is there is gone on with.
    drop(writer);
    let mut writer = Writer::open(settings.clone()).unwrap();
    writer.append(b"zzzzz\n");
    assert_eq!(others(path).len(), 3);
    assert_eq!(text(path), "zzzzz\n");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_put_aside_when_it_is_old_and_not_when_it_is_empty() {
    let dir = TempDir::new().unwrap();
    let hour = Duration::from_secs(3600);
    let settings = FileSettings {
        rotate_after: hour,
        sync: Fsync::Within(Duration::from_secs(1)),
        ..settings(&dir)
    };
    let mut writer = Writer::open(settings.clone()).unwrap();
    assert_eq!(writer.due(), None, "an empty file has no age");
    tokio::time::advance(hour * 2).await;
    writer.append(b"1\n");
    let now = tokio::time::Instant::now();
    assert_eq!(writer.due(), Some(now + Duration::from_secs(1)), "the disk");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!writer.tend().unwrap());
    assert_eq!(writer.due(), Some(now + hour));
    tokio::time::advance(hour).await;
    assert!(writer.tend().unwrap());
    assert_eq!(others(&settings.path).len(), 1);
    assert_eq!(text(&settings.path), "");
}

#[tokio::test]
async fn the_oldest_go_and_the_others_are_compressed() {
    let dir = TempDir::new().unwrap();
    let mut settings = FileSettings {
        rotate_bytes: 2,
        ..settings(&dir)
    };
    // Names that are none of ours.
    let strange = [
        "all.jsonl.old",
        "all.jsonl.20261121T101609123Z.bak",
        "other",
    ];
    for name in strange {
        fs::write(dir.path().join(name), "strange").unwrap();
    }
    let mut writer = Writer::open(settings.clone()).unwrap();
    writer.append(b"1\n2\n3\n4\n5\n");
    (settings.keep, settings.gzip) = (2, true);
    aside::tidy(&settings);
    let unpacked: Vec<_> = others(&settings.path)
        .iter()
        .filter(|one| one.extension().is_some_and(|end| end == "gz"))
        .map(|one| {
            let mut text = String::new();
            let mut gzip = GzDecoder::new(fs::File::open(one).unwrap());
            gzip.read_to_string(&mut text).unwrap();
            text
        })
        .collect();
    assert_eq!(unpacked, ["3\n", "4\n"]);
    assert_eq!(others(&settings.path).len(), 2 + strange.len());
    assert_eq!(text(&settings.path), "5\n");
    settings.keep = 0;
    aside::tidy(&settings);
    assert_eq!(others(&settings.path).len(), strange.len());
}

#[tokio::test]
async fn a_line_that_breaks_off_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let settings = settings(&dir);
    for (before, after) in [
        ("1\n2", "1\nnew\n"),
        ("torn", "new\n"),
        ("1\n", "1\nnew\n"),
        ("", "new\n"),
    ] {
        fs::write(&settings.path, before).unwrap();
        let mut writer = Writer::open(settings.clone()).unwrap();
        writer.append(b"new\n");
        assert_eq!(text(&settings.path), after, "after {before:?}");
    }
    let long = format!("1\n{}", "x".repeat(200_000));
    fs::write(&settings.path, long).unwrap();
    drop(Writer::open(settings.clone()).unwrap());
    assert_eq!(text(&settings.path), "1\n");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_somebody_moved_away_is_made_anew() {
    let dir = TempDir::new().unwrap();
    let settings = settings(&dir);
    let mut writer = Writer::open(settings.clone()).unwrap();
    writer.append(b"1\n");
    let moved = dir.path().join("moved");
    fs::rename(&settings.path, &moved).unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    writer.append(b"2\n");
    assert_eq!(
        (text(&moved), text(&settings.path)),
        ("1\n".into(), "2\n".into())
    );
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_written() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(&dir);
    let error = |settings: &FileSettings| Writer::open(settings.clone()).err().unwrap().to_string();

    let held = Writer::open(settings.clone()).unwrap();
    assert_eq!(error(&settings), "another process writes to it");
    drop(held);

    settings.path = dir.path().join("link");
    symlink("/dev/null", &settings.path).unwrap();
    assert_eq!(error(&settings), "it is there and is no regular file");
    settings.path = dir.path().to_owned();
    assert_eq!(error(&settings), "it is there and is no regular file");
    settings.path = dir.path().join("missing/all.jsonl");
    assert!(error(&settings).contains("No such file or directory"));
    assert!(!settings.path.exists());
}
