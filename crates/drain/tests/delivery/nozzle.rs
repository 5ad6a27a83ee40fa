//! Nozzles: a drain's queue and books, and another last step.

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use logweir_drain::{
    delivery::{self, DrainHandle, DrainState, Settings},
    nozzle::{FileSettings, Fsync, GraphiteSettings, Nozzle, Takes, To},
};
use logweir_net::resolve::Target;
use logweir_proto::v2::{self, envelope::Message as Body};
use logweir_route::Cause;
use prost::Message;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::rig::{Rig, assert_balanced, line, lines, quick, until};

fn nozzle(rig: &Rig, to: To) -> DrainHandle {
    let nozzle = Arc::new(Nozzle::new("test", Takes::default(), false, to).unwrap());
    let queue = rig.exchange.subscribe(nozzle.request());
    delivery::start(nozzle, queue, &rig.delivery)
}

fn file(path: &Path) -> FileSettings {
    FileSettings {
        path: path.to_owned(),
        rotate_bytes: 0,
        rotate_after: Duration::ZERO,
        keep: 100,
        gzip: false,
        sync: Fsync::Within(Duration::from_millis(20)),
    }
}

/// The texts of the logs in a file.
fn texts(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let one = |line: &str| {
        // What the file holds is what the gateway writes.
        let batch = format!("{{\"batch\":[{line}]}}");
        let batch = logweir_wire::json::parse_batch(batch.as_bytes()).unwrap();
        let Some(Body::Log(log)) = &batch.batch[0].message else {
            panic!("{line} is no log")
        };
        String::from_utf8(log.payload.to_vec()).unwrap()
    };
    text.lines().map(one).collect()
}

fn counter(number: u64) -> v2::Envelope {
    let counter = v2::Counter {
        name: format!("c{number}"),
        delta: 1,
        total: number,
    };
    v2::Envelope {
        timestamp: 1_000_000_000,
        source_id: "app".to_owned(),
        instance_id: "0".to_owned(),
        message: Some(Body::Counter(counter)),
        ..v2::Envelope::default()
    }
}

fn publish(rig: &Rig, batch: Vec<v2::Envelope>) {
    let batch = v2::EnvelopeBatch { batch }.encode_to_vec();
    rig.exchange.publisher().publish(&Bytes::from(batch));
}

#[tokio::test]
async fn every_envelope_is_a_line_and_the_books_balance() {
    let (rig, dir) = (Rig::new(), TempDir::new().unwrap());
    let path = dir.path().join("all.jsonl");
    let nozzle = nozzle(&rig, To::File(file(&path)));
    assert!(!path.exists(), "nothing to write, no file");
    rig.publish_lines(0..20_000);
    until("the books", || nozzle.status().written == 20_000).await;
    assert_eq!(texts(&path), lines(0..20_000));
    let status = nozzle.status();
    assert_balanced(&status);
    assert_eq!((status.messages, status.lag), (20_000, Duration::ZERO));
    assert_eq!(status.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!((status.state, status.failures), (DrainState::Connected, 0));
    rig.publish([line(20_000)]);
    assert!(rig.finish().await, "the end waits for what is queued");
    assert_eq!(texts(&path).len(), 20_001);
}

#[tokio::test]
async fn readers_of_a_file_know_one_map_of_tags() {
    let (rig, dir) = (Rig::new(), TempDir::new().unwrap());
    let path = dir.path().join("all.jsonl");
    let nozzle = nozzle(&rig, To::File(file(&path)));
    let value = v2::Value {
        data: Some(v2::value::Data::Integer(5)),
    };
    let old = v2::Envelope {
        deprecated_tags: [("number".to_owned(), value)].into(),
        tags: [("name".to_owned(), "n".to_owned())].into(),
        ..counter(1)
    };
    publish(&rig, vec![old]);
    until("it is written", || nozzle.status().written == 1).await;
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"timestamp\":\"1000000000\",\"source_id\":\"app\",\"instance_id\":\"0\",\
         \"deprecated_tags\":{},\"tags\":{\"name\":\"n\",\"number\":\"5\"},\
         \"counter\":{\"name\":\"c1\",\"delta\":\"1\",\"total\":\"1\"}}\n"
    );
}

