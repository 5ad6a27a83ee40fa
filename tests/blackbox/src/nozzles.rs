//! Nozzles into files: what they wrote.

use std::{
    fs,
    path::{Path, PathBuf},
};

use logweir_proto::v2;
use serde_json::Value;

use crate::{
    envelopes::{batch, log},
    stream::Producer,
    system::System,
};

/// The table of a nozzle of logs into this file; `more` goes below its own keys.
pub fn into_file(name: &str, path: &Path, more: &str) -> String {
    // Our own metrics would come in between.
    let takes = "kinds = [\"log\"]";
    format!("[[nozzles]]\nname = {name:?}\n{takes}\n[nozzles.file]\npath = {path:?}\n{more}\n")
}

/// The lines of a file that were written whole, each a JSON value. None while there is no file.
///
/// # Panics
/// When a line is no JSON.
pub fn written(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines = text[..whole].lines();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.map(parse).collect()
}

/// The numbers of the lines `line N` in a file.
pub fn numbers(path: &Path) -> Vec<usize> {
    let envelopes = written(path);
    let number = |envelope: &Value| {
        let payload = envelope["log"]["payload"].as_str()?;
        let text = String::from_utf8(base64(payload)).ok()?;
        text.strip_prefix("line ")?.parse().ok()
    };
    envelopes.iter().filter_map(number).collect()
}

/// The files that were put aside for `path`, oldest first.
pub fn aside(path: &Path) -> Vec<PathBuf> {
    let entries = path
        .parent()
        .and_then(|directory| fs::read_dir(directory).ok());
    let entries = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let begin = format!("{name}.");
    let is_ours = |one: &PathBuf| {
        let name = one.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&begin))
    };
    let mut all: Vec<_> = entries.filter(is_ours).collect();
    all.sort();
    all
}

/// Sends these envelopes to a system, and waits until it has taken them.
///
/// # Panics
/// When it does not.
pub async fn send(system: &System, envelopes: &[v2::Envelope]) {
    let producer = Producer::open(&system.dial("ingress").await);
    for some in envelopes.chunks(100) {
        producer.send(&batch(some)).await;
    }
    producer.finish().await.expect("taken");
}

/// Logs of `line N`.
pub fn lines(numbers: std::ops::Range<usize>) -> Vec<v2::Envelope> {
    numbers
        .map(|one| log("app", format!("line {one}")))
        .collect()
}

/// The bytes of a text in base64; what is none of its letters is passed over.
fn base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for six in text.bytes().filter_map(value) {
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    bytes
}
