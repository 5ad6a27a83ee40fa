//! What a session shows of what comes.

use std::time::Duration;

use logweir_blackbox::{
    envelopes,
    logplex::{Channel, Logplex},
    patience::{eventually, within},
    tails::{Raw, Tail, bytes, get},
};
use serde_json::json;

use crate::{all_shown, channel_with, message, messages, shown, v3};

#[tokio::test]
async fn b136_filters_hold_for_what_comes() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app", "heroku"]).await;
    let mut tail = logplex
        .tail(&channel, json!({"tail": "1", "source": "heroku"}))
        .await;
    for (name, text) in [("app", "hidden"), ("heroku", "last")] {
        let token = channel.token(name);
        let message = format!("<190>1 2026-11-21T10:00:00Z host {token} router - - {text}");
        logplex.post(token, &[message]).await;
    }
    let text = tail.text_with("last").await;
    assert_eq!(text, "2026-11-21T10:00:00Z heroku[router]: last\n");
}

#[tokio::test]
async fn b137_a_tail_is_asked_for_by_the_presence_of_its_key() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 2).await;
    let mut tail = logplex.tail(&channel, json!({"tail": false})).await;
    assert_eq!(tail.text_with("line 1\n").await, all_shown(0..2));
    let token = channel.token("app");
    logplex.post(token, &messages(token, 2..3)).await;
    assert_eq!(tail.text_with("line 2\n").await, all_shown(0..3));
}

#[tokio::test]
async fn b140_a_slow_reader_is_told_how_much_it_lost() {
    let queue = "[router.queue]\nbytes = 1000000\nenvelopes = 2000\n";
    let logplex = Logplex::in_run(queue).await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app");
    // A filter that no line of the tail's own passes: what is lost is told all the same.
    let mut tail = logplex
        .tail(&channel, json!({"tail": 1, "source": "app"}))
        .await;
    let filler = "x".repeat(1000);
    let mut sent = 0;
    let text = |number: usize| format!("{}{filler}", message(token, number));
    logplex.post(token, &[text(0)]).await;
    tail.text_with("line 0").await;
    for _ in 0..150 {
        let batch: Vec<_> = (sent + 1..=sent + 200).map(text).collect();
        logplex.post(token, &batch).await;
        sent += 200;
    }
    logplex.post(token, &[message(token, 999_999)]).await;
    let all = within("all that was not lost", async {
        tail.text_with("line 999999\n").await
    })
    .await;
    let told: Vec<&str> = all.lines().filter(|line| line.contains("L11")).collect();
    assert!(!told.is_empty(), "nothing was lost of {} bytes", all.len());
    let mut lost = 0;
    for line in &told {
        let (head, rest) = line.split_once(" logplex[1]: ").expect("a line of Logplex");
        assert_eq!((head.len(), &head[19..]), (25, "+00:00"), "{line}");
        let words = "Error L11 (Tail buffer overflow) -> This tail session dropped ";
        let count = rest.strip_prefix(words).expect("the words of L11");
        let (count, since) = count.split_once(" messages since ").expect("a time");
        assert_eq!(since.len(), 26, "{line}");
        lost += count.parse::<usize>().expect("a count");
    }
    let came = all
        .lines()
        .filter(|line| line.contains("app[web.1]: line "))
        .count();
    assert_eq!(came + lost, sent + 2, "{lost} lost");
}

#[tokio::test]
async fn b141_a_channel_that_may_not_be_tailed_says_so() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 2).await;
    let running = logplex.tail(&channel, json!({"tail": true})).await;
    logplex.flags(&channel, json!({"no_tail": true})).await;
    let check = |raw: Raw| {
        assert!(raw.complete, "{raw:?}");
        let text = raw.text();
        let (history, line) = text.split_at(all_shown(0..2).len());
        assert_eq!(history, all_shown(0..2));
        let words = "+00:00 Logplex: Error L20 (Tail sessions forbidden) Tail sessions for this \
                     app are forbidden due to log volume.\n";
        assert_eq!(&line[19..], words);
    };
    // Whoever tails already is told, …
    check(running.end().await);
    // … and whoever comes.
    let session = logplex.session(&channel, json!({"tail": true})).await;
    check(get(&logplex.api, &session, &[]).await);
    // History alone is not forbidden.
    assert_eq!(logplex.fetch(&channel, json!({})).await, all_shown(0..2));
}

