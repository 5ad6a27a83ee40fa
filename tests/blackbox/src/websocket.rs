//! A WebSocket client (RFC 6455) as bytes, which answers nothing and hides nothing.

use bytes::{Buf, BufMut, BytesMut};
use logweir_proto::v1;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::patience::within;

/// The key of every handshake, and a request's lines that ask for an upgrade.
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// Operation codes of frames (§5.2).
pub mod opcode {
    /// The rest of a message.
    pub const CONTINUATION: u8 = 0;
    /// A message of text.
    pub const TEXT: u8 = 1;
    /// A message of bytes.
    pub const BINARY: u8 = 2;
    /// The end, with a code and a reason.
    pub const CLOSE: u8 = 8;
    /// Asks for a pong.
    pub const PING: u8 = 9;
    /// Answers a ping.
    pub const PONG: u8 = 10;
}

/// One frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See [`opcode`].
    pub opcode: u8,
    /// Unmasked, as servers send it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Code and reason of a close frame; none if it is another, or has none.
    pub fn closed(&self) -> Option<(u16, String)> {
        if self.opcode != opcode::CLOSE {
            return None;
        }
        let (code, reason) = self.payload.split_at_checked(2)?;
        let code = u16::from_be_bytes([code[0], code[1]]);
        Some((code, String::from_utf8_lossy(reason).into_owned()))
    }

    /// The envelope in a binary frame.
    ///
    /// # Panics
    /// When it is binary and no envelope.
    pub fn envelope(&self) -> Option<v1::Envelope> {
        (self.opcode == opcode::BINARY)
            .then(|| v1::Envelope::decode(&self.payload[..]).expect("an envelope"))
    }
}

/// An open WebSocket.
pub struct WebSocket {
    stream: TcpStream,
    unread: BytesMut,
}

impl WebSocket {
    /// Asks for `path` with these lines (each with its CR LF) beside those of the
    /// handshake. An `Err` is the whole answer, if it is another than 101.
    ///
    /// # Errors
    /// Head and body of the refusal.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn open(address: &str, path: &str, lines: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}{lines}\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut unread = BytesMut::new();
        let head = loop {
            if let Some(end) = unread.windows(4).position(|part| part == b"\r\n\r\n") {
                break unread.split_to(end + 4);
            }
            let read = within("an answer", stream.read_buf(&mut unread)).await;
            assert!(read.expect("an answer") > 0, "no answer: {unread:?}");
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        if head.starts_with("HTTP/1.1 101 ") {
            // The key above with RFC 6455's GUID, hashed.
            assert!(
                head.to_lowercase().contains("sec-websocket-accept: "),
                "{head}"
            );
            return Ok(Self { stream, unread });
        }
        let length = head.to_lowercase().lines().find_map(|line| {
            let length = line.strip_prefix("content-length: ")?;
            length.trim().parse::<usize>().ok()
        });
        while unread.len() < length.unwrap_or_default() {
            let read = within("the rest of the answer", stream.read_buf(&mut unread)).await;
            assert!(read.expect("the rest") > 0, "the answer is cut: {unread:?}");
        }
        Err(head + &String::from_utf8_lossy(&unread))
    }

    /// Sends one frame, masked with zeros.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![0x80 | opcode];
        match u16::try_from(payload.len()) {
            Ok(short) if short < 126 => frame.put_u8(0x80 | short.to_be_bytes()[1]),
            Ok(length) => {
                frame.put_u8(0x80 | 126);
                frame.put_u16(length);
            }
            Err(_) => {
                frame.put_u8(0x80 | 127);
                frame.put_u64(payload.len() as u64);
            }
        }
        frame.put_u32(0);
        frame.extend_from_slice(payload);
        self.send_raw(&frame).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame; none when the connection has ended.
    ///
    /// # Panics
    /// When nothing comes, or a frame as no server may send it: masked, in pieces, or with
    /// a bit that was not agreed on.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.whole() {
                return Some(frame);
            }
            let read = within("a frame", self.stream.read_buf(&mut self.unread)).await;
            // A reset is an end as well.
            if read.unwrap_or_default() == 0 {
                return None;
            }
        }
    }

    fn whole(&mut self) -> Option<Frame> {
        let mut rest = &self.unread[..];
        if rest.len() < 2 {
            return None;
        }
        let (first, second) = (rest.get_u8(), rest.get_u8());
        assert_eq!(first & 0xF0, 0x80, "whole frames without extensions");
        assert_eq!(second & 0x80, 0, "servers do not mask");
        let length = match second {
            126 => usize::from(rest.try_get_u16().ok()?),
            127 => usize::try_from(rest.try_get_u64().ok()?).expect("a length"),
            short => usize::from(short),
        };
        let payload = rest.get(..length)?.to_vec();
        let used = self.unread.len() - (rest.len() - length);
        self.unread.advance(used);
        Some(Frame {
            opcode: first & 0x0F,
            payload,
        })
    }

    /// The next envelope; pings before it are answered.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn envelope(&mut self) -> v1::Envelope {
        loop {
            let frame = self.next().await.expect("the stream lives");
            if frame.opcode == opcode::PING {
                let _ = self.send(opcode::PONG, &frame.payload).await;
            } else if let Some(envelope) = frame.envelope() {
                return envelope;
            } else {
                panic!("no envelope: {frame:?}");
            }
        }
    }

    /// Reads up to the log `last`; gives the texts of the logs that came.
    pub async fn logs_to(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().map(String::as_str) != Some(last) {
            all.extend(text(&self.envelope().await));
        }
        all
    }

    /// Reads to the end: what came before it, and how it was said. Pings are not answered.
    pub async fn ending(&mut self) -> (Vec<v1::Envelope>, Option<(u16, String)>) {
        let (mut envelopes, mut closed) = (Vec::new(), None);
        while let Some(frame) = self.next().await {
            envelopes.extend(frame.envelope());
            closed = closed.or_else(|| frame.closed());
        }
        (envelopes, closed)
    }
}

/// The text of a log; none of anything else.
pub fn text(envelope: &v1::Envelope) -> Option<String> {
    let message = envelope.log_message.as_ref()?.message.as_ref()?;
    Some(String::from_utf8_lossy(message).into_owned())
}
