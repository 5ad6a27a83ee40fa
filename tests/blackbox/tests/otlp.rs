//! OTLP doors and what strangers send to them; collectors that misbehave.

use std::{io::Write as _, net::SocketAddr, path::Path, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, Request, Response};
use logweir_blackbox::{
    certificates::{Authority, Identity, Validity},
    envelopes::{batch, log, payload},
    fleet::Fleet,
    http::sum,
    otlp::{Collector, LOGS, Mood, logs},
    patience::{eventually, within},
    stream::{Producer, Reader},
    system::System,
};
use logweir_net::{
    body,
    dial::{DialSettings, Dialer, H2},
    grpc::{self, Code, Messages, Status},
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2::{self, envelope::Message};
use nix::sys::signal::Signal;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).expect("written");
    packed.finish().expect("packed")
}

/// Posts to a door of plain HTTP.
async fn post(
    door: &str,
    path: &str,
    headers: &[Header],
    text: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut request = Request::post(format!("http://{door}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body::full(text)).expect("a request");
    let client = HttpClient::new(None, None, HttpClientSettings::default());
    client.send(request).await.expect("an answer")
}

type Header = (&'static str, &'static str);

/// Path, headers and body of a request; status of its answer, and what that says.
type Case<'a> = (&'a str, &'a [Header], Vec<u8>, u16, &'a str);

const PROTOBUF: Header = ("content-type", "application/x-protobuf");
const JSON: Header = ("content-type", "application/json; charset=utf-8");
const GZIP: Header = ("content-encoding", "gzip");

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

/// Reads until a log says `last`, and gives what all logs said.
async fn texts_to(reader: &mut Reader, last: &str) -> Vec<String> {
    let all = reader
        .until(|all| all.iter().any(|one| payload(one) == last))
        .await;
    let is_log = |one: &&v2::Envelope| matches!(one.message, Some(Message::Log(_)));
    all.iter().filter(is_log).map(payload).collect()
}

#[tokio::test]
async fn what_is_no_otlp_is_refused_for_good() {
    let system = System::start_with("[otlp]\nmessage_bytes = 65536\n").await;
    let mut reader = system.reader().await;
    let door = system.door("otlp_http");
    let good = logs(&["first"]);
    let zeros = vec![0_u8; 64 << 20];
    let nested = "[".repeat(60_000);
    let cases: [Case<'_>; 15] = [
        ("/v1/nothing", &[PROTOBUF], good.clone(), 404, "not found"),
        ("/v1/logs", &[], good.clone(), 415, "application/x-protobuf"),
        ("/v1/logs", &[("content-type", "text/plain")], good.clone(), 415, "application/json"),
        ("/v1/logs", &[PROTOBUF, ("content-encoding", "zstd")], good.clone(), 415, "`zstd` is not known"),
        ("/v1/logs", &[PROTOBUF], good[..good.len() - 1].to_vec(), 400, "cannot read the request"),
        ("/v1/logs", &[PROTOBUF], b"\xff\xff\xff".to_vec(), 400, "cannot read the request"),
        ("/v1/logs", &[JSON], b"{\"resourceLogs\":".to_vec(), 400, "\"code\":3"),
        ("/v1/logs", &[JSON], nested.into_bytes(), 400, "\"code\":3"),
        ("/v1/logs", &[JSON, GZIP], good.clone(), 400, "gzip"),
        ("/v1/logs", &[PROTOBUF, GZIP], gzip(&good)[..20].to_vec(), 400, "gzip"),
        ("/v1/logs", &[PROTOBUF, GZIP], gzip(&zeros), 413, "65536 bytes"),
        ("/v1/metrics", &[JSON], vec![b' '; 65537], 413, "\"code\":8"),
        ("/v1/metrics", &[JSON], b"{}".to_vec(), 200, "{}"),
        (
            "/v1/logs",
            &[JSON],
            br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"second"}},7]}]}]}"#.to_vec(),
            200,
            r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"1 refused: cannot be read"}}"#,
        ),
        ("/v1/logs", &[PROTOBUF, GZIP], gzip(&logs(&["third"])), 200, ""),
    ];
    for (path, headers, body, status, said) in cases {
        let answer = post(door, path, headers, body).await;
        let found = text(&answer);
        assert_eq!(answer.status(), status, "{path} {headers:?}: {found}");
        assert!(found.contains(said), "{path} {headers:?}: {found}");
    }
    let (status, _) = logweir_blackbox::http::get(door, "/v1/logs").await;
    assert_eq!(status, 405);
    assert_eq!(texts_to(&mut reader, "third").await, ["second", "third"]);

    let page = system.metrics().await;
    let count = |name, labels: &[&str]| sum(&page, name, labels);
    assert_eq!(count("logweir_otlp_records", &["signal=\"logs\""]), 2.0);
    let labels = ["signal=\"logs\"", "reason=\"malformed\""];
    assert_eq!(count("logweir_otlp_rejected", &labels), 1.0);
    let failed = |reason: &str| count("logweir_otlp_failed", &[&format!("reason=\"{reason}\"")]);
    let failures = ["malformed", "too_large", "gzip", "encoding"].map(failed);
    assert_eq!(failures, [4.0, 2.0, 2.0, 1.0]);
}

