//! The binding cache under its peer's name: what it serves, whom it tells what, and that it
//! keeps what it has when the Cloud Controller fails.

use std::path::Path;

use http::Request;
use logweir_blackbox::{
    capi::{Capi, Mood, binding},
    certificates::{Authority, Validity},
    http::sum,
    patience::eventually,
    process::{Process, role},
    stream::Reader,
    system::System,
};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A cache, its Cloud Controller, and an agent for its messages.
struct Rig {
    capi: Capi,
    process: Process,
    client: HttpClient,
    port: u16,
    metrics: u16,
    _links: TempDir,
    aggregate: TempDir,
    authority: Authority,
}

async fn rig(system: Option<&System>, capi: impl FnOnce(&Capi)) -> Rig {
    let authority = Authority::create();
    let own = Capi::start(&authority).await;
    capi(&own);
    let identity = authority.issue("binding-cache", Validity::Now);
    let (cert, key, ca) = (&identity.cert, &identity.key, authority.ca());
    let aggregate = tempfile::tempdir().expect("a directory");
    let file = aggregate.path().join("drains.yml");
    std::fs::write(
        &file,
        "---\n- url: syslog-tls://log-cache:6067\n  ca: |\n    ROOT\n",
    )
    .expect("written");
    let text = |path: &Path| path.display().to_string();
    let mut environment = vec![
        ("API_URL", format!("https://{}", own.address)),
        ("API_COMMON_NAME", "capi".into()),
        ("API_POLLING_INTERVAL", "50ms".into()),
        ("API_BATCH_SIZE", "3".into()),
        ("AGGREGATE_DRAINS_FILE", text(&file)),
        ("CACHE_COMMON_NAME", "binding-cache".into()),
        ("CACHE_PORT", "0".into()),
        ("BLACKLISTED_SYSLOG_RANGES", "10.0.0.0-10.0.0.255".into()),
    ];
    for (ca_name, cert_name, key_name) in [
        (
            "API_CA_FILE_PATH",
            "API_CERT_FILE_PATH",
            "API_KEY_FILE_PATH",
        ),
        (
            "CACHE_CA_FILE_PATH",
            "CACHE_CERT_FILE_PATH",
            "CACHE_KEY_FILE_PATH",
        ),
        (
            "METRICS_CA_FILE_PATH",
            "METRICS_CERT_FILE_PATH",
            "METRICS_KEY_FILE_PATH",
        ),
    ] {
        environment.push((ca_name, text(&ca)));
        environment.push((cert_name, text(cert)));
        environment.push((key_name, text(key)));
    }
    let (agent_ca, agent) = match system {
        Some(system) => (system.cert_file("ca.crt"), system.client()),
        None => (ca.clone(), identity.clone()),
    };
    environment.push(("LOGGREGATOR_AGENT_CA_FILE_PATH", text(&agent_ca)));
    environment.push(("LOGGREGATOR_AGENT_CERT_FILE_PATH", text(&agent.cert)));
    environment.push(("LOGGREGATOR_AGENT_KEY_FILE_PATH", text(&agent.key)));
    let agent_port = system.map_or("1", |system| {
        let door = system.door("ingress").rsplit_once(':');
        door.map(|(_, port)| port).expect("a port")
    });
    environment.push(("LOGGREGATOR_AGENT_PORT", agent_port.into()));
    let links = tempfile::tempdir().expect("a directory");
    let process = Process::start(role(&links, "syslog-binding-cache", &environment));
    let identity = Some((cert.as_path(), key.as_path()));
    let tls = ClientTls::load(Some(&ca), identity, Verify::Ca, &[], Alpn::HttpAll);
    let settings = HttpClientSettings::default();
    Rig {
        port: process.port("cache").await,
        metrics: process.port("metrics").await,
        client: HttpClient::new(Some(tls.expect("certificates")), None, settings),
        capi: own,
        process,
        _links: links,
        aggregate,
        authority,
    }
}

impl Rig {
    async fn ask(&self, method: &str, path: &str) -> http::Response<bytes::Bytes> {
        self.ask_at(self.port, method, path).await
    }

    async fn ask_at(&self, port: u16, method: &str, path: &str) -> http::Response<bytes::Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost:{port}{path}"))
            .body(body::empty());
        let answer = self.client.send(request.expect("a request")).await;
        answer.expect("an answer")
    }

    async fn json(&self, path: &str) -> Option<Value> {
        let answer = self.ask("GET", path).await;
        (answer.status() == 200).then(|| serde_json::from_slice(answer.body()).expect("JSON"))
    }

    /// The list once it is this.
    async fn serves(&self, expected: &Value) {
        eventually("the list is served", async || {
            (self.json("/v2/bindings").await.as_ref() == Some(expected)).then_some(())
        })
        .await;
    }

    async fn metric(&self, name: &str) -> f64 {
        let page = self.ask_at(self.metrics, "GET", "/metrics").await;
        sum(&String::from_utf8_lossy(page.body()), name, &[])
    }
}

