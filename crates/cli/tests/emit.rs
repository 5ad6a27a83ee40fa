//! `emit` as a whole, over mutual TLS, against a peer that takes, and one that is not
//! there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap here is a failed test")]

#[path = "../../client/tests/stub/mod.rs"]
mod stub;

use std::path::Path;

use clap::Parser;
use logweir_cli::{Verb, exit};
use logweir_client::v2::envelope::Message;
use stub::{Manner, Peer, certificates};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

fn verb(data_dir: &Path, address: &str, arguments: &[&str]) -> Verb {
    let data_dir = data_dir.to_str().unwrap();
    let fixed = [
        "logweir",
        "emit",
        "--data-dir",
        data_dir,
        "--ingress-addr",
        address,
    ];
    Cli::parse_from([&fixed, arguments].concat()).verb
}

#[tokio::test]
async fn metrics_are_handed_over_with_their_source_and_tags() {
    let dir = tempfile::tempdir().unwrap();
    let certs = dir.path().join("certs");
    certificates(&certs);
    let peer = Peer::start_tls(&certs, Manner::Take).await;
    let arguments = [
        "--source-id",
        "app",
        "--instance",
        "3",
        "--tag",
        "space=dev",
        "--tag",
        "a=b=c",
        "--counter",
        "hits=2",
        "--gauge",
        "memory=1.5:bytes",
        "--timer",
        "http=5,9",
        "--event",
        "title=body",
    ];
    let code = verb(dir.path(), &peer.addr.to_string(), &arguments)
        .run()
        .await;
    assert_eq!(code, exit::OK);
    let got = peer.envelopes();
    assert_eq!(got.len(), 4);
    for envelope in &got {
        assert_eq!(
            (envelope.source_id.as_str(), envelope.instance_id.as_str()),
            ("app", "3")
        );
        assert_eq!(envelope.tags["space"], "dev");
        assert_eq!(envelope.tags["a"], "b=c");
    }
    assert!(
        matches!(&got[0].message, Some(Message::Counter(c)) if c.name == "hits" && c.delta == 2)
    );
    let Some(Message::Gauge(gauge)) = &got[1].message else {
        panic!("no gauge")
    };
    assert_eq!(
        (
            gauge.metrics["memory"].value,
            gauge.metrics["memory"].unit.as_str()
        ),
        (1.5, "bytes")
    );
    assert!(matches!(&got[2].message, Some(Message::Timer(t)) if (t.start, t.stop) == (5, 9)));
    assert!(matches!(&got[3].message, Some(Message::Event(e)) if e.title == "title"));
}

#[tokio::test]
async fn what_cannot_be_handed_over_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    certificates(&dir.path().join("certs"));
    let peer = Peer::start(Manner::Take).await;
    let address = peer.addr.to_string();
    peer.die().await;
    let arguments = [
        "--source-id",
        "app",
        "--counter",
        "hits=2",
        "--timeout",
        "1",
    ];
    assert_eq!(
        verb(dir.path(), &address, &arguments).run().await,
        exit::FAILED
    );
}

#[tokio::test]
async fn no_certificates_and_no_system_are_failures_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--source-id", "app", "--counter", "hits=2"];
    assert_eq!(
        verb(dir.path(), "127.0.0.1:1", &arguments).run().await,
        exit::FAILED
    );
    let data_dir = dir.path().to_str().unwrap();
    let fixed = ["logweir", "emit", "--data-dir", data_dir];
    let verb = Cli::parse_from([&fixed[..], &arguments].concat()).verb;
    assert_eq!(verb.run().await, exit::UNAVAILABLE);
}
