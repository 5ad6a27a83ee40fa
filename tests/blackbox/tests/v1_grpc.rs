//! The V1 gRPC services (`DopplerIngestor`, `Doppler`): the specs that the originals'
//! own suite checks of a router (V2 spec, §9.5), and what comes that is no V1.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use logweir_blackbox::{
    envelopes::{batch, log, logs_of, payload},
    http::sum,
    patience::{eventually, within},
    stream::{Producer, READER_LIMIT, Reader},
    system::System,
    v1::{V1Reader, data, decoded, prime, subscription, text, v1_counter, v1_log},
};
use logweir_net::{
    dial::H2,
    grpc::{self, Messages},
};
use logweir_proto::{
    plumbing::{self, EnvelopeData, LogFilter, MetricFilter, filter::Message as By},
    service, v1, v2,
};
use prost::Message;
use tonic::{Code, Status};

/// A pusher, and the connection it is on.
async fn pusher(system: &System) -> (Producer, H2) {
    let h2 = system.dial("grpc").await;
    (Producer::open_at(&h2, service::PUSHER), h2)
}

async fn unary<R: Message + Default>(
    h2: &H2,
    path: &str,
    request: impl Message,
) -> Result<R, Status> {
    let body = logweir_net::body::full(grpc::message(&request.encode_to_vec()));
    let request = grpc::request(path, h2.authority(), body);
    let answer = within("an answer", h2.send(request)).await;
    let answer = answer.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut messages = Messages::of_response(answer, READER_LIMIT);
    let first = messages.next().await?;
    while messages.next().await?.is_some() {}
    Ok(R::decode(first.expect("a message")).expect("of its type"))
}

#[tokio::test]
async fn shards_of_one_id_share_and_others_get_all() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut one = V1Reader::open(&h2, &subscription("s", "", None));
    let mut two = V1Reader::open(&h2, &subscription("s", "", None));
    let mut all = V1Reader::open_at(&h2, service::SUBSCRIBE, &subscription("t", "", None));
    prime(&pusher, &mut all, &v1_log("a", "probe")).await;
    prime(&pusher, &mut one, &v1_log("a", "probe")).await;
    prime(&pusher, &mut two, &v1_log("a", "probe")).await;
    let mut texts = Vec::new();
    let mut shared = (0, 0);
    for number in 0..100 {
        pusher
            .send(&data(&v1_log("a", &format!("line {number}"))))
            .await;
        texts.extend(all.take(1).await.iter().map(text));
        // Each line finds both with nothing to read: neither has a better claim.
        while shared.0 + shared.1 <= number {
            tokio::select! {
                got = one.next_but_probes() => shared.0 += got.len(),
                got = two.next_but_probes() => shared.1 += got.len(),
            }
        }
    }
    let expected: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected, "in order, each once");
    assert_eq!(shared.0 + shared.1, 100);
    assert!(shared.0.min(shared.1) >= 25, "{shared:?}");
}

#[tokio::test]
async fn an_app_reader_gets_the_very_bytes() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut reader = V1Reader::open(&h2, &subscription("", "app", None));
    prime(&pusher, &mut reader, &v1_log("app", "probe")).await;
    // Fields in no order, one of them unknown, and a tag that is no UTF-8.
    let mut odd = Vec::from(&b"\x8A\x01\x09\x0A\x03bad\x12\x02\xFF\xFE"[..]);
    odd.extend_from_slice(&v1_log("app", "odd").encode_to_vec());
    odd.extend_from_slice(b"\xA2\x06\x03new");
    let payload = Bytes::from(odd);
    pusher.send(&data(&v1_log("other", "not this"))).await;
    let message = EnvelopeData {
        payload: payload.clone(),
    }
    .encode_to_vec();
    pusher.send(&message).await;
    assert_eq!(reader.next_but_probes().await, [payload]);
}

