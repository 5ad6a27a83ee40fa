//! The examples run, over mutual TLS, against a peer.
#![allow(clippy::unwrap_used, reason = "a failed unwrap here is a failed test")]

mod stub;

#[allow(dead_code, reason = "its main is for people")]
#[path = "../examples/emit.rs"]
mod emit;
#[allow(dead_code, reason = "its main is for people")]
#[path = "../examples/tail.rs"]
mod tail;

use std::time::Duration;

use logweir_client::v2;
use stub::{Manner, Peer, certificates};

#[tokio::test]
async fn the_emit_example_hands_over_all_it_emits() {
    let certs = tempfile::tempdir().unwrap();
    certificates(certs.path());
    let peer = Peer::start_tls(certs.path(), Manner::Take).await;
    let sent = emit::emit(&peer.addr.to_string(), certs.path())
        .await
        .unwrap();
    assert_eq!(sent, 6);
    assert_eq!(peer.envelopes().len(), 6);
}

#[tokio::test]
async fn the_tail_example_prints_logs() {
    let certs = tempfile::tempdir().unwrap();
    certificates(certs.path());
    let log = |payload: &'static str| v2::EnvelopeBatch {
        batch: vec![v2::Envelope {
            message: Some(v2::envelope::Message::Log(v2::Log {
                payload: payload.into(),
                r#type: 0,
            })),
            ..v2::Envelope::default()
        }],
    };
    let peer = Peer::start_tls(certs.path(), Manner::Give(vec![log("one"), log("two")])).await;
    let address = peer.addr.to_string();
    let mut out = Vec::new();
    let tail = tail::tail(&address, certs.path(), "my-app", 2, &mut out);
    tokio::time::timeout(Duration::from_secs(20), tail)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(out, b"one\ntwo\n");
}
