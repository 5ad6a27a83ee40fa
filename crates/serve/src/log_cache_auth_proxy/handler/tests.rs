use std::collections::HashMap;

use http::Uri;

use super::*;
use crate::{
    auth::{UaaConfig, jwt::tests::Signer, stub::Stub},
    log_cache_auth_proxy::{LogCacheAuthProxyConfig, ProxyCapiConfig},
};

const APP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const OTHER: &str = "73467cc3-261a-472e-80e8-d6eadfd30d98";

/// A proxy between stubs of UAA, CAPI and a gateway.
struct Rig {
    proxy: Proxy,
    capi: Stub,
    gateway: Stub,
    signer: Signer,
}

/// What CAPI answers a user who sees one app.
async fn rig(capi: Vec<(u16, &'static str)>, gateway: &'static str) -> Rig {
    let signer = Signer::new();
    let keys = serde_json::json!({"keys": [
        {"kid": "k", "alg": "RS256", "value": signer.pem()}
    ]});
    let uaa = Stub::start(vec![(200, Box::leak(keys.to_string().into_boxed_str()))]).await;
    let (capi, gateway) = (
        Stub::start(capi).await,
        Stub::start(vec![(200, gateway)]).await,
    );
    let config = LogCacheAuthProxyConfig {
        gateway: gateway.url.clone(),
        capi: ProxyCapiConfig {
            url: capi.url.clone(),
            ..ProxyCapiConfig::default()
        },
        ..LogCacheAuthProxyConfig::default()
    };
    let keys = TokenKeys::new(&UaaConfig {
        url: uaa.url.clone(),
        client_id: String::new(),
        client_secret: String::new(),
        ca: "".into(),
        skip_verify: false,
    });
    let keys = Arc::new(keys.unwrap());
    keys.refresh().await.unwrap();
    let registry = Registry::new();
    let proxy = Proxy(Arc::new(Parts {
        keys,
        capi: Capi::new(&config, &registry).unwrap(),
        onward: Onward::new(&config.gateway, &config.gateway_ca).unwrap(),
        promql: true,
        security_log: None,
        registry,
    }));
    Rig {
        proxy,
        capi,
        gateway,
        signer,
    }
}

impl Rig {
    fn token(&self, scope: &str) -> String {
        let claims = format!(r#"{{"scope":["{scope}"],"exp":32503680000}}"#);
        format!("bearer {}", self.signer.token("k", &claims))
    }

    async fn ask(&self, target: &str, authorization: Option<&str>) -> (u16, String) {
        self.send("GET", target, authorization, "").await
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        authorization: Option<&str>,
        form: &'static str,
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(target);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if !form.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let request = request.body(body::full(form)).unwrap();
        let answer = self.proxy.clone().call(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn users_read_their_apps_and_are_asked_for_once() {
    let rig = rig(vec![(200, "{}")], "read").await;
    let user = rig.token("cloud_controller.read");
    let target = format!("/api/v1/read/{APP}?limit=5");
    for _ in 0..2 {
        let answer = rig.ask(&target, Some(&user)).await;
        assert_eq!(answer, (200, "read".into()));
    }
    assert_eq!(rig.capi.asked(), [format!("GET /v3/apps/{APP} [{user}]")]);
    let asked = &rig.gateway.asked()[0];
    assert_eq!(*asked, format!("GET {target} [{user}]"));
}

#[tokio::test]
async fn whoever_may_not_read_finds_nothing() {
    let rig = rig(vec![(404, "{}")], "secret").await;
    let user = rig.token("cloud_controller.read");
    let nothing = (404, String::new());
    let read = format!("/api/v1/read/{APP}");
    for (target, authorization) in [
        (read.as_str(), None),
        (&read, Some("bearer none")),
        (&read, Some(&user)),
        ("/api/v1/read/doppler", Some(&user)),
        ("/api/v1/read/..%2Fmeta", Some(&user)),
        ("/api/v1/meta", None),
        (
            "/api/v1/query?query=m%7Bsource_id%3D%22doppler%22%7D",
            Some(&user),
        ),
    ] {
        assert_eq!(rig.ask(target, authorization).await, nothing, "{target}");
    }
    assert_eq!(rig.gateway.asked(), Vec::<String>::new());
    // Only what can be an app was asked for, and the names in the query.
    let asked: Vec<_> = rig.capi.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    for other in ["/", "/api/v1/read/", "/api/v1/read/a/b", "/api/v1/queryX"] {
        let answer = rig.ask(other, Some(&user)).await;
        assert_eq!(answer, (404, "404 page not found\n".into()), "{other}");
    }
}

#[tokio::test]
async fn administrators_read_everything_and_anybody_the_version() {
    let rig = rig(vec![(500, "")], "{\"meta\":{}}").await;
    let admin = rig.token("logs.admin");
    for target in ["/api/v1/read/doppler", "/api/v1/meta"] {
        assert_eq!(rig.ask(target, Some(&admin)).await.0, 200, "{target}");
    }
    assert_eq!(rig.ask("/api/v1/info", None).await.0, 200);
    assert_eq!(rig.capi.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn users_see_the_sources_that_are_theirs() {
    let page = format!(
        r#"{{"pagination":{{"next":{{"href":"https://elsewhere/v3/apps?page=2"}}}},
            "resources":[{{"guid":"{APP}","name":"a"}}]}}"#
    );
    let last = r#"{"pagination":{"next":null},"resources":[]}"#;
    let capi = vec![
        (200, &*Box::leak(page.into_boxed_str())),
        (200, last),
        (200, last),
    ];
    let meta = format!(
        r#"{{"meta":{{"{APP}":{{"count":"1","expired":"0"}},"{OTHER}":{{"count":"2"}}}}}}"#
    );
    let rig = rig(capi, Box::leak(meta.into_boxed_str())).await;
    let user = rig.token("cloud_controller.read");
    let (status, body) = rig.ask("/api/v1/meta", Some(&user)).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        format!("{{\"meta\":{{\"{APP}\":{{\"count\":\"1\"}}}}}}\n")
    );
    let asked: Vec<_> = rig.capi.asked();
    let paths: Vec<_> = asked
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!(
        paths,
        [
            "/v3/apps?per_page=5000",
            "/v3/apps?page=2",
            "/v3/service_instances?per_page=5000"
        ]
    );
}

#[tokio::test]
async fn queries_ask_for_what_the_names_of_apps_mean() {
    let page = format!(r#"{{"resources":[{{"guid":"{APP}","name":"shop"}}]}}"#);
    let capi = vec![(200, &*Box::leak(page.into_boxed_str())), (200, "{}")];
    let rig = rig(capi, "{}").await;
    let user = rig.token("cloud_controller.read");
    let target = "/api/v1/query?time=7&query=m%7Bsource_id%3D%22shop%22%7D%5B90m%5D&query=x";
    assert_eq!(rig.ask(target, Some(&user)).await.0, 200);
    // The name itself is no guid, so that it is left out for a user.
    let asked: Uri = rig.gateway.asked()[0]
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let fields: HashMap<_, _> = form::fields(asked.query().unwrap()).collect();
    assert_eq!(fields["query"], format!("m{{source_id=\"{APP}\"}}[90m]"));
    assert_eq!((fields["time"].as_str(), fields.len()), ("7", 2));
    let admin = rig.token("logs.admin");
    let form = "query=m%7Bsource_id%3D%22shop%22%7D&step=1";
    let answer = rig
        .send("POST", "/api/v1/query_range", Some(&admin), form)
        .await;
    assert_eq!(answer.0, 200);
    let line = rig.gateway.asked()[1].clone();
    assert!(
        line.starts_with("GET /api/v1/query_range?query=m"),
        "{line}"
    );
    assert!(
        line.contains(&format!("{APP}%7Cshop")) || line.contains("shop"),
        "{line}"
    );
}

#[tokio::test]
async fn queries_that_cannot_be_guarded_are_refused() {
    let rig = rig(vec![(404, "")], "{}").await;
    let admin = rig.token("doppler.firehose");
    for (query, error) in [
        ("7*9", "query does not request any source_ids"),
        ("m%7B", "parse error: unexpected end of input inside braces"),
        (
            "m%7Bsource_id%3C",
            "parse error: unexpected \\\"\\u003c\\\" inside braces, expected label matchers",
        ),
    ] {
        let answer = rig
            .ask(&format!("/api/v1/query?query={query}"), Some(&admin))
            .await;
        let body =
            format!("{{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"{error}\"}}\n");
        assert_eq!(answer, (400, body));
    }
    assert_eq!(rig.gateway.asked(), Vec::<String>::new());
}
