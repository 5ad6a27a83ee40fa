//! The exchange against the plainest matcher there is.

use std::collections::BTreeMap;

use bytes::Bytes;
use logweir_proto::{frames::frames, v2};
use proptest::prelude::*;
use prost::Message;

use crate::{
    Exchange, ExchangeLimits, Generation, QueueLimits, Selector, SubscribeRequest, Subscription,
    admit::admit, selector::What,
};
use logweir_proto::peek::Kind;

const SOURCES: [&str; 3] = ["", "a", "b"];
const NAMES: [&str; 3] = ["", "x", "y"];

fn exchange() -> std::sync::Arc<Exchange> {
    let queue = QueueLimits {
        bytes: 1 << 30,
        envelopes: u64::MAX,
        frame: 1 << 30,
    };
    Exchange::new(ExchangeLimits {
        queue,
        total_bytes: 1 << 30,
    })
}

fn what() -> impl Strategy<Value = What> {
    let name = (0..NAMES.len()).prop_map(|at| NAMES[at].into());
    let names = prop::collection::vec((0..NAMES.len()).prop_map(|at| NAMES[at].into()), 1..3);
    let kinds = [
        Kind::Log,
        Kind::Counter,
        Kind::Gauge,
        Kind::Timer,
        Kind::Event,
    ];
    prop_oneof![
        3 => prop::sample::select(kinds.to_vec()).prop_map(What::Any),
        1 => name.prop_map(What::Counter),
        1 => names.prop_map(|mut names: Vec<Box<str>>| {
            names.sort_unstable();
            What::Gauge(names)
        }),
    ]
}

fn selector() -> impl Strategy<Value = Selector> {
    (0..SOURCES.len(), what()).prop_map(|(source, what)| Selector {
        source: (!SOURCES[source].is_empty()).then(|| SOURCES[source].into()),
        what,
    })
}

fn request() -> impl Strategy<Value = SubscribeRequest> {
    let selectors = prop::collection::vec(selector(), 0..4);
    (selectors, 0..3_usize, 0..3_usize).prop_map(|(selectors, shard, name)| SubscribeRequest {
        selectors,
        shard: ["", "s", "t"][shard].into(),
        deterministic_name: ["", "n", "m"][name].into(),
        frame: None,
    })
}

fn envelope() -> impl Strategy<Value = v2::Envelope> {
    use v2::envelope::Message as Body;
    let name = |at: usize| NAMES[at].to_owned();
    let message = prop_oneof![
        Just(None),
        Just(Some(Body::Log(v2::Log::default()))),
        Just(Some(Body::Timer(v2::Timer::default()))),
        Just(Some(Body::Event(v2::Event::default()))),
        (0..NAMES.len()).prop_map(move |at| {
            let counter = v2::Counter {
                name: name(at),
                delta: 1,
                total: 0,
            };
            Some(Body::Counter(counter))
        }),
        prop::collection::btree_set(0..NAMES.len(), 0..3).prop_map(move |names| {
            let metrics = names
                .into_iter()
                .map(|at| (name(at), v2::GaugeValue::default()));
            Some(Body::Gauge(v2::Gauge {
                metrics: metrics.collect(),
            }))
        }),
    ];
    (0..SOURCES.len(), message).prop_map(|(source, message)| v2::Envelope {
        source_id: SOURCES[source].into(),
        message,
        ..v2::Envelope::default()
    })
}

/// The rules of the spec's §2.1, on decoded envelopes.
fn wants(selector: &Selector, envelope: &v2::Envelope) -> bool {
    use v2::envelope::Message as Body;
    if selector
        .source
        .as_deref()
        .is_some_and(|source| source != envelope.source_id)
    {
        return false;
    }
    match (&selector.what, &envelope.message) {
        (What::Any(Kind::Log), Some(Body::Log(_)))
        | (What::Any(Kind::Counter), Some(Body::Counter(_)))
        | (What::Any(Kind::Gauge), Some(Body::Gauge(_)))
        | (What::Any(Kind::Timer), Some(Body::Timer(_)))
        | (What::Any(Kind::Event), Some(Body::Event(_))) => true,
        (What::Counter(name), Some(Body::Counter(counter))) => **name == *counter.name,
        (What::Gauge(names), Some(Body::Gauge(gauge))) => {
            let own: Vec<&str> = gauge.metrics.keys().map(String::as_str).collect();
            let asked: Vec<&str> = names.iter().map(|name| &**name).collect();
            own == asked || (own.is_empty() && asked == [""])
        }
        _ => false,
    }
}

/// Timestamps of what is queued: the envelopes' numbers.
fn drain(subscription: &Subscription) -> Vec<i64> {
    let mut all = Vec::new();
    while let Some(taken) = subscription.try_take() {
        let batch = v2::EnvelopeBatch::decode(taken.chunk.unwrap().frames).unwrap();
        all.extend(batch.batch.iter().map(|one| one.timestamp));
    }
    all
}

#[derive(Clone, Debug)]
enum Step {
    Come(SubscribeRequest),
    Leave(usize),
    Publish(Vec<v2::Envelope>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => request().prop_map(Step::Come),
        2 => (0..20_usize).prop_map(Step::Leave),
        4 => prop::collection::vec(envelope(), 1..12).prop_map(Step::Publish),
    ]
}

