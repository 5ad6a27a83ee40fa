//! Drains to nginx over HTTPS, a request for each message or for many: an answer says that
//! they arrived, so that every log is accounted for.

use std::collections::BTreeSet;

use logweir_blackbox::{
    certificates::{Authority, Validity},
    drains::{Declared, config, count, drain_until, drains, lost},
    envelopes::{batch, log, logs_of, payload},
    patience::eventually,
    receivers::{Nginx, Request},
    stream::{Producer, Reader},
    system::System,
};

const NOTICES: &str = "[delivery]\nnotice_interval = \"1s\"\n";

/// What goes before the number of a log of `app` in its message: no time of ours, no tags.
const HEAD: &str = "<14>1 2026-09-21T14:13:20+00:00 host app [/0] - - ";

async fn send(producer: &Producer, numbers: std::ops::Range<u64>) {
    let all: Vec<u64> = numbers.collect();
    for some in all.chunks(100) {
        let logs: Vec<_> = some
            .iter()
            .map(|number| log("app", format!("#{number}")))
            .collect();
        producer.send(&batch(&logs)).await;
    }
}

/// The messages of answered requests, in the order in which they came, repetitions too.
fn messages(requests: &[Request]) -> Vec<String> {
    let taken = requests.iter().filter(|request| request.status == 200);
    let bodies = taken.flat_map(|request| request.body.split_inclusive('\n'));
    bodies.map(str::to_owned).collect()
}

fn expected(number: u64) -> String {
    format!("{HEAD}#{number}\n")
}

/// A drain of `app` to this endpoint; `rest` is path and query.
fn to(nginx: &Nginx, scheme: &str, user: &str, rest: &str, authority: &Authority) -> Declared {
    let url = format!("{scheme}://{user}localhost:{}{rest}", nginx.port);
    let declared = Declared::new(&url).of("app").named("host");
    declared.trusting(&authority.ca())
}

async fn endpoint(clients: bool) -> (Authority, Nginx) {
    let authority = Authority::create();
    let identity = authority.issue("endpoint", Validity::Now);
    let ca = authority.ca();
    let nginx = Nginx::start(&identity, clients.then_some(ca.as_path())).await;
    (authority, nginx)
}

