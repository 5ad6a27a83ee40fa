//! Drains in v3.

use logweir_blackbox::logplex::Logplex;
use serde_json::json;

use super::{CHANNEL, V3, error, is_token};

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
