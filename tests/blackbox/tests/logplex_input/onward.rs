//! Where lines go.

use logweir_blackbox::{
    logplex::{Logplex, basic, frames},
    patience::{eventually, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{five, five_shown, message, one_channel, shown};

#[tokio::test]
async fn b082_b083_five_messages_reach_history_tail_and_drain() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let sink = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("syslog://{}", sink.local_addr().expect("an address"));
    let path = format!("/v2/channels/{}/drains", channel.id);
    let drain = logplex
        .call("POST", &path, &format!(r#"{{"url":"{url}"}}"#))
        .await;
    assert_eq!(drain.status, 201, "{drain:?}");
    let session = format!(r#"{{"channel_id":"{}","tail":"1"}}"#, channel.id);
    let session = logplex.call("POST", "/v2/sessions", &session).await;
    let url = session.json()["url"].as_str().expect("a URL").to_owned();
    let path = url.find("/sessions/").expect("a path");
    let mut tail = TcpStream::connect(&logplex.api).await.expect("connected");
    let get = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", &url[path..]);
    tail.write_all(get.as_bytes()).await.expect("written");

    let body = frames(five(&token));
    let answer = logplex.post_as(&who, &[], body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&channel, 5).await, five_shown("app"));
    let text = read_until(&mut tail, &(shown("app", "message 5") + "\n")).await;
    for line in five_shown("app") {
        assert!(text.contains(&line), "{text}");
    }
    let (mut drained, _) = within("a drain", sink.accept()).await.expect("a drain");
    let text = read_until(&mut drained, "message 5\n").await;
    assert_eq!(text.matches(" app console.1 - - message ").count(), 5);
    assert!(!text.contains(&token), "{text}");
    // A request is a batch, whatever is in it.
    let taken = ["outcome=\"taken\""];
    logplex
        .metric_is("logweir_logplex_batches", &taken, 1.0)
        .await;
}

#[tokio::test]
async fn b086_b087_history_keeps_what_it_is_set_to_and_one_more() {
    // Logplex's own number, and one that is small.
    for (settings, kept) in [("", 1_501), ("history_lines = 3\n", 4)] {
        let logplex = Logplex::in_role(settings).await;
        let (channel, token, _) = one_channel(&logplex).await;
        let messages: Vec<_> = (0..kept + 3)
            .map(|n| message(&token, &n.to_string()))
            .collect();
        for part in messages.chunks(100) {
            logplex.post(&token, part).await;
        }
        let expected: Vec<_> = (3..kept + 3)
            .map(|n| shown("app", &n.to_string()))
            .collect();
        eventually("the newest lines", async || {
            (logplex.lines(&channel).await == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn b088_the_tokens_of_a_deleted_channel_go_with_it() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    logplex.cred("all", "password", &["any_channel"]).await;
    let body = frames(five(&token));
    assert_eq!(
        logplex.post_as(&who, &[], body.as_bytes()).await.status,
        204
    );
    let path = format!("/channels/{}", channel.id);
    let deleted = logplex.call("DELETE", &path, "").await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(
        logplex.post_as(&who, &[], body.as_bytes()).await.status,
        401
    );
    let all = basic("all", "password");
    let answer = logplex.post_as(&all, &[], body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let unknown = ["outcome=\"unknown_token\""];
    logplex
        .metric_is("logweir_logplex_messages", &unknown, 5.0)
        .await;
    let system = logplex.system.as_ref().expect("run");
    system.process.says("msg=unknown_token").await;
    // Tokens are secrets, also those that were.
    assert!(!system.process.stderr().join("\n").contains(&token));
}

/// Reads until there is `last`.
async fn read_until(stream: &mut TcpStream, last: &str) -> String {
    let mut all = Vec::new();
    within(last, async {
        while !String::from_utf8_lossy(&all).contains(last) {
            let read = stream.read_buf(&mut all).await.expect("read");
            assert!(read > 0, "{}", String::from_utf8_lossy(&all));
        }
    })
    .await;
    String::from_utf8_lossy(&all).into_owned()
}
