use super::*;
use crate::{
    auth::{CapiConfig, UaaConfig, stub::Stub},
    metrics::Value,
    settings::TlsFiles,
};

const APP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const OTHER: &str = "0f9c3b1e-7d0a-4f53-8c55-91f1c0ffee00";
const LOOPBACK: &str = "127.0.0.1:8088";
const NETWORK: &str = "0.0.0.0:8088";

fn token(name: &str, secret: &str, read: &[&str]) -> LocalToken {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    LocalToken {
        name: name.into(),
        sha256: hex::encode(hash),
        read: read.iter().map(|source| (*source).to_owned()).collect(),
    }
}

fn config(uaa: Option<&Stub>, capi: Option<&Stub>) -> AuthConfig {
    AuthConfig {
        uaa: uaa.map(|stub| UaaConfig {
            url: format!("{}/replaced?x", stub.url),
            client_id: "doppler".into(),
            client_secret: "s3cret".into(),
            ca: "".into(),
            skip_verify: false,
        }),
        capi: capi.map(|stub| CapiConfig {
            url: stub.url.clone(),
            external_url: format!("{}/external", stub.url),
            tls: TlsFiles::default(),
            server_name: String::new(),
            skip_verify: false,
        }),
        ..AuthConfig::default()
    }
}

fn authorizer(config: &AuthConfig) -> (Authorizer, Registry) {
    let registry = Registry::new();
    let door = NETWORK.parse().unwrap();
    (
        Authorizer::new(config, door, false, &registry).unwrap(),
        registry,
    )
}

async fn ask(authorizer: &Authorizer, header: &str, sources: &[&str]) -> Result<(), Denial> {
    let header = HeaderValue::try_from(header).unwrap();
    authorizer.authorize(Some(&header), sources).await
}

const ADMIN: &str = r#"{"scope":["openid","logs.admin"]}"#;
const USER: &str = r#"{"scope":["openid"]}"#;

#[tokio::test]
async fn scopes_of_the_token_server_read_everything() {
    for (body, expected) in [
        (ADMIN, Ok(())),
        (r#"{"scope":["doppler.firehose"]}"#, Ok(())),
        (USER, Err(Denial::NotAllowed)),
        (r#"{"scope":null}"#, Err(Denial::NotAllowed)),
        (r#"{}"#, Err(Denial::NotAllowed)),
        (r#"{"scope":"logs.admin"}"#, Err(Denial::UaaFailed)),
        ("<html>", Err(Denial::UaaFailed)),
        ("", Err(Denial::UaaFailed)),
    ] {
        let uaa = Stub::start(vec![(200, body)]).await;
        let (authorizer, _) = authorizer(&config(Some(&uaa), None));
        assert_eq!(
            ask(&authorizer, "bearer t/k=1", &[]).await,
            expected,
            "{body}"
        );
        let basic = "POST /check_token [Basic ZG9wcGxlcjpzM2NyZXQ=] token=t%2Fk%3D1";
        assert_eq!(uaa.asked(), [basic]);
    }
}

#[tokio::test]
async fn every_spelling_of_bearer_is_read() {
    let uaa = Stub::start(vec![(200, USER)]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), None));
    for header in ["bearer tok", "Bearer tok", "BEARER  tok", "tok"] {
        assert_eq!(ask(&authorizer, header, &[]).await, Err(Denial::NotAllowed));
    }
    assert!(
        uaa.asked().iter().all(|line| line.ends_with("token=tok")),
        "{:?}",
        uaa.asked()
    );
    for header in ["", "bearer", "Bearer  "] {
        assert_eq!(
            ask(&authorizer, header, &[]).await,
            Err(Denial::NoCredential),
            "{header}"
        );
    }
    assert_eq!(
        authorizer.authorize(None, &[]).await,
        Err(Denial::NoCredential)
    );
    assert_eq!(uaa.asked().len(), 4);
}

#[tokio::test]
async fn a_refusal_of_the_token_server_still_asks_for_the_app() {
    let uaa = Stub::start(vec![(400, ADMIN)]).await;
    let capi = Stub::start(vec![(200, "")]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), Some(&capi)));
    assert_eq!(ask(&authorizer, "Bearer tok", &[APP]).await, Ok(()));
    assert_eq!(
        capi.asked(),
        [format!("GET /internal/v4/log_access/{APP} [Bearer tok]")]
    );
    assert_eq!(
        ask(&authorizer, "Bearer tok", &[]).await,
        Err(Denial::NotAllowed)
    );
}

#[tokio::test]
async fn a_source_is_an_app_or_else_a_service_instance() {
    let uaa = Stub::start(vec![(200, USER)]).await;
    let capi = Stub::start(vec![(404, ""), (200, ""), (404, ""), (403, "")]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), Some(&capi)));
    assert_eq!(
        ask(&authorizer, "bearer tok", &[APP, OTHER]).await,
        Err(Denial::NotAllowed)
    );
    assert_eq!(
        capi.asked(),
        [
            format!("GET /internal/v4/log_access/{APP} [bearer tok]"),
            format!("GET /external/v3/service_instances/{APP} [bearer tok]"),
            format!("GET /internal/v4/log_access/{OTHER} [bearer tok]"),
            format!("GET /external/v3/service_instances/{OTHER} [bearer tok]"),
        ]
    );
    assert_eq!(
        *capi.connections.lock().unwrap(),
        1,
        "connections are used again"
    );
}

