//! An HTTP/1.1 client that hides nothing.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What a test waits at most for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One connection with one request on it.
pub(crate) struct Client {
    connection: TcpStream,
    unread: Vec<u8>,
    chunked: bool,
    length: Option<usize>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Client {
    /// Sends a request without a body and reads the answer's head.
    pub(crate) async fn send(
        door: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let mut client = Self::unanswered(door, method, target, headers).await;
        client.read_head(method).await;
        client
    }

    /// Sends a request and reads nothing.
    pub(crate) async fn unanswered(
        door: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let mut connection = TcpStream::connect(door).await.unwrap();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: door\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        let (unread, headers) = (Vec::new(), Vec::new());
        Self {
            connection,
            unread,
            chunked: false,
            length: None,
            status: 0,
            headers,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    async fn read_head(&mut self, method: &str) {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            assert!(
                self.fill().await,
                "the door closed the connection without an answer"
            );
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        self.status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        self.headers = headers
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self.chunked = self.header("transfer-encoding") == Some("chunked");
        let length = self
            .header("content-length")
            .map(|length| length.parse().unwrap());
        self.length = if method == "HEAD" { Some(0) } else { length };
    }

    /// The next part of the body; `None` at its end.
    pub(crate) async fn part(&mut self) -> Option<Vec<u8>> {
        if !self.chunked {
            let length = self.length.take().filter(|length| *length > 0)?;
            while self.unread.len() < length {
                assert!(self.fill().await, "the body was cut short");
            }
            return Some(self.unread.drain(..length).collect());
        }
        let line = loop {
            if let Some(line) = find(&self.unread, b"\r\n") {
                break line;
            }
            assert!(self.fill().await, "the body was cut short");
        };
        let size = std::str::from_utf8(&self.unread[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.unread.len() < line + 2 + size + 2 {
            assert!(self.fill().await, "the body was cut short");
        }
        let part = self.unread[line + 2..line + 2 + size].to_vec();
        self.unread.drain(..line + 2 + size + 2);
        (size > 0).then_some(part)
    }

    /// The rest of the body.
    pub(crate) async fn rest(&mut self) -> String {
        let mut body = Vec::new();
        while let Some(part) = self.part().await {
            body.extend(part);
        }
        String::from_utf8(body).unwrap()
    }

    /// Reads parts until the body so far ends with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut body = String::new();
        while !body.ends_with(end) {
            let part = self.part().await;
            body.push_str(std::str::from_utf8(&part.expect("the body ended early")).unwrap());
        }
        body
    }

    /// False at the end of the connection.
    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.connection.read_buf(&mut self.unread));
        read.await.expect("the door is silent").unwrap() > 0
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} never happened"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