#[tokio::test]
async fn a_directory_that_comes_later_gets_everything() {
    let (rig, dir) = (Rig::new(), TempDir::new().unwrap());
    let path = dir.path().join("mounted/all.jsonl");
    let nozzle = nozzle(&rig, To::File(file(&path)));
    rig.publish_lines(0..1000);
    until("some attempts", || nozzle.status().failures > 2).await;
    let status = nozzle.status();
    assert_eq!(status.state, DrainState::Failing);
    let (error, _) = status.last_error.unwrap();
    let expected = format!("cannot write {}: No such file", path.display());
    assert!(error.starts_with(&expected), "{error}");
    fs::create_dir(path.parent().unwrap()).unwrap();
    until("the books", || nozzle.status().written == 1000).await;
    assert_eq!(texts(&path), lines(0..1000));
    assert_balanced(&nozzle.status());
}

#[tokio::test]
async fn what_cannot_be_written_for_long_goes_and_is_counted() {
    let settings = Settings {
        give_up_after: Duration::from_millis(100),
        ..quick()
    };
    let (rig, dir) = (Rig::with(settings, 256 << 10), TempDir::new().unwrap());
    let path = dir.path().join("mounted/all.jsonl");
    let nozzle = nozzle(&rig, To::File(file(&path)));
    rig.publish_lines(0..20_000);
    until("the queue overflows", || {
        nozzle.status().queue.dropped[Cause::QueueFull.index()] > 0
    })
    .await;
    fs::create_dir(path.parent().unwrap()).unwrap();
    until("nothing waits", || nozzle.status().queue.queued == 0).await;
    until("nothing is in hand", || nozzle.status().in_hand == 0).await;
    let (status, texts) = (nozzle.status(), texts(&path));
    assert_balanced(&status);
    assert_eq!(status.written, texts.len() as u64);
    assert_eq!(texts.last().unwrap(), &line(19_999), "the oldest went");
}

#[tokio::test]
async fn a_rotated_file_keeps_every_line() {
    let (rig, dir) = (Rig::new(), TempDir::new().unwrap());
    let path = dir.path().join("all.jsonl");
    let settings = FileSettings {
        rotate_bytes: 100_000,
        ..file(&path)
    };
    let nozzle = nozzle(&rig, To::File(settings));
    rig.publish_lines(0..5000);
    until("the books", || nozzle.status().written == 5000).await;
    let files = fs::read_dir(dir.path()).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    // The one that is written sorts before those that were put aside.
    files.sort();
    files.rotate_left(1);
    assert!(files.len() > 5, "{files:?}");
    let small = |file: &std::path::PathBuf| fs::metadata(file).unwrap().len() <= 100_000;
    assert!(files.iter().all(small));
    let all: Vec<_> = files.iter().flat_map(|file| texts(file)).collect();
    assert_eq!(all, lines(0..5000));
}

/// The next connection, line by line.
async fn carbon(listener: &TcpListener) -> (Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf) {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, write) = stream.into_split();
    (BufReader::new(read).lines(), write)
}

#[tokio::test]
async fn graphite_gets_numbers_over_each_connection() {
    let rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let nozzle = nozzle(
        &rig,
        To::Graphite(GraphiteSettings {
            address: Target::HostPort("127.0.0.1".to_owned(), port),
            prefix: "weir".to_owned(),
        }),
    );
    rig.publish(["not for Graphite"]);
    publish(&rig, (0..1000).map(counter).collect());
    let (mut read, write) = carbon(&listener).await;
    for number in 0..1000 {
        let line = read.next_line().await.unwrap().unwrap();
        assert_eq!(line, format!("weir.app.0.c{number} {number} 1"));
    }
    until("the books", || nozzle.status().written == 1000).await;
    drop((read, write));
    until("the end is noticed", || nozzle.status().failures == 1).await;
    publish(&rig, (1000..1100).map(counter).collect());
    let (mut read, _write) = carbon(&listener).await;
    for number in 1000..1100 {
        let line = read.next_line().await.unwrap().unwrap();
        let (_, rest) = line.split_once(".c").unwrap();
        assert!(rest.starts_with(&number.to_string()), "{line}");
    }
    until("the books", || nozzle.status().written == 1100).await;
    let status = nozzle.status();
    assert_balanced(&status);
    assert_eq!((status.connections, status.queue.offered), (2, 1100));
    assert_eq!(
        nozzle.exit().shown(),
        format!("graphite://127.0.0.1:{port}")
    );
}
