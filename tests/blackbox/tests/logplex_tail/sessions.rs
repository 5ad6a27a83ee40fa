//! What a session shows of the history.

use logweir_blackbox::{
    logplex::Logplex,
    patience::eventually,
    tails::{get, path},
};
use serde_json::{Value, json};

use crate::{all_shown, channel_with, shown, v3};

#[tokio::test]
async fn b039_no_sessions_of_v3_while_tails_are_denied() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 1).await;
    let body = json!({"channel_id": channel.id}).to_string();
    logplex.rods(json!({"deny_tail_sessions": true})).await;
    let path = "/v3/sessions/anything";
    assert_eq!(v3(&logplex, "POST", path, &body).await.status, 503);
    logplex.rods(json!({"deny_tail_sessions": false})).await;
    assert_eq!(v3(&logplex, "POST", path, &body).await.status, 201);
}

#[tokio::test]
async fn b040_a_session_of_v3_is_fetched_at_the_other_api() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 2).await;
    let body = json!({"channel_id": channel.id}).to_string();
    let made = v3(&logplex, "POST", "/v3/sessions", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let url = made.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(&*url));
    let port = logplex.api.rsplit(':').next().unwrap();
    let prefix = format!("http://localhost:{port}/sessions/");
    assert!(url.starts_with(&prefix), "{url}");
    let fetched = get(&logplex.api, &path(&url), &[]).await;
    assert_eq!((fetched.status, fetched.text()), (200, all_shown(0..2)));
}

#[tokio::test]
async fn b041_a_session_of_v3_needs_a_channel() {
    let logplex = Logplex::in_run("").await;
    let body = r#"{"channel_id": "nobody"}"#;
    let made = v3(&logplex, "POST", "/v3/sessions", body).await;
    assert_eq!(made.status, 422);
    assert_eq!(made.json()["error"], "channel not found");
}

#[tokio::test]
async fn b049_to_b052_canaries_work_while_nothing_can_be_changed() {
    let logplex = Logplex::in_role("").await;
    let channel = channel_with(&logplex, 10).await;
    let canary = async || {
        let body = json!({"channel_id": channel.id, "tail": true}).to_string();
        logplex.call("POST", "/v2/canary-sessions", &body).await
    };
    let check = async || {
        let made = canary().await;
        assert_eq!(made.status, 201, "{made:?}");
        let url = made.json()["url"].as_str().unwrap().to_owned();
        let id = url.strip_prefix("/v2/canary-fetch/").unwrap();
        assert_eq!(id.len(), 36);
        let fetched = get(&logplex.api, &url, &["Connection: close"]).await;
        assert_eq!(fetched.header("content-type"), Some("text/html"));
        assert_eq!((fetched.status, fetched.complete), (200, true));
        // It never tails.
        assert_eq!(fetched.text(), all_shown(0..10));
        url
    };
    let url = check().await;
    logplex.rods(json!({"legacy_api": "read_only"})).await;
    check().await;
    let refused = logplex.call("POST", "/channels", "{}").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.body, "Logplex API temporarily in read-only mode");
    logplex.rods(json!({"legacy_api": "disabled"})).await;
    assert_eq!(canary().await.status, 503);
    let fetched = get(&logplex.api, &url, &["Connection: close"]).await;
    assert_eq!(fetched.status, 503);
}

#[tokio::test]
async fn b133_one_line_more_than_was_asked_for_comes() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 300).await;
    for (num, from) in [
        (json!({}), 199),
        (json!({"num": "0"}), 299),
        (json!({"num": "3"}), 296),
        (json!({"num": 3}), 296),
        (json!({"num": null}), 199),
        (json!({"num": "-1"}), 0),
        (json!({"num": "99999"}), 0),
    ] {
        let text = logplex.fetch(&channel, num.clone()).await;
        assert_eq!(text, all_shown(from..300), "{num}");
    }
    let session = logplex.session(&channel, json!({"num": "many"})).await;
    let refused = get(&logplex.api, &session, &["Connection: close"]).await;
    let told = "'num' must be a number".to_owned();
    assert_eq!((refused.status, refused.text()), (400, told));
}

#[tokio::test]
async fn b134_to_b136_filters_are_joined() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app", "heroku"]).await;
    let mut expected = Vec::new();
    for (name, ps) in [
        ("app", "web"),
        ("app", "web.1"),
        ("app", "web1"),
        ("app", "worker.1"),
        ("heroku", "router"),
        ("heroku", "web.1"),
    ] {
        let token = channel.token(name);
        let message = format!("<190>1 2026-11-21T10:00:00Z host {token} {ps} - - text");
        logplex.post(token, &[message]).await;
        expected.push((
            name,
            ps,
            format!("2026-11-21T10:00:00Z {name}[{ps}]: text\n"),
        ));
    }
    let of = |wanted: &dyn Fn(&str, &str) -> bool| -> String {
        let passed = expected.iter().filter(|(name, ps, _)| wanted(name, ps));
        passed.map(|(_, _, line)| line.as_str()).collect()
    };
    let web = |ps: &str| ps == "web" || ps == "web.1";
    let fetched = async |more: Value| logplex.fetch(&channel, more).await;
    assert_eq!(fetched(json!({"ps": "web"})).await, of(&|_, ps| web(ps)));
    assert_eq!(
        fetched(json!({"source": "heroku"})).await,
        of(&|name, _| name == "heroku")
    );
    assert_eq!(
        fetched(json!({"source": "app", "ps": "web"})).await,
        of(&|name, ps| name == "app" && web(ps))
    );
    assert_eq!(fetched(json!({"ps": "none"})).await, "");
    // Of the fetched lines at most as many as were asked for.
    let newest = "2026-11-21T10:00:00Z heroku[web.1]: text\n";
    assert_eq!(fetched(json!({"ps": "web", "num": "1"})).await, newest);
    assert_eq!(fetched(json!({"ps": "web", "num": "0"})).await, "");
    let repeated = format!(
        r#"{{"channel_id":"{}","ps":"web","ps":"web.1","source":"app"}}"#,
        channel.id
    );
    let session = logplex.session_of(&repeated).await;
    let raw = get(&logplex.api, &session, &[]).await;
    assert_eq!(raw.text(), of(&|name, ps| name == "app" && ps == "web.1"));
}

