//! Channels and their tokens in v3.

use logweir_blackbox::logplex::{Logplex, basic, request};
use serde_json::json;

use super::{CHANNEL, V3, error, is_token, is_uuid, put_of, tokens};

#[tokio::test]
async fn b001_b014_b028_b032_a_disabled_v3_says_so_to_all() {
    let logplex = Logplex::in_role("").await;
    assert_eq!(logplex.v3("PUT", CHANNEL, "{}").await.status, 201);
    logplex.rods(json!({ "api": "disabled" })).await;
    for (method, path) in [
        ("GET", CHANNEL.to_owned()),
        ("POST", format!("{CHANNEL}/drains")),
        ("POST", format!("{CHANNEL}/tokens")),
        ("GET", format!("{CHANNEL}/logs")),
        ("POST", "/v3/sessions".to_owned()),
    ] {
        let answer = logplex.v3_as(None, method, &path, "{}").await;
        assert_eq!(answer.status, 503, "{method} {path}");
    }
    let health = logplex.v3_as(None, "GET", "/v3/healthcheck", "").await;
    assert_eq!((health.status, &*health.body), (200, "OK"));
    logplex.rods(json!({ "api": "read_only" })).await;
    assert_eq!(logplex.v3("GET", CHANNEL, "").await.status, 200);
    assert_eq!(logplex.v3("PUT", CHANNEL, "{}").await.status, 503);
    assert_eq!(logplex.v3("DELETE", CHANNEL, "").await.status, 503);
    // The other API is another rod.
    assert_eq!(logplex.call("POST", "/channels", "{}").await.status, 201);
}

