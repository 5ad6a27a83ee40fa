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

mod firehose {
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
}

mod http {
    use super::*;

    #[tokio::test]
    async fn b105_the_first_message_connects_and_is_posted() {
        let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
        assert!(sink.accepted().is_empty());
        post(&logplex, &channel, 0..1).await;
        assert_eq!(sink.messages_once(1).await, frames(0..1));
        assert_eq!((sink.accepted().len(), sink.came().len()), (1, 1));
    }

    #[tokio::test]
    async fn b106_b107_what_is_refused_is_not_tried_again_and_is_told_next() {
        let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
        sink.answer(&["404 Not Found", "204 No Content"]);
        post(&logplex, &channel, 0..3).await;
        sink.until("the refusal", |sink| sink.came().len() == 1)
            .await;
        post(&logplex, &channel, 3..18).await;
        let all = sink.messages_once(16).await;
        assert_eq!(told(&all[0]), Some(3), "{}", all[0]);
        assert!(all[0].starts_with("<172>1 ") && all[0].ends_with(".\n"));
        assert_eq!(all[1..], frames(3..18));
        let second = &sink.came()[1];
        let count = second.frames().len().to_string();
        assert_eq!(second.header("Logplex-Msg-Count"), count);
        let labels = ["cause=\"refused\""];
        logplex
            .metric_is("logweir_channel_drains_dropped", &labels, 3.0)
            .await;
    }

    /// The peer drops a frame after three tries in a row; here it is tried again for as long as
    /// `delivery.give_up_after` says.
    #[tokio::test]
    async fn b108_b109_what_fails_is_tried_again_until_it_is_taken() {
        for status in ["500 Internal Server Error", "429 Too Many Requests"] {
            let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
            sink.answer(&[status, status, status, "200 OK"]);
            post(&logplex, &channel, 0..15).await;
            assert_eq!(sink.messages_once(15).await, frames(0..15));
            let came = sink.came();
            assert_eq!(came.len(), 4, "{status}");
            let first = &came[0];
            for came in &came[1..] {
                assert_eq!(came.body, first.body);
                let id = "Logplex-Frame-Id";
                assert_eq!(came.header(id), first.header(id));
            }
            // Each over a connection of its own, and not at once.
            let accepted = sink.accepted();
            assert_eq!(accepted.len(), 4);
            assert!(accepted[3] > accepted[0]);
        }
    }

    #[tokio::test]
    async fn b108_what_is_tried_too_long_is_lost_and_told() {
        let settings = "[delivery]\ngive_up_after = \"300ms\"\nretry_max = \"100ms\"\n";
        let (logplex, channel, sink) = with_sink(settings, Speaks::Http).await;
        sink.answer(&["503 Service Unavailable"]);
        post(&logplex, &channel, 0..5).await;
        let labels = ["cause=\"gave_up\""];
        logplex
            .metric_is("logweir_channel_drains_dropped", &labels, 5.0)
            .await;
        sink.answer(&["200 OK"]);
        post(&logplex, &channel, 5..6).await;
        let all = sink.messages_once(2).await;
        assert_eq!(told(&all[0]), Some(5));
        assert_eq!(all[1..], frames(5..6));
    }

    #[tokio::test]
    async fn b110_a_loss_is_told_once_and_by_no_refused_request() {
        let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
        sink.answer(&["404 Not Found", "200 OK"]);
        post(&logplex, &channel, 1..6).await;
        sink.until("the refusal", |sink| sink.came().len() == 1)
            .await;
        post(&logplex, &channel, 6..7).await;
        let all = sink.messages_once(2).await;
        assert_eq!(told(&all[0]), Some(5));
        assert_eq!(all[1..], frames(6..7));
        post(&logplex, &channel, 7..8).await;
        sink.messages_once(3).await;
        let came = sink.came();
        assert_eq!(came[0].frames(), frames(1..6));
        assert_eq!(came[2].frames(), frames(7..8));
        // The channel's own lines say it too, and no drain gets those.
        let lines = eventually("the notice", async || {
            let lines = logplex.lines(&channel).await;
            lines
                .iter()
                .any(|line| line.contains("L10"))
                .then_some(lines)
        })
        .await;
        let notice = lines.iter().find(|line| line.contains("L10")).unwrap();
        assert!(notice.contains(" heroku[logplex]: Error L10 (output buffer overflow): drain 'd."));
        assert!(notice.contains(" dropped 5 messages since "), "{notice}");
    }

    #[tokio::test]
    async fn b111_an_idle_connection_is_closed() {
        let settings = "[delivery]\nidle_timeout = \"200ms\"\n";
        let (logplex, channel, sink) = with_sink(settings, Speaks::Http).await;
        post(&logplex, &channel, 0..1).await;
        sink.until("the end of the connection", |sink| sink.closed() == 1)
            .await;
        post(&logplex, &channel, 1..2).await;
        assert_eq!(sink.messages_once(2).await, frames(0..2));
        assert_eq!(sink.accepted().len(), 2);
    }

