//! V1 readers against the plainest matcher there is (V1 spec, §2.6), and the way
//! between the generations.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use logweir_proto::{
    frames::{frames, push_frame},
    peek::Kind,
    v1::{self as wire, envelope::EventType, log_message::MessageType},
    v2::{self, envelope::Message as Body},
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::{Cause, ExchangeLimits, QueueLimits, Selector, SubscribeRequest, selector::What};

/// What the tests need of a conversion: logs and counters. An empty log has no form,
/// and neither has an event.
const TOY: Converter = Converter {
    to_v1: |envelope, each| {
        let envelope = v2::Envelope::decode(envelope).unwrap();
        let source: Bytes = envelope.source_id.into();
        let error = envelope
            .tags
            .get("__v1_type")
            .is_some_and(|of| of == "Error");
        let converted = match envelope.message {
            Some(Body::Log(log)) if error => v1_error(&String::from_utf8_lossy(&log.payload)),
            Some(Body::Log(log)) if !log.payload.is_empty() => v1_log(&source, &log.payload),
            Some(Body::Counter(counter)) => v1_counter(&counter.name),
            _ => return false,
        };
        each(&converted.encode_to_vec());
        true
    },
    to_v2: |payload, out| {
        let envelope = wire::Envelope::decode(payload).unwrap();
        let Some(log) = envelope.log_message else {
            return false;
        };
        let source = log.app_id.unwrap_or_default();
        let source = std::str::from_utf8(&source).unwrap();
        let text = log.message.unwrap_or_default();
        out.extend_from_slice(&v2_log(source, std::str::from_utf8(&text).unwrap()).encode_to_vec());
        true
    },
};

fn exchange() -> Arc<Exchange> {
    let queue = QueueLimits {
        bytes: 1 << 30,
        envelopes: u64::MAX,
        frame: 1 << 30,
    };
    let limits = ExchangeLimits {
        queue,
        total_bytes: 1 << 30,
    };
    Exchange::of_both(limits, TOY)
}

fn v1_envelope(event_type: EventType) -> wire::Envelope {
    wire::Envelope {
        origin: Some("tests".into()),
        event_type: Some(event_type.into()),
        ..wire::Envelope::default()
    }
}

fn v1_log(app: &[u8], text: &[u8]) -> wire::Envelope {
    wire::Envelope {
        log_message: Some(wire::LogMessage {
            message: Some(Bytes::copy_from_slice(text)),
            message_type: Some(MessageType::Out.into()),
            timestamp: Some(1),
            app_id: Some(Bytes::copy_from_slice(app)),
            ..wire::LogMessage::default()
        }),
        ..v1_envelope(EventType::LogMessage)
    }
}

fn v1_counter(name: &str) -> wire::Envelope {
    wire::Envelope {
        counter_event: Some(wire::CounterEvent {
            name: Some(name.to_owned().into()),
            delta: Some(1),
            total: None,
        }),
        ..v1_envelope(EventType::CounterEvent)
    }
}

fn v1_error(message: &str) -> wire::Envelope {
    wire::Envelope {
        error: Some(wire::Error {
            source: Some("s".into()),
            code: Some(1),
            message: Some(message.to_owned().into()),
        }),
        ..v1_envelope(EventType::Error)
    }
}

fn v1_container(app: &str) -> wire::Envelope {
    wire::Envelope {
        container_metric: Some(wire::ContainerMetric {
            application_id: Some(app.to_owned().into()),
            instance_index: Some(0),
            cpu_percentage: Some(1.0),
            memory_bytes: Some(1),
            disk_bytes: Some(1),
            ..wire::ContainerMetric::default()
        }),
        ..v1_envelope(EventType::ContainerMetric)
    }
}

fn v2_log(source: &str, text: &str) -> v2::Envelope {
    v2::Envelope {
        source_id: source.into(),
        message: Some(Body::Log(v2::Log {
            payload: text.to_owned().into(),
            ..v2::Log::default()
        })),
        ..v2::Envelope::default()
    }
}

fn v2_error(text: &str) -> v2::Envelope {
    let mut envelope = v2_log("x", text);
    envelope.tags = [("__v1_type".into(), "Error".into())].into();
    envelope
}

fn v2_counter(source: &str) -> v2::Envelope {
    v2::Envelope {
        source_id: source.into(),
        message: Some(Body::Counter(v2::Counter {
            name: "c".into(),
            delta: 1,
            total: 1,
        })),
        ..v2::Envelope::default()
    }
}

