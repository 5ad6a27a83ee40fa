//! Lines into Logplex: `POST /logs` and syslog over TCP, good and bad. Tests are named after
//! the behaviours of Logplex that they check; where we do otherwise, `strict` is what it does.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use logweir_blackbox::{
    logplex::{Channel, KEY, Logplex, basic, frames, read_answer, request},
    patience::{eventually, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const TYPE: (&str, &str) = ("Content-Type", "application/logplex-1");
const STRICT: &str = "strict = true\n";

/// A message of a token with some content.
fn message(token: &str, content: &str) -> String {
    format!("<134>1 2012-12-10T03:00:48.123456Z erlang {token} console.1 - - {content}")
}

/// What a tail shows of [`message`].
fn shown(source: &str, content: &str) -> String {
    format!("2012-12-10T03:00:48.123456Z {source}[console.1]: {content}")
}

fn five(token: &str) -> Vec<String> {
    let content = |n| format!("message {n}");
    (1..=5).map(|n| message(token, &content(n))).collect()
}

fn five_shown(source: &str) -> Vec<String> {
    let content = |n| format!("message {n}");
    (1..=5).map(|n| shown(source, &content(n))).collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("packed");
    encoder.finish().expect("packed")
}

async fn one_channel(logplex: &Logplex) -> (Channel, String, String) {
    let channel = logplex.channel(&["app"]).await;
    let token = channel.token("app").to_owned();
    let who = basic("token", &token);
    (channel, token, who)
}

#[tokio::test]
async fn b063_five_frames_with_structured_data() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let line =
        |n| format!("<134>1 2012-12-10T03:00:48Z h {token} web.{n} - [a b=\"c\\]\"][d] line {n}\n");
    let body = frames((1..=5).map(line));
    let headers = [("Authorization", &*who), TYPE];
    let answer = request(&logplex.input, "POST", "/logs/", &headers, body.as_bytes()).await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let expected: Vec<_> = (1..=5)
        .map(|n| format!("2012-12-10T03:00:48Z app[web.{n}]: line {n}"))
        .collect();
    assert_eq!(logplex.lines_once(&channel, 5).await, expected);
}

#[tokio::test]
async fn b064_gzip_and_b074_chunks() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let packed = gzip(frames(five(&token)).as_bytes());
    let more = [("Content-Encoding", "gzip"), ("Logplex-Msg-Count", "5")];
    let answer = logplex.post_as(&who, &more, &packed).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&channel, 5).await, five_shown("app"));

    let body = frames(five(&token));
    let mut chunks = Vec::new();
    for part in body.as_bytes().chunks(100) {
        chunks.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        chunks.extend_from_slice(part);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let more = [("Transfer-Encoding", "chunked")];
    let answer = logplex.post_as(&who, &more, &chunks).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&channel, 10).await.len(), 10);
}

