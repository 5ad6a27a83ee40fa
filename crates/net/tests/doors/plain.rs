//! Doors without TLS, and HTTP/1.1.

use logweir_net::listen::HttpSettings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::rig::{Server, dialer, soon, until};

#[tokio::test]
async fn one_plain_port_speaks_http_1_and_http_2() {
    let server = Server::start(None, HttpSettings::http()).await;
    server.works(&dialer(None)).await;
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    tcp.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    soon("the answer", tcp.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello from /x"), "{answer}");
}

#[tokio::test]
async fn a_slow_header_is_cut_off() {
    let settings = HttpSettings {
        header_read_timeout: std::time::Duration::from_millis(200),
        ..HttpSettings::http()
    };
    let server = Server::start(None, settings).await;
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    tcp.write_all(b"GET /x HTTP/1.1\r\nHost: somewhere\r\n")
        .await
        .unwrap();
    let mut rest = String::new();
    soon("the end", tcp.read_to_string(&mut rest))
        .await
        .unwrap();
    assert!(!rest.contains("200"), "{rest}");
    server.works(&dialer(None)).await;
}

#[tokio::test]
async fn rubbish_ends_one_connection() {
    for settings in [HttpSettings::http(), HttpSettings::grpc()] {
        let server = Server::start(None, settings).await;
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        tcp.write_all(&[0xff; 200]).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon("the end", tcp.read_to_end(&mut rest)).await;
        server.works(&dialer(None)).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_never_reads_is_let_go() {
    let settings = HttpSettings {
        unread_timeout: Some(std::time::Duration::from_millis(500)),
        ..HttpSettings::http()
    };
    let server = Server::start(None, settings).await;
    let mut stalled = TcpStream::connect(server.addr).await.unwrap();
    stalled
        .write_all(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    until("the stream", || server.stats.open() == 1).await;
    until("the end", || server.stats.open() == 0).await;
    server.works(&dialer(None)).await;
}
