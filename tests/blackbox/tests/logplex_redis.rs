//! Logplex's channels in Redis: what Logplex has left there, several nodes, and a server that is
//! gone for a while.

use logweir_blackbox::{
    fleet::Fleet,
    logplex::{Answer, Logplex, basic, request},
    patience::eventually,
    receivers::RedisServer,
};
use serde_json::json;

/// The settings of a node.
fn node(fleet: &Fleet, redis: &RedisServer) -> String {
    let (url, tls) = (redis.url(), fleet.tls("logplex.cluster.tls", "log-cache"));
    format!(
        "session_expiry = \"30s\"\n[logplex.redis]\nurl = \"{url}\"\n[logplex.cluster]\n\
         listen = \"127.0.0.1:0\"\n{tls}"
    )
}

async fn get(logplex: &Logplex, id: &str) -> Answer {
    logplex.call("GET", &format!("/v2/channels/{id}"), "").await
}

#[tokio::test]
async fn a_redis_of_logplex_is_taken_over() {
    let fleet = Fleet::new();
    let redis = RedisServer::start(&[]).await;
    for words in [
        "SET channel_index 17",
        "SET drain_index 3",
        "HMSET ch:17:data name old flags no_tail:strange",
        "HMSET tok:t.6e1a0f4c-0000-4000-8000-000000000001:data ch 17 name app",
        "HMSET drain:1:data ch 17 token d.1 url https://u:p@h.example/x state provisioned",
        "HMSET drain:2:data ch 17 token d.2 host old.example port 99",
        "HMSET drain:3:data ch 17 token d.3",
        "HMSET cred:local pass password name Local-Test channel any full_api 1",
        "SET cred:wrong kind",
        "LPUSH ch:17:spool x",
        "SETEX session:8f6b8f0e-0000-4000-8000-000000000002 300 {\"channel_id\":\"17\"}",
        "SETBIT control_rod 0 1",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        redis.ask(&words).await;
    }
    let logplex = Logplex::in_role(&node(&fleet, &redis)).await;
    let local = basic("local", "password");
    let headers = [("Authorization", &*local)];
    let health = request(&logplex.api, "GET", "/healthcheck", &headers, b"").await;
    assert_eq!(health.body, r#"{"status":"read_only"}"#);
    assert_eq!(redis.ask(&["GET", "healthcheck"]).await, ["1"]);
    let shown = get(&logplex, "17").await.json();
    let token = "t.6e1a0f4c-0000-4000-8000-000000000001";
    assert_eq!(shown["tokens"], json!([{ "name": "app", "token": token }]));
    assert_eq!(
        shown["drains"],
        json!([
            { "id": 1, "token": "d.1", "url": "https://u:p@h.example/x" },
            { "id": 2, "token": "d.2", "url": "syslog://old.example:99" },
        ])
    );
    let flags = logplex.call("GET", "/api/logplex/channels/17", "").await;
    assert_eq!(flags.json()["no_tail"], true);
    let session = "/sessions/8f6b8f0e-0000-4000-8000-000000000002";
    let fetched = request(&logplex.api, "GET", session, &[], b"").await;
    assert_eq!(fetched.status, 200);
    let answer = logplex.post_as(&basic("token", token), &[], b"").await;
    assert_eq!(answer.status, 204);

    // Operators go on as they did.
    redis.ask(&["SETBIT", "control_rod", "0", "0"]).await;
    eventually("the API is not read only", async || {
        let made = logplex
            .call("POST", "/channels", r#"{"name":"n","tokens":["a"]}"#)
            .await;
        (made.status == 201).then_some(())
    })
    .await;
    let fields = redis.ask(&["HGETALL", "ch:18:data"]).await;
    assert_eq!(fields, ["name", "n", "flags", ""]);
    let drain = logplex
        .call("POST", "/v2/channels/18/drains", r#"{"host":"h"}"#)
        .await;
    assert_eq!(drain.json()["id"], 4);
    let fields = redis.ask(&["HGETALL", "drain:4:data"]).await;
    let token = drain.json()["token"].as_str().expect("a token").to_owned();
    let url = "syslog://h:514";
    assert_eq!(
        fields,
        [
            "ch",
            "18",
            "token",
            &token,
            "url",
            url,
            "state",
            "provisioned"
        ]
    );
    let session = logplex
        .call("POST", "/sessions", r#"{"channel_id": "18"}"#)
        .await;
    let id = session.body.rsplit('/').next().expect("an id").to_owned();
    let key = format!("session:{id}");
    assert_eq!(redis.ask(&["GET", &key]).await, [r#"{"channel_id": "18"}"#]);
    let left: u64 = redis.ask(&["TTL", &key]).await[0].parse().expect("seconds");
    assert!((1..=30).contains(&left), "{left}");
    logplex
        .cred("two", "secret", &["channel:17", "channel:18"])
        .await;
    let pass = redis.ask(&["HGET", "cred:two", "pass"]).await;
    assert!(pass[0].starts_with("pbkdf2-sha256$"), "{pass:?}");
    assert_eq!(redis.ask(&["HGET", "cred:two", "channel:17"]).await, ["1"]);
    let gone = logplex.call("DELETE", "/channels/18", "").await;
    assert_eq!(gone.status, 200);
    let left = redis.ask(&["EXISTS", "ch:18:data", "drain:4:data"]).await;
    assert_eq!(left, ["0"]);
}

#[tokio::test]
async fn what_one_node_changes_the_other_knows() {
    let fleet = Fleet::new();
    let redis = RedisServer::start(&[]).await;
    let settings = node(&fleet, &redis);
    let (one, two) = tokio::join!(Logplex::in_role(&settings), Logplex::in_role(&settings));
    for n in 1..=20 {
        let channel = one.channel(&["app"]).await;
        assert_eq!(channel.id, n.to_string());
        // At once: what is not known is asked for.
        let shown = get(&two, &channel.id).await;
        assert_eq!(shown.status, 200);
        assert_eq!(shown.json()["tokens"][0]["token"], channel.token("app"));
        let session = json!({ "channel_id": channel.id }).to_string();
        let session = one.call("POST", "/v2/sessions", &session).await.json();
        let url = session["url"].as_str().expect("a URL").to_owned();
        let path = url.find("/sessions/").expect("a session");
        let fetched = request(&two.api, "GET", &url[path..], &[], b"").await;
        assert_eq!(fetched.status, 200, "{fetched:?}");
        let tokens = format!("/v2/channels/{n}/tokens");
        let more = one.call("POST", &tokens, r#"{"name":"b"}"#).await.json();
        let who = basic("token", more["token"].as_str().expect("a token"));
        assert_eq!(two.post_as(&who, &[], b"").await.status, 204);
        let reserve = format!("/channels/{n}/drains/tokens");
        let drain = one.call("POST", &reserve, "").await.json();
        let at = format!("/v2/channels/{n}/drains/{}", drain["id"]);
        let set = two
            .call("POST", &at, r#"{"url":"syslog://h.example"}"#)
            .await;
        assert_eq!(set.status, 201, "{set:?}");
        let cred = format!("cred-{n}");
        one.cred(&cred, "p", &["full_api"]).await;
        let cred = basic(&cred, "p");
        let headers = [("Authorization", &*cred)];
        let health = request(&two.api, "GET", "/healthcheck", &headers, b"").await;
        assert_eq!(health.status, 200);
        let gone = two.call("DELETE", &format!("/channels/{n}"), "").await;
        assert_eq!(gone.status, 200);
        eventually("the other node forgets it", async || {
            (get(&one, &channel.id).await.status == 404).then_some(())
        })
        .await;
    }
    let rods = json!({ "deny_logs_ingress": true, "legacy_api": "disabled" });
    two.call("PUT", "/api/logplex/rods", &rods.to_string())
        .await;
    eventually("the rods are out on both", async || {
        (one.call("POST", "/channels", "{}").await.status == 503).then_some(())
    })
    .await;
    let shown = one.call("GET", "/api/logplex/rods", "").await.json();
    assert_eq!(shown["deny_logs_ingress"], true);
    assert_eq!(shown["legacy_api"], "disabled");
}

#[tokio::test]
async fn what_others_change_is_told_or_read_again() {
    // The first server tells of changes, which are read once a minute otherwise; the second
    // does not, and is read more often.
    let told = ["--notify-keyspace-events", "Kgh$"];
    for settings in [&told[..], &[]] {
        let fleet = Fleet::new();
        let redis = RedisServer::start(settings).await;
        let logplex = Logplex::in_role(&node(&fleet, &redis)).await;
        redis
            .ask(&["HMSET", "cred:a", "pass", "p", "full_api", "1"])
            .await;
        let who = basic("a", "p");
        eventually("the credential is known", async || {
            let headers = [("Authorization", &*who)];
            let answer = request(&logplex.api, "GET", "/healthcheck", &headers, b"").await;
            (answer.status == 200).then_some(())
        })
        .await;
        redis.ask(&["DEL", "cred:a"]).await;
        eventually("the credential is gone", async || {
            let headers = [("Authorization", &*who)];
            let answer = request(&logplex.api, "GET", "/healthcheck", &headers, b"").await;
            (answer.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_is_gone_leaves_what_was_read() {
    let fleet = Fleet::new();
    let mut redis = RedisServer::start(&[]).await;
    let logplex = Logplex::in_role(&node(&fleet, &redis)).await;
    let channel = logplex.channel(&["app"]).await;
    let other = logplex.channel(&["app"]).await;
    redis.kill().await;
    assert_eq!(get(&logplex, &channel.id).await.status, 200);
    let who = basic("token", channel.token("app"));
    assert_eq!(logplex.post_as(&who, &[], b"").await.status, 204);
    for (method, path, body) in [
        ("POST", "/channels", "{}"),
        ("POST", "/v2/sessions", r#"{"channel_id":"1"}"#),
        ("POST", "/v2/channels/1/tokens", r#"{"name":"x"}"#),
        ("DELETE", "/channels/1", ""),
        ("PUT", "/api/logplex/rods", r#"{"api":"disabled"}"#),
    ] {
        let refused = logplex.call(method, path, body).await;
        assert_eq!(refused.status, 503, "{method} {path}: {refused:?}");
        assert!(refused.body.contains("cannot be reached"), "{refused:?}");
    }
    assert_eq!(get(&logplex, &channel.id).await.status, 200);

    redis.resume().await;
    // Gone before this node could hear of it.
    redis.ask(&["DEL", "ch:2:data"]).await;
    eventually("it is read again", async || {
        (get(&logplex, &other.id).await.status == 404).then_some(())
    })
    .await;
    eventually("changes are kept again", async || {
        (logplex.call("POST", "/channels", "{}").await.status == 201).then_some(())
    })
    .await;
    assert_eq!(get(&logplex, &channel.id).await.status, 200);

    // One that stands still is no better than one that is gone.
    redis.freeze();
    let refused = logplex.call("POST", "/channels", "{}").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(get(&logplex, &channel.id).await.status, 200);
    redis.thaw();
    eventually("changes are kept again", async || {
        (logplex.call("POST", "/channels", "{}").await.status == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn b043_a_node_that_has_read_nothing_is_booting() {
    let fleet = Fleet::new();
    let mut redis = RedisServer::start(&[]).await;
    redis.stop().await;
    let logplex = Logplex::in_role(&node(&fleet, &redis)).await;
    for (door, path) in [
        (&logplex.v3, "/v3/healthcheck"),
        (&logplex.v3, "/v3/channels/app"),
        (&logplex.input, "/healthcheck"),
        (&logplex.api, "/healthcheck"),
    ] {
        let answer = request(door, "GET", path, &[], b"").await;
        assert_eq!(
            (answer.status, &*answer.body),
            (503, "SYSTEM BOOTING"),
            "{path}"
        );
    }
    redis.resume().await;
    eventually("it has read everything", async || {
        let answer = request(&logplex.v3, "GET", "/v3/healthcheck", &[], b"").await;
        (answer.status == 200).then_some(())
    })
    .await;
    logplex.channel(&["app"]).await;
}

#[tokio::test]
async fn a_server_with_tls_and_a_password() {
    let fleet = Fleet::new();
    let identity = fleet.identity("redis");
    let ca = fleet.authority().ca();
    let files = [&identity.cert, &identity.key, &ca].map(|file| file.display().to_string());
    let [cert, key, ca] = &files;
    let redis = RedisServer::start(&[
        "--tls-port",
        "0",
        "--tls-cert-file",
        cert,
        "--tls-key-file",
        key,
        "--tls-ca-cert-file",
        ca,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let encrypted = RedisServer::another_port().to_string();
    redis.ask(&["CONFIG", "SET", "tls-port", &encrypted]).await;
    redis.ask(&["CONFIG", "SET", "requirepass", "p@ss"]).await;
    let settings = node(&fleet, &redis);
    let url = format!("rediss://:p%40ss@localhost:{encrypted}");
    let settings = settings.replace(&redis.url(), &url);
    let logplex = Logplex::in_role_with(&settings, &[("SSL_CERT_FILE", ca)]).await;
    let channel = logplex.channel(&["app"]).await;
    assert_eq!(get(&logplex, &channel.id).await.status, 200);
    // The password alone is not enough where the certificate is believed by nobody.
    let stranger = Logplex::in_role(&settings).await;
    let health = request(&stranger.v3, "GET", "/v3/healthcheck", &[], b"").await;
    assert_eq!((health.status, &*health.body), (503, "SYSTEM BOOTING"));
}
