//! Drains that keep on disk what they have not delivered.

use logweir_blackbox::{
    drains::{count, drain_until, drains},
    envelopes::{batch, log},
    patience::within,
    process::{Process, logweir},
    stream::Producer,
    syslog_sink::SyslogSink,
    system::System,
};
use nix::sys::signal::Signal;

async fn send(system: &System, range: std::ops::Range<usize>) {
    let all: Vec<_> = range.map(|one| log("app", format!("line {one}"))).collect();
    let producer = Producer::open(&system.dial("ingress").await);
    producer.send(&batch(&all)).await;
    producer.finish().await.expect("taken");
}

async fn verb(system: &System, arguments: &[&str]) -> (i32, String, String) {
    let mut command = logweir(["drain"]);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(system.data.path());
    let output = within("the verb ends", command.output())
        .await
        .expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn what_a_killed_process_had_on_disk_is_delivered_by_the_next() {
    let mut system = System::start().await;
    let address = SyslogSink::start().await.address;
    let url = format!("syslog://{address}?logweir-spool=true");
    let (code, id, error) = verb(&system, &["add", &url]).await;
    assert_eq!(code, 0, "{error}");
    send(&system, 0..500).await;
    drain_until(&system, "", "all is on disk", |drain| {
        count(&drain["spool"], "waiting") == 500
    })
    .await;
    system.process.signal(Signal::SIGKILL);
    system.process.end().await;

    let sink = SyslogSink::at(address).await;
    let mut command = logweir(["run", "--ephemeral", "--data-dir"]);
    command
        .arg(system.data.path())
        .env("HOME", system.data.path());
    system.process = Process::start(command);
    system.process.says("logweir ready").await;
    sink.receives("line 499").await;
    let texts: Vec<usize> = sink
        .messages()
        .iter()
        .filter_map(|message| message.trim_end().rsplit("line ").next()?.parse().ok())
        .collect();
    assert_eq!(texts, (0..500).collect::<Vec<_>>());
    let (code, out, error) = verb(&system, &["replay", id.trim()]).await;
    assert_eq!(
        (code, out.as_str()),
        (0, "0 envelopes wait for delivery again\n"),
        "{error}"
    );
    let (_, shown, _) = verb(&system, &["show", id.trim()]).await;
    assert!(
        shown.contains("spool        0 envelopes, 0 refused and kept"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_drain_without_a_spool_has_nothing_to_replay() {
    let system = System::start().await;
    let (code, id, error) = verb(&system, &["add", "syslog://127.0.0.1:1"]).await;
    assert_eq!(code, 0, "{error}");
    assert_eq!(drains(&system).await.len(), 1);
    let (code, _, error) = verb(&system, &["replay", id.trim()]).await;
    assert_eq!(code, 1);
    assert!(
        error.contains("add logweir-spool=true to its URL"),
        "{error}"
    );
    let (code, _, error) = verb(&system, &["replay", "none"]).await;
    assert_eq!(code, 1);
    assert!(error.contains("there is no drain none"), "{error}");
}
