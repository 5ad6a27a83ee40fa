//! The forwarder agent under its peer's name: every envelope to each destination, and ports
//! that are read again.

use std::path::Path;

use logweir_blackbox::{
    certificates::Identity,
    envelopes::{batch, log, logs_of, payload},
    http::sum,
    patience::eventually,
    process::{Process, role},
    stream::{Producer, Reader, prime},
    system::System,
};
use logweir_net::{
    body,
    dial::{DialSettings, Dialer},
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2;
use nix::sys::signal::Signal;

/// Writes the file that names a port of a job.
fn job(jobs: &Path, name: &str, text: &str) {
    let config = jobs.join(name).join("config");
    std::fs::create_dir_all(&config).expect("a directory");
    std::fs::write(config.join("ingress_port.yml"), text).expect("written");
}

fn port(system: &System) -> &str {
    let (_, port) = system.door("ingress").rsplit_once(':').expect("a port");
    port
}

/// The page of the metrics door.
async fn metrics(system: &System, port: u16) -> String {
    let Identity { cert, key } = system.client();
    let ca = system.cert_file("ca.crt");
    let tls = ClientTls::load(
        Some(&ca),
        Some((&cert, &key)),
        Verify::Ca,
        &[],
        Alpn::HttpAll,
    );
    let name = Some("metron".to_owned());
    let client = HttpClient::new(
        Some(tls.expect("an identity")),
        name,
        HttpClientSettings::default(),
    );
    let request = http::Request::get(format!("https://127.0.0.1:{port}/metrics"));
    let request = request.body(body::empty()).expect("a request");
    let page = client.send(request).await.expect("an answer").into_body();
    String::from_utf8(page.to_vec()).expect("text")
}

#[tokio::test]
async fn every_envelope_goes_to_each_destination_and_ports_are_read_again() {
    let (one, two) = (System::start().await, System::start().await);
    let jobs = tempfile::tempdir().expect("a directory");
    job(jobs.path(), "agent", &format!("ingress: {}\n", port(&one)));
    job(jobs.path(), "broken", "ingress: {");
    // Nobody listens there: what goes to it is lost, and the others notice nothing.
    job(jobs.path(), "nobody", "---\ningress: \"1\"\n");
    let links = tempfile::tempdir().expect("a directory");
    let text = |name: &str| one.cert_file(name).display().to_string();
    let mut environment = vec![
        ("AGENT_PORT", "0".to_owned()),
        ("AGENT_TAGS", "deployment:cf,job:router".to_owned()),
        (
            "DOWNSTREAM_INGRESS_PORT_GLOB",
            format!("{}/*/config/ingress_port.yml", jobs.path().display()),
        ),
    ];
    for prefix in ["AGENT", "METRICS"] {
        for (part, file) in [
            ("CA", "ca.crt"),
            ("CERT", "server.crt"),
            ("KEY", "server.key"),
        ] {
            let name = format!("{prefix}_{part}_FILE_PATH").leak();
            environment.push((name, text(file)));
        }
    }
    let mut agent = Process::start(role(&links, "forwarder-agent", &environment));
    let door = agent.port("grpc").await;
    agent
        .says("broken/config/ingress_port.yml is no destination file")
        .await;
    agent
        .says("the destination 127.0.0.1:1 gets every envelope")
        .await;

    let Identity { cert, key } = one.client();
    let ca = one.cert_file("ca.crt");
    let tls = ClientTls::load(Some(&ca), Some((&cert, &key)), Verify::Ca, &[], Alpn::H2);
    let dialer = Dialer::new(tls.ok(), "metron".into(), DialSettings::default());
    let h2 = dialer.connect(([127, 0, 0, 1], door).into()).await;
    let producer = Producer::open(&h2.expect("a connection"));
    let mut reader = Reader::open(&one.dial("grpc").await, &logs_of("app"));
    prime(&producer, &mut reader, &log("app", "probe")).await;
    producer.send(&batch(&[log("app", "hello")])).await;
    let is_hello = |envelope: &v2::Envelope| payload(envelope) == "hello";
    let came = reader.until(|all| all.iter().any(is_hello)).await;
    let hello = came.into_iter().find(is_hello).expect("came");
    let mut tags: Vec<_> = hello.tags.into_iter().collect();
    tags.retain(|(name, _)| name != "ip" && name != "index");
    let expected = [("deployment", "cf"), ("job", "router")];
    assert_eq!(
        tags,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let door = agent.port("metrics").await;
    eventually("the loss is counted", async || {
        let page = metrics(&one, door).await;
        let (ingress, origin) = (
            sum(&page, "ingress", &[]),
            sum(&page, "origin_mappings", &[]),
        );
        let expired = page
            .contains("egress_expired_total{destination=\"127.0.0.1:1\",protocol=\"loggregator\"}")
            || page.contains(
                "egress_expired_total{protocol=\"loggregator\",destination=\"127.0.0.1:1\"}",
            );
        (ingress > 1.0 && origin == 0.0 && expired).then_some(())
    })
    .await;

    // `two` has another authority, so its door refuses: `one` must not suffer, and a port
    // that is gone is not tried again.
    job(jobs.path(), "agent2", &format!("ingress: {}\n", port(&two)));
    job(jobs.path(), "nobody", "ingress:\n");
    agent.signal(Signal::SIGHUP);
    agent
        .says(&format!(
            "the destination 127.0.0.1:{} gets every envelope",
            port(&two)
        ))
        .await;
    agent.says("the destination 127.0.0.1:1 is gone").await;
    agent.says("No ingress port defined in ").await;
    producer.send(&batch(&[log("app", "again")])).await;
    let is_again = |envelope: &v2::Envelope| payload(envelope) == "again";
    reader.until(|all| all.iter().any(is_again)).await;
    std::fs::remove_dir_all(jobs.path().join("agent2")).expect("removed");
    agent.signal(Signal::SIGHUP);
    agent
        .says(&format!("the destination 127.0.0.1:{} is gone", port(&two)))
        .await;
    agent.signal(Signal::SIGTERM);
    agent.end().await;
    agent.says("forwarder agent: ingress ").await;
}
