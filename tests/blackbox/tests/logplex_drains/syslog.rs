//! Drains over syslog (120 to 129).

use super::*;

fn line(drain: &serde_json::Value, number: usize) -> String {
    let token = drain["token"].as_str().expect("a token");
    format!("<134>1 {TIME} {token} app console.1 - - line {number:05}\n")
}

#[tokio::test]
async fn b120_a_line_names_its_drain_and_ends() {
    let logplex = Logplex::in_run("").await;
    let channel = logplex.channel(&["app"]).await;
    let sink = DrainSink::start(Speaks::Syslog).await;
    let drain = logplex.drain(&channel, &sink.url("")).await;
    let expected = format!("syslog://{}", sink.address);
    assert_eq!(drain["url"], expected);
    post(&logplex, &channel, 0..2).await;
    assert_eq!(
        sink.messages_once(2).await,
        [line(&drain, 0), line(&drain, 1)]
    );
}

#[tokio::test]
async fn b121_a_drain_that_goes_writes_out_what_waits() {
    let (logplex, channel, sink) = with_sink("", Speaks::Syslog).await;
    post(&logplex, &channel, 0..10).await;
    let drains = logplex
        .call("GET", &format!("/v2/channels/{}", channel.id), "")
        .await
        .json();
    let id = &drains["drains"][0]["id"];
    let path = format!("/v2/channels/{}/drains/{id}", channel.id);
    let answer = logplex.call("DELETE", &path, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    sink.until("the end of the connection", |sink| sink.closed() == 1)
        .await;
    assert_eq!(sink.messages().len(), 10);
    post(&logplex, &channel, 10..20).await;
    logplex.lines_once(&channel, 20).await;
    assert_eq!(sink.messages().len(), 10);
}

#[tokio::test]
async fn b122_an_idle_connection_is_closed_and_opened_again() {
    let settings = "[delivery]\nidle_timeout = \"200ms\"\n";
    let (logplex, channel, sink) = with_sink(settings, Speaks::Syslog).await;
    post(&logplex, &channel, 0..1).await;
    sink.until("the end of the connection", |sink| sink.closed() == 1)
        .await;
    post(&logplex, &channel, 1..2).await;
    sink.messages_once(2).await;
    assert_eq!(sink.accepted().len(), 2);
}

#[tokio::test]
async fn b123_an_old_connection_is_replaced_under_traffic() {
    let settings = "[delivery]\nconnection_age = \"300ms\"\n";
    let (logplex, channel, sink) = with_sink(settings, Speaks::Syslog).await;
    let mut sent = 0;
    eventually("connections", async || {
        post(&logplex, &channel, sent..sent + 1).await;
        sent += 1;
        (sink.accepted().len() > 2).then_some(())
    })
    .await;
    assert_eq!(sink.messages_once(sent).await.len(), sent);
}

#[tokio::test]
async fn b124_delays_between_attempts_grow() {
    let settings = "[delivery]\nretry_max = \"2s\"\n";
    let (logplex, channel, sink) = with_sink(settings, Speaks::Nothing).await;
    let mut sent = 0;
    eventually("attempts", async || {
        // What a connection took before it broke is not tried again.
        post(&logplex, &channel, sent..sent + 1).await;
        sent += 1;
        (sink.accepted().len() > 8).then_some(())
    })
    .await;
    let at = sink.accepted();
    let took = |from: usize, to: usize| at[to].duration_since(at[from]);
    assert!(took(4, 8) > took(0, 4), "{at:?}");
}

#[tokio::test]
async fn b125_b129_a_full_queue_keeps_the_newest_and_says_what_is_missing() {
    const SENT: usize = 5_000;
    // Nobody listens there yet.
    let sink = DrainSink::start(Speaks::Syslog).await;
    let address = sink.address;
    drop(sink);
    let settings = "[logplex.queue]\nbytes = 65536\n[delivery]\nretry_max = \"200ms\"\n";
    let logplex = Logplex::in_role(settings).await;
    let channel = logplex.channel(&["app"]).await;
    let drain = logplex
        .drain(&channel, &format!("syslog://{address}"))
        .await;
    post(&logplex, &channel, 0..SENT).await;
    logplex
        .metric_at_least("logweir_channel_drains_failures", 2.0)
        .await;
    let sink = DrainSink::at(address, Speaks::Syslog, None).await;
    sink.receives(&line(&drain, SENT - 1)).await;
    let all = sink.messages();
    let lost = told(&all[0]).unwrap_or_else(|| panic!("no L10 in {}", all[0]));
    let token = drain["token"].as_str().expect("a token");
    assert!(all[0].contains(&format!(" {token} heroku logplex - - Error L10 ")));
    assert!(lost > 0);
    let expected: Vec<_> = (lost..SENT).map(|number| line(&drain, number)).collect();
    assert_eq!(all[1..], expected);
    let labels = ["cause=\"queue_full\""];
    logplex
        .metric_is("logweir_channel_drains_dropped", &labels, lost as f64)
        .await;
}

#[tokio::test]
async fn b126_a_certificate_of_another_host_is_told_everywhere_but_to_drains() {
    let authority = Authority::create();
    let identity = authority.issue("endpoint", Validity::Now);
    let settings = format!(
        "[logplex.firehose]\nchannels = [\"1\"]\ntokens = [\"heroku\"]\n\
         [delivery]\ntrusted_ca = {:?}\n",
        authority.ca()
    );
    let (logplex, _, hose) = with_sink(&settings, Speaks::Http).await;
    let channel = logplex.channel(&["app"]).await;
    // The certificate names 127.0.0.1 alone.
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let sink = DrainSink::tls(Speaks::Syslog, other, &identity).await;
    let url = sink.url("").replace("//", "//user:secret@");
    let drain = logplex.drain(&channel, &url).await;
    post(&logplex, &channel, 0..1).await;
    let lines = logplex.lines_once(&channel, 2).await;
    let notice = lines.iter().find(|line| line.contains("L14")).unwrap();
    let uri = format!("uri=\"syslog+tls://xxx:yyy@{}\"", sink.address);
    assert!(
        notice.contains(" heroku[logplex]: Error L14 (certificate validation): error=\"")
            && notice.ends_with(&uri),
        "{notice}"
    );
    let all = hose.messages_once(1).await;
    let token = drain["token"].as_str().expect("a token");
    assert!(
        all[0].starts_with("<188>1 ") && all[0].contains("Error L14"),
        "{}",
        all[0]
    );
    assert!(!all[0].contains(token));
    assert!(sink.messages().is_empty());
    // To the right name it is delivered, and not what was told.
    let right = DrainSink::tls(Speaks::Syslog, Ipv4Addr::LOCALHOST.into(), &identity).await;
    logplex.drain(&channel, &right.url("")).await;
    post(&logplex, &channel, 1..2).await;
    let all = right.messages_once(1).await;
    assert!(
        all[0].ends_with(" app console.1 - - line 00001\n"),
        "{}",
        all[0]
    );
    // Once in a while is enough.
    let told = logplex.lines(&channel).await;
    assert_eq!(told.iter().filter(|line| line.contains("L14")).count(), 1);
}

#[tokio::test]
async fn b126_https_is_verified_too() {
    let authority = Authority::create();
    let identity = authority.issue("endpoint", Validity::Now);
    let logplex = Logplex::in_role("").await;
    let channel = logplex.channel(&["app"]).await;
    let sink = DrainSink::tls(Speaks::Http, Ipv4Addr::LOCALHOST.into(), &identity).await;
    logplex.drain(&channel, &sink.url("/")).await;
    post(&logplex, &channel, 0..1).await;
    let lines = logplex.lines_once(&channel, 2).await;
    assert!(
        lines.iter().any(|line| line.contains("Error L14")),
        "{lines:?}"
    );
    assert!(sink.came().is_empty());
    logplex.drain(&channel, &sink.url("/#insecure")).await;
    post(&logplex, &channel, 1..2).await;
    assert_eq!(sink.messages_once(1).await, frames(1..2));
}

#[tokio::test]
async fn b128_insecure_asks_no_authority() {
    let authority = Authority::create();
    let identity = authority.issue("endpoint", Validity::Expired);
    let logplex = Logplex::in_role("").await;
    let channel = logplex.channel(&["app"]).await;
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let sink = DrainSink::tls(Speaks::Syslog, other, &identity).await;
    let drain = logplex.drain(&channel, &sink.url("#insecure")).await;
    post(&logplex, &channel, 0..1).await;
    assert_eq!(sink.messages_once(1).await, [line(&drain, 0)]);
}

#[tokio::test]
async fn rsyslog_reads_what_a_drain_writes() {
    let authority = Authority::create();
    let identity = authority.issue("endpoint", Validity::Now);
    let settings = format!("[delivery]\ntrusted_ca = {:?}\n", authority.ca());
    let logplex = Logplex::in_role(&settings).await;
    let channel = logplex.channel(&["app"]).await;
    let plain = SyslogReceiver::start(Kind::Rsyslog, &Security::Plain).await;
    let tls = SyslogReceiver::start(Kind::Rsyslog, &Security::Tls(identity)).await;
    for (receiver, scheme) in [(&plain, "syslog"), (&tls, "syslog+tls")] {
        let url = format!("{scheme}://127.0.0.1:{}", receiver.port);
        logplex.drain(&channel, &url).await;
    }
    post(&logplex, &channel, 0..1_000).await;
    for receiver in [&plain, &tls] {
        let all = receiver.until("all lines", |all| all.len() == 1_000).await;
        for (number, message) in all.iter().enumerate() {
            assert_eq!(message.text.trim(), format!("line {number:05}"));
        }
        let first = &all[0];
        assert_eq!((&*first.pri, &*first.app_name), ("134", "app"));
        assert_eq!((&*first.procid, &*first.msgid), ("console.1", "-"));
        assert!(first.hostname.starts_with("d."), "{first:?}");
    }
}