#[tokio::test]
async fn ids_that_are_no_guid_are_never_asked_for() {
    let uaa = Stub::start(vec![(200, USER)]).await;
    let capi = Stub::start(vec![(200, "")]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), Some(&capi)));
    for sources in [&["app"][..], &[""], &["../../v3/apps"], &[APP, "app"]] {
        let decision = ask(&authorizer, "bearer tok", sources).await;
        assert_eq!(decision, Err(Denial::NotAllowed), "{sources:?}");
    }
    assert!(capi.asked().is_empty());
}

#[tokio::test]
async fn grants_are_remembered_and_refusals_are_not() {
    let uaa = Stub::start(vec![(200, USER)]).await;
    let capi = Stub::start(vec![(404, ""), (404, ""), (200, "")]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), Some(&capi)));
    assert_eq!(
        ask(&authorizer, "bearer tok", &[APP]).await,
        Err(Denial::NotAllowed)
    );
    assert_eq!(ask(&authorizer, "bearer tok", &[APP, APP]).await, Ok(()));
    assert_eq!(
        capi.asked().len(),
        3,
        "a source named twice is asked for once"
    );
    let asked = (uaa.asked().len(), capi.asked().len());
    assert_eq!(ask(&authorizer, "Bearer tok", &[APP]).await, Ok(()));
    assert_eq!((uaa.asked().len(), capi.asked().len()), asked, "remembered");
    assert_eq!(ask(&authorizer, "bearer tok", &[APP, OTHER]).await, Ok(()));
    assert_eq!(
        capi.asked().len(),
        asked.1 + 1,
        "only the new source is asked for"
    );
    assert_eq!(
        ask(&authorizer, "bearer tok", &[]).await,
        Err(Denial::NotAllowed)
    );
    assert_eq!(ask(&authorizer, "bearer stranger", &[APP]).await, Ok(()));
    assert_eq!(
        capi.asked().len(),
        asked.1 + 2,
        "another token is another question"
    );
}

#[tokio::test]
async fn an_administrator_is_remembered() {
    let uaa = Stub::start(vec![(200, ADMIN)]).await;
    let (authorizer, _) = authorizer(&config(Some(&uaa), None));
    for sources in [&[][..], &["anything"], &[APP]] {
        assert_eq!(ask(&authorizer, "bearer tok", sources).await, Ok(()));
    }
    assert_eq!(uaa.asked().len(), 1);
}

