//! Drains of Logplex channels and the firehose (spec logplex §9, 99 to 132). What of it is not
//! here, and why:
//!
//! | behaviour | reason |
//! |---|---|
//! | 113 | there is no second task whose death could be healed |
//! | 114, 115 | queues are bounded in bytes, each and all together: a receiver that is down holds no more for being down longer |
//! | 127 | how deep a chain may be is the TLS library's own bound; what it refuses is told as 126 is |
//! | 130, 131 | functions of the peer's ring; 125 and 129 show what can be seen of it |
//! | 132 | with what there is about Redis |

mod firehose;
mod http;
mod syslog;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use logweir_blackbox::{
    certificates::{Authority, Validity},
    drain_sink::{DrainSink, Speaks},
    logplex::{Channel, Logplex, basic},
    patience::eventually,
    receivers::{Kind, Security, SyslogReceiver},
};

const TIME: &str = "2012-12-10T03:00:48.123456Z";

/// A message of a token.
fn message(token: &str, text: &str) -> String {
    format!("<134>1 {TIME} erlang {token} console.1 - - {text}")
}

fn messages(token: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers
        .map(|number| message(token, &format!("line {number:05}")))
        .collect()
}

/// What a request carries of such a message.
fn frame(text: &str) -> String {
    format!("<134>1 {TIME} host app console.1 - {text}\n")
}

fn frames(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers
        .map(|number| frame(&format!("line {number:05}")))
        .collect()
}

/// How many lines an L10 says were lost.
fn told(frame: &str) -> Option<usize> {
    let rest = frame.split("Error L10 (output buffer overflow): ").nth(1)?;
    rest.split(' ').next()?.parse().ok()
}

async fn post(logplex: &Logplex, channel: &Channel, numbers: std::ops::Range<usize>) {
    let token = channel.token("app");
    let all = messages(token, numbers);
    for some in all.chunks(100) {
        logplex.post(token, some).await;
    }
}

/// A running Logplex with a channel, and a sink of it.
async fn with_sink(settings: &str, speaks: Speaks) -> (Logplex, Channel, DrainSink) {
    let logplex = Logplex::in_role(settings).await;
    let channel = logplex.channel(&["app"]).await;
    let sink = DrainSink::start(speaks).await;
    logplex.drain(&channel, &sink.url("")).await;
    (logplex, channel, sink)
}

/// What leads back would come again and again.
#[tokio::test]
async fn drains_do_not_lead_into_their_own_process() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let url = format!(
        "http://token:{}@{}/logs",
        channel.token("app"),
        logplex.input
    );
    logplex.drain(&channel, &url).await;
    logplex
        .drain(&channel, &format!("syslog://{}", logplex.syslog))
        .await;
    let begun = Instant::now();
    post(&logplex, &channel, 0..3).await;
    let process = &logplex.system.as_ref().unwrap().process;
    process.says("is this process itself").await;
    logplex
        .metric_at_least("logweir_channel_drains_failures", 4.0)
        .await;
    assert_eq!(
        logplex.lines(&channel).await.len(),
        3,
        "{:?}",
        begun.elapsed()
    );
}

/// Two installations whose drains lead to each other.
#[tokio::test]
async fn lines_do_not_go_round_between_installations() {
    let settings = "[delivery]\nretry_max = \"100ms\"\n";
    let (one, other) = (
        Logplex::in_role(settings).await,
        Logplex::in_role(settings).await,
    );
    let (here, there) = (one.channel(&["app"]).await, other.channel(&["app"]).await);
    for (from, channel, to, token) in [
        (&one, &here, &other, there.token("app")),
        (&other, &there, &one, here.token("app")),
    ] {
        let url = format!("http://token:{token}@{}/logs", to.input);
        from.drain(channel, &url).await;
    }
    post(&one, &here, 0..1).await;
    // It goes there and back four times, and the ninth time nobody takes it.
    let refused = async |logplex: &Logplex| {
        let labels = ["cause=\"refused\""];
        logplex
            .metric("logweir_channel_drains_dropped", &labels)
            .await
    };
    eventually("the refusal", async || {
        (refused(&one).await + refused(&other).await >= 1.0).then_some(())
    })
    .await;
    assert_eq!(refused(&one).await, 1.0);
    let count = async |logplex: &Logplex, channel: &Channel| {
        let lines = logplex.lines(channel).await;
        lines
            .iter()
            .filter(|line| line.contains("line 00000"))
            .count()
    };
    assert_eq!(count(&one, &here).await, 5);
    assert_eq!(count(&other, &there).await, 4);
}

#[tokio::test]
async fn b085_drains_get_nothing_while_forwarding_is_denied() {
    let (logplex, channel, sink) = with_sink("", Speaks::Syslog).await;
    let rods = "/api/logplex/rods";
    for (denied, text) in [("true", 0..5), ("false", 5..10)] {
        let body = format!("{{\"deny_drain_forwarding\":{denied}}}");
        let answer = logplex.call("PUT", rods, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        post(&logplex, &channel, text).await;
    }
    let all = sink.messages_once(5).await;
    assert!(all[0].ends_with("line 00005\n"), "{all:?}");
}

#[tokio::test]
async fn a_v2_source_of_a_channel_is_drained_too() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let sink = DrainSink::start(Speaks::Http).await;
    logplex.drain(&channel, &sink.url("/")).await;
    let system = logplex.system.as_ref().unwrap();
    let producer = logweir_blackbox::stream::Producer::open(&system.dial("ingress").await);
    let log = logweir_blackbox::envelopes::log(&channel.id, "from elsewhere");
    producer
        .send(&logweir_blackbox::envelopes::batch(&[log]))
        .await;
    let all = sink.messages_once(1).await;
    assert!(all[0].ends_with(" from elsewhere\n"), "{}", all[0]);
}
