use std::sync::{
    Barrier,
    atomic::{AtomicBool, Ordering},
};

use bytes::{Bytes, BytesMut};
use logweir_proto::v2::{self, envelope::Message as Body};
use prost::Message;

use super::*;
use crate::{Chunk, queue::QueueLimits, selector::What};
use logweir_proto::peek::Kind;

fn limits(envelopes: u64) -> ExchangeLimits {
    ExchangeLimits {
        queue: QueueLimits {
            bytes: 64 << 20,
            envelopes,
            frame: 16 << 20,
        },
        total_bytes: 256 << 20,
    }
}

fn log(source: &str, text: &str) -> v2::Envelope {
    let log = v2::Log {
        payload: text.to_owned().into(),
        ..v2::Log::default()
    };
    v2::Envelope {
        source_id: source.into(),
        message: Some(Body::Log(log)),
        ..Default::default()
    }
}

fn counter(source: &str, name: &str) -> v2::Envelope {
    let counter = v2::Counter {
        name: name.into(),
        delta: 1,
        total: 1,
    };
    let message = Some(Body::Counter(counter));
    v2::Envelope {
        source_id: source.into(),
        message,
        ..Default::default()
    }
}

fn batch(envelopes: &[v2::Envelope]) -> Bytes {
    v2::EnvelopeBatch {
        batch: envelopes.to_vec(),
    }
    .encode_to_vec()
    .into()
}

fn any(source: Option<&str>, kind: Kind) -> Selector {
    Selector {
        source: source.map(Into::into),
        what: What::Any(kind),
    }
}

fn request(selectors: &[Selector]) -> SubscribeRequest {
    SubscribeRequest {
        selectors: selectors.to_vec(),
        ..Default::default()
    }
}

#[test]
fn a_batch_of_10_mib_is_counted_envelope_by_envelope_against_small_bounds() {
    const MANY: usize = 2_100;
    let exchange = Exchange::new(ExchangeLimits {
        queue: QueueLimits {
            bytes: 1 << 20,
            envelopes: 150,
            frame: 1 << 20,
        },
        total_bytes: 256 << 20,
    });
    let all = exchange.subscribe(request(&[any(None, Kind::Log)]));
    let one = exchange.subscribe(request(&[any(Some("app-1"), Kind::Log)]));
    let logs: Vec<_> = (0..MANY)
        .map(|number| log(&format!("app-{}", number % 3), &format!("{number:>5000}")))
        .collect();
    let batch = batch(&logs);
    assert!(batch.len() > 10 << 20);
    exchange.publisher().publish(&batch);
    for (subscription, offered) in [(&all, MANY as u64), (&one, MANY as u64 / 3)] {
        let stats = subscription.stats();
        assert_eq!(stats.offered, offered);
        assert!(stats.balanced() && stats.taken == 0, "{stats:?}");
        assert!(
            stats.queued <= 150 && stats.queued_bytes <= 1 << 20,
            "{stats:?}"
        );
        let lost = subscription.try_take().and_then(|taken| taken.loss);
        assert_eq!(lost.map(|loss| loss.total()), Some(stats.dropped_total()));
    }
    let (all, one) = (all.stats(), one.stats());
    let dropped = all.dropped_total() + one.dropped_total();
    assert_eq!(
        exchange.losses().by_cause()[Cause::QueueFull.index()],
        dropped
    );
    assert_eq!(exchange.stats().ingress.ingress, MANY as u64);
}

#[test]
fn an_envelope_of_10_mib_is_lost_alone_to_a_reader_that_does_not_take_it() {
    let exchange = Exchange::new(ExchangeLimits {
        queue: QueueLimits {
            bytes: 1 << 20,
            envelopes: 150,
            frame: 1 << 20,
        },
        total_bytes: 256 << 20,
    });
    let reader = exchange.subscribe(request(&[any(None, Kind::Log)]));
    let large = "x".repeat(10 << 20);
    exchange.publisher().publish(&batch(&[
        log("a", "before"),
        log("a", &large),
        log("a", "after"),
    ]));
    let stats = reader.stats();
    assert_eq!(stats.dropped[Cause::TooLarge.index()], 1);
    assert!(stats.balanced(), "{stats:?}");
    assert_eq!(drain(&reader).len(), 2);
}

fn drain(subscription: &Subscription) -> Vec<v2::Envelope> {
    let mut all = Vec::new();
    while let Some(taken) = subscription.try_take() {
        if let Some(chunk) = taken.chunk {
            all.extend(v2::EnvelopeBatch::decode(chunk.frames).unwrap().batch);
        }
    }
    all
}

