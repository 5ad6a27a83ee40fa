//! The walk of Logplex's own README: the page for users opens with it.

use logweir_blackbox::{
    logplex::{Answer, Logplex, basic, request},
    process::{Process, logweir},
    tails::{Raw, get, path},
};
use serde_json::Value;

/// The lines of the message that the README posts, up to its number.
const LINE: &str = "2012-12-10T03:00:48.123456Z app[console.1]: Logsplat test message";

#[tokio::test]
async fn the_walk_of_the_readme_at_the_ports_of_the_role() {
    let settings = "api_url = \"http://localhost:8001\"\n";
    walk(&Logplex::in_role(settings).await).await;
}

#[tokio::test]
async fn the_walk_of_the_readme_at_the_front_door() {
    let settings = "api_url = \"http://localhost:8001\"\n";
    walk(&Logplex::in_run(settings).await).await;
}

/// W0 to W5, each step at once after the one before, and the variants of W3.
async fn walk(logplex: &Logplex) {
    verb(
        logplex,
        "cred create local --password password --grant full_api --grant any_channel",
        None,
    )
    .await;
    let local = basic("local", "password");
    assert_eq!(local, "Basic bG9jYWw6cGFzc3dvcmQ=");
    let ask = async |method: &str, path: &str, body: &str| {
        let headers = [("Authorization", &*local)];
        request(&logplex.api, method, path, &headers, body.as_bytes()).await
    };

    let health = ask("GET", "/healthcheck", "").await;
    assert_eq!(
        (health.status, &*health.body),
        (200, r#"{"status":"normal"}"#)
    );
    assert_eq!(health.header("content-type"), Some("application/json"));
    for wrong in [None, Some(basic("local", "wrong"))] {
        let headers = wrong.as_deref().map(|wrong| ("Authorization", wrong));
        let headers: Vec<_> = headers.into_iter().collect();
        let refused = request(&logplex.api, "GET", "/healthcheck", &headers, b"").await;
        assert_eq!((refused.status, &*refused.body), (401, "Not Authorized"));
    }

    let channel = ask("POST", "/channels", r#"{"tokens": ["app"]}"#).await;
    assert_eq!(
        (channel.status, channel.body.len()),
        (201, 74),
        "{channel:?}"
    );
    let token = channel.json()["tokens"]["app"]
        .as_str()
        .expect("a token")
        .to_owned();
    let uuid = token.strip_prefix("t.").expect("a token");
    assert_eq!(
        (uuid.len(), &uuid[14..15]),
        (36, "4"),
        "a random UUID: {uuid}"
    );
    assert!(!uuid.contains(|one: char| one.is_uppercase()), "{uuid}");
    let expected = format!(r#"{{"channel_id":1,"tokens":{{"app":"{token}"}}}}"#);
    assert_eq!(channel.body, expected);

    let message = format!(
        "<134>1 2012-12-10T03:00:48.123456Z erlang {token} console.1 - - Logsplat test message 1"
    );
    let post = async |who: &str, body: &str, count: Option<&str>| {
        let count = count.map(|count| ("Logplex-Msg-Count", count));
        let more: Vec<_> = count.into_iter().collect();
        logplex.post_as(who, &more, body.as_bytes()).await
    };
    let posted = post(&local, &format!("116 {message}"), Some("1")).await;
    assert_eq!((posted.status, &*posted.body), (204, ""));
    assert_eq!(posted.header("content-type"), Some("text/plain"));

    let session = ask("POST", "/v2/sessions", r#"{"channel_id": "1"}"#).await;
    assert_eq!(
        (session.status, session.body.len()),
        (201, 77),
        "{session:?}"
    );
    let url = session.json()["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("http://localhost:8001/sessions/"), "{url}");

    // The README's length cuts the message by two bytes.
    let mut shown = format!("{LINE}\n");
    for (query, headers) in [
        ("", &[][..]),
        ("?srv=1", &[]),
        ("", &["Authorization: Basic bG9jYWw6cGFzc3dvcmQ="]),
    ] {
        let raw = get(&logplex.api, &format!("{}{query}", path(&url)), headers).await;
        assert_eq!((raw.status, raw.complete), (200, true), "{raw:?}");
        assert_eq!(raw.chunks, [shown.as_bytes()]);
        assert_eq!(shown.len(), 0x42);
        assert_eq!(raw.header("content-type"), Some("text/html"));
        assert_eq!(raw.header("connection"), Some("close"));
    }

    let fetched = async || get(&logplex.api, &path(&url), &[]).await.text();
    for (body, line) in [
        (format!("118 {message}"), format!("{LINE} 1\n")),
        (format!("117 {message}"), format!("{LINE} \n")),
    ] {
        let posted = post(&local, &body, Some("1")).await;
        assert_eq!(posted.status, 204, "{body}");
        shown.push_str(&line);
        assert_eq!(fetched().await, shown, "{body}");
    }
    // By the token itself.
    let posted = post(&basic("token", &token), &format!("116 {message}"), None).await;
    assert_eq!(posted.status, 204);
    shown.push_str(&format!("{LINE}\n"));
    assert_eq!(fetched().await, shown);
    // The first README's message, which has no structured data.
    let first = format!(
        "115 <134>1 2012-12-10T03:00:48Z+00:00 erlang {token} console.1 - Logsplat test message 1"
    );
    let posted = post(&local, &first, None).await;
    assert_eq!(posted.status, 204);
    shown.push_str("2012-12-10T03:00:48Z+00:00 app[console.1]: Logsplat test message 1\n");
    assert_eq!(fetched().await, shown);

    verbs(logplex, &token, &shown).await;
}

/// The same with the verbs.
async fn verbs(logplex: &Logplex, token: &str, shown: &str) {
    let cred = Some("local:password");
    let printed = verb(logplex, "logs --channel 1", cred).await;
    assert_eq!(printed.join("\n") + "\n", shown);
    let last = verb(logplex, "logs -c 1 -n 0", cred).await;
    assert_eq!(last, [shown.lines().last().expect("a line")]);
    let none = verb(logplex, "logs -c 1 -s heroku", cred).await;
    assert!(none.is_empty(), "{none:?}");
    let channel = verb(logplex, "channel show 1", cred).await;
    assert_eq!(
        channel,
        ["channel  1".to_owned(), format!("token    app  {token}")]
    );
    let listed = verb(logplex, "cred list", Some("")).await;
    assert!(listed[1].starts_with("local") && listed[1].contains("full_api,any_channel"));
    let url = verb(logplex, "session create 1 -n 0", cred).await;
    let raw: Raw = get(&logplex.api, &path(&url[0]), &[]).await;
    assert_eq!(raw.text().trim_end(), shown.lines().last().expect("a line"));
    let made = verb(logplex, "channel create --id app-1 web --json", cred).await;
    let made: Value = serde_json::from_str(&made[0]).expect("JSON");
    assert_eq!(made["channel"], "app-1");
    let token = verb(logplex, "token create 1 heroku", cred).await;
    assert!(token[0].starts_with("t."), "{token:?}");
    verb(logplex, &format!("token rm 1 {}", token[0]), Some("")).await;
    let tokens = verb(logplex, "token list 1", cred).await;
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    let drain = verb(logplex, "drain add --channel 1 https://logs.example/", cred).await;
    let (number, _) = drain[0].split_once(' ').expect("a number and a token");
    let drains = verb(logplex, "drain list --channel 1", cred).await;
    assert!(drains[1].contains("https://logs.example"), "{drains:?}");
    verb(logplex, &format!("drain rm --channel 1 {number}"), cred).await;
    let drains = verb(logplex, "drain list --channel 1", cred).await;
    assert_eq!(drains.len(), 1, "{drains:?}");
    verb(logplex, "channel rm 1", cred).await;
    let gone: Answer = logplex.call("GET", "/v2/channels/1", "").await;
    assert_eq!(gone.status, 404);
}

/// The lines that a verb prints. Without a credential, or with an empty one, it asks as an
/// operator on this machine may.
async fn verb(logplex: &Logplex, arguments: &str, cred: Option<&str>) -> Vec<String> {
    // v3 has a door of its own in the role.
    let v3 = arguments.starts_with("channel create --id");
    let door = if v3 { &logplex.v3 } else { &logplex.api };
    let mut command = logweir(arguments.split(' '));
    command.env("LOGWEIR_URL", format!("http://{door}"));
    if let Some(cred) = cred.filter(|cred| !cred.is_empty()) {
        command.env("LOGWEIR_CRED", cred);
    }
    let mut process = Process::start(command);
    let code = process.exit_code().await;
    assert_eq!(code, 0, "{arguments}: {:?}", process.stderr());
    process.stdout()
}
