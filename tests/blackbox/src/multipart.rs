//! Answers in bytes, and `multipart/x-protobuf` as noaa takes it apart.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::patience::within;

/// An answer over HTTP/1.0.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status line and the headers.
    pub head: String,
    /// All behind them.
    pub body: Vec<u8>,
}

impl Answer {
    /// Asks for `path` with these lines (each with its CR LF) in the head.
    pub async fn get(address: &str, path: &str, lines: &str) -> Self {
        Self::ask(address, &format!("GET {path}"), lines, "").await
    }

    /// Asks with a method and a path, lines in the head, and a body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask(address: &str, what: &str, lines: &str, body: &str) -> Self {
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        );
        let answer = within("an answer over plain TCP", async {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let written = stream.write_all(request.as_bytes()).await;
            written.expect("written");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("an answer");
            answer
        })
        .await;
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let end = end.expect("an HTTP answer");
        Self {
            head: String::from_utf8_lossy(&answer[..end]).into_owned(),
            body: answer[end + 4..].to_vec(),
        }
    }

    /// Its status.
    ///
    /// # Panics
    /// When it has none.
    pub fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1);
        let status = status.and_then(|status| status.parse().ok());
        status.expect("a status")
    }

    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// The parts of a 200. The boundary is what noaa's `boundary=(.*)` finds, and the
    /// rest is as Go's multipart reader goes: lines of the boundary, an empty head, the
    /// part up to the line end before the next boundary.
    ///
    /// # Panics
    /// When it is another answer.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        assert_eq!(self.status(), 200, "{}", self.head);
        let kind = self.header("content-type").expect("a content type");
        let (_, boundary) = kind.split_once("boundary=").expect("a boundary");
        let delimiter = format!("\r\n--{boundary}");
        let delimiter = delimiter.as_bytes();
        // The first boundary may stand at the very beginning.
        let mut rest = match self.body.starts_with(&delimiter[2..]) {
            true => &self.body[delimiter.len() - 2..],
            false => self.body.strip_prefix(delimiter).expect("a boundary"),
        };
        let mut parts = Vec::new();
        while rest != b"--\r\n" {
            let part = rest.strip_prefix(b"\r\n\r\n").expect("an empty head");
            let end = part
                .windows(delimiter.len())
                .position(|window| window == delimiter);
            let end = end.expect("a boundary behind each part");
            parts.push(part[..end].to_vec());
            rest = &part[end + delimiter.len()..];
        }
        parts
    }
}