fn framed<M: Message>(envelopes: &[M]) -> Bytes {
    let mut out = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut out, &envelope.encode_to_vec());
    }
    out.freeze()
}

fn taken(reader: &Subscription) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(taken) = reader.try_take() {
        all.extend_from_slice(&taken.chunk.map(|chunk| chunk.frames).unwrap_or_default());
    }
    all
}

fn count(reader: &Subscription) -> usize {
    frames(&taken(reader)).map(Result::unwrap).count()
}

fn request(app: Option<&str>, class: Option<Class>, shard: &str) -> SubscribeV1 {
    SubscribeV1 {
        app: app.map(Into::into),
        class,
        shard: shard.into(),
        frame: None,
    }
}

fn logs(source: Option<&str>) -> SubscribeRequest {
    SubscribeRequest {
        selectors: vec![Selector {
            source: source.map(Into::into),
            what: What::Any(Kind::Log),
        }],
        ..SubscribeRequest::default()
    }
}

#[test]
fn v1_readers_get_the_very_bytes_that_were_pushed() {
    let exchange = exchange();
    let all = exchange.subscribe_v1(SubscribeV1::default());
    let of_app = exchange.subscribe_v1(request(Some("a"), None, ""));
    let mut odd = v1_log(b"a", b"x").encode_to_vec();
    odd.extend_from_slice(b"\xA2\x06\x03new"); // an unknown field, and no order of fields
    let mut batch = BytesMut::new();
    push_frame(&mut batch, &odd);
    let batch = batch.freeze();
    exchange.publisher().publish_v1(&batch);
    assert_eq!(taken(&all), batch);
    assert_eq!(taken(&of_app), batch);
}

#[test]
fn what_is_no_v1_envelope_is_counted_and_goes_alone() {
    let exchange = exchange();
    let reader = exchange.subscribe_v1(SubscribeV1::default());
    let mut batch = BytesMut::new();
    push_frame(&mut batch, b"\xFF\xFF");
    push_frame(&mut batch, b"");
    push_frame(&mut batch, &v1_log(b"a", b"x").encode_to_vec());
    batch.extend_from_slice(b"\x0A\x7F");
    let admitted = exchange.publisher().publish_v1(&batch.freeze());
    assert_eq!((admitted.envelopes, admitted.malformed), (4, 3));
    assert_eq!(taken(&reader), framed(&[v1_log(b"a", b"x")]));
    assert_eq!(exchange.losses().by_cause()[Cause::Malformed.index()], 3);
}

#[test]
fn each_generation_reaches_the_readers_of_the_other() {
    let exchange = exchange();
    let v1 = exchange.subscribe_v1(request(Some("a"), Some(Class::Log), ""));
    let v2 = exchange.subscribe(logs(Some("a")));
    let mut publisher = exchange.publisher();
    publisher.publish(&framed(&[
        v2_log("a", "1"),
        v2_log("b", "2"),
        v2_counter("a"),
    ]));
    publisher.publish_v1(&framed(&[
        v1_log(b"a", b"3"),
        v1_counter("c"),
        v1_log(b"b", b"4"),
    ]));
    assert_eq!(
        taken(&v1),
        framed(&[v1_log(b"a", b"1"), v1_log(b"a", b"3")])
    );
    assert_eq!(taken(&v2), framed(&[v2_log("a", "1"), v2_log("a", "3")]));
    let stats = exchange.stats();
    assert_eq!((stats.ingress.ingress, stats.ingress.unmatched), (6, 4));
    assert!(stats.queues.balanced());
}

#[test]
fn without_readers_of_the_other_generation_nothing_is_converted() {
    let panics = Converter {
        to_v1: |_, _| panic!("converted to V1 for nobody"),
        to_v2: |_, _| panic!("converted to V2 for nobody"),
    };
    let limits = ExchangeLimits {
        queue: QueueLimits {
            bytes: 1 << 20,
            envelopes: 1000,
            frame: 1 << 20,
        },
        total_bytes: 1 << 20,
    };
    let exchange = Exchange::of_both(limits, panics);
    let _v2 = exchange.subscribe(logs(None));
    let mut publisher = exchange.publisher();
    publisher.publish(&framed(&[v2_log("a", "1")]));
    publisher.publish_v1(&framed(&[v1_counter("c")]));
    let _v1 = exchange.subscribe_v1(request(Some("a"), None, ""));
    publisher.publish(&framed(&[v2_log("b", "1"), v2_counter("a")]));
}