#[tokio::test]
async fn filters_part_logs_from_metrics() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let by_log = Some(By::Log(LogFilter {}));
    let by_metric = Some(By::Metric(MetricFilter {}));
    let mut logs = V1Reader::open(&h2, &subscription("", "", by_log));
    let mut metrics = V1Reader::open(&h2, &subscription("", "", by_metric));
    let mut platform = V1Reader::open(&h2, &subscription("", "system", None));
    prime(&pusher, &mut logs, &v1_log("a", "probe")).await;
    prime(&pusher, &mut metrics, &v1_counter("probe")).await;
    prime(&pusher, &mut platform, &v1_counter("probe")).await;
    for number in 0..10 {
        pusher.send(&data(&v1_log("a", "line"))).await;
        pusher.send(&data(&v1_counter(&format!("c{number}")))).await;
    }
    let is_log = |one: &v1::Envelope| one.log_message.is_some();
    assert!(logs.take(10).await.iter().all(is_log));
    for mut reader in [metrics, platform] {
        let mut seen = 0;
        while seen < 10 {
            let all = reader.next().await;
            let all: Vec<_> = all.iter().map(|one| decoded(one)).collect();
            assert!(!all.iter().any(is_log));
            let name = |one: &v1::Envelope| one.counter_event.clone().and_then(|own| own.name);
            let counted =
                |one: &&v1::Envelope| name(one).is_some_and(|name| name.starts_with(b"c"));
            seen += all.iter().filter(counted).count();
        }
    }
}

#[tokio::test]
async fn a_v2_log_without_a_source_reaches_v1_once() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut unfiltered = V1Reader::open(&h2, &subscription("s", "", None));
    let by_log = Some(By::Log(LogFilter {}));
    let mut filtered = V1Reader::open(&h2, &subscription("s", "", by_log));
    prime(&pusher, &mut unfiltered, &v1_log("a", "probe")).await;
    prime(&pusher, &mut filtered, &v1_log("a", "probe")).await;
    let sender = Producer::open_at(&h2, service::SENDER);
    sender.send(&log("", "from V2").encode_to_vec()).await;
    sender.send(&log("", "the end").encode_to_vec()).await;
    for reader in [&mut unfiltered, &mut filtered] {
        let texts: Vec<_> = reader.take(2).await.iter().map(text).collect();
        assert_eq!(texts, ["from V2", "the end"]);
    }
}

#[tokio::test]
async fn what_is_pushed_as_v1_reaches_readers_of_v2() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut reader = Reader::open(&h2, &logs_of("app"));
    eventually("the V2 subscription stands", async || {
        pusher.send(&data(&v1_log("app", "probe"))).await;
        let wait = Duration::from_millis(50);
        tokio::time::timeout(wait, reader.next()).await.ok()
    })
    .await
    .expect("the stream lives");
    pusher.send(&data(&v1_counter("hits"))).await;
    pusher.send(&data(&v1_log("app", "last"))).await;
    let all = system.read_to(&mut reader, "last").await;
    assert_eq!(all.len(), 1, "logs alone");
    assert_eq!(all[0].tags["origin"], "tests");
    assert_eq!(all[0].tags["__v1_type"], "LogMessage");
}

