//! Tails, restarts and storms of calls.

use logweir_blackbox::{
    logplex::{Logplex, basic, request},
    patience::eventually,
};
use serde_json::json;

use super::{CHANNEL, V3, put_of};

#[tokio::test]
async fn b095_whoever_tails_gets_every_line_until_it_leaves() {
    let logplex = Logplex::in_role("").await;
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app");
    let line = |text: &str| format!("<14>1 2026-11-21T10:00:00Z h {token} web.1 - - {text}");
    let tail = async || logplex.tail(&channel, json!({ "tail": "1" })).await;
    let (mut one, mut two) = (tail().await, tail().await);
    logplex.metric_is("logweir_logplex_tails", &[], 2.0).await;
    logplex.post(token, &[line("first")]).await;
    one.text_with("first").await;
    two.text_with("first").await;
    drop(one);
    logplex.post(token, &[line("second")]).await;
    let text = two.text_with("second").await;
    assert_eq!(text.matches("app[web.1]: ").count(), 2, "{text}");
    drop(two);
    eventually("nobody tails", async || {
        logplex.post(token, &[line("nobody")]).await;
        let tails = logplex.metric("logweir_logplex_tails", &[]).await;
        (tails == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_made_outlives_a_restart() {
    let mut logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    logplex
        .cred("local", "password", &["full_api", "any_channel"])
        .await;
    logplex.rods(json!({ "api": "read_only" })).await;
    let session = logplex
        .call("POST", "/v2/sessions", r#"{"channel_id":"1"}"#)
        .await;
    let url = session.json()["url"].as_str().expect("a URL").to_owned();
    logplex.channel(&["app"]).await;
    let system = logplex.system.as_mut().expect("a system");
    system.stopped().await;
    let http = system.door("http").to_owned();
    (logplex.api, logplex.v3) = (http.clone(), http);
    let headers = [("Authorization", &*basic("local", "password"))];
    let shown = request(&logplex.api, "GET", "/v2/channels/1", &headers, b"").await;
    assert_eq!(shown.json()["tokens"][0]["token"], channel.token("app"));
    assert_eq!(logplex.v3("PUT", CHANNEL, "{}").await.status, 503);
    let path = url.find("/sessions/").expect("a session");
    let fetched = request(&logplex.api, "GET", &url[path..], &[], b"").await;
    assert_eq!(fetched.status, 200);
    let next = logplex.call("POST", "/channels", "{}").await;
    assert_eq!(next.json()["channel_id"], 3);
}

#[tokio::test]
async fn a_storm_of_calls_is_answered_whole() {
    let logplex = Logplex::in_run("").await;
    let calls = (0..1_000).map(|n| {
        let (api, body) = (logplex.api.clone(), put_of(&["app"]));
        tokio::spawn(async move {
            let headers = [
                ("Authorization", "Basic KEY"),
                ("Content-Type", "application/json"),
            ];
            match n % 2 {
                0 => request(&api, "POST", "/channels", &headers, body.as_bytes()).await,
                _ => {
                    let path = format!("/v3/channels/app-{}", n % 50);
                    request(&api, "PUT", &path, &headers, body.as_bytes()).await
                }
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut numbers = Vec::new();
    for call in calls {
        let answer = call.await.expect("an answer");
        assert!(matches!(answer.status, 200 | 201 | 503), "{answer:?}");
        if answer.status == 201 && answer.body.contains("channel_id") {
            numbers.push(answer.json()["channel_id"].as_u64().expect("a number"));
        }
    }
    numbers.sort_unstable();
    let count = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "each number once");
    assert_eq!(logplex.call("GET", "/healthcheck", "").await.status, 200);
}