#[test]
fn what_has_no_v1_form_is_counted_only_if_a_reader_would_have_got_it() {
    let exchange = exchange();
    let of_app = exchange.subscribe_v1(request(Some("a"), None, ""));
    let mut publisher = exchange.publisher();
    let batch = framed(&[v2_log("a", ""), v2_log("b", "")]);
    publisher.publish(&batch);
    let lost = |exchange: &Exchange| exchange.losses().by_cause()[Cause::NoV1Form.index()];
    assert_eq!(lost(&exchange), 1);
    assert_eq!(exchange.stats().ingress.unmatched, 1);
    let more = [
        exchange.subscribe_v1(request(None, Some(Class::Log), "")),
        exchange.subscribe_v1(SubscribeV1::default()),
    ];
    publisher.publish(&batch);
    assert_eq!(
        lost(&exchange),
        3,
        "once for each envelope, not for each reader"
    );
    assert_eq!(exchange.losses().top(5).0[0].0, "a");
    for reader in more.iter().chain([&of_app]) {
        assert!(
            reader.try_take().is_none(),
            "no overload, so nothing is told"
        );
    }
}

#[test]
fn an_error_that_travels_as_a_v2_log_reaches_readers_of_metrics() {
    let exchange = exchange();
    let readers = [
        (request(None, Some(Class::Metric), ""), 1),
        (request(None, Some(Class::Log), ""), 0),
        (request(Some("system"), None, ""), 1),
        (request(Some("x"), None, ""), 0),
    ];
    for (wanted, expected) in readers {
        let reader = exchange.subscribe_v1(wanted.clone());
        exchange.publisher().publish(&framed(&[v2_error("boom")]));
        assert_eq!(count(&reader), expected, "{wanted:?}");
    }
}

#[test]
fn the_members_of_a_shard_share_and_each_filter_is_a_group_of_its_own() {
    let exchange = exchange();
    let one = exchange.subscribe_v1(request(None, None, "s"));
    let other = exchange.subscribe_v1(request(None, None, "s"));
    let filtered = exchange.subscribe_v1(request(None, Some(Class::Log), "s"));
    let elsewhere = exchange.subscribe_v1(request(None, None, "t"));
    let mut publisher = exchange.publisher();
    for _ in 0..50 {
        publisher.publish_v1(&framed(&[v1_log(b"a", b"x")]));
        publisher.publish(&framed(&[v2_log("a", "y")]));
    }
    let (one, other) = (count(&one), count(&other));
    assert_eq!(one + other, 100);
    assert!(one.abs_diff(other) <= 30, "{one} and {other}");
    assert_eq!((count(&filtered), count(&elsewhere)), (100, 100));
}

#[test]
fn a_member_that_leaves_hands_its_queue_over() {
    let exchange = exchange();
    let stays = exchange.subscribe_v1(request(None, None, "s"));
    let leaves = exchange.subscribe_v1(request(None, None, "s"));
    let mut publisher = exchange.publisher();
    for number in 0..40 {
        let text = format!("line {number}");
        publisher.publish_v1(&framed(&[v1_log(b"a", text.as_bytes())]));
    }
    assert!(leaves.stats().queued > 0);
    drop(leaves);
    let stats = exchange.stats();
    assert!(stats.queues.balanced(), "{stats:?}");
    assert_eq!((stats.queues.offered, stats.queues.queued), (40, 40));
    assert_eq!(count(&stays), 40);
    drop(stays);
    assert_eq!(exchange.stats().queues.dropped_total(), 0);
}

#[test]
fn the_last_member_of_a_shard_takes_its_queue_with_it() {
    let exchange = exchange();
    let reader = exchange.subscribe_v1(request(None, None, "s"));
    exchange
        .publisher()
        .publish_v1(&framed(&[v1_log(b"a", b"x")]));
    drop(reader);
    let stats = exchange.stats();
    assert_eq!(stats.queues.dropped[Cause::ReaderGone.index()], 1);
    assert!(stats.queues.balanced());
    assert_eq!(exchange.losses().top(1).0[0].0, "a", "counted for its app");
}

