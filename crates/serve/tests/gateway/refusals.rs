//! Requests that get no stream.

use logweir_serve::{
    auth::{AuthConfig, LocalToken},
    front::AccessLog,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::{
    client::{Client, PATIENCE},
    door::{Door, Setup},
    stub_rlp::{Reply, log},
};

const NOT_FOUND: &str = "{\"message\":\"resource not found\",\"error\":\"not_found\"}\n\n";
const UNAVAILABLE: &str = "{\"message\":\"streaming is temporarily unavailable\",\
                           \"error\":\"streaming_unavailable\"}\n\n";

/// Reads `app` with the token `letmein`.
fn reader_of_app() -> AuthConfig {
    let token = LocalToken {
        name: "reader".into(),
        sha256: "1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032".into(),
        read: vec!["app".into()],
    };
    AuthConfig {
        tokens: vec![token],
        ..AuthConfig::default()
    }
}

#[tokio::test]
async fn an_early_refusal_has_a_real_status() {
    let door = Door::open(Reply::Batches(vec![]), Setup::default()).await;
    for (status, code) in [
        (
            Status::resource_exhausted("unable to create stream, max egress streams reached: 1"),
            503,
        ),
        (Status::unavailable("draining"), 503),
        (Status::unknown("unable to setup subscription"), 503),
        (Status::invalid_argument("Selectors cannot be empty"), 400),
    ] {
        door.stub.reply(Reply::Refuse(status.clone()));
        let mut answer = door.get("/v2/read?log").await;
        assert_eq!(answer.status, code, "{status}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let body = answer.rest().await;
        assert!(code != 503 || body == UNAVAILABLE, "{body}");
    }
    let unavailable = [("error", "streaming_unavailable")];
    assert!(door.counted("logweir_gateway_refused", &unavailable) == 3.0);
}

#[tokio::test]
async fn an_absent_reverse_log_proxy_is_a_503() {
    let door = Door::open(Reply::Open(vec![]), Setup::default()).await;
    assert_eq!(door.get("/v2/read?log").await.status, 200);
    door.stub_shutdown.abort.cancel();
    door.stub_shutdown.stop.cancel();
    crate::client::eventually("the loss to be noticed", || {
        !door.readiness.reasons().is_empty()
    })
    .await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(
        (answer.status, answer.rest().await.as_str()),
        (503, UNAVAILABLE)
    );
}

#[tokio::test]
async fn whoever_may_not_read_is_told_that_there_is_nothing() {
    let setup = Setup {
        auth: reader_of_app(),
        network: true,
        ..Setup::default()
    };
    let door = Door::open(Reply::Batches(vec![log("hi")]), setup).await;
    let good = ("Authorization", "Bearer letmein");
    for (method, target, headers) in [
        ("GET", "/v2/read?log&source_id=app", &[][..]),
        (
            "GET",
            "/v2/read?log&source_id=app",
            &[("Authorization", "")],
        ),
        (
            "GET",
            "/v2/read?log&source_id=app",
            &[("Authorization", "Bearer wrong")],
        ),
        ("GET", "/v2/read?log&source_id=other", &[good]),
        ("GET", "/v2/read?log&source_id=app&source_id=other", &[good]),
        ("GET", "/v2/read?log&source_id=", &[good]),
        ("GET", "/v2/read?log", &[good]),
        ("GET", "/v2/read", &[good]),
        // Who may not read is not told either what would be wrong with the request.
        ("POST", "/v2/read", &[]),
    ] {
        let mut answer = Client::send(door.addr, method, target, headers).await;
        let body = answer.rest().await;
        assert_eq!(
            (answer.status, body.as_str()),
            (404, NOT_FOUND),
            "{method} {target}"
        );
    }
    assert!(door.stub.requests().is_empty());
    let target = "/v2/read?log&source_id=app";
    let mut answer = Client::send(door.addr, "GET", target, &[good]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.rest().await.starts_with("data: "));
    assert_eq!(
        Client::send(door.addr, "POST", target, &[good])
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn other_paths_are_not_found_or_cleaned() {
    let door = Door::open(Reply::Batches(vec![]), Setup::default()).await;
    for target in ["/", "/v2/read/", "/v2", "/v2/reader", "/V2/read"] {
        let mut answer = door.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.rest().await, "404 page not found\n", "{target}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    for target in [
        "//v2/read?log&a=b",
        "/v2/./read?log&a=b",
        "/x/../v2//read?log&a=b",
    ] {
        let mut answer = door.get(target).await;
        assert_eq!(answer.status, 301, "{target}");
        assert_eq!(
            answer.header("location"),
            Some("/v2/read?log&a=b"),
            "{target}"
        );
        assert_eq!(answer.rest().await, "");
    }
}

#[tokio::test]
async fn a_client_that_stalls_in_a_header_is_let_go() {
    let door = Door::open(Reply::Batches(vec![]), Setup::default()).await;
    let mut connection = TcpStream::connect(door.addr).await.unwrap();
    connection
        .write_all(b"GET /v2/read?log HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    end.expect("the connection stays open").unwrap();
}

#[tokio::test]
async fn the_access_log_shows_no_token() {
    let (writer, mut reader) = tokio::io::duplex(1 << 16);
    let tracker = TaskTracker::new();
    let access_log = AccessLog::lines(writer, &tracker);
    let setup = Setup {
        auth: reader_of_app(),
        access_log,
        ..Setup::default()
    };
    let door = Door::open(Reply::Batches(vec![log("hi")]), setup).await;
    let target = "/v2/read?log&source_id=app&token=letmein";
    let headers = [("Authorization", "Bearer letmein"), ("X-Request-Id", "r-1")];
    let mut answer = Client::send(door.addr, "GET", target, &headers).await;
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    let bytes = answer.rest().await.len();
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push(char::from(reader.read_u8().await.unwrap()));
    }
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let end =
        format!(" +0000] \"GET /v2/read?log&source_id=app&token=*** HTTP/1.1\" 200 {bytes}\n");
    assert!(line.ends_with(&end), "{line}");
    assert!(!line.contains("letmein"), "{line}");
}
