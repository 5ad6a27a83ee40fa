//! Who gets in over TLS, and who does not.

use std::time::{Duration, SystemTime};

use logweir_net::{
    dial::{DialError, DialSettings, Dialer},
    grpc::{self, Code},
    listen::HttpSettings,
    pki::Authority,
    tls::{Alpn, ClientAuth, ClientTls, Verify},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::rig::{Certs, DAY, Server, call, dialer, echo, soon, until};

async fn mutual() -> (Certs, Server) {
    let certs = Certs::new();
    let server = Server::start(Some(certs.grpc()), HttpSettings::grpc()).await;
    (certs, server)
}

#[tokio::test]
async fn a_client_with_a_certificate_gets_in_and_is_known_by_its_names() {
    let (certs, server) = mutual().await;
    let h2 = certs.dialer().connect(server.addr).await.unwrap();
    let empty = grpc::request_body(futures_util::stream::empty());
    let names = call(&h2, "/test/Names", empty).await.unwrap();
    assert_eq!(names, [&b"agent"[..]]);
    assert_eq!((server.stats.accepted(), server.stats.open()), (1, 1));
    drop(h2);
    until("the connection's end", || server.stats.open() == 0).await;
}

/// With TLS 1.3 a client learns only by its first call that it was refused.
async fn is_refused(good: &Dialer, server: &Server, client: ClientTls, reason: &str) {
    let h2 = dialer(Some(client)).connect(server.addr).await.unwrap();
    let status = echo(&h2, b"hello").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    soon("the end", h2.closed()).await;
    assert!(h2.is_closed());
    let told = h2.reason().unwrap();
    assert!(told.contains(reason), "{told}");
    until("the count", || server.stats.tls_failures() == 1).await;
    server.works(good).await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let (certs, server) = mutual().await;
    let good = certs.dialer();
    let ca = certs.path("ca.crt");
    let client = ClientTls::load(Some(&ca), None, Verify::Ca, &[], Alpn::H2).unwrap();
    is_refused(&good, &server, client, "CertificateRequired").await;
}

#[tokio::test]
async fn a_client_of_another_authority_is_refused() {
    let (certs, server) = mutual().await;
    let good = certs.dialer();
    let foreign = Authority::create("foreign", DAY).unwrap();
    certs.put("agent", &foreign.issue(&["agent"], DAY).unwrap());
    is_refused(&good, &server, certs.client(), "UnknownCA").await;
}

#[tokio::test]
async fn a_client_whose_certificate_expires_is_refused() {
    let (certs, server) = mutual().await;
    let good = certs.dialer();
    let begin = SystemTime::now();
    let short = Duration::from_secs(2);
    certs.put(
        "agent",
        &certs
            .authority
            .issue_from(&["agent"], begin, short)
            .unwrap(),
    );
    let client = certs.client();
    until("the expiry", || begin.elapsed().unwrap() > 2 * short).await;
    is_refused(&good, &server, client, "CertificateExpired").await;
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_refused() {
    let (certs, server) = mutual().await;
    let error = Certs::by("other CA")
        .dialer()
        .connect(server.addr)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    let other = Dialer::new(
        Some(certs.client()),
        "router".into(),
        DialSettings::default(),
    );
    let error = other.connect(server.addr).await.unwrap_err();
    assert!(matches!(error, DialError::Tls { .. }));
    assert!(
        error.to_string().contains("as `router` failed")
            && error.to_string().contains("not valid for name"),
        "{error}"
    );
    server.works(&certs.dialer()).await;
}

#[tokio::test]
async fn verification_can_be_switched_off() {
    let certs = Certs::new();
    let tls = certs.server(ClientAuth::None, Alpn::H2);
    let server = Server::start(Some(tls), HttpSettings::grpc()).await;
    let anybody = ClientTls::load(None, None, Verify::None, &[], Alpn::H2).unwrap();
    server.works(&dialer(Some(anybody))).await;
}

#[tokio::test]
async fn a_server_without_http2_is_named() {
    let certs = Certs::new();
    let server = Server::start(Some(certs.grpc()), HttpSettings::grpc()).await;
    // A rustls client without ALPN stands for a door that speaks something else.
    let mut config = (*certs.client().current()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(server.addr).await.unwrap();
    let refused = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
        .connect("doppler".try_into().unwrap(), tcp)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("NoApplicationProtocol"),
        "{refused}"
    );
    until("the count", || server.stats.tls_failures() == 1).await;

    let http1 = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = http1.local_addr().unwrap();
    let identity = certs.server(ClientAuth::None, Alpn::HttpAll).current();
    let mut config = (*identity).clone();
    config.alpn_protocols.clear();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let serving = tokio::spawn(async move {
        let (tcp, _) = http1.accept().await.unwrap();
        let mut stream = acceptor.accept(tcp).await.unwrap();
        let _ = stream.read(&mut [0; 64]).await;
    });
    let error = certs.dialer().connect(addr).await.unwrap_err();
    assert!(
        error.to_string().contains("did not agree to HTTP/2"),
        "{error}"
    );
    soon("the other server's end", serving).await.unwrap();
}

#[tokio::test]
async fn plain_text_on_a_tls_port_ends_that_connection_only() {
    let (certs, server) = mutual().await;
    for text in [&b"<14>1 - - - - - -\n"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        tcp.write_all(text).await.unwrap();
        let end = soon("the end", tcp.read(&mut [0; 64])).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    until("the count", || server.stats.tls_failures() == 2).await;
    server.works(&certs.dialer()).await;
}

#[tokio::test]
async fn an_https_port_answers_plain_http_as_go_does() {
    let certs = Certs::new();
    let tls = certs.server(ClientAuth::None, Alpn::HttpAll);
    let server = Server::start(Some(tls), HttpSettings::http()).await;
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    tcp.write_all(b"GET /v2/read HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    soon("the answer", tcp.read_to_string(&mut answer))
        .await
        .unwrap();
    assert_eq!(
        answer,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
}

#[tokio::test]
async fn a_client_that_stalls_holds_up_nobody_and_is_let_go() {
    let certs = Certs::new();
    let settings = HttpSettings {
        handshake_timeout: Duration::from_millis(300),
        ..HttpSettings::grpc()
    };
    let server = Server::start(Some(certs.grpc()), settings).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    let mut half = TcpStream::connect(server.addr).await.unwrap();
    half.write_all(&[0x16, 3, 1, 2]).await.unwrap();
    server.works(&certs.dialer()).await;
    for tcp in [&mut silent, &mut half] {
        let end = soon("the end", tcp.read(&mut [0; 64])).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    until("the count", || server.stats.tls_failures() == 2).await;
    until("the last end", || server.stats.open() == 0).await;
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up() {
    let certs = Certs::new();
    let stalled = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = DialSettings {
        tls_timeout: Duration::from_millis(200),
        ..DialSettings::default()
    };
    let dialer = Dialer::new(Some(certs.client()), "doppler".into(), settings);
    let error = dialer
        .connect(stalled.local_addr().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::TlsTimeout { .. }), "{error}");
}

#[tokio::test]
async fn tls_12_has_the_four_good_suites_and_a_list_narrows_them() {
    let certs = Certs::new();
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let paths = logweir_net::tls::TlsPaths {
        cert: certs.path("doppler.crt"),
        key: certs.path("doppler.key"),
        ca: certs.path("ca.crt"),
    };
    let narrow =
        logweir_net::tls::ServerTls::load(&paths, ClientAuth::None, &[suite.to_owned()], Alpn::H2)
            .unwrap();
    for (tls, expected) in [
        (
            certs.server(ClientAuth::None, Alpn::H2),
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (narrow, suite),
    ] {
        let server = Server::start(Some(tls), HttpSettings::grpc()).await;
        let config = certs.client().current();
        let provider = config.crypto_provider().clone();
        let mut roots = rustls::RootCertStore::empty();
        let ca = std::fs::read(certs.path("ca.crt")).unwrap();
        roots
            .add(rustls_pki_types::pem::PemObject::from_pem_slice(&ca).unwrap())
            .unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(server.addr).await.unwrap();
        let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
            .connect("doppler".try_into().unwrap(), tcp)
            .await
            .unwrap();
        let negotiated = stream.get_ref().1.negotiated_cipher_suite().unwrap();
        assert_eq!(negotiated.suite().as_str(), Some(expected));
    }
}

#[tokio::test]
async fn a_door_of_http_1_does_not_offer_http_2() {
    let certs = Certs::new();
    let tls = certs.server(ClientAuth::None, Alpn::Http1);
    let server = Server::start(Some(tls), HttpSettings::http()).await;
    let ca = certs.path("ca.crt");
    let client = ClientTls::load(Some(&ca), None, Verify::Ca, &[], Alpn::HttpAll).unwrap();
    let connector = tokio_rustls::TlsConnector::from(client.current());
    let tcp = TcpStream::connect(server.addr).await.unwrap();
    let name = "doppler".try_into().unwrap();
    let stream = soon("the handshake", connector.connect(name, tcp)).await;
    let stream = stream.unwrap();
    let (_, connection) = stream.get_ref();
    assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
}
