//! What log-shuttle sends, request by request as it writes them, and what becomes of it.
//! Tests are named after the behaviours of log-shuttle that they check.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use logweir_blackbox::{
    logplex::{Answer, Channel, Logplex, basic, frames, request},
    patience::{eventually, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const BATCH: &str = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
const TIME: &str = "2013-09-25T01:16:49.371356+00:00";

/// A batch as log-shuttle posts it: chunked, with its headers in Go's order.
struct Batch {
    id: String,
    authorization: String,
    body: String,
    messages: usize,
    /// Further headers, each with its line ending.
    more: String,
    gzip: bool,
}

impl Batch {
    fn of(token: &str, messages: &[String]) -> Self {
        Self {
            id: BATCH.into(),
            authorization: basic("token", token),
            body: frames(messages),
            messages: messages.len(),
            more: String::new(),
            gzip: false,
        }
    }

    /// The bytes of the request.
    fn request(&self) -> Vec<u8> {
        let encoding = if self.gzip {
            "Content-Encoding: gzip\r\n"
        } else {
            ""
        };
        let head = format!(
            "POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: log-shuttle/0.22.0 (go1.23; \
             linux; amd64; gc)\r\nTransfer-Encoding: chunked\r\nAuthorization: {}\r\n{encoding}\
             Content-Type: application/logplex-1\r\n{}Logplex-Msg-Count: {}\r\nX-Request-Id: \
             {}\r\nAccept-Encoding: gzip\r\n\r\n",
            self.authorization, self.more, self.messages, self.id
        );
        let body = match self.gzip {
            false => self.body.clone().into_bytes(),
            true => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(self.body.as_bytes()).expect("packed");
                encoder.finish().expect("packed")
            }
        };
        let mut bytes = head.into_bytes();
        for part in body.chunks(4096) {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    async fn send(&self, address: &str) -> Answer {
        within("an answer", async {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(&self.request()).await.expect("written");
            logweir_blackbox::logplex::read_answer(&mut stream).await
        })
        .await
    }

    async fn is_taken(&self, logplex: &Logplex) {
        let answer = self.send(&logplex.input).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{answer:?}");
    }
}

/// What log-shuttle makes of a line of its standard input.
fn raw(token: &str, line: &str) -> String {
    format!("<190>1 {TIME} shuttle {token} shuttle - - {line}")
}

async fn start() -> (Logplex, Channel, String) {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app").to_owned();
    (logplex, channel, token)
}

#[tokio::test]
async fn b145_b146_b147_b157_the_three_formats_of_input() {
    let (logplex, channel, token) = start().await;
    let lines = ["Hello World\n", "The Second Test Line\n"].map(|line| raw(&token, line));
    Batch::of(&token, &lines).is_taken(&logplex).await;
    // Its own tests have no token in it.
    assert_eq!(raw("token", "Hello World\n").len(), 78);
    // A line that is a message already, with and without its length.
    let message = format!("<13>1 {TIME} host {token} web.1 - - as it is\n");
    let mut batch = Batch::of(&token, &[message]);
    batch.id = BATCH.replace('6', "7");
    batch.is_taken(&logplex).await;
    let expected = [
        format!("{TIME} app[shuttle]: Hello World"),
        format!("{TIME} app[shuttle]: The Second Test Line"),
        format!("{TIME} app[web.1]: as it is"),
    ];
    assert_eq!(logplex.lines_once(&channel, 3).await, expected);
    // The default name is no token: who posts by a token may write under any name.
    let mut batch = Batch::of(&token, &[raw("token", "unnamed\n")]);
    batch.id = BATCH.replace('6', "8");
    batch.is_taken(&logplex).await;
    let last = format!("{TIME} token[shuttle]: unnamed");
    assert_eq!(logplex.lines_once(&channel, 4).await[3], last);
}

#[tokio::test]
async fn b148_a_long_line_in_pieces() {
    let (logplex, channel, token) = start().await;
    let line = "x".repeat(29_800) + "\n";
    let pieces: Vec<_> = line
        .as_bytes()
        .chunks(10_000)
        .map(|piece| raw(&token, std::str::from_utf8(piece).expect("ASCII")))
        .collect();
    assert_eq!(pieces.len(), 3);
    Batch::of(&token, &pieces).is_taken(&logplex).await;
    let lines = logplex.lines_once(&channel, 3).await;
    let lengths: Vec<_> = lines.iter().map(|line| line.matches('x').count()).collect();
    assert_eq!(lengths, [10_000, 10_000, 9_800]);
}

#[tokio::test]
async fn b149_b150_what_was_lost_before() {
    let (logplex, channel, token) = start().await;
    let now = "2026-11-21T08:00:00.000000+00:00";
    let notice = |code: &str, what: &str| {
        format!(
            "<172>1 {now} heroku {token} log-shuttle - - Error {code}: 2 messages {what} since \
             {now}\n"
        )
    };
    let messages = [
        notice("L12", "dropped"),
        notice("L13", "lost"),
        raw(&token, "Hello World\n"),
    ];
    let mut batch = Batch::of(&token, &messages);
    batch.more = "Logplex-Drop-Count: 2\r\nLogplex-Lost-Count: 2\r\n".into();
    batch.is_taken(&logplex).await;
    let lines = logplex.lines_once(&channel, 3).await;
    let first = format!("{now} app[log-shuttle]: Error L12: 2 messages dropped since {now}");
    assert_eq!(lines[0], first);
    for how in ["how=\"dropped\"", "how=\"lost\""] {
        logplex
            .metric_is("logweir_logplex_lost_before", &[how], 2.0)
            .await;
    }
}

/// Passes requests on to `to`, and closes so many connections before the answer.
async fn cutting(to: String, cuts: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        for accepted in 0.. {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut server = TcpStream::connect(&to).await.expect("a connection");
            if accepted < cuts {
                let (mut from, mut into) = (client.split().0, server.split().1);
                let mut request = [0; 65_536];
                let read = from.read(&mut request).await.expect("a request");
                into.write_all(&request[..read]).await.expect("passed on");
                let mut answer = [0; 1];
                server.read_exact(&mut answer).await.expect("an answer");
                continue;
            }
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn b151_b153_a_batch_without_an_answer_is_sent_again_and_taken_once() {
    let (logplex, channel, token) = start().await;
    let batch = Batch::of(&token, &[raw(&token, "Hello World\n")]);
    let door = cutting(logplex.input.clone(), 2).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&door).await.expect("a connection");
        stream.write_all(&batch.request()).await.expect("written");
        let mut answer = Vec::new();
        within("the end", stream.read_to_end(&mut answer))
            .await
            .expect("an end");
        assert!(answer.is_empty());
    }
    let answer = batch.send(&door).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let repeated = ["outcome=\"repeated\""];
    logplex
        .metric_is("logweir_logplex_batches", &repeated, 2.0)
        .await;
    assert_eq!(logplex.lines(&channel).await.len(), 1);
}

#[tokio::test]
async fn b152_a_batch_that_broke_off_was_not_taken_and_may_come_again() {
    let (logplex, channel, token) = start().await;
    let batch = Batch::of(&token, &[raw(&token, "Hello World\n")]);
    let bytes = batch.request();
    for cut in [bytes.len() - 1, bytes.len() - 5, bytes.len() - 40] {
        let mut stream = TcpStream::connect(&logplex.input).await.expect("connected");
        stream.write_all(&bytes[..cut]).await.expect("written");
        drop(stream);
    }
    let refused = ["outcome=\"refused\""];
    eventually("three batches that broke off", async || {
        let count = logplex.metric("logweir_logplex_batches", &refused).await;
        (count >= 3.0).then_some(())
    })
    .await;
    batch.is_taken(&logplex).await;
    assert_eq!(logplex.lines_once(&channel, 1).await.len(), 1);
}

#[tokio::test]
async fn b154_a_batch_that_is_too_large_is_answered() {
    let logplex = Logplex::in_run("body_bytes = 200_000\n").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app");
    let lines = vec![raw(token, &"x".repeat(1_000)); 500];
    let answer = Batch::of(token, &lines).send(&logplex.input).await;
    assert_eq!(answer.status, 413, "{answer:?}");
}

#[tokio::test]
async fn b155_b156_bearers_and_gzip() {
    let (logplex, channel, token) = start().await;
    let lines: Vec<_> = (0..500)
        .map(|n| raw(&token, &format!("line {n}\n")))
        .collect();
    let mut batch = Batch::of(&token, &lines);
    batch.gzip = true;
    batch.authorization = format!("Bearer {token}");
    batch.is_taken(&logplex).await;
    let expected: Vec<_> = (0..500)
        .map(|n| format!("{TIME} app[shuttle]: line {n}"))
        .collect();
    assert_eq!(logplex.lines_once(&channel, 500).await, expected);
}

#[tokio::test]
async fn under_more_than_readers_take_every_batch_is_taken() {
    // A tail that reads nothing, and queues that hold little.
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app").to_owned();
    let session = format!(r#"{{"channel_id":"{}","tail":"1"}}"#, channel.id);
    let session = logplex.call("POST", "/v2/sessions", &session).await;
    let url = session.json()["url"].as_str().expect("a URL").to_owned();
    let path = url[url.find("/sessions/").expect("a path")..].to_owned();
    let mut idle = TcpStream::connect(&logplex.api).await.expect("connected");
    let get = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    idle.write_all(get.as_bytes()).await.expect("written");
    let lines: Vec<_> = (0..500).map(|_| raw(&token, &"x".repeat(1_000))).collect();
    for n in 0..100 {
        let mut batch = Batch::of(&token, &lines);
        batch.id = format!("6ba7b810-9dad-41d1-80b4-{n:012}");
        batch.is_taken(&logplex).await;
    }
    let taken = ["outcome=\"taken\""];
    logplex
        .metric_is("logweir_logplex_messages", &taken, 50_000.0)
        .await;
    let healthy = request(&logplex.input, "GET", "/healthz", &[], b"").await;
    assert_eq!(healthy.status, 200);
}