    #[tokio::test]
    async fn b112_an_old_connection_is_replaced_although_in_use() {
        let settings = "[delivery]\nconnection_age = \"300ms\"\n";
        let (logplex, channel, sink) = with_sink(settings, Speaks::Http).await;
        let mut sent = 0;
        eventually("connections", async || {
            post(&logplex, &channel, sent..sent + 1).await;
            sent += 1;
            (sink.accepted().len() > 2).then_some(())
        })
        .await;
        assert_eq!(sink.messages_once(sent).await, frames(0..sent));
    }

    #[tokio::test]
    async fn b116_b117_headers_are_logplexs_and_the_user_stays_secret() {
        let logplex = Logplex::in_role("").await;
        let channel = logplex.channel(&["app"]).await;
        let sink = DrainSink::start(Speaks::Http).await;
        let url = sink
            .url("/path?query=1")
            .replace("//", "//somebody:pa%3Ass@");
        let drain = logplex.drain(&channel, &url).await;
        assert_eq!(drain["url"], *url);
        sink.answer(&["500 Oops", "404 Not Found", "200 OK"]);
        post(&logplex, &channel, 0..1).await;
        sink.until("two requests", |sink| sink.came().len() == 2)
            .await;
        post(&logplex, &channel, 1..2).await;
        sink.messages_once(2).await;
        let came = sink.came();
        let id = came[2].header("Logplex-Frame-Id");
        assert!(id.len() == 32 && id.bytes().all(|byte| b"0123456789ABCDEF".contains(&byte)));
        assert_eq!(
            came[0].header("Logplex-Frame-Id"),
            came[1].header("Logplex-Frame-Id")
        );
        assert_ne!(came[1].header("Logplex-Frame-Id"), id);
        let expected = [
            "POST /path?query=1 HTTP/1.1".to_owned(),
            format!("Host: {}", sink.address),
            format!("Authorization: {}", basic("somebody", "pa:ss")),
            "Content-Type: application/logplex-1".to_owned(),
            "Logplex-Msg-Count: 2".to_owned(),
            format!("Logplex-Frame-Id: {id}"),
            format!("Logplex-Drain-Token: {}", drain["token"].as_str().unwrap()),
            came[2].head.lines().nth(7).unwrap().to_owned(),
            "Logweir-Hops: 1".to_owned(),
            format!("Content-Length: {}", came[2].body.len()),
        ];
        assert_eq!(came[2].head.lines().collect::<Vec<_>>(), expected);
        assert!(came[2].header("User-Agent").starts_with("Logplex/"));
        let role = logplex.role.as_ref().unwrap();
        role.says("xxx:yyy@").await;
        let said = role.stderr().join("\n");
        for secret in ["somebody", "pa:ss", "pa%3Ass", "query=1"] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
    }

    #[tokio::test]
    async fn b118_redirects_fail_for_the_moment_and_204_is_success() {
        for status in [
            "301 Moved",
            "302 Found",
            "307 Again",
            "101 Switching Protocols",
        ] {
            let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
            sink.answer(&[status, "204 No Content"]);
            post(&logplex, &channel, 0..2).await;
            assert_eq!(sink.messages_once(2).await, frames(0..2), "{status}");
        }
    }

    #[tokio::test]
    async fn b119_answers_without_a_length_are_understood() {
        let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
        sink.answer(&[
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end",
            "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            "200 OK",
        ]);
        for number in 0..6 {
            post(&logplex, &channel, number..number + 1).await;
            sink.messages_once(number + 1).await;
        }
        assert_eq!(sink.messages(), frames(0..6));
        assert_eq!(sink.came().len(), 6);
    }

    #[tokio::test]
    async fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
        let (logplex, channel, sink) = with_sink("", Speaks::Http).await;
        sink.answer(&[
            "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
            "200 OK",
        ]);
        post(&logplex, &channel, 0..1).await;
        sink.messages_once(1).await;
        let accepted = sink.accepted();
        assert!(accepted[1] - accepted[0] >= Duration::from_millis(990));
    }

    #[tokio::test]
    async fn strict_requests_have_the_newlines_of_their_senders() {
        let (logplex, channel, sink) = with_sink("strict = true\n", Speaks::Http).await;
        let token = channel.token("app");
        let all = [message(token, "without"), message(token, "with\n")];
        logplex.post(token, &all).await;
        sink.messages_once(2).await;
        assert_eq!(
            sink.messages(),
            [frame("without").trim_end().to_owned(), frame("with")]
        );
    }
}

mod syslog {
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