#[tokio::test]
async fn each_message_is_a_request() {
    const SENT: u64 = 300;
    let (authority, nginx) = endpoint(false).await;
    let rest = "/services//x/../hook?token=a%2cb&drain-data=logs";
    let declared = to(&nginx, "https", "user:p%40ss@", rest, &authority);
    let system = System::start_with(&config("", &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    send(&producer, 0..SENT).await;
    let requests = nginx
        .until("a request for each", |all| all.len() as u64 >= SENT)
        .await;
    let came: BTreeSet<_> = messages(&requests).into_iter().collect();
    assert_eq!(came, (0..SENT).map(expected).collect());
    assert_eq!(requests.len() as u64, SENT);
    let first = &requests[0];
    let line = "POST /services/hook?token=a%2cb&drain-data=logs HTTP/1.1";
    assert_eq!(first.line, line);
    assert_eq!(first.host, format!("localhost:{}", nginx.port));
    assert_eq!(first.content_type, "text/plain");
    // `user:p%40ss`, not decoded, as the original sends it.
    assert_eq!(first.authorization, "Basic dXNlcjpwJTQwc3M=");
    // Not one connection for each.
    let connections: BTreeSet<_> = requests.iter().map(|one| &one.connection).collect();
    assert!(connections.len() <= 8, "{} connections", connections.len());
}

#[tokio::test]
async fn many_messages_are_one_request() {
    const SENT: u64 = 5000;
    let (authority, nginx) = endpoint(false).await;
    let declared = to(&nginx, "https-batch", "", "/", &authority);
    let system = System::start_with(&config("", &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    send(&producer, 0..SENT).await;
    let enough = |all: &[Request]| messages(all).len() as u64 >= SENT;
    let requests = nginx.until("every message", enough).await;
    let wanted: Vec<_> = (0..SENT).map(expected).collect();
    assert_eq!(messages(&requests), wanted);
    assert!(requests.len() < 20, "{} requests", requests.len());
    let written = |drain: &_| count(drain, "written") == SENT;
    drain_until(&system, "localhost", "all are counted", written).await;
}

#[tokio::test]
async fn bodies_are_compressed_if_the_url_asks() {
    let (authority, nginx) = endpoint(false).await;
    let declared = to(&nginx, "https-batch", "", "/?logweir-gzip=true", &authority);
    let system = System::start_with(&config("", &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    send(&producer, 0..100).await;
    let requests = nginx.until("a request", |all| !all.is_empty()).await;
    assert_eq!(requests[0].encoding, "gzip");
    let written = |drain: &_| count(drain, "written") == 100;
    drain_until(&system, "localhost", "all are counted", written).await;
}

#[tokio::test]
async fn an_endpoint_knows_who_sends() {
    let (authority, nginx) = endpoint(true).await;
    let drain_identity = authority.issue("the-drain", Validity::Now);
    let declared = [
        to(&nginx, "https", "", "/known", &authority).as_client(&drain_identity),
        to(&nginx, "https", "", "/unknown", &authority),
    ];
    let system = System::start_with(&config("", &declared)).await;
    let producer = Producer::open(&system.dial("ingress").await);
    send(&producer, 0..1).await;
    let requests = nginx
        .until("both ask", |all| {
            let has = |path: &str| all.iter().any(|one| one.line.contains(path));
            has("/known ") && has("/unknown ")
        })
        .await;
    for request in &requests {
        let (client, status) = match request.line.contains("/known ") {
            true => ("CN=the-drain", 200),
            // nginx takes the connection and refuses the request.
            false => ("", 400),
        };
        assert!(request.client.contains(client), "{request:?}");
        assert_eq!(request.status, status, "{request:?}");
    }
    eventually("the refusal is counted", async || {
        let all = drains(&system).await;
        let refused = all.iter().find(|one| one["client_certificate"] == false)?;
        (lost(refused) >= 1).then_some(())
    })
    .await;
    let all = drains(&system).await;
    let known = all.iter().find(|one| one["client_certificate"] == true);
    assert_eq!(lost(known.expect("the other drain")), 0);
}

#[tokio::test]
async fn what_an_endpoint_refuses_for_good_is_told() {
    let (authority, nginx) = endpoint(false).await;
    let declared = to(&nginx, "https", "", "/gone", &authority);
    let system = System::start_with(&config(NOTICES, &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut reader = Reader::open(&system.dial("grpc").await, &logs_of("app"));
    send(&producer, 0..5).await;
    let told = |all: &[_]| {
        let texts: Vec<String> = all.iter().map(payload).collect();
        let has = |part: &str| texts.iter().any(|text| text.contains(part));
        has("Post responded with 410 status code") && has("messages lost for application app")
    };
    reader.until(told).await;
    // What we say goes into the app's stream, but not to the endpoint that it is about.
    let all_seen = |drain: &_| lost(drain) >= 5 && count(drain, "filtered") >= 2;
    let shown = drain_until(&system, "localhost", "all are counted", all_seen).await;
    assert_eq!(
        (count(&shown, "written"), lost(&shown)),
        (0, 5),
        "{shown:#}"
    );
    assert_eq!(nginx.requests().len(), 5);
}

async fn restarted_under_load(scheme: &str) {
    const ROUND: u64 = 1500;
    const RESTARTS: u64 = 3;
    const SENT: u64 = ROUND * (RESTARTS + 1);
    let (authority, mut nginx) = endpoint(false).await;
    let declared = to(&nginx, scheme, "", "/", &authority);
    let system = System::start_with(&config("", &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut reader = Reader::open(&system.dial("grpc").await, &logs_of("app"));
    send(&producer, 0..ROUND).await;
    for round in 1..=RESTARTS {
        let restart = async {
            nginx.stop().await;
            nginx.resume().await;
        };
        tokio::join!(restart, send(&producer, round * ROUND..(round + 1) * ROUND));
    }
    let came = |all: &[Request]| {
        let came: BTreeSet<_> = messages(all).into_iter().collect();
        (0..SENT).all(|number| came.contains(&expected(number)))
    };
    nginx.until("every log", came).await;
    let empty = |drain: &_| count(drain, "queued") + count(drain, "in_hand") == 0;
    let after = drain_until(&system, "localhost", "nothing waits", empty).await;
    assert_eq!(lost(&after), 0, "{after:#}");
    let last = |all: &[_]| {
        all.iter()
            .any(|one| payload(one) == format!("#{}", SENT - 1))
    };
    let stream = reader.until(last).await;
    // What is told about the drain does not go to it.
    let notices = |all: &[_]| {
        all.iter()
            .filter(|one| !payload(one).starts_with('#'))
            .count()
    };
    assert_eq!(count(&after, "written"), SENT, "{after:#}");
    assert!(
        count(&after, "filtered") >= notices(&stream) as u64,
        "{after:#}"
    );
}

#[tokio::test]
async fn restarts_of_an_endpoint_cost_nothing() {
    restarted_under_load("https").await;
    restarted_under_load("https-batch").await;
}
