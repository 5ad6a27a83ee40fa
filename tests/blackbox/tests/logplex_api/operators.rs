//! `/api/logplex`: credentials and control rods.

use logweir_blackbox::logplex::{Logplex, basic, request};
use serde_json::json;

use super::error;

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
