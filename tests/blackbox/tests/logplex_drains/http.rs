//! Drains over HTTP (105 to 119).

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