#[tokio::test]
async fn b065_ingress_denied() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let rods = logplex
        .call("PUT", "/api/logplex/rods", r#"{"deny_logs_ingress":true}"#)
        .await;
    assert_eq!(rods.status, 200, "{rods:?}");
    let body = frames(five(&token));
    for who in [&*who, "nobody"] {
        let answer = logplex.post_as(who, &[], body.as_bytes()).await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let rods = logplex
        .call("PUT", "/api/logplex/rods", r#"{"deny_logs_ingress":false}"#)
        .await;
    assert_eq!(rods.status, 200, "{rods:?}");
    logplex.post(&token, &[message(&token, "1")]).await;
    assert_eq!(logplex.lines_once(&channel, 1).await, [shown("app", "1")]);
}

#[tokio::test]
async fn b066_b067_b068_what_the_strict_refuse() {
    let logplex = Logplex::in_run(STRICT).await;
    let (channel, token, who) = one_channel(&logplex).await;
    let good = frames([message(&token, "kept")]);
    let long = |length: usize| {
        let head = message(&token, "");
        frames([format!("{head}{}", "x".repeat(length - head.len()))])
    };
    let mismatch = "Message count mismatch";
    let malformed = "Malformed log messages";
    for (body, count, refused) in [
        (good.clone(), Some("1"), None),
        (good.clone(), None, None),
        (good.clone(), Some("2"), Some(mismatch)),
        (good.clone(), Some("one"), Some(mismatch)),
        (good.clone(), Some("-1"), Some(mismatch)),
        (good.clone() + " 1", Some("1"), None),
        (good.clone() + " 1\n", Some("1"), Some(malformed)),
        (good.clone() + "\n", Some("1"), Some(malformed)),
        ("\n".into(), None, Some(malformed)),
        (long(10_240), Some("1"), None),
        (long(10_241) + "\n", None, Some(malformed)),
        (format!("{good}0 x\n"), None, Some(malformed)),
        (format!("{good}999999999999 x\n"), None, Some(malformed)),
    ] {
        let more: Vec<_> = count
            .iter()
            .map(|count| ("Logplex-Msg-Count", *count))
            .collect();
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        match refused {
            None => assert_eq!((answer.status, &*answer.body), (204, ""), "{body:?}"),
            Some(text) => {
                assert_eq!((answer.status, &*answer.reason), (400, text), "{body:?}");
                assert_eq!(answer.body, text);
                assert_eq!(answer.header("content-type"), Some("text/plain"));
                let realm = Some("Basic realm=Logplex");
                assert_eq!(answer.header("www-authenticate"), realm);
            }
        }
    }
    let lines = logplex.lines_once(&channel, 4).await;
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[..3], vec![shown("app", "kept"); 3]);
}

#[tokio::test]
async fn one_bad_frame_loses_itself_and_not_its_batch() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let one = |content: &str| frames([message(&token, content)]);
    let head = message(&token, "");
    let long = format!("{head}{}", "x".repeat(12_000 - head.len()));
    for (body, count, kept) in [
        (one("a"), "2", vec!["a".to_owned()]),
        (one("b"), "many", vec!["b".into()]),
        (
            one("c") + "\n" + &one("d") + "\n",
            "2",
            vec!["c".into(), "d".into()],
        ),
        (
            one("e") + "junk\n" + &one("f"),
            "3",
            vec!["e".into(), "f".into()],
        ),
        (
            one("g") + "0 x\n99999999999 y\n" + &one("h"),
            "4",
            vec!["g".into(), "h".into()],
        ),
        // A line that is too long for Logplex keeps its start.
        (
            frames([&*long]) + &one("j"),
            "2",
            vec!["x".repeat(10_240 - head.len()), "j".into()],
        ),
        // The last frame is not all there.
        (one("k") + "100 <1", "2", vec!["k".into()]),
        // README's own example counts two bytes too few.
        (
            format!(
                "{} {}",
                message(&token, "l 1").len() - 2,
                message(&token, "l 1")
            ),
            "1",
            vec!["l".into()],
        ),
    ] {
        let before = logplex.lines(&channel).await.len();
        let more = [("Logplex-Msg-Count", count)];
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{body:?}");
        let lines = logplex.lines_once(&channel, before + kept.len()).await;
        let kept: Vec<_> = kept.iter().map(|content| shown("app", content)).collect();
        assert_eq!(lines[before..], kept, "{body:?}");
    }
    let malformed = ["outcome=\"malformed\""];
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 3.0)
        .await;
    logplex
        .metric_is("logweir_logplex_oddities", &["what=\"cut\""], 1.0)
        .await;
    let mismatches = ["what=\"count_mismatch\""];
    logplex
        .metric_is("logweir_logplex_oddities", &mismatches, 5.0)
        .await;

    // Where nothing is a message, the sender is told.
    for (body, count, text) in [
        ("junk\n", None, "Malformed log messages"),
        ("119 <134>1 too short", Some("1"), "Message count mismatch"),
        ("", Some("1"), "Message count mismatch"),
    ] {
        let more: Vec<_> = count
            .iter()
            .map(|count| ("Logplex-Msg-Count", *count))
            .collect();
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.reason), (400, text), "{body:?}");
    }
}