#[tokio::test]
async fn b142_a_channel_without_history_warns() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 2).await;
    logplex.flags(&channel, json!({"no_redis": true})).await;
    let session = logplex.session(&channel, json!({})).await;
    let raw = get(&logplex.api, &session, &[]).await;
    assert_eq!((raw.status, &*raw.text(), raw.complete), (200, "", true));
    assert_eq!(
        raw.header("x-heroku-warning"),
        Some("Warning: log history discarded due to excessive volume.")
    );
    // What comes is shown.
    let mut tail = logplex.tail(&channel, json!({"tail": true})).await;
    let token = channel.token("app");
    logplex.post(token, &messages(token, 2..3)).await;
    assert_eq!(tail.text_with("line 2\n").await, shown(2));
}

#[tokio::test]
async fn b143_a_client_of_http_1_0_gets_the_text_alone() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 3).await;
    let session = logplex.session(&channel, json!({})).await;
    let answer = bytes(&logplex.api, &format!("GET {session} HTTP/1.0\r\n\r\n")).await;
    let raw = Raw::of(&answer);
    assert_eq!(raw.header("transfer-encoding"), None);
    assert_eq!(raw.text(), all_shown(0..3));
    // The same with what comes: the end of it is the end of the connection.
    let session = logplex.session(&channel, json!({"tail": true})).await;
    let (door, request) = (
        logplex.api.clone(),
        format!("GET {session} HTTP/1.0\r\n\r\n"),
    );
    let reading = tokio::spawn(async move { bytes(&door, &request).await });
    let token = channel.token("app");
    eventually("the tail is open", async || {
        (logplex.metric("logweir_logplex_tails", &[]).await >= 1.0).then_some(())
    })
    .await;
    logplex.post(token, &messages(token, 3..4)).await;
    eventually("the line is written", async || {
        let written = logplex.metric("logweir_logplex_tail_lines", &[]).await;
        (written >= 1.0).then_some(())
    })
    .await;
    logplex
        .operate("POST", "/api/logplex/rods/kill_tail_sessions", json!({}))
        .await;
    let raw = Raw::of(&reading.await.expect("read"));
    assert_eq!(raw.text(), all_shown(0..4));
}

#[tokio::test]
async fn history_and_live_lines_are_joined_without_a_gap_or_a_line_twice() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app").to_owned();
    let session = logplex
        .session(&channel, json!({"tail": true, "num": "-1"}))
        .await;
    let total = 4000;
    let posting = async {
        for start in (0..total).step_by(20) {
            logplex
                .post(&token, &messages(&token, start..start + 20))
                .await;
        }
    };
    let reading = async {
        for _ in 0..8 {
            let mut tail = Tail::open(&logplex.api, &session, &[]).await;
            let last = format!("line {}\n", total - 1);
            let text = tail.text_with(&last).await;
            // Of 1501 lines of history the oldest may have gone.
            let first = text.lines().next().and_then(|line| line.rsplit(' ').next());
            let first: usize = first.and_then(|number| number.parse().ok()).unwrap();
            assert_eq!(text, all_shown(first..total));
        }
    };
    // Readers come while lines do.
    tokio::join!(posting, reading);
}

#[tokio::test]
async fn a_line_that_is_sent_again_is_shown_again() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 1).await;
    let mut tail = logplex.tail(&channel, json!({"tail": true})).await;
    tail.text_with("line 0\n").await;
    let token = channel.token("app");
    logplex.post(token, &[message(token, 0)]).await;
    logplex.post(token, &[message(token, 1)]).await;
    let text = tail.text_with("line 1\n").await;
    assert_eq!(text, [shown(0), shown(0), shown(1)].concat());
}

