//! The firehose (99 to 104).

use super::*;

const ON: &str = "[logplex.firehose]\nchannels = [\"1\"]\ntokens = [\"app\", \"heroku\"]\n";

async fn start(settings: &str) -> (Logplex, Channel, Channel, DrainSink) {
    let (logplex, hose, sink) = with_sink(settings, Speaks::Http).await;
    assert_eq!(hose.id, "1");
    let other = logplex.channel(&["app", "web"]).await;
    (logplex, hose, other, sink)
}

fn forwarded(text: &str) -> String {
    format!("<134>1 {TIME} host app console.1 - [logplex@47450 channel=\"2\"] {text}\n")
}

#[tokio::test]
async fn b099_without_settings_nothing_is_forwarded() {
    let (logplex, hose, other, sink) = start("").await;
    post(&logplex, &other, 0..10).await;
    logplex.lines_once(&other, 10).await;
    post(&logplex, &hose, 10..11).await;
    assert_eq!(sink.messages_once(1).await, frames(10..11));
}

#[tokio::test]
async fn b100_b102_only_the_listed_tokens_of_other_channels_are_forwarded() {
    let (logplex, hose, other, sink) = start(ON).await;
    let web = other.token("web");
    logplex.post(web, &[message(web, "not listed")]).await;
    post(&logplex, &other, 1..2).await;
    assert_eq!(sink.messages_once(1).await, [forwarded("line 00001")]);
    // Its own lines go to its drains once, as all channels' do.
    post(&logplex, &hose, 2..3).await;
    post(&logplex, &other, 3..4).await;
    let mut all = sink.messages_once(3).await;
    all.sort();
    let mut expected = vec![
        forwarded("line 00001"),
        frame("line 00002"),
        forwarded("line 00003"),
    ];
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn b101_it_can_be_switched_off_at_once() {
    let (logplex, hose, other, sink) = start(ON).await;
    post(&logplex, &other, 0..1).await;
    sink.messages_once(1).await;
    let rods = "/api/logplex/rods";
    let answer = logplex
        .call("PUT", rods, "{\"disable_firehose\":true}")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    post(&logplex, &other, 1..20).await;
    logplex.lines_once(&other, 20).await;
    post(&logplex, &hose, 20..21).await;
    assert_eq!(
        sink.messages_once(2).await,
        [forwarded("line 00000"), frame("line 00020")]
    );
    let answer = logplex
        .call("PUT", rods, "{\"disable_firehose\":false}")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    post(&logplex, &other, 21..22).await;
    assert_eq!(sink.messages_once(3).await[2], forwarded("line 00021"));
}

#[tokio::test]
async fn b103_b104_two_channels_share_evenly_and_are_counted() {
    const SENT: usize = 4_000;
    let settings = ON.replace("[\"1\"]", "[\"1\", \"2\"]");
    let logplex = Logplex::in_role(&settings).await;
    let mut sinks = Vec::new();
    for _ in 0..2 {
        let channel = logplex.channel(&["app"]).await;
        let sink = DrainSink::start(Speaks::Http).await;
        logplex.drain(&channel, &sink.url("/")).await;
        sinks.push(sink);
    }
    let other = logplex.channel(&["app"]).await;
    post(&logplex, &other, 0..SENT).await;
    let counts = || sinks.iter().map(|sink| sink.messages().len());
    eventually("all lines", async || {
        (counts().sum::<usize>() == SENT).then_some(())
    })
    .await;
    for (number, count) in counts().enumerate() {
        // Six standard deviations.
        assert!(count.abs_diff(SENT / 2) < 190, "{count} of {SENT}");
        let label = format!("channel=\"{}\"", number + 1);
        logplex
            .metric_is("logweir_firehose_posts", &[&label], count as f64)
            .await;
    }
}
