//! The HTTP client against our own doors.

use std::time::Duration;

use http::{Request, StatusCode};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings, HttpError},
    listen::HttpSettings,
    tls::{Alpn, ClientAuth, ClientTls, Verify},
};

use crate::rig::{Certs, Server, soon};

fn get(url: &str) -> Request<body::Body> {
    Request::get(url).body(body::empty()).unwrap()
}

#[tokio::test]
async fn questions_reuse_a_connection() {
    let server = Server::start(None, HttpSettings::http()).await;
    let client = HttpClient::new(None, None, HttpClientSettings::default());
    for path in ["/a", "/b?token=secret", "/c"] {
        let url = format!("http://{}{path}", server.addr);
        let answer = soon("the answer", client.send(get(&url))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let plain = path.split('?').next().unwrap();
        assert_eq!(answer.body(), &format!("hello from {plain}"));
    }
    assert_eq!(server.stats.accepted(), 1);
}

#[tokio::test]
async fn https_checks_the_host_or_the_given_name() {
    let certs = Certs::new();
    let tls = certs.server(ClientAuth::None, Alpn::HttpAll);
    let server = Server::start(Some(tls), HttpSettings::http()).await;
    let ca = certs.path("ca.crt");
    let tls = ClientTls::load(Some(&ca), None, Verify::Ca, &[], Alpn::HttpAll).unwrap();
    let ask = async |tls: Option<ClientTls>, name: Option<&str>, host: &str| {
        let client = HttpClient::new(tls, name.map(str::to_owned), HttpClientSettings::default());
        let url = format!("https://{host}:{}/x?token=secret", server.addr.port());
        soon("an end", client.send(get(&url))).await
    };
    ask(Some(tls.clone()), None, "127.0.0.1").await.unwrap();
    ask(Some(tls.clone()), Some("doppler"), "localhost")
        .await
        .unwrap();
    let error = ask(Some(tls), None, "localhost")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("not valid for name"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let error = ask(None, None, "127.0.0.1").await.unwrap_err().to_string();
    assert!(error.contains("no TLS is set up for https"), "{error}");
}

#[tokio::test]
async fn large_slow_and_missing_answers_are_errors() {
    let server = Server::start(None, HttpSettings::http()).await;
    let url = format!("http://{}/a-path-that-comes-back", server.addr);
    let small = HttpClientSettings {
        max_body: 10,
        ..HttpClientSettings::default()
    };
    let client = HttpClient::new(None, None, small);
    let error = client.send(get(&url)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::TooLarge { limit: 10, .. }),
        "{error}"
    );

    let hasty = HttpClientSettings {
        total_timeout: Duration::from_millis(100),
        ..HttpClientSettings::default()
    };
    let client = HttpClient::new(None, None, hasty);
    let late = Request::post(format!("http://{}/test/Late", server.addr));
    let late = late.body(body::empty()).unwrap();
    let error = client.send(late).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error}");

    let client = HttpClient::new(None, None, HttpClientSettings::default());
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let error = client.send(get(&url)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let error = client.send(get("/no/host")).await.unwrap_err();
    assert!(matches!(error, HttpError::Send { .. }), "{error}");
}
