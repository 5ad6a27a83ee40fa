use std::net::SocketAddr;

use aws_lc_rs::digest;
use http_body_util::BodyExt;

use super::*;
use crate::{
    auth::{AuthConfig, CapiConfig, LocalToken, UaaConfig, stub::Stub},
    metrics::Registry,
    settings::TlsFiles,
};

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
const ADMIN: (u16, &str) = (200, r#"{"scope":["doppler.firehose"]}"#);
const USER: (u16, &str) = (200, r#"{"scope":["openid"]}"#);

const NOT_PROVIDED: &str = "You are not authorized. authorization not provided";
const INVALID: &str = "You are not authorized. invalid authorization";

fn authorizer_of(config: &AuthConfig) -> Authorizer {
    let door: SocketAddr = "0.0.0.0:8081".parse().unwrap();
    Authorizer::new(config, door, false, &Registry::new()).unwrap()
}

fn config(uaa: Option<&Stub>, capi: Option<&Stub>) -> AuthConfig {
    AuthConfig {
        uaa: uaa.map(|stub| UaaConfig {
            url: stub.url.clone(),
            client_id: "doppler".into(),
            client_secret: "s3cret".into(),
            ca: "".into(),
            skip_verify: false,
        }),
        capi: capi.map(|stub| CapiConfig {
            url: stub.url.clone(),
            external_url: stub.url.clone(),
            tls: TlsFiles::default(),
            server_name: String::new(),
            skip_verify: false,
        }),
        ..AuthConfig::default()
    }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = http::HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn token(token: &str) -> HeaderMap {
    headers(&[("authorization", token)])
}

/// Status, challenge and body; 200 stands for access.
type Outcome = (u16, Option<&'static str>, String);

async fn outcome(decision: Result<(), Response<Body>>) -> Outcome {
    let Err(response) = decision else {
        return (200, None, String::new());
    };
    let challenge = response
        .headers()
        .get(header::WWW_AUTHENTICATE)
        .map(|value| {
            assert_eq!(value, "Basic");
            "Basic"
        });
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

fn said(status: u16, challenge: Option<&'static str>, body: &str) -> Outcome {
    (status, challenge, body.to_owned())
}

#[tokio::test]
async fn what_the_cloud_controller_says_of_an_app_decides() {
    for (answer, expected) in [
        (200, said(200, None, "")),
        (401, said(401, Some("Basic"), "")),
        (403, said(404, None, "")),
        (404, said(404, None, "")),
        (500, said(500, None, "")),
        (418, said(500, None, "")),
    ] {
        let capi = Stub::start(vec![(answer, "")]).await;
        let authorizer = authorizer_of(&config(None, Some(&capi)));
        let decision = app(&authorizer, &token("bearer tok"), APP).await;
        assert_eq!(outcome(decision).await, expected, "{answer}");
        let asked = format!("GET /internal/v4/log_access/{APP} [bearer tok]");
        assert_eq!(capi.asked(), [asked], "{answer}");
    }
}

#[tokio::test]
async fn a_cloud_controller_that_is_away_or_talks_nonsense_is_a_500() {
    for capi in [Stub::absent().await, Stub::raw(b"SSH-2.0-x\r\n").await] {
        let authorizer = authorizer_of(&config(None, Some(&capi)));
        let decision = app(&authorizer, &token("bearer tok"), APP).await;
        assert_eq!(outcome(decision).await, said(500, None, ""));
    }
}

#[tokio::test]
async fn an_app_id_is_checked_before_the_token_and_the_token_before_anybody_is_asked() {
    let (uaa, capi) = (
        Stub::start(vec![USER]).await,
        Stub::start(vec![(200, "")]).await,
    );
    let authorizer = authorizer_of(&config(Some(&uaa), Some(&capi)));
    let decision = app(&authorizer, &HeaderMap::new(), "not-a-guid").await;
    assert_eq!(outcome(decision).await, said(401, None, ""));
    for none in [HeaderMap::new(), token(""), token("bearer ")] {
        let decision = app(&authorizer, &none, APP).await;
        assert_eq!(outcome(decision).await, said(401, Some("Basic"), ""));
    }
    assert!(uaa.asked().is_empty() && capi.asked().is_empty());
    // An upper-case id is one.
    let decision = app(&authorizer, &token("bearer tok"), &APP.to_uppercase()).await;
    assert_eq!(outcome(decision).await, said(200, None, ""));
}

#[tokio::test]
async fn who_reads_everything_reads_sources_that_are_no_apps() {
    let capi = Stub::start(vec![(404, "")]).await;
    for (answer, expected) in [
        (ADMIN, said(200, None, "")),
        (USER, said(401, None, "")),
        ((500, ""), said(503, None, "")),
    ] {
        let uaa = Stub::start(vec![answer]).await;
        let authorizer = authorizer_of(&config(Some(&uaa), Some(&capi)));
        let decision = app(&authorizer, &token("bearer tok"), "gorouter").await;
        assert_eq!(outcome(decision).await, expected, "{answer:?}");
    }
    assert!(capi.asked().is_empty(), "such an id is no part of a path");
}

#[tokio::test]
async fn who_reads_everything_reads_what_the_cloud_controller_does_not_know() {
    for (answer, expected) in [(ADMIN, 200), (USER, 404), ((500, ""), 404)] {
        let uaa = Stub::start(vec![answer]).await;
        let capi = Stub::start(vec![(404, "")]).await;
        let authorizer = authorizer_of(&config(Some(&uaa), Some(&capi)));
        let decision = app(&authorizer, &token("bearer tok"), APP).await;
        assert_eq!(
            outcome(decision).await,
            said(expected, None, ""),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn scopes_of_the_token_server_open_the_firehose() {
    for (answer, expected) in [
        (ADMIN, said(200, None, "")),
        ((200, r#"{"scope":["logs.admin"]}"#), said(200, None, "")),
        (USER, said(401, Some("Basic"), INVALID)),
        (
            (400, r#"{"error":"invalid_token"}"#),
            said(401, Some("Basic"), INVALID),
        ),
        ((401, "no json"), said(401, Some("Basic"), INVALID)),
        ((404, ""), said(401, Some("Basic"), INVALID)),
        ((200, "no json"), said(503, None, "")),
        ((500, ADMIN.1), said(503, None, "")),
        ((302, ""), said(503, None, "")),
    ] {
        let uaa = Stub::start(vec![answer]).await;
        let authorizer = authorizer_of(&config(Some(&uaa), None));
        let decision = everything(&authorizer, &token("Bearer tok")).await;
        assert_eq!(outcome(decision).await, expected, "{answer:?}");
        assert_eq!(
            uaa.asked(),
            ["POST /check_token [Basic ZG9wcGxlcjpzM2NyZXQ=] token=tok"]
        );
    }
    let uaa = Stub::absent().await;
    let authorizer = authorizer_of(&config(Some(&uaa), None));
    let decision = everything(&authorizer, &token("bearer tok")).await;
    assert_eq!(outcome(decision).await, said(503, None, ""));
}

#[tokio::test]
async fn a_firehose_without_a_token_asks_for_one() {
    let uaa = Stub::start(vec![ADMIN]).await;
    let authorizer = authorizer_of(&config(Some(&uaa), None));
    for none in [
        HeaderMap::new(),
        token(""),
        headers(&[("cookie", "authorization=")]),
        headers(&[("cookie", "authorization=%zz")]),
        headers(&[("cookie", "authorization=%0d%0aX")]),
        headers(&[("cookie", "Authorization=bearer%20abc")]),
        headers(&[("cookie", "other=bearer%20abc")]),
    ] {
        let decision = everything(&authorizer, &none).await;
        let expected = said(401, Some("Basic"), NOT_PROVIDED);
        assert_eq!(outcome(decision).await, expected, "{none:?}");
    }
    assert!(uaa.asked().is_empty());
}

#[tokio::test]
async fn a_cookie_carries_the_token_if_no_header_does() {
    for (lines, sent) in [
        (&[("cookie", "authorization=bearer%20abc")][..], "abc"),
        (&[("cookie", "a=b; authorization=bearer+abc; c=d")], "abc"),
        (&[("cookie", "authorization=\"bearer%20abc\"")], "abc"),
        (&[("cookie", "a=b"), ("cookie", "authorization=abc")], "abc"),
        (&[("cookie", "authorization=one; authorization=two")], "one"),
        (
            &[("authorization", ""), ("cookie", "authorization=abc")],
            "abc",
        ),
        (
            &[
                ("authorization", "bearer hdr"),
                ("cookie", "authorization=abc"),
            ],
            "hdr",
        ),
    ] {
        let uaa = Stub::start(vec![ADMIN]).await;
        let authorizer = authorizer_of(&config(Some(&uaa), None));
        let decision = everything(&authorizer, &headers(lines)).await;
        assert_eq!(outcome(decision).await.0, 200, "{lines:?}");
        let asked = uaa.asked();
        assert!(asked[0].ends_with(&format!("token={sent}")), "{asked:?}");
    }
}

#[tokio::test]
async fn grants_are_remembered_and_refusals_are_not() {
    let uaa = Stub::start(vec![USER, USER, ADMIN]).await;
    let capi = Stub::start(vec![(404, ""), (200, "")]).await;
    let authorizer = authorizer_of(&config(Some(&uaa), Some(&capi)));
    let caller = token("bearer tok");
    for expected in [404, 200, 200, 200] {
        assert_eq!(
            outcome(app(&authorizer, &caller, APP).await).await.0,
            expected
        );
    }
    assert_eq!(capi.asked().len(), 2);
    for expected in [401, 200, 200, 200] {
        assert_eq!(
            outcome(everything(&authorizer, &caller).await).await.0,
            expected
        );
    }
    assert_eq!(uaa.asked().len(), 3);
    // Who reads everything reads every app.
    let other = APP.replace('f', "0");
    assert_eq!(
        outcome(app(&authorizer, &caller, &other).await).await.0,
        200
    );
    assert_eq!(capi.asked().len(), 2);
}

#[tokio::test]
async fn local_tokens_read_what_they_list() {
    let local = |secret: &str, read: &str| LocalToken {
        name: secret.into(),
        sha256: hex::encode(digest::digest(&digest::SHA256, secret.as_bytes())),
        read: vec![read.into()],
    };
    let authorizer = authorizer_of(&AuthConfig {
        tokens: vec![local("all", "*"), local("one", "my-app")],
        ..AuthConfig::default()
    });
    let reads =
        async |secret: &str, id: &str| outcome(app(&authorizer, &token(secret), id).await).await;
    assert_eq!(reads("bearer all", "anything").await.0, 200);
    assert_eq!(reads("bearer one", "my-app").await.0, 200);
    assert_eq!(reads("bearer one", APP).await, said(404, None, ""));
    assert_eq!(
        reads("bearer no", APP).await,
        said(401, Some("Basic"), ""),
        "a client fetches a new one"
    );
    assert_eq!(reads("bearer no", "my-app").await, said(401, None, ""));
    let firehose =
        async |secret: &str| outcome(everything(&authorizer, &token(secret)).await).await;
    assert_eq!(firehose("all").await.0, 200);
    assert_eq!(firehose("one").await, said(401, Some("Basic"), INVALID));
    assert_eq!(firehose("no").await, said(401, Some("Basic"), INVALID));
}

#[tokio::test]
async fn a_door_without_access_control_checks_no_ids() {
    let door: SocketAddr = "127.0.0.1:8081".parse().unwrap();
    let open = Authorizer::new(&AuthConfig::default(), door, false, &Registry::new()).unwrap();
    assert!(app(&open, &HeaderMap::new(), "not-a-guid").await.is_ok());
    assert!(everything(&open, &HeaderMap::new()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn servers_that_never_answer_are_not_waited_for_for_ever() {
    let silent = Stub::raw(b"").await;
    let authorizer = authorizer_of(&config(Some(&silent), Some(&silent)));
    let begun = tokio::time::Instant::now();
    let decision = app(&authorizer, &token("bearer tok"), APP).await;
    assert_eq!(outcome(decision).await.0, 500);
    let decision = everything(&authorizer, &token("bearer tok")).await;
    assert_eq!(outcome(decision).await.0, 503);
    assert!(begun.elapsed().as_secs() <= 41, "{:?}", begun.elapsed());
}
