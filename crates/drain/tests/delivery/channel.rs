//! Drains of Logplex channels: their bytes, and what their receivers are told of losses.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use logweir_drain::delivery::{DrainState, Settings};
use logweir_route::Cause;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

use crate::{
    receiver::{Act, Receiver},
    rig::{DAY, PATIENCE, Rig, assert_balanced, quick, until},
    tls::acceptor,
};

/// A web server that keeps what it is sent as it is.
struct Raw {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// Answers with these texts in turn, the last one for ever.
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<(String, String)>>>::default();
        let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
        let to = asked.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                let (to, answers) = (to.clone(), answers.clone());
                connections.spawn(async move {
                    let mut buffer = Vec::new();
                    while let Some((head, body)) = request(&mut tcp, &mut buffer).await {
                        let number = {
                            let mut all = to.lock().unwrap();
                            all.push((head, body));
                            all.len() - 1
                        };
                        let answer = &answers[number.min(answers.len() - 1)];
                        if tcp.write_all(answer.as_bytes()).await.is_err()
                            || answer.contains("close")
                        {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }

    fn bodies(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.1).collect()
    }
}

async fn request(
    tcp: &mut tokio::net::TcpStream,
    buffer: &mut Vec<u8>,
) -> Option<(String, String)> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.rsplit_once("Content-Length: ").unwrap().1;
            let length: usize = length.trim().parse().unwrap();
            if rest.len() >= length {
                let found = (head.to_owned(), rest[..length].to_owned());
                buffer.drain(..head.len() + 4 + length);
                return Some(found);
            }
        }
        if tcp.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .next()
        .unwrap()
}

const FRAME: &str = "68 <14>1 1970-01-01T00:00:00.000000+00:00 host app web.0 - line 000000\n";