#[tokio::test]
async fn b069_b070_b075_b076_requests_of_other_kinds() {
    let logplex = Logplex::in_run("").await;
    let (_, token, who) = one_channel(&logplex).await;
    let body = frames(five(&token));
    for (kind, status) in [
        ("text/plain", 415),
        ("application/x-logplex-1", 204),
        // Logplex: 415.
        ("application/logplex-1; charset=utf-8", 204),
        ("application/json", 415),
        ("", 415),
    ] {
        let answer = logplex
            .post_as(&who, &[("Content-Type", kind)], body.as_bytes())
            .await;
        assert_eq!((answer.status, &*answer.body), (status, ""), "{kind}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let headers = [("Authorization", &*who)];
        let answer = request(&logplex.input, method, "/logs", &headers, b"").await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    for more in [&[][..], &[("Logplex-Msg-Count", "0")]] {
        let answer = logplex.post_as(&who, more, b"").await;
        assert_eq!(answer.status, 204);
    }
    for (accept, status) in [
        ("application/json", 406),
        ("text/plain", 204),
        ("application/json, */*;q=0.1", 204),
    ] {
        let answer = logplex
            .post_as(&who, &[("Accept", accept)], body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{accept}");
    }
}

#[tokio::test]
async fn b071_b072_b073_b089_b090_who_may_write() {
    let logplex = Logplex::in_run("").await;
    let (one, other) = (
        logplex.channel(&["app"]).await,
        logplex.channel(&["app", "heroku"]).await,
    );
    let key = format!("Basic {KEY}");
    logplex.cred("api", "password", &["full_api"]).await;
    logplex.cred("all", "password", &["any_channel"]).await;
    let only = format!("channel:{}", one.id);
    logplex.cred("only", "password", &[&only]).await;
    let body = frames([
        message(one.token("app"), "one"),
        message(other.token("app"), "two"),
        message(other.token("heroku"), "three"),
        message("t.6ba7b810-9dad-11d1-80b4-00c04fd430c8", "nobody's"),
        message("app", "without a token"),
    ]);
    for who in [
        "",
        "Basic",
        "Basic %%%",
        "Basic dG9rZW4=",
        &key,
        &basic("token", "t.6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        &basic("token", "app"),
        &basic("all", "wrong"),
        &basic("nobody", "password"),
        "Bearer t.6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = logplex.post_as(who, &[], body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (401, ""), "{who}");
        let realm = Some("Basic realm=Logplex");
        assert_eq!(answer.header("www-authenticate"), realm);
    }
    let answer = logplex
        .post_as(&basic("api", "password"), &[], body.as_bytes())
        .await;
    let text = "Credential not permitted to write to any channel.";
    assert_eq!(
        (answer.status, &*answer.body, &*answer.reason),
        (403, text, text)
    );

    let answer = logplex
        .post_as(&basic("all", "password"), &[], body.as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&one, 1).await, [shown("app", "one")]);
    let expected = [shown("app", "two"), shown("heroku", "three")];
    assert_eq!(logplex.lines_once(&other, 2).await, expected);
    for (outcome, count) in [("unknown_token", 1.0), ("malformed", 1.0), ("taken", 3.0)] {
        let label = format!("outcome=\"{outcome}\"");
        logplex
            .metric_is("logweir_logplex_messages", &[&label], count)
            .await;
    }

    // Logplex: 403, since it never matches such a grant.
    let answer = logplex
        .post_as(&basic("only", "password"), &[], body.as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&one, 2).await.len(), 2);
    let forbidden = ["outcome=\"forbidden\""];
    logplex
        .metric_is("logweir_logplex_messages", &forbidden, 2.0)
        .await;
    assert_eq!(logplex.lines(&other).await.len(), 2);

    let bearer = format!("Bearer {}", one.token("app"));
    let answer = logplex
        .post_as(&bearer, &[], frames(["<1>1 t h x p - - y"]).as_bytes())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    // By a token any name may be claimed.
    assert_eq!(logplex.lines_once(&one, 3).await[2], "t x[p]: y");
}

#[tokio::test]
async fn b077_b078_b079_syslog_over_tcp() {
    let logplex = Logplex::in_role("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let mut tcp = within("a connection", TcpStream::connect(&logplex.syslog))
        .await
        .expect("a connection");
    let all = frames(five(&token));
    tcp.write_all(all.as_bytes()).await.expect("written");
    assert_eq!(logplex.lines_once(&channel, 5).await, five_shown("app"));

    let lines: String = five(&token)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    tcp.write_all(lines.as_bytes()).await.expect("written");
    let malformed = ["outcome=\"malformed\""];
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 5.0)
        .await;
    assert_eq!(logplex.lines(&channel).await.len(), 5);

    for part in frames([message(&token, "in parts")]).as_bytes().chunks(7) {
        tcp.write_all(part).await.expect("written");
        tcp.flush().await.expect("written");
    }
    let last = shown("app", "in parts");
    assert_eq!(logplex.lines_once(&channel, 6).await[5], last);
    // Without a token, and with one that nobody has.
    let strangers = frames(["<1>1 t h app p - - x", "<1>1 t h t.1 p - - x"]);
    tcp.write_all(strangers.as_bytes()).await.expect("written");
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 6.0)
        .await;
    let unknown = ["outcome=\"unknown_token\""];
    logplex
        .metric_is("logweir_logplex_messages", &unknown, 1.0)
        .await;
}

#[tokio::test]
async fn syslog_doors_of_run_know_tokens() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let mut tcp = within("a connection", TcpStream::connect(&logplex.syslog))
        .await
        .expect("a connection");
    // In lines, as every sender of syslog may write here.
    let lines = format!(
        "{}\n<14>1 2012-12-10T03:00:48Z h plain p - - syslog\n{}\n",
        message(&token, "one"),
        message(&token, "two")
    );
    tcp.write_all(lines.as_bytes()).await.expect("written");
    let expected = [shown("app", "one"), shown("app", "two")];
    assert_eq!(logplex.lines_once(&channel, 2).await, expected);
    // As Docker writes by default.
    let docker = format!("<30>Nov 21 14:00:00 {token}[77]: three\n");
    tcp.write_all(docker.as_bytes()).await.expect("written");
    let lines = logplex.lines_once(&channel, 3).await;
    let three = lines.iter().find(|line| line.contains("three"));
    assert!(
        three
            .expect("the line")
            .ends_with(":00.000000+00:00 app[77]: three")
    );
    assert!(!lines.join("").contains(&token));
    let rfc5424 = ["form=\"rfc5424\""];
    logplex
        .metric_is("logweir_syslog_messages", &rfc5424, 1.0)
        .await;
}

