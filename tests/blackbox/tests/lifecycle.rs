//! From start to end: what a process leaves behind, heeds and accounts for.

use std::fs;

use logweir_blackbox::{
    certificates::{Authority, Validity},
    envelopes::{batch, log, payload},
    http,
    patience::eventually,
    process::{Process, logweir},
    system::System,
    tls,
};
use nix::sys::signal::Signal;

#[tokio::test]
async fn endpoints_name_every_door_and_go_with_the_process() {
    let mut system = System::start().await;
    for door in ["http", "grpc", "ingress"] {
        assert!(system.door(door).starts_with("127.0.0.1:"), "{door}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http::get(system.door("http"), path).await.0, 200, "{path}");
    }
    for file in [
        "ca.crt",
        "client.crt",
        "client.key",
        "server.crt",
        "server.key",
    ] {
        assert!(system.cert_file(file).is_file(), "{file}");
    }
    system.process.signal(Signal::SIGTERM);
    assert_eq!(system.process.end().await.code(), Some(0));
    assert!(!system.data.path().join("endpoints.json").exists());
}

#[tokio::test]
async fn private_keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let system = System::start().await;
    for file in ["client.key", "server.key"] {
        let mode = fs::metadata(system.cert_file(file))
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_data_directory_serves_one_process_at_a_time() {
    let mut first = System::start().await;
    let run = || {
        let mut command = logweir(["run", "--ephemeral", "--data-dir"]);
        command
            .arg(first.data.path())
            .env("HOME", first.data.path());
        command
    };
    let mut second = Process::start(run());
    assert_eq!(second.exit_code().await, 1);
    let said = second.stderr().join("\n");
    let pid = first.process.pid().to_string();
    assert!(
        said.contains("in use by another logweir") && said.contains(&pid),
        "{said}"
    );

    first.process.signal(Signal::SIGKILL);
    first.process.end().await;
    let third = Process::start(run());
    third.says("logweir ready").await;
}

#[tokio::test]
async fn sigterm_flushes_what_was_taken_and_shows_the_books() {
    let mut system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let lines: Vec<_> = (0..2000).map(|n| log("app", n.to_string())).collect();
    for chunk in lines.chunks(100) {
        producer.send(&batch(chunk)).await;
    }
    // The answer to the half-close says that all of it was taken.
    producer.finish().await.expect("is taken");
    system.process.signal(Signal::SIGTERM);
    let mut texts = Vec::new();
    while let Ok(got) = reader.next().await {
        texts.extend(got.iter().map(payload).filter(|text| text != "probe"));
    }
    let sent: Vec<_> = (0..2000).map(|n| n.to_string()).collect();
    assert!(
        texts == sent,
        "{} of {} lines arrived",
        texts.len(),
        sent.len()
    );
    assert_eq!(system.process.end().await.code(), Some(0));
    let said = system.process.stderr().join("\n");
    assert!(
        said.contains("ingress") && said.contains("dropped"),
        "no ledger:\n{said}"
    );
}

#[tokio::test]
async fn sigusr1_shows_tasks_and_queues_and_changes_nothing() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    system.process.signal(Signal::SIGUSR1);
    system.process.says("tasks alive ").await;
    producer.send(&batch(&[log("app", "after the dump")])).await;
    system.read_to(&mut reader, "after the dump").await;
}

#[tokio::test]
async fn sighup_takes_new_certificates_and_keeps_good_ones() {
    let authority = Authority::create();
    let files = tempfile::tempdir().expect("a directory");
    let server = authority.issue_into(files.path(), "metron", Validity::Now);
    let client = authority.issue("client", Validity::Now);
    let ca = files.path().join("ca.crt");
    fs::copy(authority.ca(), &ca).expect("copied");
    let config = format!(
        "[agent.tls]\ncert = {:?}\nkey = {:?}\nca = {ca:?}\n",
        server.cert, server.key
    );
    let system = System::start_with(&config).await;
    let door = system.door("ingress").to_owned();
    assert_eq!(
        tls::refusal(&door, "metron", &authority.ca(), &client).await,
        None
    );

    // Rubbish is refused, and the last good one stays.
    let good = fs::read(&server.cert).expect("read");
    fs::write(&server.cert, "no certificate").expect("written");
    system.process.signal(Signal::SIGHUP);
    system.process.says("metron.crt").await;
    assert_eq!(
        tls::refusal(&door, "metron", &authority.ca(), &client).await,
        None
    );
    fs::write(&server.cert, good).expect("written");

    // Another authority takes over, for both sides.
    let next = Authority::create();
    next.issue_into(files.path(), "metron", Validity::Now);
    let next_client = next.issue("client", Validity::Now);
    fs::copy(next.ca(), &ca).expect("copied");
    eventually("the new certificates serve", async || {
        system.process.signal(Signal::SIGHUP);
        let refusal = tls::refusal(&door, "metron", &next.ca(), &next_client).await;
        refusal.is_none().then_some(())
    })
    .await;
    assert!(
        tls::refusal(&door, "metron", &next.ca(), &client)
            .await
            .is_some()
    );
}
