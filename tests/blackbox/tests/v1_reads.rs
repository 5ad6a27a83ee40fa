//! What is remembered, read as V1: recent logs and container metrics, the paths of 2013,
//! and history that goes over into a live stream.

use bytes::Bytes;
use logweir_blackbox::{
    envelopes::batch,
    events::APP,
    multipart::Answer,
    patience::{eventually, within},
    stream::Producer,
    system::System,
    v1::{decoded, text},
    websocket::{WebSocket, opcode},
};
use logweir_proto::{logmessage::LogMessage, v2};
use prost::Message;
use tokio::sync::watch;

/// A log whose text and timestamp follow from its number.
fn numbered(number: u32) -> v2::Envelope {
    let mut log = logweir_blackbox::envelopes::log(APP, format!("line {number}"));
    log.timestamp += i64::from(number);
    log.tags.insert("source_type".into(), "APP".into());
    log
}

async fn recent(system: &System, query: &str) -> Vec<String> {
    let path = format!("/apps/{APP}/recentlogs{query}");
    let answer = Answer::get(system.door("http"), &path, "").await;
    let parts = answer.parts();
    parts.iter().map(|part| text(&decoded(part))).collect()
}

/// Publishes `count` logs and waits until the last is remembered.
async fn remembered(system: &System, count: u32) -> Producer {
    let producer = Producer::open(&system.dial("ingress").await);
    let logs: Vec<_> = (0..count).map(numbered).collect();
    producer.send(&batch(&logs)).await;
    let last = format!("line {}", count - 1);
    eventually("the last line is remembered", async || {
        let lines = recent(system, "?limit=1").await;
        (lines == [last.clone()]).then_some(())
    })
    .await;
    producer
}

fn lines(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn recent_logs_come_as_noaa_reads_them() {
    let system = System::start().await;
    assert_eq!(recent(&system, "").await, [""; 0]);
    let _producer = remembered(&system, 120).await;
    assert_eq!(recent(&system, "").await, lines(20..120), "ascending");
    assert_eq!(recent(&system, "?limit=3").await, lines(117..120));
    assert_eq!(recent(&system, "?limit=0").await, [""; 0]);
    assert_eq!(recent(&system, "?limit=many").await.len(), 100);
    let path = format!("/apps/{APP}/recentlogs");
    let origin = "Origin: https://apps.example\r\n";
    let answer = Answer::get(system.door("http"), &path, origin).await;
    let header = |name| answer.header(name).unwrap_or_default();
    assert!(header("content-type").starts_with("multipart/x-protobuf; boundary="));
    assert_eq!(
        header("access-control-allow-origin"),
        "https://apps.example"
    );
    assert_eq!(header("access-control-allow-credentials"), "true");
}

#[tokio::test]
async fn container_metrics_are_the_newest_of_each_instance() {
    let system = System::start().await;
    let producer = Producer::open(&system.dial("ingress").await);
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).expect("a time");
    let now = i64::try_from(now.as_nanos()).expect("a time");
    let gauge = |instance: &str, cpu: f64, at: i64| {
        let metrics = ["cpu", "memory", "disk", "memory_quota", "disk_quota"];
        let value = |name: &str| v2::GaugeValue {
            unit: if name == "cpu" { "percentage" } else { "bytes" }.into(),
            value: if name == "cpu" { cpu } else { 1024.0 },
        };
        let metrics = metrics.map(|name| (name.to_owned(), value(name))).into();
        v2::Envelope {
            timestamp: at,
            source_id: APP.into(),
            instance_id: instance.into(),
            message: Some(v2::envelope::Message::Gauge(v2::Gauge { metrics })),
            ..v2::Envelope::default()
        }
    };
    let gauges = [
        gauge("2", 20.0, now),
        gauge("0", 1.0, now - 1_000_000),
        gauge("0", 3.0, now),
        gauge("0", 2.0, now - 500_000),
    ];
    producer.send(&batch(&gauges)).await;
    let path = format!("/apps/{APP}/containermetrics");
    let found = eventually("both instances are remembered", async || {
        let answer = Answer::get(system.door("http"), &path, "").await;
        let metrics = answer.parts().iter().map(|part| decoded(part)).collect();
        let metrics: Vec<logweir_proto::v1::Envelope> = metrics;
        (metrics.len() == 2).then_some(metrics)
    })
    .await;
    let found: Vec<_> = found
        .into_iter()
        .map(|envelope| envelope.container_metric.expect("a container metric"))
        .map(|metric| (metric.instance_index, metric.cpu_percentage))
        .collect();
    assert_eq!(found, [(Some(0), Some(3.0)), (Some(2), Some(20.0))]);
}

#[tokio::test]
async fn without_a_memory_a_log_says_so() {
    let system = System::start_with("[router.recent]\nbytes = 0\n").await;
    for path in ["recentlogs", "containermetrics"] {
        let path = format!("/apps/{APP}/{path}");
        let answer = Answer::get(system.door("http"), &path, "").await;
        let parts = answer.parts();
        assert_eq!(parts.len(), 1);
        let said = text(&decoded(&parts[0]));
        assert!(said.contains("router.recent.bytes"), "{said}");
    }
    let path = format!("/recent?app={APP}");
    let answer = Answer::get(system.door("http"), &path, "").await;
    assert!(answer.parts().is_empty());
}