#[tokio::test]
async fn what_is_no_v1_envelope_goes_alone_and_is_counted() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut reader = V1Reader::open(&h2, &subscription("", "app", None));
    prime(&pusher, &mut reader, &v1_log("app", "probe")).await;
    let raw = |payload: &'static [u8]| {
        EnvelopeData {
            payload: payload.into(),
        }
        .encode_to_vec()
    };
    pusher.send(&raw(b"\xFF\xFF\xFF")).await;
    pusher.send(&raw(b"\x0A\x03dea")).await; // no event type
    pusher.send(&raw(b"")).await;
    pusher.send(b"\x0A\x7Fnot that long").await;
    pusher.send(&data(&v1_log("app", "still here"))).await;
    let next = reader.next_but_probes().await;
    assert_eq!(text(&decoded(&next[0])), "still here");
    let page = system.metrics().await;
    let malformed = sum(&page, "logweir_dropped", &["cause=\"malformed\""]);
    assert_eq!(format!("{malformed}"), "4", "{page}");
    assert!(pusher.finish().await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_said_in_v1_is_counted_by_source() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut reader = V1Reader::open(&h2, &subscription("", "", None));
    prime(&pusher, &mut reader, &v1_log("app", "probe")).await;
    let event = v2::Envelope {
        source_id: "eventful".into(),
        message: Some(v2::envelope::Message::Event(v2::Event::default())),
        ..v2::Envelope::default()
    };
    let timer = v2::Envelope {
        message: Some(v2::envelope::Message::Timer(v2::Timer::default())),
        ..event.clone()
    };
    let sender = Producer::open(&h2);
    sender
        .send(&batch(&[event, timer, log("app", "after")]))
        .await;
    let next = reader.next_but_probes().await;
    assert_eq!(text(&decoded(&next[0])), "after");
    let page = system.metrics().await;
    let labels = ["cause=\"no_v1_form\"", "source_id=\"eventful\""];
    let lost = sum(&page, "logweir_source_dropped", &labels);
    assert_eq!(format!("{lost}"), "2", "{page}");
}

#[tokio::test]
async fn recent_logs_hold_what_both_generations_sent() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let sender = Producer::open(&h2);
    let lines: Vec<_> = (0..150)
        .map(|number| log("app", format!("v2 {number}")))
        .collect();
    sender.send(&batch(&lines)).await;
    sender.finish().await.expect("all of it is taken");
    pusher.send(&data(&v1_log("app", "v1"))).await;
    pusher.send(&data(&v1_log("other", "elsewhere"))).await;
    pusher.finish().await.expect("all of it is taken");
    let wanted = plumbing::RecentLogsRequest {
        app_id: "app".into(),
    };
    let answer: plumbing::RecentLogsResponse = unary(&h2, service::RECENT_LOGS, wanted)
        .await
        .expect("an answer");
    let texts: Vec<_> = answer
        .payload
        .iter()
        .map(|one| text(&decoded(one)))
        .collect();
    assert_eq!(texts.len(), 100, "a hundred of a source");
    assert_eq!((texts[0].as_str(), texts[99].as_str()), ("v2 51", "v1"));
    let wanted = plumbing::RecentLogsRequest {
        app_id: "nobody".into(),
    };
    let answer: plumbing::RecentLogsResponse = unary(&h2, service::RECENT_LOGS, wanted)
        .await
        .expect("an answer");
    assert!(answer.payload.is_empty());
}

#[tokio::test]
async fn container_metrics_hold_the_latest_of_each_instance() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_nanos()).expect("before 2262");
    let container = |instance: i32, cpu: f64, age: i64| v1::Envelope {
        origin: Some("rep".into()),
        event_type: Some(v1::envelope::EventType::ContainerMetric.into()),
        timestamp: Some(now - age),
        container_metric: Some(v1::ContainerMetric {
            application_id: Some("app".into()),
            instance_index: Some(instance),
            cpu_percentage: Some(cpu),
            memory_bytes: Some(1),
            disk_bytes: Some(2),
            memory_bytes_quota: Some(3),
            disk_bytes_quota: Some(4),
        }),
        ..v1::Envelope::default()
    };
    for one in [
        container(1, 10.0, 3),
        container(0, 20.0, 2),
        container(1, 30.0, 1),
        container(2, 40.0, 600_000_000_000),
    ] {
        pusher.send(&data(&one)).await;
    }
    pusher.finish().await.expect("all of it is taken");
    let wanted = plumbing::ContainerMetricsRequest {
        app_id: "app".into(),
    };
    let answer: plumbing::ContainerMetricsResponse = unary(&h2, service::CONTAINER_METRICS, wanted)
        .await
        .expect("an answer");
    let all: Vec<_> = answer.payload.iter().map(|one| decoded(one)).collect();
    let all = all
        .iter()
        .map(|one| one.container_metric.clone().expect("one"));
    let all: Vec<_> = all
        .map(|own| (own.instance_index, own.cpu_percentage))
        .collect();
    assert_eq!(all, [(Some(0), Some(20.0)), (Some(1), Some(30.0))]);
}