#[tokio::test]
async fn a_quiet_stream_of_events_has_a_heart() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 1).await;
    let session = logplex.session(&channel, json!({"tail": true})).await;
    let mut tail = Tail::open(&logplex.api, &session, &["Accept: text/event-stream"]).await;
    let line = shown(0);
    let event = format!("data: {}\n\n", line.trim_end());
    assert_eq!(tail.text_with("line 0\n\n").await, event);
    let beat = tail.text_with("\r\n:\n\n\r\n").await;
    assert_eq!(beat, format!("{event}:\n\n"));
}

#[tokio::test]
async fn tails_are_silent_while_they_are_denied_and_end_when_they_are_killed() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 0).await;
    let token = channel.token("app");
    let mut tail = logplex.tail(&channel, json!({"tail": true})).await;
    logplex.post(token, &messages(token, 0..1)).await;
    tail.text_with("line 0\n").await;
    logplex.rods(json!({"deny_tail_sessions": true})).await;
    logplex.post(token, &messages(token, 1..2)).await;
    // It has been passed over once it is in the history: both go the same way at once.
    assert_eq!(logplex.fetch(&channel, json!({})).await, all_shown(0..2));
    logplex.rods(json!({"deny_tail_sessions": false})).await;
    logplex.post(token, &messages(token, 2..3)).await;
    let text = tail.text_with("line 2\n").await;
    assert_eq!(text, [shown(0), shown(2)].concat());
    logplex
        .operate("POST", "/api/logplex/rods/kill_tail_sessions", json!({}))
        .await;
    let raw = tail.end().await;
    assert!(!raw.complete, "the answer has no end");
    // Those that come later live.
    let mut tail = logplex
        .tail(&channel, json!({"tail": true, "num": "0"}))
        .await;
    assert_eq!(tail.text_with("line 2\n").await, shown(2));
}

#[tokio::test]
async fn a_tail_of_a_channel_that_comes_later_shows_its_lines() {
    let logplex = Logplex::in_run("").await;
    let session = logplex
        .session_of(r#"{"channel_id": "later", "tail": true}"#)
        .await;
    let mut tail = Tail::open(&logplex.api, &session, &[]).await;
    let made = v3(
        &logplex,
        "PUT",
        "/v3/channels/later",
        r#"{"tokens": ["app"]}"#,
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.json()["tokens"]["app"].as_str().unwrap().to_owned();
    // Until the tail has seen that there is a channel now.
    eventually("the tail shows a line", async || {
        logplex.post(&token, &messages(&token, 0..1)).await;
        let shows = tail.text_with("line 0\n");
        tokio::time::timeout(Duration::from_millis(200), shows)
            .await
            .ok()
    })
    .await;
    let gone = v3(&logplex, "DELETE", "/v3/channels/later", "").await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert!(tail.end().await.complete, "it ends with the channel");
}

#[tokio::test]
async fn a_v2_source_can_have_a_channel() {
    let logplex = Logplex::in_run("").await;
    let made = logplex
        .call(
            "POST",
            "/channels",
            r#"{"tokens": ["app"], "source": "my-app"}"#,
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["channel_id"].to_string();
    let token = made.json()["tokens"]["app"].as_str().unwrap().to_owned();
    let channel = Channel {
        id,
        tokens: Default::default(),
    };
    let mut tail = logplex.tail(&channel, json!({"tail": true})).await;
    let system = logplex.system.as_ref().unwrap();
    let (producer, mut reader) = system.pair("my-app").await;
    producer
        .send(&envelopes::batch(&[envelopes::log(
            "my-app",
            "from a V2 client",
        )]))
        .await;
    let text = tail.text_with("from a V2 client\n").await;
    let line = text.lines().last().unwrap();
    assert!(line.contains(" app["), "{line}");
    // And the other way: Logplex's lines are the source's.
    logplex.post(&token, &messages(&token, 0..1)).await;
    let is_ours = |envelope: &logweir_proto::v2::Envelope| envelopes::payload(envelope) == "line 0";
    let got = reader.until(|all| all.iter().any(is_ours)).await;
    let ours = got.into_iter().find(is_ours).unwrap();
    assert_eq!(ours.source_id, "my-app");
    assert_eq!(ours.instance_id, "web.1");
    assert_eq!(ours.tags["source_type"], "app");
}
