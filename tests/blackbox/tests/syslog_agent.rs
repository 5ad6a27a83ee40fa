//! The whole way of a binding: Cloud Controller, binding cache, syslog agent, drain.

use logweir_blackbox::{
    capi::{Capi, Mood, binding},
    envelopes::{batch, log, logs_of, payload},
    fleet::{Fleet, Member},
    http::{self, sum},
    patience::eventually,
    process::{Process, role},
    stream::{Producer, Reader},
    syslog_sink::SyslogSink,
    system::System,
};
use logweir_net::{
    dial::{DialSettings, Dialer},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2;
use nix::sys::signal::Signal;

/// The processes.
struct Chain {
    capi: Capi,
    _cache: Member,
    agent: Member,
    producer: Producer,
    status: String,
    aggregate: tempfile::TempDir,
}

impl Chain {
    /// `more` goes into the table `[syslog_agent]`, `tables` behind it.
    async fn start(more: &str, tables: &str) -> Self {
        let fleet = Fleet::new();
        let capi = Capi::start(fleet.authority()).await;
        let aggregate = tempfile::tempdir().expect("a directory");
        let file = aggregate.path().join("drains.yml");
        std::fs::write(&file, "[]\n").expect("written");
        let config = format!(
            "[binding_cache]\nlisten = \"127.0.0.1:0\"\napi = \"https://{}\"\napi_name = \"capi\"\n\
             poll_interval = \"50ms\"\nagent = \"\"\naggregate_drains = {file:?}\n{}{}",
            capi.address,
            fleet.tls("binding_cache.tls", "binding-cache"),
            fleet.tls("binding_cache.api_tls", "binding-cache"),
        );
        let cache = fleet.start("binding-cache", &config).await;
        let config = format!(
            "[syslog_agent]\nlisten = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\nagent = \"\"\n\
             cache = \"https://{}\"\ncache_name = \"binding-cache\"\npoll_interval = \"1s\"\n\
             aggregate_poll_interval = \"1s\"\n{more}\n{}{}{tables}",
            cache.door("cache").await,
            fleet.tls("syslog_agent.tls", "metron"),
            fleet.tls("syslog_agent.cache_tls", "agent"),
        );
        let agent = fleet.start("syslog-agent", &config).await;
        let door = agent.door("grpc").await;
        let producer = Producer::open(&fleet.dial(&door, "metron").await);
        Self {
            capi,
            _cache: cache,
            producer,
            status: agent.door("status").await,
            agent,
            aggregate,
        }
    }

    async fn send(&self, envelopes: &[v2::Envelope]) {
        self.producer.send(&batch(envelopes)).await;
    }

    async fn figure(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, page) = http::get(&self.status, "/metrics").await;
        sum(&page, name, labels)
    }

    async fn until(&self, name: &str, labels: &[&str], value: f64) {
        eventually(&format!("{name} {labels:?} is {value}"), async || {
            (self.figure(name, labels).await == value).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn bindings_come_and_go_and_stay_when_the_cloud_controller_fails() {
    let chain = Chain::start("", "").await;
    let (one, two) = (SyslogSink::start().await, SyslogSink::start().await);
    chain
        .capi
        .set(vec![binding(&one.url("disable-metadata=true"), &["app"])]);
    chain.until("drains", &["unit=\"count\""], 1.0).await;
    chain
        .send(&[log("other", "not bound"), log("app", "first")])
        .await;
    let message = one.receives("first").await;
    let expected = "<14>1 2026-09-21T14:13:20+00:00 org.space.app app [/0] - - first\n";
    assert_eq!(message, expected);
    assert_eq!(one.messages().len(), 1);

    chain.capi.be(Mood::Status(500));
    let asked = chain.capi.asked().len();
    eventually("it was asked in vain", async || {
        (chain.capi.asked().len() > asked + 2).then_some(())
    })
    .await;
    let before = chain.figure("binding_refresh_count", &[]).await;
    eventually("it was asked again", async || {
        (chain.figure("binding_refresh_count", &[]).await > before + 1.0).then_some(())
    })
    .await;
    chain.send(&[log("app", "second")]).await;
    one.receives("second").await;

    chain
        .capi
        .set(vec![binding(&two.url(""), &["app", "other"])]);
    chain.capi.be(Mood::Fine);
    chain.until("drains", &["unit=\"count\""], 2.0).await;
    chain
        .send(&[log("app", "third"), log("other", "fourth")])
        .await;
    two.receives("third").await;
    two.receives("fourth").await;
    let came = one.messages();
    assert!(
        !came.iter().any(|message| message.contains("third")),
        "{came:?}"
    );

    chain.capi.set(Vec::new());
    chain.until("drains", &["unit=\"count\""], 0.0).await;
    // Series of drains that are gone are gone.
    let (_, page) = http::get(&chain.status, "/metrics").await;
    assert!(!page.contains("drain_scope"), "{page}");
}

#[tokio::test]
async fn drains_of_all_apps_get_everything_and_the_figures_have_the_peers_names() {
    let all = SyslogSink::start().await;
    let declared = SyslogSink::start().await;
    let tables = format!(
        "[[drains]]\nurl = {:?}\nsource_id = \"app\"\n",
        declared.url("")
    );
    let chain = Chain::start("", &tables).await;
    let file = chain.aggregate.path().join("drains.yml");
    std::fs::write(&file, format!("- url: {}\n", all.url("drain-data=all"))).expect("written");
    chain
        .until("aggregate_drains", &["unit=\"count\""], 1.0)
        .await;
    let counter = v2::Envelope {
        source_id: String::new(),
        tags: [("origin".to_owned(), "rep".to_owned())].into(),
        message: Some(v2::envelope::Message::Counter(v2::Counter {
            name: "requests".into(),
            delta: 1,
            total: 0,
        })),
        ..v2::Envelope::default()
    };
    chain.send(&[log("app", "hello"), counter]).await;
    all.receives("hello").await;
    declared.receives("hello").await;
    // The source id comes from the origin tag; totals are the forwarder's business.
    let counter = all.receives("counter@47450").await;
    assert!(
        counter.contains(" rep [] - [counter@47450 name=\"requests\" total=\"0\" delta=\"1\"]"),
        "{counter}"
    );
    chain.until("ingress", &["scope=\"agent\""], 2.0).await;
    chain.until("ingress", &["scope=\"all_drains\""], 3.0).await;
    chain.until("origin_mappings", &[], 1.0).await;
    chain.until("active_drains", &["unit=\"count\""], 2.0).await;
    let scope = |scope: &str| format!("drain_scope=\"{scope}\"");
    chain
        .until(
            "egress",
            &[&scope("aggregate"), "direction=\"egress\""],
            2.0,
        )
        .await;
    chain.until("egress", &[&scope("app")], 1.0).await;
    assert_eq!(
        chain.figure("dropped", &["direction=\"ingress\""]).await,
        0.0
    );
    assert_eq!(chain.figure("messages_dropped_per_drain", &[]).await, 0.0);
}

#[tokio::test]
async fn an_app_is_told_about_the_drains_that_it_has_too_many_of() {
    let (kept, left_out) = (SyslogSink::start().await, SyslogSink::start().await);
    // Sorted by URL the first is kept.
    let mut sinks = [&kept, &left_out];
    sinks.sort_by_key(|sink| sink.url(""));
    let [kept, left_out] = sinks;
    let chain = Chain::start("drains_per_app = 1", "").await;
    let both = [kept, left_out].map(|sink| binding(&sink.url(""), &["app"]));
    chain.capi.set(both.into());
    chain.until("drains", &["unit=\"count\""], 1.0).await;
    let told = kept.receives("[LGR/0]").await;
    let expected = format!(
        "Syslog drain with url syslog://{} is not used",
        left_out.address
    );
    assert!(
        told.starts_with("<11>1 ") && told.contains(&expected),
        "{told}"
    );
    chain.agent.process.says(&expected).await;
    assert!(left_out.messages().is_empty());
}

/// A stream of producers to the door at `address`, as the client of `system`.
async fn producer(system: &System, address: &str) -> Producer {
    let client = system.client();
    let pair = Some((client.cert.as_path(), client.key.as_path()));
    let ca = system.cert_file("ca.crt");
    let tls = ClientTls::load(Some(&ca), pair, Verify::Ca, &[], Alpn::H2);
    let dialer = Dialer::new(tls.ok(), "metron".into(), DialSettings::default());
    let address = address.parse().expect("an address");
    Producer::open(&dialer.connect(address).await.expect("a connection"))
}

#[tokio::test]
async fn an_app_is_told_through_the_agent_that_its_drain_is_down() {
    let system = System::start().await;
    let file = |name: &str| system.cert_file(name);
    let config = format!(
        "[syslog_agent]\nlisten = \"127.0.0.1:0\"\nagent = {:?}\n[syslog_agent.tls]\n\
         cert = {:?}\nkey = {:?}\nca = {:?}\n[delivery]\nnotice_interval = \"200ms\"\n\
         [[drains]]\nurl = \"syslog://u:geheim@127.0.0.1:1\"\nsource_id = \"app\"\n",
        system.door("ingress"),
        file("server.crt"),
        file("server.key"),
        file("ca.crt"),
    );
    let fleet = Fleet::new();
    let agent = fleet.start("syslog-agent", &config).await;
    let mut reader = Reader::open(&system.dial("grpc").await, &logs_of("app"));
    let producer = producer(&system, &agent.door("grpc").await).await;
    producer.send(&batch(&[log("app", "lost?")])).await;
    let told = reader.until(|all| !all.is_empty()).await.remove(0);
    assert_eq!(told.tags["source_type"], "LGR");
    assert_eq!(told.instance_id, "0");
    let text = payload(&told);
    assert!(
        text.starts_with("Failed to connect to syslog://127.0.0.1:1"),
        "{text}"
    );
    assert!(!text.contains("geheim"), "{text}");
}

#[tokio::test]
async fn under_the_peers_name_aggregate_drains_of_the_environment_need_no_cache() {
    let system = System::start().await;
    let sink = SyslogSink::start().await;
    let text = |name: &str| system.cert_file(name).display().to_string();
    let mut environment = vec![
        ("AGENT_PORT", "0".to_owned()),
        ("LOGGREGATOR_AGENT_ADDR", system.door("ingress").to_owned()),
        (
            "AGGREGATE_DRAIN_URLS",
            format!("{},http://geheim@h", sink.url("drain-data=all")),
        ),
    ];
    let names = [
        ("AGENT_CA_FILE_PATH", "METRICS_CA_FILE_PATH", "ca.crt"),
        (
            "AGENT_CERT_FILE_PATH",
            "METRICS_CERT_FILE_PATH",
            "server.crt",
        ),
        ("AGENT_KEY_FILE_PATH", "METRICS_KEY_FILE_PATH", "server.key"),
    ];
    for (own, metrics, file) in names {
        environment.extend([(own, text(file)), (metrics, text(file))]);
    }
    let links = tempfile::tempdir().expect("a directory");
    let mut agent = Process::start(role(&links, "syslog-agent", &environment));
    let port = agent.port("grpc").await;
    let producer = producer(&system, &format!("127.0.0.1:{port}")).await;
    producer
        .send(&batch(&[log("one", "first"), log("two", "second")]))
        .await;
    sink.receives("first").await;
    sink.receives("second").await;
    agent
        .says("an aggregate drain is not used: Invalid Scheme http")
        .await;
    agent.signal(Signal::SIGTERM);
    assert!(agent.end().await.success());
    let said = agent.stderr().join("\n");
    assert!(said.contains("syslog agent: ingress 2 "), "{said}");
    assert!(!said.contains("geheim"), "{said}");
}