#[tokio::test]
async fn servers_that_are_absent_or_talk_nonsense_deny() {
    let user = Stub::start(vec![(200, USER)]).await;
    for broken in [
        Stub::absent().await,
        Stub::raw(b"SSH-2.0-OpenSSH_9.6\r\n").await,
    ] {
        let (authorizer, registry) = authorizer(&config(Some(&broken), Some(&user)));
        assert_eq!(
            ask(&authorizer, "bearer tok", &[APP]).await,
            Err(Denial::UaaFailed)
        );
        let denied = [("reason", "uaa_failed")];
        let denied = registry.snapshot().value("logweir_auth_denied", &denied);
        assert_eq!(denied, Some(Value::Count(1)));
    }
    for broken in [
        Stub::absent().await,
        Stub::raw(b"SSH-2.0-OpenSSH_9.6\r\n").await,
    ] {
        let (authorizer, _) = authorizer(&config(Some(&user), Some(&broken)));
        assert_eq!(
            ask(&authorizer, "bearer tok", &[APP]).await,
            Err(Denial::CapiFailed)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_never_answer_deny_in_time() {
    let user = Stub::start(vec![(200, USER)]).await;
    for silent in [
        (Stub::raw(b"").await, user.clone()),
        (user.clone(), Stub::raw(b"").await),
    ] {
        let (authorizer, _) = authorizer(&config(Some(&silent.0), Some(&silent.1)));
        let start = tokio::time::Instant::now();
        let denial = ask(&authorizer, "bearer tok", &[APP]).await.unwrap_err();
        let expected = [Denial::TimedOut, Denial::UaaFailed, Denial::CapiFailed];
        assert!(expected.contains(&denial), "{denial}");
        assert!(
            start.elapsed() <= Duration::from_secs(21),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn the_latency_of_each_call_is_shown() {
    let uaa = Stub::start(vec![(200, USER)]).await;
    let capi = Stub::start(vec![(404, ""), (200, "")]).await;
    let (authorizer, registry) = authorizer(&config(Some(&uaa), Some(&capi)));
    assert_eq!(ask(&authorizer, "bearer tok", &[APP]).await, Ok(()));
    let snapshot = registry.snapshot();
    let level = |name| match snapshot.value(name, &[]) {
        Some(Value::Level(level)) => level,
        other => panic!("{name} is {other:?}"),
    };
    assert!(level("LastUAALatency") > 0.0);
    assert!(level("LastCAPIV4LogAccessLatency") > 0.0);
    assert!(level("LastCAPIV2ServiceInstancesLatency") > 0.0);
    assert!(level("LastCAPIV3AppsLatency") == 0.0);
    assert!(level("LastCAPIV2ListServiceInstancesLatency") == 0.0);
}

#[tokio::test]
async fn local_tokens_read_what_they_list() {
    let uaa = Stub::start(vec![(200, ADMIN)]).await;
    let tokens = vec![
        token("ops", "all", &["*"]),
        token("a", "some", &["app", "api"]),
    ];
    let (authorizer, _) = authorizer(&AuthConfig {
        tokens,
        ..config(Some(&uaa), None)
    });
    assert_eq!(ask(&authorizer, "Bearer all", &[]).await, Ok(()));
    assert_eq!(ask(&authorizer, "Bearer all", &["x"]).await, Ok(()));
    assert_eq!(
        ask(&authorizer, "Bearer some", &["api", "app"]).await,
        Ok(())
    );
    for sources in [&[][..], &[""], &["app", "x"], &["*"]] {
        let decision = ask(&authorizer, "Bearer some", sources).await;
        assert_eq!(decision, Err(Denial::NotAllowed), "{sources:?}");
    }
    assert!(
        uaa.asked().is_empty(),
        "a local token is not shown to the token server"
    );
    assert_eq!(ask(&authorizer, "Bearer other", &[]).await, Ok(()));
}

#[tokio::test]
async fn tokens_change_while_a_door_is_open_but_never_open_it() {
    let tokens = vec![token("old", "old", &["*"])];
    let (authorizer, _) = authorizer(&AuthConfig {
        tokens,
        ..AuthConfig::default()
    });
    authorizer
        .replace_tokens(&[token("new", "new", &["*"])])
        .unwrap();
    assert_eq!(ask(&authorizer, "Bearer new", &[]).await, Ok(()));
    assert_eq!(
        ask(&authorizer, "Bearer old", &[]).await,
        Err(Denial::NotAllowed)
    );
    let broken = LocalToken {
        sha256: "abc".into(),
        ..token("x", "x", &["*"])
    };
    authorizer.replace_tokens(&[broken]).unwrap_err();
    assert_eq!(
        ask(&authorizer, "Bearer new", &[]).await,
        Ok(()),
        "the last good ones stay"
    );
    authorizer.replace_tokens(&[]).unwrap();
    assert_eq!(
        ask(&authorizer, "Bearer new", &[]).await,
        Err(Denial::NotAllowed)
    );
    assert_eq!(
        authorizer.authorize(None, &[]).await,
        Err(Denial::NoCredential)
    );
}

#[tokio::test]
async fn a_door_without_authorisation_is_open_on_loopback_only() {
    let registry = Registry::new();
    let new = |door: &str, insecure| {
        let door = door.parse().unwrap();
        Authorizer::new(&AuthConfig::default(), door, insecure, &registry)
    };
    for door in [LOOPBACK, "[::1]:8088", "[::ffff:127.0.0.1]:8088"] {
        assert_eq!(
            new(door, false).unwrap().authorize(None, &[]).await,
            Ok(()),
            "{door}"
        );
    }
    for door in [NETWORK, "[::]:8088", "10.0.0.1:8088"] {
        let Err(error) = new(door, false) else {
            panic!("{door} is open")
        };
        assert!(error.to_string().contains(door), "{error}");
        assert_eq!(
            new(door, true).unwrap().authorize(None, &[]).await,
            Ok(()),
            "{door}"
        );
    }
    let local = new(LOOPBACK, false).unwrap();
    local
        .replace_tokens(&[token("ops", "all", &["*"])])
        .unwrap();
    assert_eq!(local.authorize(None, &[]).await, Err(Denial::NoCredential));
}

#[test]
fn wrong_settings_are_named() {
    let error = |config: &AuthConfig| {
        let door = NETWORK.parse().unwrap();
        match Authorizer::new(config, door, false, &Registry::new()) {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    };
    let tokens = |token: LocalToken| AuthConfig {
        tokens: vec![token],
        ..AuthConfig::default()
    };
    let short = LocalToken {
        sha256: "00".into(),
        ..token("a", "a", &["*"])
    };
    assert!(error(&tokens(short)).starts_with("tokens[0].sha256 must be 64 hex digits"));
    assert!(error(&tokens(token("a", "a", &[]))).starts_with("tokens[0].read must list"));
    assert!(error(&tokens(token("a", "a", &[""]))).starts_with("tokens[0].read must list"));
    let stub = Stub {
        url: "uaa.example.com".into(),
        ..Stub::default()
    };
    assert!(error(&config(Some(&stub), None)).starts_with("uaa.url `uaa.example.com"));
}
