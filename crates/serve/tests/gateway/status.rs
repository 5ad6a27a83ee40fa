//! `/healthz`, `/readyz` and `/metrics`.

use logweir_serve::auth::{AuthConfig, LocalToken};

use crate::{
    client::{Client, eventually},
    door::{Door, Setup},
    stub_rlp::Reply,
};

#[tokio::test]
async fn readiness_follows_the_parts() {
    let door = Door::open(Reply::Open(vec![]), Setup::default()).await;
    eventually("the connection", || door.readiness.reasons().is_empty()).await;
    let mut answer = door.get("/readyz").await;
    assert_eq!((answer.status, answer.rest().await.as_str()), (200, "ok"));
    let part = door.readiness.part("grpc door");
    let mut answer = door.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = "{\"ready\":false,\"reasons\":{\"grpc door\":\"starting\"}}";
    assert_eq!(answer.rest().await, body);
    part.ready();
    door.readiness.drain();
    let mut answer = door.get("/readyz").await;
    let body = "{\"ready\":false,\"reasons\":{\"process\":\"draining\"}}";
    assert_eq!((answer.status, answer.rest().await.as_str()), (503, body));
    let mut answer = door.get("/healthz").await;
    assert_eq!((answer.status, answer.rest().await.as_str()), (200, "ok"));
    assert_eq!(
        Client::send(door.addr, "HEAD", "/healthz", &[])
            .await
            .status,
        200
    );
    assert_eq!(
        Client::send(door.addr, "POST", "/healthz", &[])
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn metrics_are_open_on_loopback() {
    let door = Door::open(Reply::Open(vec![]), Setup::default()).await;
    let mut answer = door.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let text = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("content-type"), text);
    let page = answer.rest().await;
    assert!(
        page.contains("\nlogweir_gateway_streams{role=\"gateway\"} 0\n"),
        "{page}"
    );
    let build = format!(
        "\nlogweir_build_info{{version=\"{}\"}} 1\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(page.contains(&build), "{page}");
    assert!(
        page.contains("\nLastUAALatency{role=\"gateway\"} 0\n"),
        "{page}"
    );
}

#[tokio::test]
async fn metrics_beyond_loopback_need_a_token_that_reads_everything() {
    let token = |sha256: &str, read: &str| LocalToken {
        name: read.into(),
        sha256: sha256.into(),
        read: vec![read.into()],
    };
    // SHA-256 of `all` and of `one`.
    let all = "5ef5ef0364b6939c4ca61f34b393f7b368d1be8619647aaf83d5b395919ab629";
    let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    let tokens = vec![token(all, "*"), token(one, "app")];
    let auth = AuthConfig {
        tokens,
        ..AuthConfig::default()
    };
    let setup = Setup {
        auth,
        network: true,
        ..Setup::default()
    };
    let door = Door::open(Reply::Open(vec![]), setup).await;
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer one")], 401),
        (&[("Authorization", "Bearer all")], 200),
    ] {
        let answer = Client::send(door.addr, "GET", "/metrics", headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(door.get("/healthz").await.status, 200);
}
