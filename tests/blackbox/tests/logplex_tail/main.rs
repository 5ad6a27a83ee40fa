//! Sessions, live lines and v3's channel logs. Tests are named after the behaviours of the
//! reference for Logplex that they show.

mod channel_logs;
mod history;
mod live;
mod sessions;
mod walk;

use logweir_blackbox::{
    logplex::{Answer, Channel, KEY, Logplex, request},
    tails::{Raw, get},
};

/// A message of a token, with its number for a text.
pub(crate) fn message(token: &str, number: usize) -> String {
    format!("<190>1 2026-11-21T10:00:00.{number:06}+00:00 host {token} web.1 - - line {number}")
}

pub(crate) fn messages(token: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| message(token, number)).collect()
}

/// The same line as a session shows it.
pub(crate) fn shown(number: usize) -> String {
    format!("2026-11-21T10:00:00.{number:06}+00:00 app[web.1]: line {number}\n")
}

pub(crate) fn all_shown(numbers: std::ops::Range<usize>) -> String {
    numbers.map(shown).collect()
}

/// A channel with the token `app` and so many lines.
pub(crate) async fn channel_with(logplex: &Logplex, lines: usize) -> Channel {
    let channel = logplex.channel(&["app"]).await;
    if lines > 0 {
        let token = channel.token("app");
        logplex.post(token, &messages(token, 0..lines)).await;
    }
    channel
}

pub(crate) async fn v3(logplex: &Logplex, method: &str, path: &str, body: &str) -> Answer {
    let key = format!("Basic {KEY}");
    let headers = [
        ("Authorization", &*key),
        ("Content-Type", "application/json"),
    ];
    request(&logplex.v3, method, path, &headers, body.as_bytes()).await
}

/// The channel's logs as they came.
pub(crate) async fn channel_logs(logplex: &Logplex, channel: &Channel, query: &str) -> Raw {
    let path = format!("/v3/channels/{}/logs{query}", channel.id);
    get(
        &logplex.v3,
        &path,
        &[&format!("Authorization: Basic {KEY}")],
    )
    .await
}