proptest! {
    /// Readers without a shard get exactly what they want, once and in order. Of each
    /// shard group, of those who share a selector, at least one member gets it, and
    /// nobody gets what no selector of his wants.
    #[test]
    fn everybody_gets_what_a_naive_matcher_says(steps in prop::collection::vec(step(), 1..30)) {
        let exchange = exchange();
        let mut publisher = exchange.publisher();
        let mut readers: Vec<(SubscribeRequest, Subscription)> = Vec::new();
        for step in steps {
            match step {
                Step::Come(request) => {
                    let subscription = exchange.subscribe(request.clone());
                    readers.push((request, subscription));
                }
                Step::Leave(at) if at < readers.len() => drop(readers.swap_remove(at)),
                Step::Leave(_) => {}
                Step::Publish(mut batch) => {
                    for (number, envelope) in (0..).zip(&mut batch) {
                        envelope.timestamp = number;
                    }
                    let bytes = v2::EnvelopeBatch { batch: batch.clone() }.encode_to_vec();
                    publisher.publish(&bytes.into());
                    check(&readers, &batch)?;
                }
            }
            prop_assert_eq!(exchange.stats().subscriptions, readers.len());
        }
    }

    /// What is admitted decodes, to the same envelopes; what does not decode is
    /// counted and goes alone.
    #[test]
    fn what_is_admitted_decodes_to_the_same(
        envelopes in prop::collection::vec(envelope(), 0..8),
        bad in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..12)), 0..4),
    ) {
        let mut pieces: Vec<Vec<u8>> = envelopes.iter().map(Message::encode_to_vec).collect();
        for (at, bytes) in bad {
            pieces.insert(at.index(pieces.len() + 1), bytes);
        }
        let mut batch = bytes::BytesMut::new();
        for piece in &pieces {
            logweir_proto::frames::push_frame(&mut batch, piece);
        }
        let batch = batch.freeze();
        let mut spans = Vec::new();
        let (clean, admitted) = admit(Generation::V2, batch.clone(), &mut spans);
        prop_assert_eq!(admitted.envelopes, pieces.len() as u64);
        prop_assert_eq!(spans.len() as u64, admitted.envelopes - admitted.malformed);
        let decoded = v2::EnvelopeBatch::decode(clean.clone()).unwrap().batch;
        prop_assert_eq!(decoded.len(), spans.len());
        for (frame, span) in frames(&clean).zip(&spans) {
            prop_assert_eq!(frame.unwrap().start, span.start as usize);
        }
        // Whatever a decoder takes was kept as it is, in order.
        let kept: Vec<_> = pieces.iter().filter_map(|piece| v2::Envelope::decode(&piece[..]).ok()).collect();
        if admitted.sanitized == 0 {
            prop_assert!(kept.len() >= decoded.len());
            let mut rest = kept.iter();
            prop_assert!(decoded.iter().all(|one| rest.any(|own| own == one)));
        }
        if admitted.malformed + admitted.sanitized == 0 {
            prop_assert_eq!(clean, batch);
        }
    }
}

fn check(
    readers: &[(SubscribeRequest, Subscription)],
    batch: &[v2::Envelope],
) -> Result<(), TestCaseError> {
    let got: Vec<Vec<i64>> = readers.iter().map(|(_, own)| drain(own)).collect();
    // Per (selector, shard): who got which envelope.
    let mut groups: BTreeMap<(String, &str), Vec<usize>> = BTreeMap::new();
    for (at, ((request, _), got)) in readers.iter().zip(&got).enumerate() {
        let wanted: Vec<i64> = batch
            .iter()
            .filter(|one| request.selectors.iter().any(|own| wants(own, one)))
            .map(|one| one.timestamp)
            .collect();
        if request.shard.is_empty() {
            prop_assert_eq!(got, &wanted, "reader {} of {:?}", at, request);
            continue;
        }
        prop_assert!(
            got.windows(2).all(|pair| pair[0] < pair[1]),
            "twice, or out of order"
        );
        prop_assert!(got.iter().all(|number| wanted.contains(number)));
        for selector in &request.selectors {
            let key = (format!("{selector:?}"), &*request.shard);
            let group = groups.entry(key).or_default();
            if !group.contains(&at) {
                group.push(at);
            }
        }
    }
    for ((_, shard), members) in &groups {
        for envelope in batch {
            // Members with one selector each get an envelope from this group alone.
            let sole = |at: &usize| readers[*at].0.selectors.len() == 1;
            if !members.iter().all(sole) {
                continue;
            }
            let selector = &readers[members[0]].0.selectors[0];
            let holders = members
                .iter()
                .filter(|at| got[**at].contains(&envelope.timestamp))
                .count();
            prop_assert_eq!(
                holders,
                usize::from(wants(selector, envelope)),
                "shard {}",
                shard
            );
        }
    }
    Ok(())
}

#[test]
fn a_slot_that_is_used_again_carries_nothing_over() {
    let exchange = exchange();
    let log = |source: &str| Selector {
        source: Some(source.into()),
        what: What::Any(Kind::Log),
    };
    let request = |source: &str, shard: &str| SubscribeRequest {
        selectors: vec![log(source)],
        shard: shard.into(),
        ..SubscribeRequest::default()
    };
    for shard in ["", "s"] {
        let first = exchange.subscribe(request("a", shard));
        let stays = exchange.subscribe(request("a", shard));
        drop(first);
        let second = exchange.subscribe(request("b", shard));
        let envelope = v2::Envelope {
            source_id: "a".into(),
            message: Some(v2::envelope::Message::Log(v2::Log::default())),
            ..v2::Envelope::default()
        };
        let batch: Bytes = v2::EnvelopeBatch {
            batch: vec![envelope],
        }
        .encode_to_vec()
        .into();
        exchange.publisher().publish(&batch);
        assert_eq!((drain(&stays).len(), drain(&second).len()), (1, 0));
    }
}
