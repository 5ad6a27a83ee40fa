//! Certificates that change while a door is open.

use std::{sync::Arc, time::Duration};

use logweir_net::{grpc::Code, listen::HttpSettings, pki::Authority, tls::watch};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::rig::{Certs, DAY, Server, dialer, echo, soon};

const OFTEN: Duration = Duration::from_millis(10);
const NEVER: Duration = Duration::from_secs(3600);

/// Both sides move to a new authority: old clients are refused, new ones get in,
/// connections that stand are not disturbed.
async fn moves_over(period: Duration, request: bool) {
    let certs = Certs::new();
    let tls = certs.grpc();
    let server = Server::start(Some(tls.clone()), HttpSettings::grpc()).await;
    let old_client = certs.client();
    let standing = dialer(Some(old_client.clone()))
        .connect(server.addr)
        .await
        .unwrap();
    echo(&standing, b"before").await.unwrap();

    let notify = Arc::new(Notify::new());
    let cancel = CancellationToken::new();
    let watching = tokio::spawn(watch(
        vec![tls.clone().into()],
        period,
        notify.clone(),
        cancel.clone(),
    ));
    let new = Authority::create("new CA", DAY).unwrap();
    std::fs::write(certs.path("ca.crt"), new.cert()).unwrap();
    for name in ["doppler", "agent"] {
        certs.put(name, &new.issue(&[name], DAY).unwrap());
    }
    if request {
        notify.notify_one();
    }
    let new_dialer = certs.dialer();
    soon("the new certificate", async {
        while new_dialer.connect(server.addr).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.works(&new_dialer).await;
    assert!(dialer(Some(old_client)).connect(server.addr).await.is_err());
    echo(&standing, b"after").await.unwrap();
    cancel.cancel();
    soon("the watcher's end", watching).await.unwrap();
}

#[tokio::test]
async fn changed_files_are_noticed() {
    moves_over(OFTEN, false).await;
}

#[tokio::test]
async fn a_request_rereads_at_once() {
    moves_over(NEVER, true).await;
}

#[tokio::test]
async fn bad_files_leave_the_last_good_in_force_until_they_are_mended() {
    let certs = Certs::new();
    let (server_tls, client_tls) = (certs.grpc(), certs.client());
    let server = Server::start(Some(server_tls.clone()), HttpSettings::grpc()).await;
    let notify = Arc::new(Notify::new());
    let cancel = CancellationToken::new();
    tokio::spawn(watch(
        vec![server_tls.clone().into(), client_tls.clone().into()],
        OFTEN,
        notify,
        cancel.clone(),
    ));
    let before = server_tls.current();
    for name in ["doppler.crt", "agent.key", "ca.crt"] {
        std::fs::write(certs.path(name), "broken").unwrap();
    }
    assert!(server_tls.reload().is_err() && client_tls.reload().is_err());
    server.works(&dialer(Some(client_tls.clone()))).await;
    assert!(Arc::ptr_eq(&before, &server_tls.current()));

    let new = Authority::create("new CA", DAY).unwrap();
    std::fs::write(certs.path("ca.crt"), new.cert()).unwrap();
    for name in ["doppler", "agent"] {
        certs.put(name, &new.issue(&[name], DAY).unwrap());
    }
    soon("both on the new ones", async {
        loop {
            let h2 = dialer(Some(client_tls.clone())).connect(server.addr).await;
            if let Ok(h2) = h2
                && !Arc::ptr_eq(&before, &server_tls.current())
            {
                match echo(&h2, b"mended").await {
                    Ok(_) => break,
                    Err(status) => assert_eq!(status.code(), Code::Unavailable),
                }
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    cancel.cancel();
}
