//! Drains that keep on disk what they have not delivered.

use logweir_blackbox::{
    certificates::{Authority, Validity},
    drains::{count, drain_until, drains, lost},
    envelopes::{batch, log},
    http,
    patience::within,
    process::logweir,
    receivers::{Nginx, Request},
    stream::Producer,
    syslog_sink::SyslogSink,
    system::System,
};
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
    let mut sink = None;
    let comes_back = async { sink = Some(SyslogSink::at(address).await) };
    system.killed(comes_back).await;
    let sink = sink.expect("a receiver");
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

/// Numbers of the lines that it took, in the order in which they came.
fn taken(requests: &[Request]) -> Vec<usize> {
    let taken = requests.iter().filter(|request| request.status == 200);
    let lines = taken.flat_map(|request| request.body.lines());
    lines
        .filter_map(|line| line.rsplit("line ").next()?.parse().ok())
        .collect()
}

#[tokio::test]
async fn what_was_refused_is_delivered_once_when_it_is_replayed() {
    const SENT: usize = 250;
    let authority = Authority::create();
    let nginx = Nginx::start(&authority.issue("endpoint", Validity::Now), None).await;
    nginx.refuse(true);
    let mut system = System::start().await;
    let url = format!(
        "https-batch://localhost:{}/?logweir-spool=true&disable-metadata=true",
        nginx.port
    );
    let ca = authority.ca().display().to_string();
    let add = ["add", "--source-id", "app", "--drain-ca", &ca, &url];
    let (code, id, error) = verb(&system, &add).await;
    let id = id.trim();
    assert_eq!(code, 0, "{error}");
    send(&system, 0..SENT).await;
    let kept = |drain: &serde_json::Value| count(&drain["spool"], "dead") == SENT as u64;
    let refused = drain_until(&system, "", "all are refused", kept).await;
    assert_eq!(
        (count(&refused, "written"), lost(&refused)),
        (0, 0),
        "{refused:#}"
    );

    // The next process has them as well, and over the API they are tried again, in vain.
    system.killed(async {}).await;
    drain_until(&system, "", "they are kept", kept).await;
    let tried = nginx.requests().len();
    let door = system.door("http");
    let question = format!(
        "POST /api/drains/{id}/replay HTTP/1.0\r\nHost: {door}\r\nContent-Type: \
         application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let answer = http::send(door, question.as_bytes()).await;
    assert!(answer.ends_with("{\"replayed\":250}\n"), "{answer}");
    let again = |all: &[Request]| all.len() > tried;
    let requests = nginx.until("they are posted again", again).await;
    assert!(requests.iter().all(|request| request.status == 403));
    drain_until(&system, "", "they are refused again", kept).await;

    nginx.refuse(false);
    let (code, out, error) = verb(&system, &["replay", id]).await;
    assert_eq!(
        (code, out.as_str()),
        (0, "250 envelopes wait for delivery again\n"),
        "{error}"
    );
    let requests = nginx
        .until("all of them", |all| taken(all).len() >= SENT)
        .await;
    assert_eq!(taken(&requests), (0..SENT).collect::<Vec<_>>());
    let done = |drain: &serde_json::Value| {
        count(drain, "written") == SENT as u64 && count(&drain["spool"], "waiting") == 0
    };
    let after = drain_until(&system, "", "all are counted", done).await;
    assert_eq!(count(&after["spool"], "dead"), 0, "{after:#}");
    assert_eq!(lost(&after), 0, "{after:#}");

    // Neither another replay nor another process delivers them twice.
    let (_, out, _) = verb(&system, &["replay", id]).await;
    assert_eq!(out, "0 envelopes wait for delivery again\n");
    system.killed(async {}).await;
    send(&system, SENT..SENT + 1).await;
    let requests = nginx
        .until("the last line", |all| taken(all).contains(&SENT))
        .await;
    assert_eq!(taken(&requests), (0..=SENT).collect::<Vec<_>>());
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