async fn dial(system: &System, tls: Option<ClientTls>) -> H2 {
    let address: SocketAddr = system.door("otlp_grpc").parse().expect("an address");
    let dialer = Dialer::new(tls, "localhost".into(), DialSettings::default());
    within("a connection", dialer.connect(address))
        .await
        .expect("a connection")
}

/// Calls with these bytes as they are.
async fn call(h2: &H2, path: &str, packing: &'static str, bytes: Vec<u8>) -> Result<Bytes, Status> {
    let mut request = grpc::request(path, h2.authority(), body::full(bytes));
    if !packing.is_empty() {
        let value = HeaderValue::from_static(packing);
        request.headers_mut().insert("grpc-encoding", value);
    }
    let answer = within("an answer", h2.send(request)).await;
    let answer = answer.map_err(|error| grpc::status_from_error(&error))?;
    let mut messages = Messages::of_response(answer, 1 << 20);
    let message = messages.next().await?;
    messages.next().await?;
    Ok(message.expect("a message"))
}

fn message(packed: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    let mut message = vec![packed];
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(payload);
    message
}

#[tokio::test]
async fn bad_calls_over_grpc_cost_themselves_alone() {
    let system = System::start_with("[otlp]\nmessage_bytes = 65536\n").await;
    let mut reader = system.reader().await;
    let h2 = dial(&system, None).await;
    let good = logs(&["first"]);
    let bomb = gzip(&vec![0; 64 << 20]);
    let twice = [message(0, &good), message(0, &good)].concat();
    let other = "/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export";
    for (path, packing, bytes, code) in [
        (other, "", message(0, &good), Code::Unimplemented),
        (LOGS, "", message(0, b"\x0a\xff"), Code::InvalidArgument),
        (
            LOGS,
            "",
            message(0, &good)[..4].to_vec(),
            Code::InvalidArgument,
        ),
        (LOGS, "", twice, Code::InvalidArgument),
        (LOGS, "zstd", message(1, &good), Code::Unimplemented),
        (LOGS, "gzip", message(1, &good), Code::InvalidArgument),
        (LOGS, "gzip", message(1, &bomb), Code::ResourceExhausted),
        (LOGS, "", message(0, &[0; 65537]), Code::ResourceExhausted),
    ] {
        let refused = call(&h2, path, packing, bytes).await;
        let status = refused.expect_err("it is refused");
        assert_eq!(status.code(), code, "{path}: {status:?}");
    }
    for (packing, bytes) in [
        ("gzip", message(0, &good)),
        ("gzip", message(1, &gzip(&logs(&["last"])))),
    ] {
        let answer = call(&h2, LOGS, packing, bytes).await;
        assert_eq!(answer.expect("an answer"), Bytes::new());
    }
    assert_eq!(texts_to(&mut reader, "last").await, ["first", "last"]);
}