#[test]
fn a_stream_gets_an_envelope_once_however_many_selectors_want_it() {
    let exchange = Exchange::new(limits(1000));
    let overlapping = [
        any(None, Kind::Log),
        any(Some("a"), Kind::Log),
        any(Some("a"), Kind::Counter),
        Selector {
            source: None,
            what: What::Counter("hits".into()),
        },
    ];
    let reader = exchange.subscribe(request(&overlapping));
    let sent = [
        log("a", "1"),
        counter("a", "hits"),
        log("b", "2"),
        counter("b", "hits"),
    ];
    exchange.publisher().publish(&batch(&sent));
    assert_eq!(drain(&reader), sent);
}

#[test]
fn an_envelope_that_nobody_wants_is_counted() {
    let exchange = Exchange::new(limits(1000));
    let reader = exchange.subscribe(request(&[any(Some("a"), Kind::Log)]));
    let sent = [
        log("a", "1"),
        log("b", "2"),
        counter("a", "hits"),
        v2::Envelope::default(),
    ];
    let admitted = exchange.publisher().publish(&batch(&sent));
    assert_eq!(admitted.envelopes, 4);
    assert_eq!(drain(&reader), [log("a", "1")]);
    let stats = exchange.stats();
    assert_eq!(stats.ingress.ingress, 4);
    assert_eq!(stats.ingress.unmatched, 3);
    assert_eq!(stats.queues.taken, 1);
}

#[test]
fn a_bad_envelope_is_lost_alone() {
    let exchange = Exchange::new(limits(1000));
    let reader = exchange.subscribe(request(&[any(None, Kind::Log)]));
    let mut bytes = BytesMut::from(&batch(&[log("a", "before")])[..]);
    bytes.extend_from_slice(&[0x0A, 3, 0x12, 9, b'x']); // a string longer than its envelope
    bytes.extend_from_slice(&[0x0A, 6, 0x12, 2, b'b', 0xFF, 0x22, 0]); // invalid UTF-8
    bytes.extend_from_slice(&batch(&[log("c", "after")]));
    let admitted = exchange.publisher().publish(&bytes.freeze());
    assert_eq!(
        admitted,
        Admitted {
            envelopes: 4,
            malformed: 1,
            sanitized: 1
        }
    );
    let sources: Vec<_> = drain(&reader)
        .into_iter()
        .map(|one| one.source_id)
        .collect();
    assert_eq!(sources, ["a", "b\u{FFFD}", "c"]);
    let stats = exchange.stats();
    assert_eq!((stats.ingress.malformed, stats.ingress.ingress), (1, 4));
    assert_eq!(exchange.losses().by_cause()[Cause::Malformed.index()], 1);
}

#[test]
fn members_of_a_shard_share_and_other_selectors_do_not() {
    let exchange = Exchange::new(limits(100_000));
    let shard = |selectors: &[Selector]| SubscribeRequest {
        shard: "s".into(),
        ..request(selectors)
    };
    let logs = [any(None, Kind::Log)];
    let one = exchange.subscribe(shard(&logs));
    let two = exchange.subscribe(shard(&logs));
    let other = exchange.subscribe(shard(&[any(Some("a"), Kind::Log)]));
    let mut publisher = exchange.publisher();
    for number in 0..100 {
        publisher.publish(&batch(&[log("a", &number.to_string())]));
    }
    let (one, two, other) = (drain(&one).len(), drain(&two).len(), drain(&other).len());
    assert_eq!(one + two, 100);
    assert!(one.abs_diff(two) <= 30, "{one} and {two}");
    assert_eq!(other, 100);
}

/// Two groups of two: what one chooses is not what decides for the other.
#[test]
fn members_that_keep_up_get_their_part_of_each_shard() {
    let exchange = Exchange::new(limits(100_000));
    let shard = |name: &str| SubscribeRequest {
        shard: name.into(),
        ..request(&[any(None, Kind::Log)])
    };
    let members: Vec<_> = ["s", "s", "t", "t"]
        .into_iter()
        .map(|name| exchange.subscribe(shard(name)))
        .collect();
    let mut publisher = exchange.publisher();
    let mut got = [0; 4];
    for number in 0..1_000 {
        publisher.publish(&batch(&[log("a", &number.to_string())]));
        for (member, got) in members.iter().zip(&mut got) {
            *got += drain(member).len();
        }
    }
    assert_eq!((got[0] + got[1], got[2] + got[3]), (1_000, 1_000));
    assert!(got.iter().all(|got| *got >= 400), "{got:?}");
}

