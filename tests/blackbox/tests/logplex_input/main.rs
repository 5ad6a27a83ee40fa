//! Lines into Logplex: `POST /logs` and syslog over TCP, good and bad. Tests are named after
//! the behaviours of Logplex that they check; where we do otherwise, `strict` is what it does.

mod bodies;
mod onward;
mod requests;
mod tcp;
mod writers;

use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

use logweir_blackbox::logplex::{Channel, Logplex, basic};

pub(crate) const TYPE: (&str, &str) = ("Content-Type", "application/logplex-1");
pub(crate) const STRICT: &str = "strict = true\n";

/// A message of a token with some content.
pub(crate) fn message(token: &str, content: &str) -> String {
    format!("<134>1 2012-12-10T03:00:48.123456Z erlang {token} console.1 - - {content}")
}

/// What a tail shows of [`message`].
pub(crate) fn shown(source: &str, content: &str) -> String {
    format!("2012-12-10T03:00:48.123456Z {source}[console.1]: {content}")
}

pub(crate) fn five(token: &str) -> Vec<String> {
    let content = |n| format!("message {n}");
    (1..=5).map(|n| message(token, &content(n))).collect()
}

pub(crate) fn five_shown(source: &str) -> Vec<String> {
    let content = |n| format!("message {n}");
    (1..=5).map(|n| shown(source, &content(n))).collect()
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("packed");
    encoder.finish().expect("packed")
}

pub(crate) async fn one_channel(logplex: &Logplex) -> (Channel, String, String) {
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app").to_owned();
    let who = basic("token", &token);
    (channel, token, who)
}