/// Sends numbered logs, some at a time, until it is told to stop.
fn load(producer: Producer, first: u32) -> (watch::Sender<bool>, tokio::task::JoinHandle<u32>) {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut next = first;
        while !*stopped.borrow() {
            let logs: Vec<_> = (next..next + 25).map(numbered).collect();
            producer.send(&batch(&logs)).await;
            next += 25;
            let pause = std::time::Duration::from_millis(2);
            let _ = tokio::time::timeout(pause, stopped.changed()).await;
        }
        next
    });
    (stop, task)
}

#[tokio::test]
async fn history_goes_over_into_live_logs_without_a_gap_or_a_line_twice() {
    let system = System::start().await;
    let producer = remembered(&system, 200).await;
    let (stop, task) = load(producer, 200);
    for round in 0..8 {
        let last = 10 * round;
        let path = format!("/apps/{APP}/stream?recent={last}");
        let socket = WebSocket::open(system.door("http"), &path, "").await;
        let mut socket = socket.expect("a session");
        let mut expected = None;
        for seen in 0..1500 {
            let line = text(&socket.envelope().await);
            let number: u32 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            if let Some(expected) = expected {
                assert_eq!(number, expected, "after {seen} lines of recent={last}");
            }
            expected = Some(number + 1);
        }
    }
    stop.send(true).expect("it runs");
    assert!(task.await.expect("it ends") > 2000);
}

#[tokio::test]
async fn history_is_as_long_as_was_asked() {
    let system = System::start().await;
    let producer = remembered(&system, 150).await;
    let mut published = lines(0..150);
    let asked = [
        ("?recent=5", 5),
        ("?recent=1000", 100),
        ("", 0),
        ("?recent=x", 0),
    ];
    for (query, history) in asked {
        let path = format!("/apps/{APP}/stream{query}");
        let socket = WebSocket::open(system.door("http"), &path, "").await;
        let mut socket = socket.expect("a session");
        let live = u32::try_from(published.len()).expect("a number");
        producer.send(&batch(&[numbered(live)])).await;
        let mut expected = published[published.len() - history..].to_vec();
        published.push(format!("line {live}"));
        expected.extend(published.last().cloned());
        let seen = socket.logs_to(&published[published.len() - 1]).await;
        assert_eq!(seen, expected, "{query}");
    }
}

/// The log messages in a WebSocket of 2013, up to `last` or to the end.
async fn messages(socket: &mut WebSocket, last: &str) -> (Vec<LogMessage>, Option<u16>) {
    let mut all: Vec<LogMessage> = Vec::new();
    loop {
        let Some(frame) = socket.next().await else {
            return (all, None);
        };
        if let Some((code, _)) = frame.closed() {
            return (all, Some(code));
        }
        if frame.opcode == opcode::BINARY {
            all.push(LogMessage::decode(&frame.payload[..]).expect("a log message"));
            if said(&all[all.len() - 1]) == last {
                return (all, None);
            }
        }
    }
}

fn said(message: &LogMessage) -> String {
    let bytes: Bytes = message.message.clone().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn the_paths_of_2013_speak_its_messages() {
    let system = System::start().await;
    let producer = remembered(&system, 130).await;
    let door = system.door("http");

    let tail = format!("/tail/?app={APP}");
    let mut socket = WebSocket::open(door, &tail, "").await.expect("a session");
    // As the clients of the time keep their sessions.
    let kept = socket.send(opcode::TEXT, b"I'm alive!").await;
    kept.expect("sent");
    let live: Vec<_> = (130..140).map(numbered).collect();
    producer.send(&batch(&live)).await;
    let (tailed, _) = messages(&mut socket, "line 139").await;
    let texts: Vec<_> = tailed.iter().map(said).collect();
    assert_eq!(texts, lines(110..140), "20 lines of history, then live");
    let first = &tailed[0];
    assert_eq!(first.timestamp, Some(1_790_000_000_000_000_110));
    assert_eq!(first.app_id.as_deref(), Some(APP.as_bytes()));
    assert_eq!(first.source_name.as_deref(), Some(&b"APP"[..]));
    assert_eq!(first.source_id.as_deref(), Some(&b"0"[..]));

    let dump = format!("/dump/?app={APP}");
    let mut socket = WebSocket::open(door, &dump, "").await.expect("a session");
    let (dumped, code) = within("the dump ends", messages(&mut socket, "")).await;
    let texts: Vec<_> = dumped.iter().map(said).collect();
    assert_eq!((texts, code), (lines(40..140), Some(1000)));

    for path in [dump, format!("/recent?app={APP}")] {
        let parts = Answer::get(door, &path, "").await.parts();
        let decoded = |part: &Vec<u8>| LogMessage::decode(&part[..]).expect("a log message");
        let texts: Vec<_> = parts
            .iter()
            .map(decoded)
            .map(|message| said(&message))
            .collect();
        assert_eq!(texts, lines(40..140), "{path}");
    }
    for path in ["/recent", "/tail/", "/dump/?app="] {
        let answer = Answer::get(door, path, "").await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let plain = path.split('?').next().unwrap_or_default();
        assert_eq!(answer.status(), 404);
        assert_eq!(body, format!("Resource Not Found. {plain}"));
    }
}