#[tokio::test]
async fn b080_the_input_door_is_healthy() {
    let logplex = Logplex::in_role("").await;
    let answer = request(&logplex.input, "GET", "/healthcheck", &[], b"").await;
    assert_eq!((answer.status, &*answer.body), (200, "OK"));
    let answer = request(&logplex.input, "GET", "/other", &[], b"").await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_taken_once() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let other = logplex.channel(&["app"]).await;
    let body = frames(["<1>1 t h x p - - y"]);
    let uuid = "6BA7B810-9DAD-11D1-80B4-00C04FD430C8";
    let post = async |who: &str, name: &str, id: &str| {
        let more = [(name, id), ("Logplex-Msg-Count", "1")];
        let answer = logplex.post_as(who, &more, body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (204, ""));
    };
    for _ in 0..3 {
        post(&who, "X-Request-Id", uuid).await;
        post(&who, "Logplex-Frame-Id", "09C557EAFCFB6CF2740EE62F62971098").await;
    }
    // Another sender's batch is another one, and what is no id of a batch says nothing.
    post(&basic("token", other.token("app")), "X-Request-Id", uuid).await;
    post(&who, "X-Request-Id", "1").await;
    post(&who, "X-Request-Id", "1").await;
    assert_eq!(logplex.lines_once(&channel, 4).await.len(), 4);
    assert_eq!(logplex.lines_once(&other, 1).await.len(), 1);
    logplex.post(&token, &["<1>1 t h x p - - last"]).await;
    assert_eq!(logplex.lines_once(&channel, 5).await.len(), 5);
    let repeated = ["outcome=\"repeated\""];
    logplex
        .metric_is("logweir_logplex_batches", &repeated, 4.0)
        .await;
}

