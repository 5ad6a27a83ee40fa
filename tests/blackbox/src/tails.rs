//! Sessions of Logplex as their readers see them: chunk by chunk, and while they go on.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    logplex::{Channel, Logplex},
    patience::within,
};

/// An answer as it came.
#[derive(Debug)]
pub struct Raw {
    /// The status.
    pub status: u16,
    /// The head, without the empty line.
    pub head: String,
    /// The chunks of a body that came in chunks, or the whole body.
    pub chunks: Vec<Vec<u8>>,
    /// Whether it came in chunks, the last one too and nothing after it.
    pub complete: bool,
}

impl Raw {
    /// Reads an answer, which need not be at its end.
    ///
    /// # Panics
    /// When it is no HTTP.
    pub fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("the end of a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1);
        let status = status.and_then(|status| status.parse().ok());
        let body = &bytes[end + 4..];
        let mut raw = Self {
            status: status.expect("a status"),
            head,
            chunks: Vec::new(),
            complete: false,
        };
        match raw.header("transfer-encoding") {
            Some(_) => (raw.chunks, raw.complete) = dechunked(body),
            None => raw.chunks.push(body.to_vec()),
        }
        raw
    }

    /// A header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The body.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.chunks.concat()).into_owned()
    }
}

/// The chunks, and whether the last one was there.
fn dechunked(mut body: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut chunks = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&body[..end]);
        let Ok(size) = usize::from_str_radix(&size, 16) else {
            break;
        };
        let data = &body[end + 2..];
        if size == 0 {
            return (chunks, data == b"\r\n");
        }
        let Some(chunk) = data.get(..size) else { break };
        chunks.push(chunk.to_vec());
        body = data.get(size + 2..).unwrap_or_default();
    }
    (chunks, false)
}

/// Sends bytes and reads what comes to the end of the connection.
///
/// # Panics
/// When there is no connection.
pub async fn bytes(door: &str, request: &str) -> Vec<u8> {
    within("the end of an answer", async {
        let mut stream = TcpStream::connect(door).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        // A reset after the answer is an end as well.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    })
    .await
}

/// `GET path` over HTTP/1.1 as it came, to the end of the connection, which is the server's
/// to close.
pub async fn get(door: &str, path: &str, headers: &[&str]) -> Raw {
    Raw::of(&bytes(door, &request(door, path, headers)).await)
}

fn request(door: &str, path: &str, headers: &[&str]) -> String {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {door}\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request + "\r\n"
}

/// The path of an absolute URL.
///
/// # Panics
/// When it is none.
pub fn path(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("an absolute URL");
    rest[rest.find('/').expect("a path")..].to_owned()
}

impl Logplex {
    /// A new session of a channel with more members of its body; its path.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn session(&self, channel: &Channel, more: Value) -> String {
        let mut body = json!({ "channel_id": channel.id });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.session_of(&body.to_string()).await
    }

    /// A new session with this body; its path.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn session_of(&self, body: &str) -> String {
        let made = self.call("POST", "/v2/sessions", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        path(made.json()["url"].as_str().expect("a URL"))
    }

    /// What such a session shows; it ends by itself.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn fetch(&self, channel: &Channel, more: Value) -> String {
        let session = self.session(channel, more).await;
        let raw = get(&self.api, &session, &[]).await;
        assert_eq!((raw.status, raw.complete), (200, true), "{raw:?}");
        raw.text()
    }

    /// Such a session that goes on.
    pub async fn tail(&self, channel: &Channel, more: Value) -> Tail {
        let session = self.session(channel, more).await;
        Tail::open(&self.api, &session, &[]).await
    }

    /// Sets flags of a channel.
    ///
    /// # Panics
    /// When they are refused.
    pub async fn flags(&self, channel: &Channel, flags: Value) {
        let path = format!("/api/logplex/channels/{}", channel.id);
        self.operate("PUT", &path, flags).await;
    }

    /// Sets control rods.
    ///
    /// # Panics
    /// When they are refused.
    pub async fn rods(&self, rods: Value) {
        self.operate("PUT", "/api/logplex/rods", rods).await;
    }

    /// Asks a page of the operators.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn operate(&self, method: &str, path: &str, body: Value) {
        let headers = [
            ("Authorization", "Basic KEY"),
            ("Content-Type", "application/json"),
        ];
        let body = body.to_string();
        let answer =
            crate::logplex::request(&self.api, method, path, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// A session that is being read.
pub struct Tail {
    stream: TcpStream,
    /// All that came, head and sizes of chunks too.
    raw: Vec<u8>,
}

impl Tail {
    /// Opens one; the head of the answer has come when this returns.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn open(door: &str, path: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(door).await.expect("a connection");
        let request = request(door, path, headers);
        stream.write_all(request.as_bytes()).await.expect("written");
        let raw = Vec::new();
        let mut tail = Self { stream, raw };
        tail.until("the head", |raw| {
            raw.windows(4).any(|four| four == b"\r\n\r\n")
        })
        .await;
        tail
    }

    /// What came so far.
    pub fn so_far(&self) -> Raw {
        Raw::of(&self.raw)
    }

    /// Reads until the text has this in it, and gives the text.
    pub async fn text_with(&mut self, part: &str) -> String {
        let what = format!("a session with {part:?}");
        let part = part.as_bytes();
        let has = |raw: &[u8]| raw.windows(part.len()).any(|some| some == part);
        self.until(&what, has).await;
        self.so_far().text()
    }

    /// Reads to the end of the connection.
    pub async fn end(mut self) -> Raw {
        within("the end of a session", async {
            // A reset is an end as well.
            let _ = self.stream.read_to_end(&mut self.raw).await;
        })
        .await;
        self.so_far()
    }

    async fn until(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) {
        within(what, async {
            while !enough(&self.raw) {
                let read = self.stream.read_buf(&mut self.raw).await;
                let read = read.expect("read");
                assert!(read > 0, "{what}: it ended with {:?}", self.so_far());
            }
        })
        .await;
    }
}
