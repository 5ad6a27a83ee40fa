use std::{os::fd::OwnedFd, sync::Mutex};

use nix::unistd::pipe;
use tokio::time::timeout;

use super::*;

struct Stream {
    app: File,
    reader: File,
    lines: Arc<Mutex<Vec<Bytes>>>,
    pump: Pump,
}

fn stream() -> Stream {
    let (from, app) = pipe().unwrap();
    let (reader, to): (OwnedFd, OwnedFd) = pipe().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let found = lines.clone();
    let pump = Pump::start(Some(from), &to, move |line| {
        found.lock().unwrap().push(line)
    });
    Stream {
        app: app.into(),
        reader: reader.into(),
        lines,
        pump,
    }
}

async fn ended(pump: &Pump) {
    let mut ended = pump.ended.clone();
    timeout(Duration::from_secs(10), ended.wait_for(|ended| *ended))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_part_of_a_line_is_passed_on_at_once_and_unchanged() {
    let mut stream = stream();
    let mut got = [0; 5];
    stream.app.write_all(b"pro\xffm").unwrap();
    stream.reader.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"pro\xffm");
    assert!(stream.lines.lock().unwrap().is_empty());
    stream.app.write_all(b"pt\nend").unwrap();
    drop(stream.app);
    ended(&stream.pump).await;
    let mut rest = Vec::new();
    stream.reader.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"pt\nend");
    assert_eq!(*stream.lines.lock().unwrap(), [&b"pro\xffmpt"[..], b"end"]);
}

#[tokio::test]
async fn the_app_sees_a_closed_pipe_when_ours_is_closed() {
    let mut stream = stream();
    drop(stream.reader);
    stream.app.write_all(b"into the void\n").unwrap();
    ended(&stream.pump).await;
    let error = stream.app.write_all(b"more\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(*stream.lines.lock().unwrap(), ["into the void"]);
}

#[tokio::test]
async fn a_pipe_that_others_hold_open_is_left_when_it_falls_silent() {
    let mut stream = stream();
    stream.app.write_all(b"last words\n").unwrap();
    let mut got = [0; 11];
    stream.reader.read_exact(&mut got).unwrap();
    timeout(
        Duration::from_secs(10),
        drained(std::slice::from_ref(&stream.pump)),
    )
    .await
    .unwrap();
    assert_eq!(*stream.lines.lock().unwrap(), ["last words"]);
}
