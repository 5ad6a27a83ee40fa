//! Nozzles into files.

use std::fs;

use logweir_blackbox::{
    drains::{count, drain_until, lost},
    http,
    nozzles::{aside, into_file, lines, numbers, send},
    patience::{eventually, within},
    system::System,
};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{has_written, verb};

#[tokio::test]
async fn a_file_gets_every_line_and_is_shown_among_the_drains() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let system = System::start_with(&into_file("all", &path, "rotate_bytes = 100000")).await;
    send(&system, &lines(0..2000)).await;
    let page = has_written(&system, "nozzle-all", 2000).await;
    assert_eq!((count(&page, "queued"), lost(&page)), (0, 0), "{page:#}");
    assert_eq!(page["nozzle"], "file");
    assert_eq!(page["takes"], "log");
    assert_eq!(page["url"], format!("file://{}", path.display()));

    let mut all: Vec<_> = aside(&path).iter().flat_map(|one| numbers(one)).collect();
    assert!(all.len() >= 1000, "{} lines were put aside", all.len());
    all.extend(numbers(&path));
    assert_eq!(all, (0..2000).collect::<Vec<_>>());

    let (code, out, _) = verb(&system, &["list"]).await;
    assert!(code == 0 && out.contains("nozzle-all"), "{out}");
    let (_, out, _) = verb(&system, &["show", "nozzle-all"]).await;
    assert!(out.contains("delivered    2000 envelopes"), "{out}");
    for refused in ["test", "rm"] {
        let (code, _, error) = verb(&system, &[refused, "nozzle-all"]).await;
        assert!(
            code != 0 && error.contains("nozzle-all"),
            "{refused}: {error}"
        );
    }
    let (_, metrics) = http::get(system.door("http"), "/metrics").await;
    let ours = |line: &&str| {
        line.starts_with("logweir_nozzle_written") && line.contains("nozzle=\"nozzle-all\"")
    };
    let line = metrics.lines().find(ours);
    assert!(line.is_some_and(|line| line.ends_with(" 2000")), "{line:?}");
}

/// Most bytes that a process may write into one file; what goes beyond fails as on a full disk.
async fn limit(system: &System, bytes: &str) {
    let pid = system.process.pid().to_string();
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
    let output = within("prlimit ends", command.output())
        .await
        .expect("runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_and_loses_nothing_when_there_is_room_again() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let system = System::start_with(&into_file("all", &path, "")).await;
    send(&system, &lines(0..100)).await;
    has_written(&system, "nozzle-all", 100).await;
    let size = fs::metadata(&path).expect("there").len();
    limit(&system, &(size + 100).to_string()).await;
    send(&system, &lines(100..3000)).await;
    let page = drain_until(&system, "all.jsonl", "it fails again and again", |page| {
        count(page, "failures") > 2
    })
    .await;
    assert_eq!(page["state"], "failing");
    let error = page["last_error"]["message"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("cannot write /") && error.contains("too large"),
        "{error}"
    );
    assert_eq!(
        fs::metadata(&path).expect("there").len(),
        size,
        "no part of a line"
    );
    // Whoever reads over gRPC has no disk.
    let stream = within("the page", http::get(system.door("http"), "/healthz")).await;
    assert_eq!(stream.0, 200);
    limit(&system, "unlimited").await;
    let page = has_written(&system, "nozzle-all", 3000).await;
    assert_eq!((count(&page, "queued"), lost(&page)), (0, 0), "{page:#}");
    assert_eq!(numbers(&path), (0..3000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_spool_carries_a_nozzle_over_the_end_of_its_process() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("mounted/all.jsonl");
    let config = format!(
        "[[nozzles]]\nname = \"all\"\nspool = true\nkinds = [\"log\"]\n[nozzles.file]\npath = {path:?}\nfsync = \
         \"always\"\n"
    );
    let mut system = System::start_with(&config).await;
    send(&system, &lines(0..500)).await;
    drain_until(&system, "all.jsonl", "all is on disk", |page| {
        count(&page["spool"], "waiting") == 500
    })
    .await;
    let mounted = async { fs::create_dir(path.parent().expect("one")).expect("made") };
    system.killed(mounted).await;
    let done = eventually("every line", async || {
        let all = numbers(&path);
        (all.len() >= 500).then_some(all)
    });
    assert_eq!(done.await, (0..500).collect::<Vec<_>>());
}
