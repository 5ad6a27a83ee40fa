//! WebSocket clients as they should not be: each session ends with a clear reason or goes
//! on, and those beside it do not notice.

use logweir_blackbox::{
    envelopes::{batch, log},
    http::{self, sum},
    patience::eventually,
    stream::Producer,
    system::System,
    websocket::{UPGRADE, WebSocket, opcode, text},
};
use nix::sys::signal::Signal;

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

/// Times short enough for a test.
const SHORT: &str = "[traffic_controller.sessions]\n\
    ping_interval = \"100ms\"\npong_deadline = \"1s\"\nwrite_deadline = \"500ms\"\n";

async fn open(system: &System, path: &str) -> WebSocket {
    WebSocket::open(system.door("http"), path, "")
        .await
        .expect("a WebSocket")
}

/// A producer and an open stream of its app, with nothing on the way between them.
async fn session(system: &System) -> (Producer, WebSocket) {
    let producer = Producer::open(&system.dial("ingress").await);
    let mut socket = open(system, &format!("/apps/{APP}/stream")).await;
    carries_on(&producer, &mut socket).await;
    (producer, socket)
}

/// Sends a line until it arrives.
async fn carries_on(producer: &Producer, socket: &mut WebSocket) {
    eventually("a line arrives", async || {
        producer.send(&batch(&[log(APP, "here")])).await;
        let wait = std::time::Duration::from_millis(100);
        let got = tokio::time::timeout(wait, socket.envelope()).await.ok()?;
        (text(&got).as_deref() == Some("here")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_client_says_is_read_and_ignored() {
    let system = System::start().await;
    let (producer, mut socket) = session(&system).await;
    for (kind, payload) in [
        (opcode::TEXT, &b"I'm alive!"[..]),
        (opcode::TEXT, b"\xff not UTF-8 \xfe"),
        (opcode::BINARY, &[0; 100_000]),
        (opcode::PONG, b"unasked"),
        (opcode::TEXT, b""),
    ] {
        if kind == opcode::TEXT && payload.first() == Some(&0xff) {
            // Text that is none may end a session (RFC 6455 §8.1); it has one of its own.
            let mut other = open(&system, "/firehose/other").await;
            other.send(kind, payload).await.expect("sent");
            continue;
        }
        socket.send(kind, payload).await.expect("sent");
        carries_on(&producer, &mut socket).await;
    }
    // A ping is answered with what it carries.
    socket.send(opcode::PING, b"echo").await.expect("sent");
    loop {
        let frame = socket.next().await.expect("the stream lives");
        if frame.opcode == opcode::PONG {
            assert_eq!(frame.payload, b"echo");
            break;
        }
    }
    // So is a close.
    let goodbye = [&1000_u16.to_be_bytes()[..], b"bye"].concat();
    socket.send(opcode::CLOSE, &goodbye).await.expect("sent");
    let (_, closed) = socket.ending().await;
    assert_eq!(closed.map(|(code, _)| code), Some(1000));
}

#[tokio::test]
async fn frames_that_no_client_may_send_end_its_session_alone() {
    let system = System::start().await;
    let (producer, mut beside) = session(&system).await;
    for frame in [
        // Of the longest length there is, of which nothing comes.
        &[
            0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0,
        ][..],
        // Not masked.
        b"\x81\x02hi",
        // An operation that does not exist, and bits that nobody agreed on.
        &[0x83, 0x80, 0, 0, 0, 0],
        &[0xF2, 0x80, 0, 0, 0, 0],
        // A control frame in pieces.
        &[0x09, 0x80, 0, 0, 0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut socket = open(&system, "/firehose/odd").await;
        socket.send_raw(frame).await.expect("sent");
        let (_, closed) = socket.ending().await;
        if let Some((code, _)) = closed {
            assert!([1002, 1003, 1007, 1009].contains(&code), "{code}");
        }
        carries_on(&producer, &mut beside).await;
    }
}

#[tokio::test]
async fn a_client_that_never_answers_pings_is_told_so() {
    let system = System::start_with(SHORT).await;
    let mut silent = open(&system, &format!("/apps/{APP}/stream")).await;
    let first = silent.next().await.expect("a ping at once");
    assert_eq!((first.opcode, &first.payload[..]), (opcode::PING, &b""[..]));
    let (_, closed) = silent.ending().await;
    let reason = "Client did not respond to ping before keep-alive timeout expired.";
    assert_eq!(closed, Some((1008, reason.to_owned())));
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_the_others_hear_all() {
    let system = System::start_with(SHORT).await;
    let (producer, mut good) = session(&system).await;
    let mut stuck = open(&system, "/firehose/stuck").await;
    let padding = "x".repeat(4000);
    let reading = tokio::spawn(async move {
        good.logs_to("last").await;
        good
    });
    let lines: Vec<_> = (0..100).map(|_| log(APP, &padding)).collect();
    let flood = batch(&lines);
    let slow = async || sum(&system.metrics().await, "doppler_proxy_slow_consumer", &[]);
    eventually("the stuck one is closed", async || {
        for _ in 0..10 {
            producer.send(&flood).await;
        }
        (slow().await >= 1.0).then_some(())
    })
    .await;
    producer.send(&batch(&[log(APP, "last")])).await;
    let mut good = reading.await.expect("the good one hears to the end");
    carries_on(&producer, &mut good).await;
    // Once it reads again, it finds out why, if there was room to write it.
    let (_, closed) = stuck.ending().await;
    if let Some(closed) = closed {
        let reason = "Client could not keep up; disconnected by slow consumer detection.";
        assert_eq!(closed, (1008, reason.to_owned()));
    }
    assert_eq!(slow().await.to_string(), "1");
}

#[tokio::test]
async fn a_client_that_vanishes_is_no_slow_consumer() {
    let system = System::start_with(SHORT).await;
    let (producer, mut socket) = session(&system).await;
    let count = async || {
        let page = system.metrics().await;
        let of = |name| sum(&page, name, &[]);
        of("doppler_proxy_firehoses") + of("doppler_proxy_app_streams")
    };
    for n in 0..20 {
        let vanishing = open(&system, &format!("/firehose/{n}")).await;
        drop(vanishing);
    }
    eventually("one session is left", async || {
        producer.send(&batch(&[log(APP, "more")])).await;
        ((count().await - 1.0).abs() < 0.5).then_some(())
    })
    .await;
    carries_on(&producer, &mut socket).await;
    let page = system.metrics().await;
    assert_eq!(
        sum(&page, "doppler_proxy_slow_consumer", &[]).to_string(),
        "0"
    );
}

#[tokio::test]
async fn an_orderly_end_closes_every_session() {
    let mut system = System::start().await;
    let (_producer, mut socket) = session(&system).await;
    let mut firehose = open(&system, "/firehose/x").await;
    system.process.signal(Signal::SIGTERM);
    for socket in [&mut socket, &mut firehose] {
        let (_, closed) = socket.ending().await;
        assert_eq!(closed, Some((1000, String::new())));
    }
    assert!(system.process.end().await.success());
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_as_such() {
    let system = System::start().await;
    let door = system.door("http");
    let path = format!("/apps/{APP}/stream");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let plain = http::send(door, request.as_bytes()).await;
    assert!(plain.starts_with("HTTP/1.1 400 "), "{plain}");
    assert!(plain.ends_with("\r\n\r\nBad Request\n"), "{plain}");
    for line in [
        "sec-websocket-version: 13",
        "content-type: text/plain; charset=utf-8",
        "x-content-type-options: nosniff",
    ] {
        assert!(plain.to_lowercase().contains(line), "{line}: {plain}");
    }
    let refused = async |method: &str, lines: &str, status: &str| {
        // Such an answer does not end the connection: only its beginning is waited for.
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
        let head = first_line(door, request.as_bytes()).await;
        assert!(head.contains(status), "{method} {lines}: {head}");
    };
    refused("POST", UPGRADE, " 405 ").await;
    for (part, other) in [
        ("Version: 13", "Version: 12"),
        ("Version: 13", "Version: thirteen"),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "AAAA"),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "\u{1}"),
        ("Upgrade: websocket", "Upgrade: tea"),
        ("Connection: Upgrade", "Connection: keep-alive"),
    ] {
        refused("GET", &UPGRADE.replace(part, other), " 400 ").await;
    }
}

/// The first line of an answer.
async fn first_line(address: &str, request: &[u8]) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    stream.write_all(request).await.expect("written");
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    let read = logweir_blackbox::patience::within("an answer", reader.read_line(&mut line)).await;
    read.expect("an answer");
    line
}