fn client(ca: &Path, identity: Option<&Identity>, alpn: Alpn) -> ClientTls {
    let pair = identity.map(|one| (one.cert.as_path(), one.key.as_path()));
    ClientTls::load(Some(ca), pair, Verify::Ca, &[], alpn).expect("an identity")
}

#[tokio::test]
async fn doors_that_ask_for_certificates_know_who_comes() {
    let authority = Authority::create();
    let Identity { cert, key } = authority.issue("localhost", Validity::Now);
    let ca = authority.ca();
    let tls = format!("[otlp.tls]\ncert = {cert:?}\nkey = {key:?}\nca = {ca:?}\n");
    let system = System::start_with(&tls).await;
    let mut reader = system.reader().await;
    let known = authority.issue("producer", Validity::Now);
    let h2 = dial(&system, Some(client(&ca, Some(&known), Alpn::H2))).await;
    let answer = call(&h2, LOGS, "", message(0, &logs(&["over gRPC"]))).await;
    answer.expect("an answer");
    let (_, port) = system.door("otlp_http").rsplit_once(':').expect("a port");
    let send = async |identity| {
        let tls = client(&ca, identity, Alpn::HttpAll);
        let client = HttpClient::new(Some(tls), None, HttpClientSettings::default());
        let request = Request::post(format!("https://localhost:{port}/v1/logs"));
        let request = request.header(PROTOBUF.0, PROTOBUF.1);
        let request = request.body(body::full(logs(&["over HTTP"])));
        client.send(request.expect("a request")).await
    };
    let elsewhere = Authority::create();
    let stranger = elsewhere.issue("producer", Validity::Now);
    assert!(send(None).await.is_err());
    assert!(send(Some(&stranger)).await.is_err());
    let answer = send(Some(&known)).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    let came = texts_to(&mut reader, "over HTTP").await;
    assert_eq!(came, ["over gRPC", "over HTTP"]);
}

#[tokio::test]
async fn every_record_that_was_taken_is_in_the_ledger() {
    const EACH: usize = 50;
    const REQUESTS: usize = 40;
    let mut system = System::start().await;
    let door = system.door("otlp_http").to_owned();
    let request = logs(&["line"; EACH]);
    let sends = (0..REQUESTS).map(|_| post(&door, "/v1/logs", &[PROTOBUF], request.clone()));
    for answer in futures_util::future::join_all(sends).await {
        assert_eq!(answer.status(), 200);
    }
    system.process.signal(Signal::SIGTERM);
    system.process.end().await;
    let expected = format!("logweir: ingress {} (unmatched ", EACH * REQUESTS);
    system.process.says(&expected).await;
}

#[tokio::test]
async fn an_agent_takes_otlp_too() {
    let fleet = Fleet::new();
    let router = fleet.router("127.0.0.1:0").await;
    let address = router.door("grpc").await;
    let tls = fleet.tls("agent.tls", "metron");
    let config = format!(
        "[agent]\nlisten = \"127.0.0.1:0\"\notlp_http = \"127.0.0.1:0\"\nrouters = [\"{address}\"]\n\
         [agent.tags]\ndeployment = \"cf\"\n{tls}"
    );
    let agent = fleet.start("agent", &config).await;
    let door = agent.door("otlp_http").await;
    let mut reader = Reader::open(
        &fleet.dial(&address, "doppler").await,
        &logweir_blackbox::envelopes::everything(),
    );
    let mut came = Vec::new();
    eventually("a log comes", async || {
        let answer = post(&door, "/v1/logs", &[PROTOBUF], logs(&["tagged"])).await;
        assert_eq!(answer.status(), 200);
        let next = tokio::time::timeout(Duration::from_millis(50), reader.next()).await;
        came.extend(next.ok()?.expect("envelopes"));
        Some(())
    })
    .await;
    let tagged = came.iter().find(|one| payload(one) == "tagged");
    let tagged = tagged.expect("it came");
    assert_eq!(
        (&*tagged.source_id, &*tagged.tags["deployment"]),
        ("otlp", "cf")
    );
}