#[tokio::test]
async fn b002_methods_that_a_resource_has_not() {
    let logplex = Logplex::in_role("").await;
    for (path, methods, allow) in [
        (
            CHANNEL.to_owned(),
            ["POST", "HEAD", "OPTIONS"],
            "PUT, GET, DELETE",
        ),
        (
            format!("{CHANNEL}/drains"),
            ["GET", "PUT", "DELETE"],
            "POST",
        ),
        (
            format!("{CHANNEL}/drains/1"),
            ["GET", "POST", "HEAD"],
            "PUT, DELETE",
        ),
        (
            format!("{CHANNEL}/tokens"),
            ["GET", "PUT", "DELETE"],
            "POST",
        ),
        (format!("{CHANNEL}/logs"), ["POST", "PUT", "DELETE"], "GET"),
        ("/v3/sessions".to_owned(), ["GET", "PUT", "DELETE"], "POST"),
    ] {
        for method in methods {
            let answer = logplex.v3_as(None, method, &path, "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }
    let strange = logplex.v3_as(None, "BREW", CHANNEL, "").await;
    assert_eq!(strange.status, 501);
}

#[tokio::test]
async fn b003_b015_b028_b032_v3_is_for_those_with_full_api() {
    let logplex = Logplex::in_role("").await;
    logplex.cred("full", "p:w", &["full_api"]).await;
    logplex.cred("logs", "p", &["any_channel"]).await;
    let made = logplex.v3("PUT", CHANNEL, &put_of(&["app"])).await;
    let token = basic("token", &tokens(&made)["app"]);
    let paths = [
        ("GET", CHANNEL.to_owned(), ""),
        ("POST", format!("{CHANNEL}/drains"), "{}"),
        ("POST", format!("{CHANNEL}/tokens"), r#"{"name":"x"}"#),
        ("GET", format!("{CHANNEL}/logs"), ""),
        ("POST", "/v3/sessions".into(), r#"{"channel_id":"app-1"}"#),
    ];
    for who in [
        None,
        Some("Basic WRONG"),
        Some("basic KEY"),
        Some("Basic %%%"),
        Some(&*basic("full", "p")),
        Some(&*basic("nobody", "p:w")),
        Some(&*basic("logs", "p")),
        Some(&*token),
    ] {
        for (method, path, body) in &paths {
            let answer = logplex.v3_as(who, method, path, body).await;
            assert_eq!((answer.status, &*answer.body), (401, ""), "{who:?} {path}");
            let ask = answer.header("www-authenticate");
            assert_eq!(ask, Some("Basic realm=Logplex"));
        }
    }
    for who in [&basic("full", "p:w"), "Basic KEY", "Bearer KEY"] {
        let answer = logplex.v3_as(Some(who), "GET", CHANNEL, "").await;
        assert_eq!(answer.status, 200, "{who}");
    }
}

#[tokio::test]
async fn b004_b005_b006_b007_b008_b009_b010_a_put_sets_the_names_of_tokens() {
    let logplex = Logplex::in_role("").await;
    let new = logplex.v3("PUT", CHANNEL, "{}").await;
    assert_eq!((new.status, &*new.body), (201, r#"{"channel":"app-1"}"#));
    assert_eq!(new.header("content-type"), Some("application/json"));
    assert!(is_uuid(new.header("request-id").expect("an id")));
    let shown = logplex.v3("GET", CHANNEL, "").await;
    assert_eq!((shown.status, shown.body), (200, new.body));

    let names = ["a", "b", "c", "d", "e"];
    let path = "/v3/channels/app-2";
    let answer = logplex.v3("PUT", path, &put_of(&names)).await;
    assert_eq!(answer.status, 201);
    let first = tokens(&answer);
    assert!(first.keys().eq(names.iter()), "{first:?}");
    assert!(first.values().all(|id| is_token(id, "t.")), "{first:?}");

    let others = ["f", "g", "h", "i", "j"];
    let answer = logplex.v3("PUT", path, &put_of(&others)).await;
    assert_eq!(answer.status, 200);
    let second = tokens(&answer);
    assert!(second.keys().eq(others.iter()), "{second:?}");

    // Names are a set.
    let answer = logplex
        .v3("PUT", path, &put_of(&["j", "f", "h", "f"]))
        .await;
    assert_eq!(answer.status, 200);
    let third = tokens(&answer);
    assert!(third.keys().eq(["f", "h", "j"].iter()), "{third:?}");
    assert!(third.iter().all(|(name, id)| second[name] == *id));
    let shown = logplex.v3("GET", path, "").await;
    assert_eq!((shown.status, tokens(&shown)), (200, third));

    let answer = logplex.v3("PUT", path, "{}").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, r#"{"channel":"app-2"}"#)
    );
    let shown = logplex.v3("GET", path, "").await;
    assert_eq!((shown.status, shown.body), (200, answer.body));
}

#[tokio::test]
async fn b011_b012_b096_b097_a_deleted_channel_is_gone_with_what_it_had() {
    let logplex = Logplex::in_role("").await;
    let made = logplex
        .v3("PUT", CHANNEL, &put_of(&["a", "b", "c", "d"]))
        .await;
    let tokens = tokens(&made);
    assert_eq!(tokens.len(), 4);
    let url = r#"{"url":"https://h.example/"}"#;
    let drain = logplex.v3("POST", &format!("{CHANNEL}/drains"), url).await;
    assert_eq!(drain.status, 201);
    let drain = format!("{CHANNEL}/drains/{}", drain.json()["id"]);
    for id in tokens.values() {
        let answer = logplex.post_as(&basic("token", id), &[], b"").await;
        assert_eq!(answer.status, 204);
    }
    let gone = logplex.v3("DELETE", CHANNEL, "").await;
    assert_eq!((gone.status, &*gone.body), (204, ""));
    for id in tokens.values() {
        let answer = logplex.post_as(&basic("token", id), &[], b"").await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(logplex.v3("GET", CHANNEL, "").await.status, 404);
    assert_eq!(logplex.v3("DELETE", CHANNEL, "").await.status, 404);
    assert_eq!(logplex.v3("PUT", &drain, url).await.status, 404);

    let bad = logplex.v3("PUT", CHANNEL, "[]").await;
    assert_eq!((bad.status, &*error(&bad)), (400, "invalid payload"));
    assert!(bad.header("request-id").is_some());
    for body in [
        "",
        "{",
        r#"{"tokens":{}}"#,
        r#"{"tokens":[1]}"#,
        r#"{"tokens":[""]}"#,
    ] {
        let bad = logplex.v3("PUT", CHANNEL, body).await;
        assert_eq!(bad.status, 400, "{body}");
        assert!(!error(&bad).is_empty());
    }
    assert_eq!(logplex.v3("GET", CHANNEL, "").await.status, 404);
}

#[tokio::test]
async fn b013_flags_stay_when_a_channel_is_put_again() {
    let logplex = Logplex::in_role("").await;
    logplex.v3("PUT", CHANNEL, "{}").await;
    let page = "/api/logplex/channels/app-1";
    let flags = r#"{"no_redis":true,"source":"my-app"}"#;
    assert_eq!(logplex.call("PUT", page, flags).await.status, 200);
    assert_eq!(
        logplex.v3("PUT", CHANNEL, &put_of(&["a"])).await.status,
        200
    );
    let shown = logplex.call("GET", page, "").await.json();
    assert_eq!(shown["no_redis"], true);
    assert_eq!(shown["no_tail"], false);
    assert_eq!(shown["source"], "my-app");
}

#[tokio::test]
async fn b029_b030_b031_b098_tokens_of_v3() {
    let logplex = Logplex::in_role("").await;
    logplex.v3("PUT", CHANNEL, &put_of(&["a"])).await;
    let path = format!("{CHANNEL}/tokens");
    let made = logplex.v3("POST", &path, r#"{"name":"früh"}"#).await;
    assert_eq!(made.status, 200);
    let made = made.json();
    assert_eq!(made["name"], "früh");
    let token = made["token"].as_str().expect("a token");
    assert!(is_token(token, "t."));
    let shown = logplex.v3("GET", CHANNEL, "").await;
    assert!(shown.body.contains("früh"), "raw UTF-8: {shown:?}");
    assert_eq!(tokens(&shown)["früh"], token);
    let answer = logplex.post_as(&basic("token", token), &[], b"").await;
    assert_eq!(answer.status, 204);
    for body in [
        "",
        "{}",
        "[]",
        r#"{"name":1}"#,
        r#"{"name":null}"#,
        r#"{"name":"a\nb"}"#,
    ] {
        let bad = logplex.v3("POST", &path, body).await;
        assert_eq!(bad.status, 400, "{body}");
        assert!(!error(&bad).is_empty());
    }
    let none = logplex
        .v3("POST", "/v3/channels/none/tokens", r#"{"name":"x"}"#)
        .await;
    assert_eq!(none.status, 404);

    let gone = format!("/api/logplex/channels/app-1/tokens/{token}");
    assert_eq!(logplex.call("DELETE", &gone, "").await.status, 200);
    let answer = logplex.post_as(&basic("token", token), &[], b"").await;
    assert_eq!(answer.status, 401);
    assert_eq!(logplex.call("DELETE", &gone, "").await.status, 404);
}

#[tokio::test]
async fn b042_b044_health_media_types_and_request_ids_of_v3() {
    let logplex = Logplex::in_role("").await;
    for method in ["GET", "POST", "PUT"] {
        let health = logplex.v3_as(None, method, "/v3/healthcheck", "").await;
        assert_eq!((health.status, &*health.body), (200, "OK"));
    }
    let key = ("Authorization", "Basic KEY");
    let put = async |kind: &str, accept: &str| {
        let headers = [
            key,
            ("Content-Type", kind),
            ("Accept", accept),
            ("Request-Id", "mine"),
        ];
        let answer = request(&logplex.v3, "PUT", CHANNEL, &headers, b"{}").await;
        assert_eq!(answer.header("request-id"), Some("mine"));
        answer.status
    };
    assert_eq!(put("application/json; charset=utf-8", "*/*").await, 201);
    assert_eq!(put("application/json", "application/json").await, 200);
    assert_eq!(put("text/plain", "*/*").await, 415);
    assert_eq!(put("application/json", "text/html").await, 406);
    let untyped = request(&logplex.v3, "PUT", CHANNEL, &[key], b"{}").await;
    assert_eq!(untyped.status, 415);
    let logs = format!("{CHANNEL}/logs");
    let headers = [key, ("Accept", "application/json")];
    let logs = request(&logplex.v3, "GET", &logs, &headers, b"").await;
    assert_eq!(logs.status, 406);
    let unknown = logplex.v3("GET", "/v3/nothing", "").await;
    assert_eq!((unknown.status, unknown.header("request-id")), (404, None));
}
