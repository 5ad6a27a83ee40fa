//! What a log cache remembers over the end of its process.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use logweir_blackbox::{
    cache::{meta, send, walk},
    envelopes::log,
    http,
    patience::eventually,
    system::System,
};
use logweir_net::dial::H2;
use logweir_proto::v2;
use tokio::time::{Duration, Instant};

const SOURCES: [&str; 3] = ["busy", "busier", "quiet"];

/// A line whose timestamp no other has.
fn line(source: &str, number: usize) -> v2::Envelope {
    let mut line = log(source, format!("{source} {number} {}", text(number)));
    line.timestamp = i64::try_from(number).expect("a number");
    line
}

/// Not to be compressed to nothing.
fn text(number: usize) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{mixed:016x}{:016x}", mixed.wrapping_mul(mixed | 1)).repeat(3)
}

/// Sends lines until the process is gone, and says which were taken when.
async fn load(node: H2, from: usize, stop: Arc<AtomicBool>) -> Vec<(Instant, usize)> {
    let mut taken = Vec::new();
    let mut number = from;
    while !stop.load(Ordering::Relaxed) {
        let batch: Vec<_> = (number..number + 50)
            .flat_map(|number| {
                let sources = SOURCES.iter().filter(move |source| {
                    // One is so quiet that its block stays open.
                    **source != "quiet" || number % 50 == 0
                });
                sources.map(move |source| line(source, number))
            })
            .collect();
        let sent = tokio::spawn({
            let node = node.clone();
            async move { send(&node, &batch, false).await }
        });
        // A process that was killed takes no more.
        if sent.await.is_err() {
            break;
        }
        number += 50;
        taken.push((Instant::now(), number));
    }
    taken
}

fn numbers(lines: &[String]) -> Vec<usize> {
    let number = |line: &String| line.split(' ').nth(1)?.parse().ok();
    lines.iter().filter_map(number).collect()
}

#[tokio::test]
async fn a_killed_process_loses_a_second_at_most() {
    let mut system = System::start().await;
    let mut from = 0;
    for _ in 0..2 {
        let stop = Arc::new(AtomicBool::new(false));
        let node = system.dial("grpc").await;
        let loading = tokio::spawn(load(node.clone(), from, Arc::clone(&stop)));
        // It is killed while it takes, and after it has saved some times.
        let since = Instant::now();
        eventually("it has worked for a while", async || {
            (since.elapsed() > Duration::from_millis(2700)).then_some(())
        })
        .await;
        let killed = Instant::now();
        system
            .killed(async { stop.store(true, Ordering::Relaxed) })
            .await;
        let taken = loading.await.expect("a list");
        let second = killed - Duration::from_secs(1);
        let old = taken.iter().rev().find(|(at, _)| *at < second);
        let old = old.expect("taken a second before").1;
        let last = taken.last().expect("taken").1 + 50;
        let node = system.dial("grpc").await;
        let mut most = 0;
        for source in SOURCES {
            let found = numbers(&walk(&node, source).await);
            let step = if source == "quiet" { 50 } else { 1 };
            let end = found.last().expect("lines") + step;
            // Whole up to its end, which is not before what was taken a second before.
            assert!(end >= old && end <= last, "{source}: {old} {end} {last}");
            assert!(found.iter().copied().eq((0..end).step_by(step)));
            most = most.max(end);
            let (known, _) = meta(&node, true).await;
            let known = known.meta.get(source).expect("known");
            assert_eq!(known.count, i64::try_from(found.len()).expect("a count"));
            assert_eq!(known.oldest_timestamp, 0);
        }
        system.process.says("are back from").await;
        let said = system.process.stderr().join("\n");
        assert!(said.contains("did not end in order"), "{said}");
        // What is missing is sent again by nobody: the next round goes on from there.
        for source in SOURCES {
            let found = numbers(&walk(&node, source).await);
            let step = if source == "quiet" { 50 } else { 1 };
            let end = found.last().expect("lines") + step;
            let missing: Vec<_> = (end..most.next_multiple_of(50))
                .filter(|number| number % step == 0)
                .map(|number| line(source, number))
                .collect();
            if !missing.is_empty() {
                send(&node, &missing, false).await;
            }
        }
        from = most.next_multiple_of(50);
    }
}

