//! `GET /v3/channels/ID/logs`.

use logweir_blackbox::logplex::Logplex;
use serde_json::json;

use crate::{channel_logs, channel_with, messages};

#[tokio::test]
async fn b033_channel_logs_are_frames_oldest_first() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 5).await;
    let logs = channel_logs(&logplex, &channel, "").await;
    assert_eq!((logs.status, logs.complete), (200, true), "{logs:?}");
    assert_eq!(logs.header("logplex-msg-count"), Some("5"));
    assert_eq!(logs.header("content-type"), Some("application/logplex-1"));
    assert_eq!(logs.header("connection"), Some("close"));
    assert_eq!(logs.header("transfer-encoding"), Some("chunked"));
    let frame = |number| {
        let time = format!("2026-11-21T10:00:00.{number:06}+00:00");
        let text = format!("<190>1 {time} host app web.1 - line {number}\n");
        format!("{} {text}", text.len())
    };
    assert_eq!(logs.text(), (0..5).map(frame).collect::<String>());
}

#[tokio::test]
async fn b034_a_frame_has_a_constant_host_and_no_structured_data() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["heroku"]).await;
    let token = channel.token("heroku");
    let head = "<158>1 2018-03-02T23:22:34.901697+00:00";
    let text = "at=info method=POST path=\"/logs\" host=app.example fwd=\"203.0.113.7\" dyno=web.1 \
                connect=1ms service=16ms status=204 bytes=0 protocol=https";
    let rest = 290 - format!("{head} host heroku router - {text} \n").len();
    let text = format!("{text} {}", "x".repeat(rest));
    logplex
        .post(
            token,
            &[format!(
                "{head} own.host {token} router - [a b=\"c\"] {text}"
            )],
        )
        .await;
    let logs = channel_logs(&logplex, &channel, "").await;
    let frame = format!("{head} host heroku router - {text}\n");
    assert_eq!(frame.len(), 290);
    assert_eq!(logs.text(), format!("290 {frame}"));
}

#[tokio::test]
async fn b035_what_is_no_message_counts_but_is_no_frame() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["cccc"]).await;
    let token = channel.token("cccc");
    let uuid = "0a5cd6f0-3fb4-4f3f-9f2c-8e2e0a1f9a3b";
    let good = format!("<1>1 aaaa bbbb {token} dddd - - {uuid}");
    logplex.post(token, &[good, format!("bad {uuid}")]).await;
    let logs = channel_logs(&logplex, &channel, "").await;
    assert_eq!(logs.header("logplex-msg-count"), Some("2"));
    assert_eq!(
        logs.text(),
        format!("64 <1>1 aaaa host cccc dddd - {uuid}\n")
    );
    // A session passes over it too.
    let line = format!("aaaa cccc[dddd]: {uuid}\n");
    assert_eq!(logplex.fetch(&channel, json!({})).await, line);
    let filtered = json!({"source": "cccc"});
    assert_eq!(logplex.fetch(&channel, filtered).await, line);
}

#[tokio::test]
async fn b036_to_b038_the_number_of_lines_of_channel_logs() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 3).await;
    let count = async |query: &str| {
        let logs = channel_logs(&logplex, &channel, query).await;
        assert_eq!(logs.status, 200, "{logs:?}");
        let count: usize = logs.header("logplex-msg-count").unwrap().parse().unwrap();
        assert_eq!(logs.chunks.len(), count, "a chunk for each frame");
        count
    };
    assert_eq!(count("?num=5").await, 3);
    let token = channel.token("app");
    logplex.post(token, &messages(token, 3..5)).await;
    assert_eq!(count("?num=3").await, 4, "one more than was asked for");
    assert_eq!(count("?num=invalid").await, 5);
    assert_eq!(count("").await, 5);
    assert_eq!(count("?num=0").await, 1);
    assert_eq!(count("?num=-1").await, 5);
    logplex.post(token, &messages(token, 5..200)).await;
    assert_eq!(count("").await, 101);
}
