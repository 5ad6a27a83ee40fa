//! Drains in v2.

use logweir_blackbox::logplex::Logplex;
use serde_json::json;

use super::error;

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
