//! Kinds of requests, and bounds of them.

use logweir_blackbox::{
    logplex::{Logplex, basic, frames, read_answer, request},
    patience::within,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{TYPE, five, gzip, message, one_channel, shown};

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