#[tokio::test]
async fn a_request_is_logplexs() {
    let rig = Rig::new();
    let web = Raw::start(&[TAKEN]).await;
    let url = web.url("/a?b=c").replace("//", "//user:p%40ss@");
    let drain = rig.channel(&url);
    rig.publish_lines(0..1);
    until("the books", || drain.status().written == 1).await;
    let (head, body) = web.asked().remove(0);
    let id = header(&head, "Logplex-Frame-Id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(id, id.to_uppercase());
    let expected = format!(
        "POST /a?b=c HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic dXNlcjpwQHNz\r\n\
         Content-Type: application/logplex-1\r\nLogplex-Msg-Count: 1\r\nLogplex-Frame-Id: {id}\r\n\
         Logplex-Drain-Token: d.7\r\nUser-Agent: Logplex/logweir-{}\r\nLogweir-Hops: 1\r\nContent-Length: {}",
        web.address,
        env!("CARGO_PKG_VERSION"),
        FRAME.len(),
    );
    assert_eq!(head, expected);
    assert_eq!(body, FRAME);
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn strict_requests_end_lines_as_their_senders_did() {
    let rig = Rig::new();
    let web = Raw::start(&[TAKEN]).await;
    let _drain = rig.channel_with(&web.url(""), true);
    rig.publish_lines(0..1);
    until("a request", || !web.bodies().is_empty()).await;
    let expected = FRAME.trim_end().replacen("68", "67", 1);
    assert_eq!(web.bodies(), [expected]);
}

#[tokio::test]
async fn what_was_refused_is_told_with_what_is_taken() {
    let rig = Rig::new();
    let refused = status("404 Not Found");
    let web = Raw::start(&[&refused, TAKEN]).await;
    let drain = rig.channel(&web.url("/"));
    rig.publish_lines(1..6);
    until("the loss", || {
        drain.status().queue.dropped[Cause::Refused.index()] == 5
    })
    .await;
    rig.publish_lines(6..7);
    until("the books", || drain.status().written == 1).await;
    let asked = web.asked();
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].1.contains("L10"), "{}", asked[0].1);
    let (told, rest) = asked[1].1.split_once('\n').unwrap();
    assert!(
        told.contains(
            " host heroku logplex - Error L10 (output buffer overflow): 5 messages dropped since "
        ),
        "{told}"
    );
    let length = told.split(' ').next().unwrap();
    assert_eq!(length.parse(), Ok(told.len() - length.len()));
    assert!(rest.contains("line 000006") && !rest.contains("line 000005"));
    assert_eq!(header(&asked[1].0, "Logplex-Msg-Count"), "2");
    // It is told once.
    rig.publish_lines(7..8);
    until("the books", || drain.status().written == 2).await;
    assert!(!web.bodies()[2].contains("L10"));
    assert_balanced(&drain.status());
    // And the channel itself knows.
    let told = "app: Error L10 (output buffer overflow): drain 'd.7' dropped 5 messages since ";
    until("the notice", || {
        rig.notices().iter().any(|text| text.starts_with(told))
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_tried_again_keeps_its_name() {
    for line in [
        "500 Oops",
        "503 Busy",
        "429 Slow down",
        "302 Found",
        "101 Switching Protocols",
    ] {
        let rig = Rig::new();
        let refused = status(line);
        let web = Raw::start(&[&refused, &refused, TAKEN]).await;
        let drain = rig.channel(&web.url("/"));
        rig.publish_lines(0..3);
        until("the first request", || !web.asked().is_empty()).await;
        rig.publish_lines(3..5);
        until("the books", || drain.status().written == 5).await;
        let asked = web.asked();
        assert!(asked.len() >= 3, "{line}");
        let name = |at: usize| header(&asked[at].0, "Logplex-Frame-Id");
        assert_eq!(name(0), name(1), "{line}");
        assert_eq!(name(0), name(2), "{line}");
        assert_eq!(asked[0].1, asked[2].1, "{line}");
        assert_eq!(drain.status().queue.dropped_total(), 0);
    }
}

#[tokio::test]
async fn answers_of_every_form_are_understood() {
    let rig = Rig::new();
    let web = Raw::start(&[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        TAKEN,
    ])
    .await;
    let drain = rig.channel(&web.url("/"));
    for number in 0..5 {
        rig.publish_lines(number..number + 1);
        until("the books", || drain.status().written == number as u64 + 1).await;
    }
    assert_eq!(web.asked().len(), 5);
}

#[tokio::test]
async fn packets_stay_below_their_size() {
    let rig = Rig::new();
    let web = Raw::start(&[TAKEN]).await;
    let drain = rig.channel(&web.url("/"));
    rig.publish_lines(0..5_000);
    rig.publish(["x".repeat(150_000)]);
    until("the books", || drain.status().written == 5_001).await;
    let bodies = web.bodies();
    let (last, full) = bodies.split_last().unwrap();
    assert!(full.iter().all(|body| body.len() < 102_400));
    assert!(last.len() > 150_000 && last.len() < 150_100 + 102_400);
    let lines: usize = bodies.iter().map(|body| body.lines().count()).sum();
    assert_eq!(lines, 5_001);
    let counts = web.asked();
    let counts = counts.iter().map(|asked| {
        header(&asked.0, "Logplex-Msg-Count")
            .parse::<usize>()
            .unwrap()
    });
    assert_eq!(counts.sum::<usize>(), 5_001);
}

#[tokio::test]
async fn streams_begin_with_what_was_lost() {
    let settings = Settings {
        backoff_min: Duration::from_millis(200),
        backoff_max: Duration::from_millis(200),
        ..quick()
    };
    let rig = Rig::with(settings, 64 << 10);
    // Nobody listens at first.
    let place = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let drain = rig.channel(&format!("syslog://{address}"));
    rig.publish_lines(0..1);
    until("a failure", || drain.status().state == DrainState::Failing).await;
    rig.publish_lines(1..5_000);
    let receiver = Receiver::at(address, &[Act::Read], None).await;
    until("all of it", || {
        let status = drain.status();
        status.written + status.queue.dropped_total() == 5_000 && receiver.count() > 1
    })
    .await;
    let lost = drain.status().queue.dropped_total();
    assert!(lost > 0);
    until("the lines", || receiver.count() as u64 == 5_001 - lost).await;
    let messages = receiver.messages();
    let told = format!(
        " d.7 heroku logplex - - Error L10 (output buffer overflow): {lost} messages dropped since "
    );
    assert!(messages[0].contains(&told), "{}", messages[0]);
    assert!(messages[0].ends_with(".\n"));
    let last = "<14>1 1970-01-01T00:00:00.000000+00:00 d.7 app web.0 - - line 004999\n";
    assert_eq!(messages.last().unwrap(), last);
    assert!(messages[1..].iter().all(|message| !message.contains("L10")));
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn datagrams_are_lines() {
    let rig = Rig::new();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let _drain = rig.channel(&format!("udpsyslog://{address}"));
    rig.publish_lines(3..4);
    let mut space = [0; 1 << 10];
    let read = tokio::time::timeout(PATIENCE, socket.recv(&mut space)).await;
    let text = &space[..read.unwrap().unwrap()];
    let expected = b"<14>1 1970-01-01T00:00:00.000000+00:00 d.7 app web.0 - - line 000003\n";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_and_not_delivered_to() {
    let rig = Rig::echoing();
    let authority = logweir_net::pki::Authority::create("a tenant", DAY).unwrap();
    let tls = acceptor(&authority.issue(&["127.0.0.1"], DAY).unwrap(), None);
    let any = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(any, &[Act::Read], Some(tls)).await;
    let url = format!("syslog+tls://user:pass@{}", receiver.address);
    let drain = rig.channel(&url);
    rig.publish_lines(0..1);
    let shown = format!("uri=\"syslog+tls://xxx:yyy@{}\"\n", receiver.address);
    until("the notice", || {
        let told = "app: Error L14 (certificate validation): error=\"";
        let is = |text: &String| text.starts_with(told) && text.ends_with(&shown);
        rig.notices().iter().any(is)
    })
    .await;
    assert_eq!(receiver.count(), 0);
    drop(drain);
    // The notice came back in the channel's stream, and is nothing that a drain delivers.
    let drain = rig.channel(&format!("{url}#insecure"));
    rig.publish_lines(1..2);
    until("the line", || receiver.count() > 0).await;
    assert!(receiver.messages()[0].contains("line 000001"));
    until("the books", || drain.status().written == 1).await;
    assert!(receiver.messages().iter().all(|text| !text.contains("L14")));
}

#[tokio::test]
async fn nothing_goes_where_this_process_listens() {
    let rig = Rig::new();
    let drain = rig.channel("http://127.0.0.1:1/logs");
    rig.publish_lines(0..1);
    until("the failure", || drain.status().last_error.is_some()).await;
    let (error, _) = drain.status().last_error.unwrap();
    assert_eq!(error, "the receiver 127.0.0.1:1 is this process itself");
    let drain = rig.channel("http://169.254.169.254/");
    rig.publish_lines(0..1);
    until("the failure", || drain.status().last_error.is_some()).await;
    let (error, _) = drain.status().last_error.unwrap();
    assert_eq!(
        error,
        "the address 169.254.169.254 of the receiver is blocked here"
    );
}

#[tokio::test]
async fn old_connections_are_replaced_under_way() {
    let settings = Settings {
        max_age: Duration::from_millis(20),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 30);
    let web = Raw::start(&[TAKEN]).await;
    let drain = rig.channel(&web.url("/"));
    let mut published = 0;
    until("connections", || {
        rig.publish([String::from("more")]);
        drain.status().connections > 2
    })
    .await;
    published += drain.status().queue.offered;
    until("the books", || drain.status().written >= published).await;
    assert_eq!(drain.status().failures, 0);
}

#[tokio::test]
async fn an_unbound_drain_writes_out_what_waits() {
    let rig = Rig::new();
    let receiver = Receiver::start(&[Act::Read]).await;
    let drain = rig.channel(&receiver.url());
    rig.publish_lines(0..10);
    drain.stop();
    until("the lines", || receiver.count() == 10).await;
    until("the end", || drain.status().state == DrainState::Ended).await;
    assert_eq!(receiver.count(), 10);
}