#[tokio::test]
async fn a_process_that_ends_in_order_loses_nothing() {
    let mut system = System::start().await;
    let node = system.dial("grpc").await;
    let all: Vec<_> = (0..500).map(|number| line("app", number)).collect();
    send(&node, &all, false).await;
    system.stopped().await;
    let node = system.dial("grpc").await;
    let found = numbers(&walk(&node, "app").await);
    assert!(found.iter().copied().eq(0..500));
    let said = system.process.stderr().join("\n");
    assert!(!said.contains("did not end in order"), "{said}");
    // The V1 answers are of the same memory.
    let (status, page) = http::get(system.door("http"), "/apps/app/recentlogs").await;
    assert_eq!(status, 200, "{page}");
}

fn files(system: &System, extension: &str) -> Vec<PathBuf> {
    let dir = system.data.path().join("log-cache");
    let files = fs::read_dir(dir).expect("a directory");
    let files = files.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn damaged_files_are_passed_over_and_told() {
    let mut system = System::start().await;
    let node = system.dial("grpc").await;
    let all: Vec<_> = (0..3000).map(|number| line("app", number)).collect();
    for few in all.chunks(100) {
        send(&node, few, false).await;
    }
    eventually("there is a segment", async || {
        let segments = files(&system, "seg");
        let bytes = segments
            .iter()
            .map(|path| fs::metadata(path).map_or(0, |file| file.len()));
        (bytes.sum::<u64>() > 50_000).then_some(())
    })
    .await;
    let segment = files(&system, "seg").remove(0);
    let damage = async {
        let mut bytes = fs::read(&segment).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        fs::write(&segment, bytes).expect("written");
        let strange = segment.with_file_name("00000000000000ff.jnl");
        fs::write(strange, [b'x'; 1000]).expect("written");
    };
    system.killed(damage).await;
    let said = system.process.stderr().join("\n");
    assert_eq!(
        said.matches("are damaged and were passed over").count(),
        2,
        "{said}"
    );
    let page = system.metrics().await;
    assert!(http::sum(&page, "logweir_log_cache_damaged_bytes", &[]) > 1000.0);
    let node = system.dial("grpc").await;
    let found = numbers(&walk(&node, "app").await);
    assert!(found.len() > 1500 && found.len() < 3000, "{}", found.len());
    let (known, _) = meta(&node, true).await;
    assert_eq!(
        known.meta["app"].count,
        i64::try_from(found.len()).expect("a count")
    );
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_told_and_costs_nothing_else() {
    let mut system = System::start().await;
    let dir = system.data.path().join("log-cache");
    fs::remove_dir_all(&dir).expect("removed");
    let node = system.dial("grpc").await;
    let all: Vec<_> = (0..100).map(|number| line("app", number)).collect();
    send(&node, &all, false).await;
    let failing = async |expected: f64| {
        eventually("the disk is told", async || {
            let page = system.metrics().await;
            let failing = http::sum(&page, "logweir_log_cache_disk_failing", &[]);
            (failing == expected).then_some(())
        })
        .await;
    };
    failing(1.0).await;
    let (status, ready) = http::get(system.door("http"), "/readyz").await;
    assert_eq!(status, 200);
    assert!(ready.contains("cannot save to"), "{ready}");
    let refused = system.process.says("cannot save to").await;
    assert!(refused.contains("log-cache"), "{refused}");
    assert_eq!(walk(&node, "app").await.len(), 100);
    fs::create_dir(&dir).expect("made");
    failing(0.0).await;
    let (_, ready) = http::get(system.door("http"), "/readyz").await;
    assert!(!ready.contains("cannot save to"), "{ready}");
    system.killed(async {}).await;
    assert_eq!(walk(&system.dial("grpc").await, "app").await.len(), 100);
}
