//! Drains of `logweir run`: declared, added over the API and by hand, tried out, removed;
//! kept over a restart, and without secrets wherever they are shown.

use std::{fs, process::Stdio};

use logweir_blackbox::{
    drains::{Declared, config, count, drain_until, drains},
    envelopes::{batch, log},
    http,
    patience::{eventually, within},
    process::{Process, logweir},
    stream::Producer,
    syslog_sink::SyslogSink,
    system::System,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SECRET: &str = "geheim";

/// SHA-256 of `all` and of `one`.
const ALL: &str = "5ef5ef0364b6939c4ca61f34b393f7b368d1be8619647aaf83d5b395919ab629";
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

/// Sends JSON to `/api/drains`; status and answer.
async fn ask(
    system: &System,
    method: &str,
    path: &str,
    json: &Value,
    token: &str,
) -> (u16, String) {
    let address = system.door("http");
    let body = json.to_string();
    let request = format!(
        "{method} /api/drains{path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: \
         application/json\r\n{token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::send(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// Runs `logweir drain …` against a system; exit code, standard output and error.
async fn verb(system: &System, arguments: &[&str]) -> (i32, String, String) {
    let mut command = logweir(["drain"]);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(system.data.path());
    command.stdin(Stdio::null());
    let output = within("the verb ends", command.output())
        .await
        .expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

async fn send(system: &System, envelopes: &[logweir_proto::v2::Envelope]) {
    let producer = Producer::open(&system.dial("ingress").await);
    producer.send(&batch(envelopes)).await;
    producer.finish().await.expect("taken");
}

#[tokio::test]
async fn declared_drains_get_their_source_and_follow_the_file() {
    let (one, all) = (SyslogSink::start().await, SyslogSink::start().await);
    let declared = [
        Declared::new(&one.url("disable-metadata=true")).of("app"),
        Declared::new(&all.url("")),
    ];
    let system = System::start_with(&config("", &declared)).await;
    send(&system, &[log("app", "first"), log("other", "second")]).await;
    let message = one.receives("first").await;
    assert_eq!(
        message,
        "<14>1 2026-09-21T14:13:20+00:00 - app [/0] - - first\n"
    );
    all.receives("first").await;
    all.receives("second").await;
    assert_eq!(one.messages().len(), 1);

    let file = system.data.path().join("logweir.toml");
    let declared = [Declared::new(&one.url("disable-metadata=true")).of("other")];
    fs::write(&file, config("", &declared)).expect("written");
    system.process.says("applied: drains").await;
    eventually("one drain is left", async || {
        (drains(&system).await.len() == 1).then_some(())
    })
    .await;
    send(&system, &[log("app", "third"), log("other", "fourth")]).await;
    one.receives("fourth").await;
    assert!(
        !one.messages()
            .iter()
            .any(|message| message.contains("third"))
    );

    fs::write(&file, config("", &[Declared::new("http://u:geheim@h/")])).expect("written");
    system.process.says("Invalid Scheme http").await;
    send(&system, &[log("other", "fifth")]).await;
    one.receives("fifth").await;
    assert!(!system.process.stderr().join("\n").contains(SECRET));
}

#[tokio::test]
async fn drains_are_added_shown_tried_and_removed_by_hand() {
    let system = System::start().await;
    let sink = SyslogSink::start().await;
    let url = format!(
        "syslog://user:{SECRET}@{}/{SECRET}?key={SECRET}",
        sink.address
    );
    let (code, out, error) = verb(
        &system,
        &["add", "--source-id", "app", "--hostname", "o.s.a", &url],
    )
    .await;
    assert_eq!(code, 0, "{error}");
    let id = out.trim();
    let (code, out, _) = verb(&system, &["test", id]).await;
    assert_eq!(code, 0);
    assert!(out.starts_with("delivered to syslog://127.0.0.1:"), "{out}");
    let tried = sink.receives("logweir drain test").await;
    assert!(tried.contains(" o.s.a app [APP/0] "), "{tried}");
    send(&system, &[log("app", "hello")]).await;
    sink.receives("hello").await;
    drain_until(&system, "", "it is counted", |drain| {
        count(drain, "written") == 1
    })
    .await;
    let (_, list, _) = verb(&system, &["list"]).await;
    assert!(
        list.lines()
            .any(|line| line.starts_with(id) && line.contains("app")),
        "{list}"
    );
    let (_, one, _) = verb(&system, &["show", id]).await;
    assert!(
        one.contains("delivered    1 envelopes, 1 messages"),
        "{one}"
    );
    let (_, json, _) = verb(&system, &["show", id, "--json"]).await;

    let (code, _, error) = verb(&system, &["add", "--source-id", "app", &url]).await;
    assert_eq!(code, 1);
    assert!(error.contains("a drain of this source already"), "{error}");
    let (code, _, refused) = verb(&system, &["test", "syslog://127.0.0.1:1"]).await;
    assert_eq!(code, 1);
    assert!(refused.contains("Connection refused"), "{refused}");
    let (code, _, _) = verb(&system, &["rm", id]).await;
    assert_eq!(code, 0);
    assert!(drains(&system).await.is_empty());
    let (code, _, gone) = verb(&system, &["show", id]).await;
    assert_eq!(code, 1);
    assert!(gone.contains(&format!("there is no drain {id}")), "{gone}");
    let said = system.process.stderr().join("\n");
    let metrics = system.metrics().await;
    for shown in [list, one, json, error, refused, gone, said, metrics] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test]
async fn added_drains_come_back_after_a_restart() {
    let sink = SyslogSink::start().await;
    let mut system = System::start().await;
    let url = sink.url("");
    let (status, answer) = ask(&system, "POST", "", &json!({ "url": url }), "").await;
    assert_eq!(status, 201, "{answer}");
    system.process.signal(Signal::SIGTERM);
    system.process.end().await;
    let mut command = logweir(["run", "--ephemeral", "--data-dir"]);
    command
        .arg(system.data.path())
        .env("HOME", system.data.path());
    let again = Process::start(command);
    again.says("logweir ready").await;
    let (_, list, error) = verb(&system, &["list"]).await;
    assert!(list.contains(&sink.address.to_string()), "{list}{error}");
}

#[tokio::test]
async fn the_api_wants_a_credential_that_reads_everything_and_json() {
    let token = |name: &str, sha256: &str, reads: &str| {
        format!("[[auth.tokens]]\nname = \"{name}\"\nsha256 = \"{sha256}\"\nread = [\"{reads}\"]\n")
    };
    let tokens = [token("all", ALL, "*"), token("one", ONE, "app")].concat();
    let system = System::start_with(&tokens).await;
    let bad = json!({ "url": format!("http://u:{SECRET}@h/") });
    for (token, status) in [
        ("", 401),
        ("Authorization: bearer wrong\r\n", 401),
        ("Authorization: bearer one\r\n", 401),
        ("Authorization: bearer all\r\n", 400),
    ] {
        let (answered, answer) = ask(&system, "POST", "", &bad, token).await;
        assert_eq!(answered, status, "{token}: {answer}");
        assert!(!answer.contains(SECRET), "{answer}");
    }
    let address = system.door("http");
    let form = format!(
        "POST /api/drains HTTP/1.0\r\nHost: {address}\r\nAuthorization: bearer all\r\n\
         Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let answer = http::send(address, form.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.0 415") || answer.starts_with("HTTP/1.1 415"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_app_is_told_in_its_own_stream_that_its_drain_is_down() {
    let declared = [Declared::new("syslog://user:geheim@127.0.0.1:1").of("app")];
    // The first line may come before the reader does.
    let settings = "[delivery]\nnotice_interval = \"200ms\"\n";
    let system = System::start_with(&config(settings, &declared)).await;
    let (producer, mut reader) = system.pair("app").await;
    producer.send(&batch(&[log("app", "lost?")])).await;
    let told = |envelope: &logweir_proto::v2::Envelope| {
        envelope.tags.get("source_type").map(String::as_str) == Some("LGR")
    };
    let all = reader.until(|all| all.iter().any(told)).await;
    let told = all.into_iter().find(told).expect("told");
    let text = logweir_blackbox::envelopes::payload(&told);
    assert!(
        text.starts_with("Failed to connect to syslog://127.0.0.1:1"),
        "{text}"
    );
    assert!(!text.contains(SECRET), "{text}");
}
