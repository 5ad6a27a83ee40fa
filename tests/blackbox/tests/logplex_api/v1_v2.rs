//! Channels, tokens and sessions in v1 and v2.

use logweir_blackbox::logplex::{Logplex, basic, request};
use serde_json::json;

use super::{error, is_token, is_uuid};

#[tokio::test]
async fn b047_b048_channels_of_v1_and_v2() {
    let logplex = Logplex::in_role("").await;
    let body = r#"{"name":"n","tokens":["b","a","b","ä/"]}"#;
    let made = logplex.call("POST", "/channels", body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("content-type"), Some("application/json"));
    let start = r#"{"channel_id":1,"tokens":{"b":"t."#;
    assert!(made.body.starts_with(start), "{}", made.body);
    assert_eq!(
        made.body.matches(r#""b":"t."#).count(),
        2,
        "repeated names stay"
    );
    assert!(made.body.contains(r#""\u00e4/":"t."#), "{}", made.body);
    let none = logplex.call("POST", "/channels", "{}").await;
    assert_eq!(
        (none.status, &*none.body),
        (201, r#"{"channel_id":2,"tokens":[]}"#)
    );

    let info = logplex.call("GET", "/channels/1/info", "").await;
    assert_eq!(info.status, 200);
    assert_eq!(info.header("content-type"), Some("text/html"));
    let start = r#"{"channel_id":1,"tokens":{"a":"t."#;
    assert!(info.body.starts_with(start), "{}", info.body);
    assert!(info.body.ends_with(r#"},"drains":[]}"#), "{}", info.body);
    let info = logplex.call("GET", "/channels/2/info", "").await;
    let empty = r#"{"channel_id":2,"tokens":[],"drains":[]}"#;
    assert_eq!((info.status, &*info.body), (200, empty));
    let shown = logplex.call("GET", "/v2/channels/1", "").await;
    assert_eq!(shown.header("content-type"), Some("application/json"));
    let start = r#"{"channel_id":1,"tokens":[{"name":"a","token":"t."#;
    assert!(shown.body.starts_with(start), "{}", shown.body);

    for path in ["/channels/123badchannel/info", "/v2/channels/123badchannel"] {
        let answer = logplex.call("GET", path, "").await;
        assert_eq!((answer.status, &*answer.body), (404, "Not found"));
    }
    let unknown = logplex.call("GET", "/v2/channels/99", "").await;
    assert_eq!((unknown.status, &*error(&unknown)), (404, "Not Found"));
    for (path, body) in [("/channels/1", "OK"), ("/v2/channels/2", "")] {
        let gone = logplex.call("DELETE", path, "").await;
        assert_eq!((gone.status, &*gone.body), (200, body));
    }
    let gone = logplex.call("DELETE", "/channels/1", "").await;
    assert_eq!((gone.status, &*gone.body), (404, "Not found"));
    let gone = logplex.call("DELETE", "/v2/channels/2", "").await;
    assert_eq!((gone.status, &*error(&gone)), (404, "Not Found"));
}

#[tokio::test]
async fn b049_b055_urls_of_sessions() {
    let logplex = Logplex::in_role("api_url = \"http://logs.example/\"\n").await;
    let body = r#"{"channel_id": "1"}"#;
    let text = logplex.call("POST", "/sessions", body).await;
    assert_eq!(text.status, 201);
    assert_eq!(text.header("content-type"), Some("text/html"));
    let id = text.body.strip_prefix("http://logs.example/sessions/");
    assert!(id.is_some_and(is_uuid), "{}", text.body);
    let v2 = logplex.call("POST", "/v2/sessions", body).await;
    assert_eq!((v2.status, v2.body.len()), (201, 75), "{}", v2.body);
    assert_eq!(v2.header("content-type"), Some("application/json"));
    assert!(
        v2.body
            .starts_with(r#"{"url":"http://logs.example/sessions/"#)
    );
    let canary = logplex.call("POST", "/v2/canary-sessions", body).await;
    assert_eq!(canary.status, 201);
    let url = canary.json()["url"].clone();
    let id = url
        .as_str()
        .and_then(|url| url.strip_prefix("/v2/canary-fetch/"));
    assert!(id.is_some_and(is_uuid), "{url}");
    for path in ["/sessions", "/v2/sessions", "/v2/canary-sessions"] {
        let bad = logplex.call("POST", path, "").await;
        assert_eq!(bad.status, 400);
        assert!(bad.body.contains("channel_id"), "{bad:?}");
        let large = logplex.call("POST", path, &" ".repeat(20_000)).await;
        assert_eq!(large.status, 413);
    }
}

#[tokio::test]
async fn b051_b052_v1_and_v2_read_only_and_disabled() {
    let logplex = Logplex::in_role("").await;
    logplex.channel(&["app"]).await;
    logplex.rods(json!({ "legacy_api": "read_only" })).await;
    let words = "Logplex API temporarily in read-only mode";
    for (method, path) in [
        ("POST", "/channels"),
        ("DELETE", "/channels/1"),
        ("DELETE", "/v2/channels/1"),
        ("POST", "/channels/1/token"),
        ("POST", "/v2/channels/1/tokens"),
        ("POST", "/sessions"),
        ("POST", "/v2/sessions"),
        ("POST", "/channels/1/drains/tokens"),
        ("POST", "/v2/channels/1/drains/1"),
        ("POST", "/v2/channels/1/drains"),
        ("DELETE", "/v2/channels/1/drains/1"),
    ] {
        // Before anybody asks who calls.
        let answer = request(&logplex.api, method, path, &[], b"").await;
        assert_eq!(
            (answer.status, &*answer.body),
            (503, words),
            "{method} {path}"
        );
    }
    let health = logplex.call("GET", "/healthcheck", "").await;
    assert_eq!(
        (health.status, &*health.body),
        (200, r#"{"status":"read_only"}"#)
    );
    assert_eq!(logplex.call("GET", "/v2/channels/1", "").await.status, 200);
    let body = r#"{"channel_id":"1"}"#;
    let canary = logplex.call("POST", "/v2/canary-sessions", body).await;
    assert_eq!(canary.status, 201);
    let url = canary.json()["url"].as_str().expect("a URL").to_owned();
    let fetched = request(&logplex.api, "GET", &url, &[], b"").await;
    assert_eq!((fetched.status, &*fetched.body), (200, ""));

    logplex.rods(json!({ "legacy_api": "disabled" })).await;
    for (method, path) in [
        ("POST", "/v2/canary-sessions"),
        ("GET", &*url),
        ("GET", "/healthcheck"),
        ("GET", "/nothing"),
    ] {
        let answer = logplex.call(method, path, body).await;
        assert_eq!(answer.status, 503, "{method} {path}");
        assert_eq!(answer.body, "Service Temporarily Disabled");
    }
    logplex.rods(json!({ "legacy_api": "normal" })).await;
    assert_eq!(logplex.call("GET", "/healthcheck", "").await.status, 200);
}

#[tokio::test]
async fn b053_b061_b062_who_may_use_v1_and_what_there_is() {
    let logplex = Logplex::in_role("").await;
    logplex.cred("full", "pass", &["full_api"]).await;
    logplex
        .cred("logs", "pass", &["any_channel", "channel:1"])
        .await;
    let health = async |headers: &[(&str, &str)]| {
        request(&logplex.api, "GET", "/healthcheck", headers, b"").await
    };
    for who in ["Basic KEY", &basic("full", "pass")] {
        let answer = health(&[("Authorization", who)]).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, r#"{"status":"normal"}"#)
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for headers in [
        vec![],
        vec![("Authorization", basic("logs", "pass"))],
        vec![("Authorization", basic("full", "Pass"))],
        vec![("Authorization", basic("full", ""))],
        vec![("Authorization", "Basic S0VZ".to_owned())],
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let answer = health(&headers).await;
        assert_eq!((answer.status, &*answer.body), (401, "Not Authorized"));
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/channels"),
        ("PUT", "/channels"),
        ("PUT", "/healthcheck"),
        ("POST", "/a/load"),
        ("GET", "/channels/1/token"),
        ("GET", "/sessions/a.b"),
    ] {
        let answer = logplex.call(method, path, "").await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.body, "Not found");
    }
}

#[tokio::test]
async fn b054_b060_tokens_of_v1_and_v2_and_what_is_gone() {
    let logplex = Logplex::in_role("").await;
    logplex.channel(&[]).await;
    let v1 = logplex
        .call("POST", "/channels/1/token", r#"{"name":"a"}"#)
        .await;
    assert_eq!(v1.status, 201);
    assert!(is_token(&v1.body, "t."), "{v1:?}");
    let v2 = logplex
        .call("POST", "/v2/channels/1/tokens", r#"{"name":"b"}"#)
        .await;
    assert_eq!(v2.status, 201);
    let start = r#"{"name":"b","token":"t."#;
    assert!(v2.body.starts_with(start), "{v2:?}");
    let bad = logplex.call("POST", "/channels/1/token", "{}").await;
    assert_eq!((bad.status, &*bad.body), (400, "'name' post param missing"));
    let bad = logplex.call("POST", "/v2/channels/1/tokens", "{}").await;
    let words = r#"{"error":"NAME is a required field"}"#;
    assert_eq!((bad.status, &*bad.body), (422, words));
    assert_eq!(bad.header("content-type"), Some("text/html"));
    for path in ["/channels/1/token", "/v2/channels/1/tokens"] {
        for body in ["", "{", "[]", "7", r#"{"name":"a\nb"}"#] {
            let bad = logplex.call("POST", path, body).await;
            assert_eq!(
                (bad.status, bad.body.is_empty()),
                (400, false),
                "{path} {body}"
            );
        }
        let path = path.replace('1', "9");
        let unknown = logplex.call("POST", &path, r#"{"name":"a"}"#).await;
        assert_eq!(unknown.status, 404);
    }
    for (method, path, words) in [
        ("GET", "/channels/1/drains", "V1 Drain API Deprecated."),
        ("DELETE", "/channels/1/drains", "V1 Drain API Deprecated."),
        (
            "POST",
            "/channels/1/drains",
            "V1 Drain Creation API deprecated.",
        ),
        (
            "POST",
            "/channels/1/drains/7",
            "V1 Drain Creation API deprecated",
        ),
    ] {
        let answer = logplex.call(method, path, "").await;
        assert_eq!((answer.status, &*answer.body), (501, words), "{method}");
    }
    for body in [
        "",
        "[]",
        "{",
        r#"{"name":7}"#,
        r#"{"tokens":"x"}"#,
        r#"{"tokens":[7]}"#,
    ] {
        let bad = logplex.call("POST", "/channels", body).await;
        assert_eq!((bad.status, bad.body.is_empty()), (400, false), "{body}");
    }
    let bad = logplex.call("POST", "/channels", r#"{"name":7}"#).await;
    assert_eq!(bad.body, "Channel name must be a string.");
}
