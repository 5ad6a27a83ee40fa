//! Syslog over TLS: who trusts whom.

use std::sync::Arc;

use logweir_drain::{binding::Pem, secret::Secret};
use logweir_net::pki::{Authority, Pair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use crate::{
    receiver::{Act, Receiver},
    rig::{DAY, Rig, lines, until},
};

/// A receiver's side of TLS; with `clients` it wants a certificate of theirs.
pub(crate) fn acceptor(own: &Pair, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(default_provider());
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            let ca = CertificateDer::from_pem_slice(clients.cert().as_bytes()).unwrap();
            roots.add(ca).unwrap();
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
                .build()
                .unwrap()
        }
    };
    let cert = CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![cert], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) fn pem(ca: &str, own: Option<&Pair>) -> Pem {
    Pem {
        ca: Secret::new(ca),
        cert: Secret::new(own.map_or("", |own| &own.cert)),
        key: Secret::new(own.map_or("", |own| &own.key)),
    }
}

async fn receiver(names: &[&str], authority: &Authority, clients: Option<&Authority>) -> Receiver {
    let own = authority.issue(names, DAY).unwrap();
    let tls = Some(acceptor(&own, clients));
    Receiver::at("127.0.0.1:0".parse().unwrap(), &[Act::Read], tls).await
}

fn authority() -> Authority {
    Authority::create("a tenant", DAY).unwrap()
}

fn url(receiver: &Receiver) -> String {
    format!("syslog-tls://{}", receiver.address)
}

/// Waits for the drain's error.
async fn error(drain: &logweir_drain::delivery::DrainHandle) -> String {
    until("an error", || drain.status().last_error.is_some()).await;
    drain.status().last_error.unwrap().0
}

#[tokio::test]
async fn a_drain_trusts_its_own_authority_and_no_other_drain_does() {
    let (rig, authority) = (Rig::new(), authority());
    let receiver = receiver(&["127.0.0.1"], &authority, None).await;
    let trusting = rig.bind_with(&url(&receiver), pem(authority.cert(), None));
    rig.publish_lines(0..5_000);
    until("all lines", || receiver.count() == 5_000).await;
    assert_eq!(receiver.texts(), lines(0..5_000));
    let other = rig.bind(&url(&receiver));
    rig.publish_lines(5_000..5_001);
    let error = error(&other).await;
    assert!(
        error.starts_with("TLS with the receiver failed: "),
        "{error}"
    );
    assert!(error.contains("UnknownIssuer"), "{error}");
    assert_eq!(other.status().queue.queued, 1);
    until("its line", || trusting.status().written == 5_001).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (rig, authority) = (Rig::new(), authority());
    let receiver = receiver(&["other.example"], &authority, None).await;
    let drain = rig.bind_with(&url(&receiver), pem(authority.cert(), None));
    rig.publish_lines(0..1);
    let error = error(&drain).await;
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_wants_a_certificate_gets_it() {
    let (rig, authority) = (Rig::new(), authority());
    let receiver = receiver(&["127.0.0.1"], &authority, Some(&authority)).await;
    let own = authority.issue(&["drain"], DAY).unwrap();
    let drain = rig.bind_with(&url(&receiver), pem(authority.cert(), Some(&own)));
    rig.publish_lines(0..100);
    until("all lines", || receiver.count() == 100).await;
    assert!(drain.status().last_error.is_none());
}

#[tokio::test]
async fn a_receiver_that_refuses_our_certificate_is_not_fed() {
    let (rig, authority, stranger) = (Rig::new(), authority(), authority());
    let receiver = receiver(&["127.0.0.1"], &authority, Some(&authority)).await;
    // With TLS 1.3 its alert comes after the handshake is over for us.
    let wrong = stranger.issue(&["drain"], DAY).unwrap();
    for own in [None, Some(&wrong)] {
        let drain = rig.bind_with(&url(&receiver), pem(authority.cert(), own));
        rig.publish_lines(0..1);
        let error = error(&drain).await;
        assert!(
            error.starts_with("TLS with the receiver failed: the receiver refused us: "),
            "{error}"
        );
        let status = drain.status();
        assert_eq!((status.written, status.queue.queued), (0, 1), "{status:?}");
        drop(drain);
    }
}

#[tokio::test]
async fn credentials_that_are_none_are_told_without_showing_them() {
    let (rig, authority) = (Rig::new(), authority());
    let receiver = receiver(&["127.0.0.1"], &authority, None).await;
    let own = Pair {
        cert: "SECRET".to_owned(),
        key: "SECRET".to_owned(),
    };
    let drain = rig.bind_with(&url(&receiver), pem(authority.cert(), Some(&own)));
    rig.publish_lines(0..1);
    let error = error(&drain).await;
    assert!(
        error.starts_with("the credentials of the drain cannot be used: the client certificate: "),
        "{error}"
    );
    until("a notice", || !rig.notices().is_empty()).await;
    assert!(!format!("{:?}{drain:?}", rig.notices(), drain = drain.exit()).contains("SECRET"));
}
