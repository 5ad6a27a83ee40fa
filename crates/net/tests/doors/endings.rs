//! Shutdown, limits and age: connections end in order.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use logweir_net::{
    grpc::{self, Code},
    listen::{self, HttpSettings},
};
use tokio::io::AsyncReadExt;

use crate::rig::{Certs, LIMIT, PATIENCE, Server, call, dialer, echo, soon, until};

/// Sends more than the channel holds, so that the call is on its way: 10 bytes of it.
async fn begun(to: &tokio::sync::mpsc::Sender<Bytes>) {
    for _ in 0..2 {
        let sent = soon("the call", to.send(Bytes::from_static(b"first"))).await;
        sent.unwrap();
    }
}

#[tokio::test]
async fn shutdown_refuses_new_ones_and_lets_open_streams_finish() {
    let certs = Certs::new();
    let server = Server::start(Some(certs.grpc()), HttpSettings::grpc()).await;
    let h2 = certs.dialer().connect(server.addr).await.unwrap();
    let (to, from) = tokio::sync::mpsc::channel::<Bytes>(1);
    let source = stream::unfold(from, |mut from| async {
        Some((Ok(from.recv().await?), from))
    });
    let counting = tokio::spawn({
        let (h2, body) = (h2.clone(), grpc::request_body(source));
        async move { call(&h2, "/test/Count", body).await }
    });
    begun(&to).await;

    let finishing = tokio::spawn(server.shutdown.clone().finish(PATIENCE));
    soon("the goodbye", async {
        while echo(&h2, b"new").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(certs.dialer().connect(server.addr).await.is_err());
    to.send(Bytes::from_static(b"after")).await.unwrap();
    drop(to);
    assert_eq!(counting.await.unwrap().unwrap(), [&b"15"[..]]);
    assert!(finishing.await.unwrap(), "nothing had to be aborted");
    soon("the end", h2.closed()).await;
}

#[tokio::test]
async fn the_deadline_aborts_streams_that_do_not_end() {
    let certs = Certs::new();
    let server = Server::start(Some(certs.grpc()), HttpSettings::grpc()).await;
    let h2 = certs.dialer().connect(server.addr).await.unwrap();
    let extra = http::HeaderMap::new();
    let mut quiet = grpc::server_stream(&h2, "/test/Quiet", Bytes::new(), extra, LIMIT);
    quiet.opened().await.unwrap();
    let deadline = Duration::from_millis(100);
    assert!(!soon("the abort", server.shutdown.finish(deadline)).await);
    let status = soon("the stream's end", quiet.next()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(server.stats.open(), 0);
}

#[tokio::test]
async fn idle_connections_end_at_once() {
    let server = Server::start(None, HttpSettings::http()).await;
    let h2 = dialer(None).connect(server.addr).await.unwrap();
    echo(&h2, b"then idle").await.unwrap();
    let _silent = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    until("both", || server.stats.open() == 2).await;
    assert!(soon("the end", server.shutdown.finish(PATIENCE)).await);
    soon("the client's end", h2.closed()).await;
}

#[tokio::test]
async fn closing_a_client_lets_its_streams_finish() {
    let server = Server::start(None, HttpSettings::grpc()).await;
    let h2 = dialer(None).connect(server.addr).await.unwrap();
    let (to, from) = tokio::sync::mpsc::channel::<Bytes>(1);
    let source = stream::unfold(from, |mut from| async {
        Some((Ok(from.recv().await?), from))
    });
    let counting = tokio::spawn({
        let (h2, body) = (h2.clone(), grpc::request_body(source));
        async move { call(&h2, "/test/Count", body).await }
    });
    begun(&to).await;
    h2.close();
    assert!(h2.is_closed());
    let status = echo(&h2, b"new").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    to.send(Bytes::from_static(b"after")).await.unwrap();
    drop(to);
    assert_eq!(counting.await.unwrap().unwrap(), [&b"15"[..]]);
    soon("the end", h2.closed()).await;
    assert_eq!(h2.reason(), None);
    until("the server's end", || server.stats.open() == 0).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let settings = HttpSettings {
        max_connections: 1,
        ..HttpSettings::grpc()
    };
    let server = Server::start(None, settings).await;
    let first = dialer(None).connect(server.addr).await.unwrap();
    echo(&first, b"in").await.unwrap();
    let second = dialer(None).connect(server.addr).await.unwrap();
    let mut waiting = Box::pin(echo(&second, b"next"));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    echo(&first, b"still alone").await.unwrap();
    assert_eq!(server.stats.accepted(), 1);
    drop(first);
    assert_eq!(soon("a place", waiting).await.unwrap().len(), 1);
    assert_eq!(server.stats.accepted(), 2);
}

#[tokio::test]
async fn old_connections_are_asked_to_leave_and_may_finish() {
    let settings = HttpSettings {
        max_age: Some(Duration::from_millis(200)),
        ..HttpSettings::grpc()
    };
    let server = Server::start(None, settings).await;
    let h2 = dialer(None).connect(server.addr).await.unwrap();
    let (to, from) = tokio::sync::mpsc::channel::<Bytes>(1);
    let source = stream::unfold(from, |mut from| async {
        Some((Ok(from.recv().await?), from))
    });
    let counting = tokio::spawn({
        let (h2, body) = (h2.clone(), grpc::request_body(source));
        async move { call(&h2, "/test/Count", body).await }
    });
    begun(&to).await;
    soon("the goodbye", h2.closing()).await;
    assert!(h2.is_closed());
    to.send(Bytes::from_static(b"after")).await.unwrap();
    drop(to);
    assert_eq!(counting.await.unwrap().unwrap(), [&b"15"[..]]);
    soon("the end", h2.closed()).await;
    server.works(&dialer(None)).await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_remedy() {
    let held = listen::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = held.local_addr().unwrap();
    let error = listen::bind(addr).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {addr}: ")),
        "{error}"
    );
    assert!(error.contains("choose another port"), "{error}");
    let elsewhere = listen::bind(([192, 0, 2, 1], 0).into()).await.unwrap_err();
    assert!(elsewhere.to_string().contains("192.0.2.1"), "{elsewhere}");
}

#[tokio::test]
async fn a_client_that_never_begins_is_let_go() {
    for settings in [HttpSettings::grpc(), HttpSettings::http()] {
        let settings = HttpSettings {
            handshake_timeout: Duration::from_millis(200),
            ..settings
        };
        let server = Server::start(None, settings).await;
        let mut silent = tokio::net::TcpStream::connect(server.addr).await.unwrap();
        let end = soon("the end", async {
            let mut rest = Vec::new();
            silent.read_to_end(&mut rest).await
        })
        .await;
        drop(end);
        until("the end", || server.stats.open() == 0).await;
        server.works(&dialer(None)).await;
    }
}
