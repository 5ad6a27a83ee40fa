//! Logplex's v1, v2 and v3, and `/api/logplex`. Tests are named after the behaviours of Logplex
//! that they check.

use std::collections::BTreeMap;

use logweir_blackbox::{
    logplex::{Answer, KEY, Logplex, basic, request},
    patience::eventually,
};
use serde_json::{Value, json};

/// Calls of v3 with the key and a body's type.
trait V3 {
    async fn v3(&self, method: &str, path: &str, body: &str) -> Answer;
    async fn v3_as(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> Answer;
}

impl V3 for Logplex {
    async fn v3(&self, method: &str, path: &str, body: &str) -> Answer {
        let key = format!("Basic {KEY}");
        self.v3_as(Some(&key), method, path, body).await
    }

    async fn v3_as(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(who.map(|who| ("Authorization", who)));
        request(&self.v3, method, path, &headers, body.as_bytes()).await
    }
}

fn tokens(answer: &Answer) -> BTreeMap<String, String> {
    let tokens = answer.json()["tokens"].clone();
    let tokens = tokens.as_object().cloned().unwrap_or_default();
    let text = |value: Value| value.as_str().expect("a token").to_owned();
    tokens
        .into_iter()
        .map(|(name, id)| (name, text(id)))
        .collect()
}

fn put_of(names: &[&str]) -> String {
    json!({ "tokens": names }).to_string()
}

/// `error` of an answer, which is JSON.
fn error(answer: &Answer) -> String {
    let json = "application/json";
    assert_eq!(answer.header("content-type"), Some(json), "{answer:?}");
    let error = answer.json()["error"].clone();
    error.as_str().expect("a reason").to_owned()
}

fn is_uuid(text: &str) -> bool {
    let dashes = text.match_indices('-').map(|(at, _)| at);
    let fits = |byte: u8| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    dashes.eq([8, 13, 18, 23]) && text.len() == 36 && text.bytes().all(fits)
}

fn is_token(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(is_uuid)
}

const CHANNEL: &str = "/v3/channels/app-1";

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
async fn b016_b017_b018_b020_b026_b027_b045_drains_of_v3() {
    let logplex = Logplex::in_role("v3_url = \"http://v3.example/\"\n").await;
    logplex.v3("PUT", CHANNEL, "{}").await;
    let drains = format!("{CHANNEL}/drains");
    let reserved = logplex.v3("POST", &drains, "{}").await;
    assert_eq!(reserved.status, 201);
    let made = reserved.json();
    let id = made["id"].as_u64().expect("an integer");
    assert!(is_token(made["token"].as_str().expect("a token"), "d."));
    assert_eq!(made.as_object().expect("an object").len(), 2, "no url");
    let location = format!("http://v3.example{drains}/{id}");
    assert_eq!(reserved.header("location"), Some(&*location));
    let shown = logplex.v3("GET", CHANNEL, "").await;
    assert_eq!(
        shown.body, r#"{"channel":"app-1"}"#,
        "reserved ones are not shown"
    );

    let at = format!("{drains}/{id}");
    let url = r#"{"url":"https://u:p@one.example/x?y=1"}"#;
    let set = logplex.v3("PUT", &at, url).await;
    assert_eq!((set.status, set.header("location")), (200, None));
    let set = set.json();
    assert_eq!((&set["id"], &set["token"]), (&made["id"], &made["token"]));
    assert_eq!(set["url"], "https://u:p@one.example/x?y=1");
    let again = logplex.v3("PUT", &at, url).await;
    assert_eq!((again.status, again.json()), (200, set.clone()));
    let shown = logplex.v3("GET", CHANNEL, "").await.json();
    assert_eq!(shown["drains"], json!([set]));

    let other = logplex.v3("POST", &drains, r#"{"url":"syslog://h"}"#).await;
    assert_eq!(other.status, 201);
    assert_eq!(other.json()["url"], "syslog://h:601");
    let gone = logplex.v3("DELETE", &at, "").await;
    assert_eq!((gone.status, &*gone.body), (204, ""));
    assert_eq!(logplex.v3("DELETE", &at, "").await.status, 404);
    let shown = logplex.v3("GET", CHANNEL, "").await.json();
    assert_eq!(shown["drains"], json!([other.json()]));
}

#[tokio::test]
async fn b019_b021_b022_b023_b024_b025_b046_drains_that_v3_refuses() {
    let logplex = Logplex::in_role("max_drains = 1\n").await;
    logplex.v3("PUT", CHANNEL, "{}").await;
    logplex.v3("PUT", "/v3/channels/app-2", "{}").await;
    let drains = format!("{CHANNEL}/drains");
    let reserved = logplex.v3("POST", &drains, "{}").await.json();
    let at = format!("{drains}/{}", reserved["id"]);
    for body in [
        r#"{"url":"i am not a url"}"#,
        "{}",
        "",
        "[]",
        r#"{"url":7}"#,
    ] {
        let bad = logplex.v3("PUT", &at, body).await;
        assert_eq!(bad.status, 400, "{body}: {bad:?}");
        assert!(!error(&bad).is_empty());
    }
    let bad = logplex.v3("POST", &drains, "").await;
    assert_eq!(bad.status, 400, "{bad:?}");
    let scheme = logplex.v3("POST", &drains, r#"{"url":"ftp://h"}"#).await;
    assert_eq!(scheme.status, 422, "{scheme:?}");

    let one = logplex.v3("POST", &drains, r#"{"url":"syslog://h"}"#).await;
    assert_eq!(one.status, 201, "a reserved one does not count");
    let same = logplex
        .v3("POST", &drains, r#"{"url":"syslog://h:601"}"#)
        .await;
    assert_eq!((same.status, &*error(&same)), (409, "already exists"));
    let same = logplex.v3("PUT", &at, r#"{"url":"syslog://h"}"#).await;
    assert_eq!(same.status, 409);
    let second = logplex.v3("POST", &drains, r#"{"url":"syslog://i"}"#).await;
    let most = "maximum number of drains reached";
    assert_eq!((second.status, &*error(&second)), (422, most));

    let url = r#"{"url":"syslog://z"}"#;
    for (method, path) in [
        ("PUT", format!("{drains}/99999999999999999999999")),
        ("PUT", format!("{drains}/4711")),
        ("DELETE", format!("{drains}/4711")),
        ("POST", "/v3/channels/none/drains".to_owned()),
        ("PUT", "/v3/channels/none/drains/1".to_owned()),
        // Of another channel.
        ("DELETE", at.replace("app-1", "app-2")),
        ("PUT", at.replace("app-1", "app-2")),
    ] {
        let answer = logplex.v3(method, &path, url).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(!error(&answer).is_empty());
        assert!(answer.header("request-id").is_some());
    }
    assert_eq!(logplex.v3("DELETE", &at, "").await.status, 204);
    let strange = logplex.v3("PUT", &format!("{drains}/x"), url).await;
    assert_eq!(strange.status, 404);
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

#[tokio::test]
async fn b056_b057_b058_b059_drains_of_v2() {
    let logplex = Logplex::in_role("").await;
    logplex.channel(&["app"]).await;
    logplex.channel(&["app"]).await;
    let drains = "/v2/channels/1/drains";
    let reserve = async || {
        let answer = logplex.call("POST", "/channels/1/drains/tokens", "").await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("content-type"), Some("text/html"));
        let made = answer.json();
        assert_eq!(made["msg"], "Successfully reserved drain token");
        made
    };
    let made = reserve().await;
    let at = format!("{drains}/{}", made["id"]);
    let set = logplex
        .call("POST", &at, r#"{"url":"https://h.example/1"}"#)
        .await;
    assert_eq!(set.status, 201);
    let (id, token) = (&made["id"], &made["token"]);
    let shown = format!(r#"{{"id":{id},"token":{token},"url":"https://h.example/1"}}"#);
    assert_eq!(set.body, shown);
    let again = logplex
        .call("POST", &at, r#"{"url":"https://h.example/1"}"#)
        .await;
    assert_eq!((again.status, again.body), (201, shown));

    let made = reserve().await;
    let bad_at = format!("{drains}/{}", made["id"]);
    for (body, why) in [
        ("{}", "missing_host_param"),
        (r#"{"url":7}"#, "invalid_url"),
        (r#"{"url":"x y"}"#, "invalid_uri"),
        (r#"{"url":"http://"}"#, "invalid_http_uri"),
        (r#"{"url":"syslog://"}"#, "invalid_tcpsyslog_uri"),
        (r#"{"url":"syslog+tls://"}"#, "invalid_tlssyslog_uri"),
        (r#"{"url":"udpsyslog://"}"#, "invalid_udpsyslog_uri"),
        (r#"{"url":"ftp://h"}"#, r#"{unknown_scheme,"ftp"}"#),
    ] {
        let bad = logplex.call("POST", drains, body).await;
        let words = format!("Invalid drain destination: {why}");
        assert_eq!((bad.status, error(&bad)), (422, words), "{body}");
    }
    let bad = logplex.call("POST", &bad_at, r#"{"url":"x y"}"#).await;
    assert_eq!(bad.status, 422);
    let gone = logplex
        .call("POST", &bad_at, r#"{"url":"https://h.example/2"}"#)
        .await;
    assert_eq!((gone.status, &*error(&gone)), (404, "Unknown drain."));

    let same = logplex
        .call("POST", drains, r#"{"url":"https://h.example:443/1"}"#)
        .await;
    assert_eq!((same.status, &*error(&same)), (409, "Already exists"));
    let host = logplex
        .call("POST", drains, r#"{"host":"h.example","port":99}"#)
        .await;
    assert_eq!(
        (host.status, &host.json()["url"]),
        (201, &json!("syslog://h.example:99"))
    );
    for n in 3..=6 {
        let url = json!({ "url": format!("syslog://h.example:{n}") }).to_string();
        assert_eq!(logplex.call("POST", drains, &url).await.status, 201);
    }
    let most = "You have already added the maximum number of drains allowed";
    let more = logplex
        .call("POST", drains, r#"{"url":"syslog://more.example"}"#)
        .await;
    assert_eq!((more.status, &*error(&more)), (422, most));
    let none = logplex
        .call("POST", "/v2/channels/9/drains", r#"{"url":"syslog://h"}"#)
        .await;
    assert_eq!((none.status, &*error(&none)), (404, "No such channel"));

    let shown = logplex.call("GET", "/v2/channels/1", "").await.json();
    assert_eq!(shown["drains"].as_array().map(Vec::len), Some(6));
    let info = logplex.call("GET", "/channels/1/info", "").await.json();
    assert_eq!(info["drains"][0], "https://h.example/1");
    let other = at.replace("/1/", "/2/");
    for path in [
        &*other,
        &bad_at,
        "/v2/channels/1/drains/99999999999999999999",
    ] {
        let answer = logplex.call("DELETE", path, "").await;
        assert_eq!((answer.status, &*error(&answer)), (404, "Not found"));
    }
    let gone = logplex.call("DELETE", &at, "").await;
    assert_eq!((gone.status, &*gone.body), (200, ""));
}

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
async fn credentials_are_made_granted_and_removed() {
    let logplex = Logplex::in_role("").await;
    let creds = "/api/logplex/creds";
    let made = logplex
        .call("POST", creds, r#"{"grants":["full_api"]}"#)
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let (id, pass) = (text("id"), text("pass"));
    assert_eq!((id.len(), pass.len()), (32, 64), "{made}");
    let upper = |text: &str| text.bytes().all(|byte| b"0123456789ABCDEF".contains(&byte));
    assert!(upper(&id) && upper(&pass), "{made}");
    let who = basic(&id, &pass);
    let health = async || {
        let headers = [("Authorization", &*who)];
        request(&logplex.api, "GET", "/healthcheck", &headers, b"")
            .await
            .status
    };
    assert_eq!(health().await, 200);

    let grants = format!("{creds}/{id}/grants");
    let more = logplex
        .call("POST", &grants, r#"{"grants":["channel:app-1"]}"#)
        .await;
    assert_eq!(more.json()["grants"], json!(["full_api", "channel:app-1"]));
    let less = logplex
        .call("DELETE", &format!("{grants}/full_api"), "")
        .await;
    assert_eq!(less.json()["grants"], json!(["channel:app-1"]));
    assert_eq!(health().await, 401);
    let all = logplex.call("GET", creds, "").await;
    assert_eq!(all.json()["creds"][0]["id"], json!(id));
    assert!(
        !all.body.contains(&pass) && !all.body.contains("pbkdf2"),
        "{all:?}"
    );

    let twice = logplex
        .call("POST", creds, &json!({ "id": id }).to_string())
        .await;
    assert_eq!(twice.status, 409);
    for body in [
        "",
        "[]",
        r#"{"id":"a:b"}"#,
        r#"{"id":""}"#,
        r#"{"pass":""}"#,
        r#"{"pass":7}"#,
        r#"{"grants":"full_api"}"#,
        r#"{"grants":["root"]}"#,
    ] {
        let bad = logplex.call("POST", creds, body).await;
        assert_eq!(bad.status, 400, "{body}");
        assert!(!error(&bad).is_empty());
    }
    let gone = format!("{creds}/{id}");
    assert_eq!(logplex.call("DELETE", &gone, "").await.status, 200);
    assert_eq!(logplex.call("DELETE", &gone, "").await.status, 404);
}

#[tokio::test]
async fn operators_are_asked_for_json_and_rods_are_known_by_name() {
    let logplex = Logplex::in_role("").await;
    let rods = "/api/logplex/rods";
    // Nobody has said who operators are, and the door is on loopback.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let forged = request(&logplex.api, "PUT", rods, &form, br#"{"api":"disabled"}"#).await;
    assert_eq!(forged.status, 415);
    let json = [("Content-Type", "application/json")];
    let body = br#"{"disable_drain_forwarding":true}"#;
    let set = request(&logplex.api, "PUT", rods, &json, body).await;
    assert_eq!(set.status, 200);
    assert_eq!(set.json()["deny_drain_forwarding"], true);
    let shown = logplex.call("GET", rods, "").await.json();
    assert_eq!(shown, set.json());
    for body in [
        r#"{"root":true}"#,
        r#"{"api":"off"}"#,
        r#"{"log_api_user":1}"#,
        "[]",
    ] {
        let bad = logplex.call("PUT", rods, body).await;
        assert_eq!(bad.status, 400, "{body}");
        assert!(!error(&bad).is_empty());
    }
    assert_eq!(logplex.call("GET", rods, "").await.json(), shown);
    assert_eq!(
        logplex.call("GET", "/api/logplex/nothing", "").await.status,
        404
    );
    // v3 and the input are for others.
    for door in [&logplex.v3, &logplex.input] {
        assert_eq!(request(door, "GET", rods, &[], b"").await.status, 404);
    }
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