#[tokio::test]
async fn bodies_without_measure() {
    let logplex = Logplex::in_run("body_bytes = 100_000\n").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let line = frames([message(&token, &"x".repeat(900))]);
    let most = line.repeat(100_000 / line.len());
    let answer = logplex.post_as(&who, &[], most.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");

    let large = line.repeat(200);
    let answer = logplex.post_as(&who, &[], large.as_bytes()).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.body.contains("logplex.body_bytes"), "{answer:?}");
    // A bomb, and what is no gzip.
    let packed = [("Content-Encoding", "gzip")];
    let bomb = gzip(line.repeat(10_000).as_bytes());
    assert!(bomb.len() < 100_000);
    let answer = logplex.post_as(&who, &packed, &bomb).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    let half = gzip(most.as_bytes());
    for body in [&b"no gzip"[..], &half[..half.len() / 2], b""] {
        let answer = logplex.post_as(&who, &packed, body).await;
        assert_eq!((answer.status, &*answer.reason), (400, "Bad request"));
    }
    // Other encodings are taken as they are.
    let other = [("Content-Encoding", "deflate")];
    let answer = logplex.post_as(&who, &other, line.as_bytes()).await;
    assert_eq!(answer.status, 204);
    let count = 100_000 / line.len() + 1;
    assert_eq!(logplex.lines_once(&channel, count).await.len(), count);

    // A body that ends within is no batch; one without end is let go.
    let mut tcp = TcpStream::connect(&logplex.input)
        .await
        .expect("a connection");
    let head = format!(
        "POST /logs HTTP/1.1\r\nHost: h\r\nAuthorization: {who}\r\nContent-Type: {}\r\n",
        TYPE.1
    );
    let cut = format!("{head}Content-Length: 5000\r\n\r\n{line}");
    tcp.write_all(cut.as_bytes()).await.expect("written");
    drop(tcp);
    let mut tcp = TcpStream::connect(&logplex.input)
        .await
        .expect("a connection");
    let (mut reading, mut writing) = tcp.split();
    let endless = async {
        let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        writing.write_all(head.as_bytes()).await.expect("written");
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        while writing.write_all(chunk.as_bytes()).await.is_ok() {}
    };
    let answered = async {
        let mut first = [0; 12];
        let read = tokio::io::AsyncReadExt::read_exact(&mut reading, &mut first).await;
        read.map(|_| first)
    };
    let first = within("an answer or an end", async {
        tokio::select! {
            answer = answered => answer.ok(),
            () = endless => None,
        }
    })
    .await;
    assert!(first.is_none_or(|first| &first == b"HTTP/1.1 413"));
    assert_eq!(logplex.lines(&channel).await.len(), count);
}

#[tokio::test]
async fn a_client_may_wait_for_its_turn_and_use_its_connection_again() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let mut tcp = TcpStream::connect(&logplex.input)
        .await
        .expect("a connection");
    for content in ["one", "two"] {
        let body = frames([message(&token, content)]);
        let head = format!(
            "POST /logs HTTP/1.1\r\nHost: h\r\nAuthorization: {who}\r\nContent-Type: {}\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            TYPE.1,
            body.len()
        );
        tcp.write_all(head.as_bytes()).await.expect("written");
        let mut first = [0; 25];
        let read = tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut first);
        within("leave to go on", read).await.expect("read");
        assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
        tcp.write_all(body.as_bytes()).await.expect("written");
        let answer = within("an answer", read_answer(&mut tcp)).await;
        assert_eq!(answer.status, 204);
    }
    let expected = [shown("app", "one"), shown("app", "two")];
    assert_eq!(logplex.lines_once(&channel, 2).await, expected);
}

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

#[tokio::test]
async fn b091_b092_b094_what_comes_in_is_what_is_shown() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let cases = [
        ("- Logsplat test message 1", "Logsplat test message 1"),
        ("- ", ""),
        ("[a b=\"c\\]\"] escaped", "escaped"),
        ("[a b=\"c\\] \"] and a space", "and a space"),
        ("[a b=\"c\"][d e=\"f\"] two", "two"),
        (
            "[a b=\"c\"][d e=\"\\]\"] two with an escape",
            "two with an escape",
        ),
        ("- \"q\" [b] a=1 => {x}", "\"q\" [b] a=1 => {x}"),
        // Logplex hides it.
        ("no structured data", "no structured data"),
        ("- \u{feff}bom", "\u{feff}bom"),
    ];
    let head = format!("<134>1 2012-12-10T03:00:48Z+00:00 erlang {token} console.1 - ");
    let messages = cases.map(|(rest, _)| format!("{head}{rest}"));
    logplex.post(&token, &messages).await;
    let expected =
        cases.map(|(_, content)| format!("2012-12-10T03:00:48Z+00:00 app[console.1]: {content}"));
    assert_eq!(logplex.lines_once(&channel, cases.len()).await, expected);
}