/// What a forwarder agent says of 10 logs and a counter, for a collector in this mood: its
/// ledger, and how often the collector was called for logs.
async fn forwarded(mood: Mood, told: &str) -> (String, usize) {
    let fleet = Fleet::new();
    let (port, calls) = Collector::start(&fleet, mood).await;
    let files = tempfile::tempdir().expect("a directory");
    let file = files.path().join("ingress_port.yml");
    std::fs::write(&file, format!("ingress: {port}\nprotocol: otelcol\n")).expect("written");
    let config = format!(
        "[forwarder_agent]\nlisten = \"127.0.0.1:0\"\ndestination_files = [{file:?}]\n\
         status = \"127.0.0.1:0\"\n{}[forwarder_agent.otel]\ntimeout = \"200ms\"\nretries = 1\n",
        fleet.tls("forwarder_agent.tls", "metron"),
    );
    let mut agent = fleet.start("forwarder-agent", &config).await;
    let door = agent.door("grpc").await;
    let producer = Producer::open(&fleet.dial(&door, "metron").await);
    let counter = v2::Envelope {
        source_id: "app".into(),
        message: Some(Message::Counter(v2::Counter {
            name: "requests".into(),
            delta: 1,
            total: 0,
        })),
        ..v2::Envelope::default()
    };
    let mut all: Vec<_> = (0..10).map(|_| log("app", "line")).collect();
    all.push(counter);
    producer.send(&batch(&all)).await;
    // Metrics go their way whatever becomes of logs.
    eventually("metrics are exported", async || {
        (calls[1].load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    let status = agent.door("status").await;
    eventually(told, async || {
        let (_, page) = logweir_blackbox::http::get(&status, "/metrics").await;
        let (name, wanted) = told.rsplit_once(' ').expect("a series and its value");
        let (name, labels) = name.split_once('{').expect("labels");
        let labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
        let wanted: f64 = wanted.parse().expect("a number");
        (sum(&page, name, &labels) == wanted).then_some(())
    })
    .await;
    agent.process.signal(Signal::SIGTERM);
    agent.process.end().await;
    let ledger = agent.process.says("forwarder agent: ingress ").await;
    (ledger, calls[0].load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_silent_collector_is_asked_again_and_then_given_up() {
    let told = "logweir_dropped{cause=\"gave_up\"} 10";
    let (ledger, calls) = forwarded(Mood::Silent, told).await;
    assert!(
        ledger.ends_with("offered 11 = egress 1 + dropped 10 + queued 0"),
        "{ledger}"
    );
    assert_eq!(calls, 2);
    let told = "egress_expired_total{protocol=\"otelcol\"} 10";
    let (_, calls) = forwarded(Mood::Fails(Code::Unavailable), told).await;
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn what_a_collector_refuses_is_not_sent_again() {
    let told = "logweir_dropped{cause=\"refused\"} 10";
    for mood in [
        Mood::Fails(Code::InvalidArgument),
        Mood::Fails(Code::Unimplemented),
        Mood::Rejects(10),
    ] {
        let (ledger, calls) = forwarded(mood, told).await;
        assert!(
            ledger.ends_with("offered 11 = egress 1 + dropped 10 + queued 0"),
            "{ledger}"
        );
        assert_eq!(calls, 1);
    }
    let told = "logweir_otlp_export_rejected{signal=\"logs\"} 3";
    let (ledger, calls) = forwarded(Mood::Rejects(3), told).await;
    assert!(
        ledger.ends_with("offered 11 = egress 11 + dropped 0 + queued 0"),
        "{ledger}"
    );
    assert_eq!(calls, 1);
}