#[tokio::test]
async fn without_a_memory_the_unary_calls_are_unknown_as_they_are_today() {
    let system = System::start_with("[router.recent]\nbytes = 0\n").await;
    let h2 = system.dial("grpc").await;
    for (path, method) in [
        (service::RECENT_LOGS, "RecentLogs"),
        (service::CONTAINER_METRICS, "ContainerMetrics"),
    ] {
        let wanted = plumbing::RecentLogsRequest::default();
        let answer: Result<plumbing::RecentLogsResponse, _> = unary(&h2, path, wanted).await;
        let status = answer.expect_err("unknown");
        assert_eq!(status.code(), Code::Unimplemented);
        let words = format!("unknown method {method} for service plumbing.Doppler");
        assert_eq!(status.message(), words);
    }
    // The door of local producers takes no V1 at all.
    let local = system.dial("ingress").await;
    let pusher = Producer::open_at(&local, service::PUSHER);
    let status = pusher.refused().await;
    assert_eq!(status.message(), "unknown service plumbing.DopplerIngestor");
}

#[tokio::test]
async fn a_slow_firehose_is_told_exactly_what_it_lost() {
    let config = "[router.queue]\nenvelopes = 1000\n";
    let system = System::start_with(config).await;
    let slow_connection = system.dial("grpc").await;
    let mut slow = V1Reader::open(&slow_connection, &subscription("slow", "", None));
    let (pusher, _h2) = pusher(&system).await;
    prime(&pusher, &mut slow, &v1_log("probes", "probe")).await;
    const SENT: u64 = 40_000;
    let line = data(&v1_log("flood", &"x".repeat(500)));
    let mut together = BytesMut::new();
    for _ in 0..100 {
        together.extend_from_slice(&grpc::message(&line));
    }
    let together = together.freeze();
    for _ in 0..SENT / 100 {
        pusher.send_raw(together.clone()).await;
    }
    pusher.finish().await.expect("all of it is taken");
    let (mut got, mut lost, mut total) = (0, 0, 0);
    while got + lost < SENT {
        for envelope in slow.next().await.iter().map(|one| decoded(one)) {
            if let Some(counter) = envelope.counter_event {
                if counter.name.as_deref() != Some(b"TruncatingBuffer.DroppedMessages") {
                    continue; // the process's own
                }
                assert_eq!(envelope.origin.as_deref(), Some(&b"doppler"[..]));
                lost += counter.delta.expect("a delta");
                total = counter.total.expect("a total");
            } else if text(&envelope).starts_with('x') {
                got += 1;
            }
        }
    }
    assert!(lost > 0, "nothing was lost, so nothing was shown");
    assert_eq!(total, lost);
    // Probes and the process's own metrics may be among the lost.
    assert!(got + lost <= SENT + 100, "{got} arrived, {lost} told");
}

#[tokio::test]
async fn frames_of_both_generations_join_in_one_reader_each() {
    let system = System::start().await;
    let (pusher, h2) = pusher(&system).await;
    let mut v1 = V1Reader::open(&h2, &subscription("", "app", None));
    prime(&pusher, &mut v1, &v1_log("app", "probe")).await;
    let (v2_pusher, mut v2) = system.pair("app").await;
    for number in 0..20 {
        let one = batch(&[log("app", format!("v2 {number}"))]);
        v2_pusher.send(&one).await;
        pusher
            .send(&data(&v1_log("app", &format!("v1 {number}"))))
            .await;
    }
    let mut texts: Vec<_> = v1.take(40).await.iter().map(text).collect();
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let all = v2.next().await.expect("the stream lives");
        seen.extend(all.iter().map(payload).filter(|text| text != "probe"));
    }
    texts.sort();
    seen.sort();
    texts.dedup();
    assert_eq!(texts.len(), 40);
    assert_eq!(texts, seen);
}
