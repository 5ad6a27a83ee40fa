//! The pages of a log cache, as its readers see them.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use logweir_proto::v2;

use crate::{
    envelopes::{self, log},
    http,
    patience::within,
    system::System,
};

/// Lines of a source, a nanosecond apart.
pub fn numbered(source: &str, numbers: std::ops::Range<i64>) -> Vec<v2::Envelope> {
    let line = |number| v2::Envelope {
        timestamp: 1_790_000_000_000_000_000 + number,
        ..log(source, format!("line {number}"))
    };
    numbers.map(line).collect()
}

/// The JSON of a page of the front door.
///
/// # Panics
/// When the answer is not 200.
pub async fn page(system: &System, path: &str) -> Value {
    let (status, body) = http::get(system.door("http"), path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// The payloads of an answer's logs.
///
/// # Panics
/// When it is no such answer.
pub fn payloads(answer: &Value) -> Vec<String> {
    let batch = answer["envelopes"]["batch"].as_array().expect("a batch");
    batch.iter().map(payload).collect()
}

/// The text of a log.
fn payload(envelope: &Value) -> String {
    let text = envelope["log"]["payload"].as_str().unwrap_or_default();
    let batch = format!("{{\"batch\":[{{\"log\":{{\"payload\":\"{text}\"}}}}]}}");
    let batch = logweir_wire::json::parse_batch(batch.as_bytes()).expect("a batch");
    batch.batch.iter().map(envelopes::payload).collect()
}

/// A source that is followed: its lines as they come.
pub struct Followed(BufReader<TcpStream>);

impl Followed {
    /// `path` is what follows `/api/v1/follow/`.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn open(system: &System, path: &str) -> Self {
        let mut stream = TcpStream::connect(system.door("http"))
            .await
            .expect("a connection");
        let request = format!("GET /api/v1/follow/{path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        Self(BufReader::new(stream))
    }

    /// The payloads of the next event.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn next(&mut self) -> Vec<String> {
        loop {
            let mut line = String::new();
            let read = within("an event", self.0.read_line(&mut line)).await;
            assert!(read.expect("a line") > 0, "the stream ended");
            if let Some(batch) = line.strip_prefix("data: {") {
                let batch: Value = serde_json::from_str(&format!("{{{batch}")).expect("JSON");
                let batch = batch["batch"].as_array().expect("a batch");
                return batch.iter().map(payload).collect();
            }
        }
    }
}