#[test]
fn a_tap_gets_both_generations_and_is_in_no_books() {
    let exchange = exchange();
    let all = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&all);
    let tap = exchange.tap(&[Kind::Log], move |seen| {
        let mut shown = shown.lock().unwrap();
        for one in seen {
            shown.push((one.source_id.to_owned(), one.kind, one.envelope.to_vec()));
        }
    });
    let mut publisher = exchange.publisher();
    publisher.publish(&framed(&[v2_log("a", "1"), v2_counter("a")]));
    publisher.publish_v1(&framed(&[v1_log(b"a", b"2")]));
    let expected = ["1", "2"].map(|text| {
        let envelope = v2_log("a", text).encode_to_vec();
        ("a".to_owned(), Some(Kind::Log), envelope)
    });
    assert_eq!(*all.lock().unwrap(), expected);
    let stats = exchange.stats();
    assert_eq!((stats.ingress.unmatched, stats.queues.offered), (3, 0));
    assert_eq!(stats.subscriptions, 0);
    drop(tap);
    publisher.publish_v1(&framed(&[v1_log(b"a", b"3")]));
    assert_eq!(all.lock().unwrap().len(), 2, "it has ended");
}

#[test]
fn a_fed_queue_takes_v1_frames_and_checks_them() {
    let exchange = exchange();
    let reader = exchange.subscribe_v1_fed(None);
    exchange
        .publisher()
        .publish_v1(&framed(&[v1_log(b"a", b"not for it")]));
    let mut batch = BytesMut::from(&framed(&[v1_log(b"a", b"x")])[..]);
    push_frame(&mut batch, b"\xFF");
    let admitted = reader.feeder().feed(batch.freeze());
    assert_eq!((admitted.envelopes, admitted.malformed), (2, 1));
    assert_eq!(taken(&reader), framed(&[v1_log(b"a", b"x")]));
}

const APPS: [&str; 3] = ["", "a", "system"];

fn v1_any() -> impl Strategy<Value = wire::Envelope> {
    prop_oneof![
        (0..APPS.len()).prop_map(|at| v1_log(APPS[at].as_bytes(), b"x")),
        (0..APPS.len()).prop_map(|at| v1_container(APPS[at])),
        Just(v1_counter("c")),
        Just(v1_error("e")),
    ]
}

fn any_request() -> impl Strategy<Value = SubscribeV1> {
    let classes = prop::sample::select(vec![None, Some(Class::Log), Some(Class::Metric)]);
    let apps = prop::sample::select(vec![None, Some("a"), Some("b"), Some("system")]);
    (apps, classes, 0..3_usize)
        .prop_map(|(app, class, shard)| request(app, class, ["", "s", "t"][shard]))
}

/// The rules of the spec on decoded envelopes.
fn wants(request: &SubscribeV1, envelope: &wire::Envelope) -> bool {
    let (class, app) = match (&envelope.log_message, &envelope.container_metric) {
        (Some(log), _) => (Class::Log, log.app_id.clone().unwrap_or_default()),
        (_, Some(metric)) => (
            Class::Metric,
            metric.application_id.clone().unwrap_or_default(),
        ),
        _ => (Class::Metric, "system".into()),
    };
    request.class.is_none_or(|own| own == class)
        && request
            .app
            .as_deref()
            .is_none_or(|own| app == own.as_bytes())
}

proptest! {
    #[test]
    fn readers_get_what_the_plainest_matcher_gives_them(
        requests in prop::collection::vec(any_request(), 0..6),
        envelopes in prop::collection::vec(v1_any(), 0..12),
    ) {
        let exchange = exchange();
        let readers: Vec<_> = requests
            .iter()
            .map(|request| exchange.subscribe_v1(request.clone()))
            .collect();
        exchange.publisher().publish_v1(&framed(&envelopes));
        let counts: Vec<usize> = readers.iter().map(count).collect();
        let unmatched = envelopes
            .iter()
            .filter(|envelope| !requests.iter().any(|request| wants(request, envelope)));
        prop_assert_eq!(exchange.stats().ingress.unmatched, unmatched.count() as u64);
        for request in &requests {
            let wanted = envelopes.iter().filter(|envelope| wants(request, envelope)).count();
            let same = |other: &SubscribeV1| {
                (&other.app, other.class, &other.shard) == (&request.app, request.class, &request.shard)
            };
            let group = requests.iter().zip(&counts).filter(|(other, _)| same(other));
            let sum: usize = group.map(|(_, count)| count).sum();
            if request.shard.is_empty() {
                let alike = requests.iter().filter(|other| same(other)).count();
                prop_assert_eq!(sum, wanted * alike);
            } else {
                prop_assert_eq!(sum, wanted);
            }
        }
        prop_assert!(exchange.stats().queues.balanced());
    }
}