#[tokio::test]
async fn b138_a_session_that_is_unknown_is_not_found() {
    let logplex = Logplex::in_role("").await;
    for id in [
        "0a5cd6f0-3fb4-4f3f-9f2c-8e2e0a1f9a3b",
        "short",
        "a-very-long-name-that-has-more-than-thirty-six-bytes",
    ] {
        for root in ["/sessions", "/v2/canary-fetch"] {
            let answer = get(
                &logplex.api,
                &format!("{root}/{id}"),
                &["Connection: close"],
            )
            .await;
            assert_eq!((answer.status, &*answer.text()), (404, "Not found"), "{id}");
        }
    }
}

#[tokio::test]
async fn b138_a_session_without_a_channel_is_refused() {
    let logplex = Logplex::in_run("").await;
    for body in ["{}", "[]", "nonsense", r#"{"channel_id": 1}"#, "\u{0}"] {
        let session = logplex.session_of(body).await;
        let answer = get(&logplex.api, &session, &["Connection: close"]).await;
        let told = "'channel_id' missing".to_owned();
        assert_eq!((answer.status, answer.text()), (400, told), "{body}");
    }
}

#[tokio::test]
async fn b139_a_session_can_be_fetched_again_until_it_ends() {
    let logplex = Logplex::in_run("session_expiry = \"2s\"\n").await;
    let channel = channel_with(&logplex, 1).await;
    let session = logplex.session(&channel, json!({})).await;
    for _ in 0..3 {
        let raw = get(&logplex.api, &session, &[]).await;
        assert_eq!((raw.status, raw.text()), (200, shown(0)));
    }
    eventually("the session ends", async || {
        let raw = get(&logplex.api, &session, &["Connection: close"]).await;
        (raw.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn b144_newlines_within_pass_and_one_at_the_end_is_added() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app");
    let head = format!("<190>1 2026-11-21T10:00:00Z host {token} web.1 - - ");
    let texts = ["no end", "an end\n", "in\nside", "", "two\n\n"];
    let messages = texts.map(|text| format!("{head}{text}"));
    logplex.post(token, &messages).await;
    let line = |text: &str| {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        format!("2026-11-21T10:00:00Z app[web.1]: {text}{end}")
    };
    let expected: String = texts.map(line).concat();
    assert_eq!(logplex.fetch(&channel, json!({})).await, expected);
    // The same as events: a line break within parts the data.
    let session = logplex.session(&channel, json!({})).await;
    let raw = get(
        &logplex.api,
        &session,
        &["Accept: text/event-stream", "Connection: close"],
    )
    .await;
    assert_eq!(raw.header("content-type"), Some("text/event-stream"));
    let event = |text: &str| {
        let line = line(text);
        let lines = line.strip_suffix('\n').unwrap().split('\n');
        let data: String = lines.map(|part| format!("data: {part}\n")).collect();
        format!("{data}\n")
    };
    assert_eq!(raw.text(), texts.map(event).concat());
}

#[tokio::test]
async fn a_line_of_history_is_a_chunk_and_what_a_filter_lets_through_is_one() {
    let logplex = Logplex::in_run("").await;
    let channel = channel_with(&logplex, 5).await;
    let session = logplex.session(&channel, json!({})).await;
    let raw = get(&logplex.api, &session, &[]).await;
    let expected: Vec<_> = (0..5).map(|number| shown(number).into_bytes()).collect();
    assert_eq!(raw.chunks, expected);
    let session = logplex.session(&channel, json!({"ps": "web"})).await;
    let raw = get(&logplex.api, &session, &[]).await;
    assert_eq!(raw.chunks, [all_shown(0..5).into_bytes()]);
}

#[tokio::test]
async fn history_is_in_the_order_of_arrival_whatever_the_clocks_say() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app");
    let times = [
        "2026-11-21T10:00:00Z",
        "2012-12-10T03:00:48.123456Z",
        "no-time",
        "2036-01-01T00:00:00Z",
        "2026-11-21T10:00:00Z",
    ];
    let posted = times.map(|time| format!("<190>1 {time} host {token} web.1 - - text"));
    logplex.post(token, &posted).await;
    let expected = times.map(|time| format!("{time} app[web.1]: text\n"));
    assert_eq!(logplex.fetch(&channel, json!({})).await, expected.concat());
    let newest = logplex.fetch(&channel, json!({"num": "1"})).await;
    assert_eq!(newest, expected[3..].concat());
}