#[tokio::test]
async fn good_drains_are_served_and_apps_are_told_of_bad_ones() {
    let system = System::start().await;
    let request = v2::EgressBatchRequest {
        selectors: vec![v2::Selector {
            message: Some(v2::selector::Message::Log(v2::LogSelector::default())),
            ..v2::Selector::default()
        }],
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    };
    let mut reader = Reader::open(&system.dial("grpc").await, &request);
    let good = binding(
        "syslog://127.0.0.1:514?drain-data=all&x=<1>",
        &["good", "bad-cert"],
    );
    let mut with_bad_cert = good.clone();
    let bad = json!({ "cert": "C", "key": "sesame", "ca": "",
        "apps": [{ "hostname": "org.space.bad-cert", "app_id": "bad-cert" }] });
    with_bad_cert["credentials"]
        .as_array_mut()
        .expect("a list")
        .push(bad);
    let bad_ca = json!({ "url": "https://[::1]/a/token", "credentials": [
        { "cert": "", "key": "", "ca": "none", "apps": [{ "app_id": "bad-ca" }] }] });
    let rig = rig(Some(&system), |capi| {
        capi.set(vec![
            with_bad_cert,
            binding("http://user:sesame@127.0.0.1/?sesame", &["bad-scheme"]),
            binding("syslog://:514", &["bad-host"]),
            binding("syslog://127.0.0.1", &["bad-port"]),
            binding("https://127.0.0.1/%zz", &["bad-url"]),
            binding("https://10.0.0.7/sesame", &["bad-address"]),
            binding("https://nowhere.invalid?sesame", &["bad-name"]),
            binding("https://127.0.0.1?include-log-types=x", &["bad-type"]),
            bad_ca,
            json!({ "url": "https://127.0.0.1/nobody", "credentials": [] }),
            binding("https-batch://[::1]:1/", &["six"]),
        ]);
    })
    .await;
    let expected = [good, binding("https-batch://[::1]:1/", &["six"])];
    rig.serves(&json!(expected)).await;

    let told = reader
        .until(|all| {
            let apps = all.iter().filter(|one| one.source_id.starts_with("bad-"));
            apps.count() >= 9
        })
        .await;
    let mut lines: Vec<_> = told
        .iter()
        .filter(|envelope| envelope.source_id.starts_with("bad-"))
        .map(|envelope| {
            assert_eq!(envelope.instance_id, "0");
            assert_eq!(envelope.tags["source_type"], "LGR");
            let Some(v2::envelope::Message::Log(log)) = &envelope.message else {
                panic!("{envelope:?}");
            };
            assert_eq!(log.r#type, i32::from(v2::log::Type::Err));
            let text = String::from_utf8_lossy(&log.payload).into_owned();
            assert!(
                !text.contains("sesame") && !text.contains("token"),
                "{text}"
            );
            (envelope.source_id.clone(), text)
        })
        .collect();
    lines.sort_unstable();
    let lines: Vec<_> = lines
        .iter()
        .map(|(app, text)| {
            let text = text.split("/~").next().unwrap_or_default();
            (app.as_str(), text)
        })
        .collect();
    assert_eq!(
        lines,
        [
            (
                "bad-address",
                "Resolved ip address for syslog drain with url https://10.0.0.7"
            ),
            ("bad-ca", "failed to load root CA for https://[::1]"),
            (
                "bad-cert",
                "failed to load certificate for syslog://127.0.0.1:514"
            ),
            (
                "bad-host",
                "No hostname found in syslog drain url syslog://:514"
            ),
            (
                "bad-name",
                "Cannot resolve ip address for syslog drain with url https://nowhere.invalid"
            ),
            (
                "bad-port",
                "No port found in syslog drain url syslog://127.0.0.1"
            ),
            (
                "bad-scheme",
                "Invalid Scheme http for syslog drain url http://127.0.0.1/"
            ),
            (
                "bad-type",
                "Unknown source types 'x' in source type filter in syslog drain url https://127.0.0.1"
            ),
            ("bad-url", "Cannot parse syslog drain URL."),
        ]
    );
    assert_eq!(rig.metric("cached_bindings").await, 3.0);
    assert_eq!(rig.metric("last_binding_refresh_count").await, 3.0);
    assert_eq!(rig.metric("invalid_drains").await, 8.0);
    assert_eq!(rig.metric("blacklisted_drains").await, 1.0);
    assert_eq!(rig.metric("binding_refresh_error").await, 0.0);
    // Pages of three, until an empty one.
    let asked = rig.capi.asked();
    let queries: Vec<_> = asked[..5]
        .iter()
        .filter_map(|uri| uri.split_once('?'))
        .collect();
    let queries: Vec<_> = queries.iter().map(|(_, query)| *query).collect();
    assert_eq!(
        queries,
        [0, 3, 6, 9, 12].map(|next| format!("batch_size=3&next_id={next}"))
    );
    let log = rig.process.stderr().join("\n");
    assert!(!log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn the_door_speaks_both_generations_to_agents_alone() {
    let rig = rig(None, |capi| {
        capi.set(vec![binding("syslog://127.0.0.1:514?a=1&b=2", &["app"])]);
    })
    .await;
    rig.serves(&json!([binding(
        "syslog://127.0.0.1:514?a=1&b=2",
        &["app"]
    )]))
    .await;
    let answer = rig.ask("GET", "/v2/bindings").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(
        text.contains("a=1\\u0026b=2") && text.ends_with("]\n"),
        "{text}"
    );
    assert_eq!(
        rig.json("/bindings").await,
        Some(
            json!([{ "app_id": "app", "drains": ["syslog://127.0.0.1:514?a=1&b=2"],
            "hostname": "org.space.app", "v2_available": true }])
        )
    );
    let credentials = json!([{ "cert": "", "key": "", "ca": "ROOT\n", "apps": [] }]);
    assert_eq!(
        rig.json("/v2/aggregate").await,
        Some(json!([{ "url": "syslog-tls://log-cache:6067", "credentials": credentials }]))
    );
    assert_eq!(
        rig.json("/aggregate").await,
        Some(
            json!([{ "app_id": "", "drains": ["syslog-tls://log-cache:6067"],
            "hostname": "", "v2_available": true }])
        )
    );
    assert_eq!(rig.ask("POST", "/v2/bindings").await.status(), 405);
    assert_eq!(rig.ask("GET", "/v3/bindings").await.status(), 404);

    let ca = rig.authority.ca();
    let stranger = ClientTls::load(Some(&ca), None, Verify::Ca, &[], Alpn::HttpAll);
    let settings = HttpClientSettings::default();
    let stranger = HttpClient::new(Some(stranger.expect("an authority")), None, settings);
    let request = Request::get(format!("https://localhost:{}/v2/bindings", rig.port));
    let request = request.body(body::empty()).expect("a request");
    assert!(stranger.send(request).await.is_err());
}

#[tokio::test]
async fn a_failing_cloud_controller_leaves_the_last_good_list() {
    let rig = rig(None, |capi| capi.be(Mood::Status(500))).await;
    rig.process.says("status code: 500").await;
    // An empty list would end the drains of every agent that asks.
    assert_eq!(rig.ask("GET", "/v2/bindings").await.status(), 503);
    assert_eq!(rig.ask("GET", "/bindings").await.status(), 503);
    assert_eq!(rig.ask("GET", "/v2/aggregate").await.status(), 200);

    let list = vec![binding("syslog://127.0.0.1:514", &["app"])];
    rig.capi.set(list.clone());
    rig.capi.be(Mood::Fine);
    rig.serves(&json!(list)).await;
    for (mood, said) in [
        (Mood::Says("[\"sesame\""), "failed to decode JSON"),
        (
            Mood::Says("{\"results\":[],\"next_id\":3}"),
            "leads back to page",
        ),
        (Mood::Status(404), "status code: 404"),
        (Mood::Silent, ""),
    ] {
        let before = rig.capi.asked().len();
        rig.capi.be(mood);
        rig.process.says(said).await;
        eventually("it asks again", async || {
            (rig.capi.asked().len() > before).then_some(())
        })
        .await;
        assert_eq!(rig.json("/v2/bindings").await, Some(json!(list)), "{said}");
    }
    assert!(rig.metric("binding_refresh_error").await >= 4.0);
    let log = rig.process.stderr().join("\n");
    assert!(!log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn the_aggregate_drains_are_read_again() {
    let rig = rig(None, |_| {}).await;
    let file = rig.aggregate.path().join("drains.yml");
    std::fs::write(&file, "{ url: [sesame").expect("written");
    rig.process.signal(Signal::SIGHUP);
    let said = rig
        .process
        .says("the new aggregate drains are not taken")
        .await;
    assert!(!said.contains("sesame"), "{said}");
    let urls = async || {
        let list = rig.json("/v2/aggregate").await.expect("a list");
        list[0]["url"].as_str().map(str::to_owned)
    };
    assert_eq!(urls().await.as_deref(), Some("syslog-tls://log-cache:6067"));
    std::fs::write(&file, "- url: syslog://other:514\n").expect("written");
    rig.process.signal(Signal::SIGHUP);
    eventually("the new file is in force", async || {
        (urls().await.as_deref() == Some("syslog://other:514")).then_some(())
    })
    .await;
}