#[test]
fn a_publisher_knows_when_a_queue_overflowed_under_it() {
    let exchange = Exchange::new(limits(100));
    let reader = exchange.subscribe(request(&[any(None, Kind::Log)]));
    let mut publisher = exchange.publisher();
    let full = batch(&vec![log("app", "line"); 100]);
    publisher.publish(&full);
    assert!(!publisher.overflowed());
    publisher.publish(&full);
    publisher.publish(&batch(&[log("app", "line")]));
    assert!(publisher.overflowed());
    assert!(!publisher.overflowed(), "said once");
    drain(&reader);
    publisher.publish(&full);
    assert!(!publisher.overflowed());
}

#[test]
fn a_slow_member_of_a_shard_gets_less() {
    let exchange = Exchange::new(limits(100_000));
    let request = SubscribeRequest {
        shard: "s".into(),
        ..request(&[any(None, Kind::Log)])
    };
    let slow = exchange.subscribe(request.clone());
    let fast = exchange.subscribe(request);
    let mut publisher = exchange.publisher();
    let mut taken = 0;
    for _ in 0..100 {
        publisher.publish(&batch(&vec![log("a", "line"); 10]));
        taken += drain(&fast).len();
    }
    let slow = drain(&slow).len();
    assert_eq!(slow + taken, 1000);
    assert!(taken > 900, "the fast member got {taken}");
}

#[test]
fn the_books_balance_while_readers_come_and_go() {
    let exchange = Exchange::new(limits(300));
    let stop = AtomicBool::new(false);
    let start = Barrier::new(4);
    let sent = batch(&vec![log("a", "line"); 50]);
    std::thread::scope(|scope| {
        let publish = || {
            start.wait();
            let mut publisher = exchange.publisher();
            while !stop.load(Ordering::Relaxed) {
                publisher.publish(&sent);
            }
        };
        scope.spawn(publish);
        scope.spawn(publish);
        scope.spawn(|| {
            start.wait();
            for round in 0..1_000 {
                let reader = exchange.subscribe(request(&[any(None, Kind::Log)]));
                // Long enough to be offered something, so that leaving loses some.
                for _ in 0..100 {
                    if reader.load() > 0 {
                        break;
                    }
                    std::thread::yield_now();
                }
                if round % 2 == 0 {
                    reader.try_take();
                }
                let stats = exchange.stats().queues;
                assert!(stats.balanced(), "{stats:?}");
            }
            stop.store(true, Ordering::Relaxed);
        });
        start.wait();
        while !stop.load(Ordering::Relaxed) {
            let stats = exchange.stats().queues;
            assert!(stats.balanced(), "{stats:?}");
        }
    });
    let stats = exchange.stats();
    assert_eq!(stats.subscriptions, 0);
    assert_eq!(stats.queues.queued, 0);
    assert!(stats.queues.balanced());
    assert!(stats.queues.taken > 0 && stats.queues.dropped_total() > 0);
    let lost = exchange.losses();
    assert_eq!(
        lost.by_cause().iter().sum::<u64>(),
        stats.queues.dropped_total()
    );
}

#[test]
fn after_the_end_readers_get_the_rest_and_late_envelopes_are_counted() {
    let exchange = Exchange::new(limits(1000));
    let reader = exchange.subscribe(request(&[any(None, Kind::Log)]));
    let mut publisher = exchange.publisher();
    publisher.publish(&batch(&[log("a", "in time")]));
    exchange.end();
    publisher.publish(&batch(&[log("a", "late")]));
    assert_eq!(drain(&reader), [log("a", "in time")]);
    drop(reader);
    let stats = exchange.stats().queues;
    assert!(stats.balanced());
    assert_eq!(stats.dropped[Cause::Shutdown.index()], 1);
}

#[test]
fn a_run_that_comes_after_its_reader_left_is_counted_by_envelope() {
    let exchange = Exchange::new(limits(1000));
    let reader = exchange.subscribe(SubscribeRequest::default());
    let feeder = reader.feeder();
    drop(reader);
    feeder.push(Chunk {
        frames: batch(&vec![log("a", "late"); 7]),
        envelopes: 7,
        deprecated_tags: false,
    });
    let stats = exchange.stats().queues;
    assert_eq!(stats.dropped[Cause::ReaderGone.index()], 7);
    assert!(stats.balanced(), "{stats:?}");
    assert_eq!(exchange.losses().by_cause()[Cause::ReaderGone.index()], 7);
}

#[test]
fn thousands_of_readers_may_come_and_go_at_once() {
    let exchange = Exchange::new(limits(1000));
    let readers: Vec<_> = (0..10_000)
        .map(|number| {
            let source = format!("app-{number}");
            exchange.subscribe(request(&[any(Some(&source), Kind::Log)]))
        })
        .collect();
    exchange
        .publisher()
        .publish(&batch(&[log("app-7000", "one")]));
    assert_eq!(drain(&readers[7000]).len(), 1);
    drop(readers);
    assert_eq!(exchange.stats().subscriptions, 0);
}
