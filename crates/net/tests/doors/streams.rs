//! Messages and streams over a real connection, whole and broken.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use logweir_net::{
    body::{self, BoxError},
    dial::H2,
    grpc::{self, Code, Messages, Status},
    listen::HttpSettings,
};

use crate::rig::{Certs, LIMIT, Server, call, dialer, echo, soon};

async fn connected() -> (Certs, Server, H2) {
    let certs = Certs::new();
    let server = Server::start(Some(certs.grpc()), HttpSettings::grpc()).await;
    let h2 = certs.dialer().connect(server.addr).await.unwrap();
    (certs, server, h2)
}

#[tokio::test]
async fn messages_of_every_size_come_back_whole() {
    let (_certs, _server, h2) = connected().await;
    let sizes = [0, 1, 255, 4095, 4096, 70_000, 1 << 20, LIMIT];
    let sent: Vec<Bytes> = sizes
        .iter()
        .map(|size| (0..=255).cycle().take(*size).collect())
        .collect();
    let body = grpc::request_body(stream::iter(sent.clone().into_iter().map(Ok)));
    let read = call(&h2, "/test/Echo", body).await.unwrap();
    assert!(read == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_streams_share_a_connection() {
    let (_certs, server, h2) = connected().await;
    let calls = (0..200).map(|i| {
        let h2 = h2.clone();
        async move {
            let payload = vec![u8::try_from(i).unwrap(); 300 * i];
            assert_eq!(echo(&h2, &payload).await.unwrap(), [payload]);
        }
    });
    stream::iter(calls).buffer_unordered(200).count().await;
    assert_eq!(server.stats.accepted(), 1);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_go_s_text() {
    let (_certs, _server, h2) = connected().await;
    let large = Bytes::from(vec![0; LIMIT + 1]);
    let body = grpc::request_body(stream::iter([Ok(large)]));
    let status = call(&h2, "/test/Count", body).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        "grpc: received message larger than max (10485761 vs. 10485760)"
    );
    assert_eq!(echo(&h2, b"still there").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_truncated_message_is_told_to_its_sender() {
    let (_certs, _server, h2) = connected().await;
    let whole = grpc::message(b"cut off");
    let body = body::full(whole.slice(..8));
    let status = call(&h2, "/test/Count", body).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("unexpected EOF"), "{status}");
    assert_eq!(echo(&h2, b"still there").await.unwrap().len(), 1);
}

#[tokio::test]
async fn half_close_is_a_good_end_of_a_request() {
    let (_certs, _server, h2) = connected().await;
    let (to, from) = tokio::sync::mpsc::channel::<Bytes>(1);
    let source = stream::unfold(from, |mut from| async {
        Some((Ok(from.recv().await?), from))
    });
    let counting = tokio::spawn({
        let body = grpc::request_body(source);
        async move { call(&h2, "/test/Count", body).await }
    });
    for _ in 0..3 {
        to.send(Bytes::from_static(b"four")).await.unwrap();
    }
    drop(to);
    assert_eq!(counting.await.unwrap().unwrap(), [&b"12"[..]]);
}

#[tokio::test]
async fn a_reset_by_the_client_ends_the_server_s_stream() {
    let (_certs, _server, h2) = connected().await;
    let body = grpc::request_body(stream::iter([
        Ok(Bytes::from_static(b"one")),
        Err(Status::aborted("given up")),
    ]));
    let status = call(&h2, "/test/Count", body).await.unwrap_err();
    assert_ne!(status.code(), Code::Ok);
    assert_eq!(echo(&h2, b"still there").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reset_by_the_server_has_the_status_of_its_code() {
    let (_certs, _server, h2) = connected().await;
    // The echo of a body that breaks is a response that breaks.
    let broken = StreamBody::new(stream::iter([
        Ok(http_body::Frame::data(grpc::message(b"one"))),
        Err(BoxError::from(h2::Error::from(h2::Reason::CANCEL))),
    ]));
    let status = call(&h2, "/test/Echo", broken.boxed_unsync())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Cancelled, "{status}");
}

#[tokio::test]
async fn a_quiet_stream_is_open_before_its_header_comes() {
    let (_certs, server, h2) = connected().await;
    let extra = http::HeaderMap::new();
    let mut late = grpc::server_stream(&h2, "/test/Late", Bytes::new(), extra.clone(), LIMIT);
    let mut quiet = grpc::server_stream(&h2, "/test/Quiet", Bytes::new(), extra, LIMIT);
    soon("the header of the quiet one", quiet.opened())
        .await
        .unwrap();
    assert!(futures_util::poll!(Box::pin(late.opened())).is_pending());
    assert!(futures_util::poll!(Box::pin(quiet.next())).is_pending());
    // The connection dies under both.
    server.shutdown.abort.cancel();
    for stream in [&mut late, &mut quiet] {
        let status = soon("the end", stream.next()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(soon("nothing more", stream.next()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_unknown_method_is_a_status() {
    let (_certs, _server, h2) = connected().await;
    let empty = grpc::request_body(stream::empty());
    let status = call(&h2, "/test/None", empty).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_stops_reading_pushes_back_and_loses_nothing() {
    let server = Server::start(None, HttpSettings::grpc()).await;
    let h2 = dialer(None).connect(server.addr).await.unwrap();
    let piece = Bytes::from(vec![5; 64 << 10]);
    let total = 600;
    let (counter, mut sent) = tokio::sync::watch::channel(0);
    let source = stream::iter(0..total).map(move |_| {
        counter.send_modify(|sent| *sent += 1);
        Ok(piece.clone())
    });
    let request = grpc::request("/test/Echo", "doppler", grpc::request_body(source));
    let response = soon("the header", h2.send(request)).await.unwrap();
    // 38 MiB do not fit into the windows of both directions: the sender has to wait.
    let first = soon("something sent", sent.wait_for(|sent| *sent > 0)).await;
    drop(first.unwrap());
    soon("a halt", async {
        let quiet = std::time::Duration::from_millis(100);
        while let Ok(Ok(())) = tokio::time::timeout(quiet, sent.changed()).await {}
    })
    .await;
    let taken = *sent.borrow();
    assert!(taken < total, "{taken}");
    let mut messages = Messages::of_response(response, LIMIT);
    let mut read = 0;
    while let Some(message) = soon("a message", messages.next()).await.unwrap() {
        assert_eq!(message.len(), 64 << 10);
        read += 1;
    }
    assert_eq!(read, total);
    assert_eq!(*sent.borrow(), total);
}
