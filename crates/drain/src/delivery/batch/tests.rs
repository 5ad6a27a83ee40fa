use logweir_proto::v2::{self, envelope::Message as Body};
use logweir_wire::syslog::Style;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::{
    filter::{Filter, SourceTypes},
    url::DrainData,
};

fn form(framing: Framing, exclude: &str) -> Form {
    Form {
        shape: Shape::Syslog {
            style: Style {
                hostname: String::new(),
                metadata: false,
            },
            framing,
        },
        filter: Filter::new(
            DrainData::All,
            SourceTypes::parse("", exclude).expect("types"),
        ),
        names: None,
        drain: "d1".to_owned(),
    }
}

/// A log of this source type.
fn log(source_type: &str) -> v2::Envelope {
    let log = v2::Log {
        payload: "x".into(),
        ..v2::Log::default()
    };
    v2::Envelope {
        tags: [("source_type".to_owned(), source_type.to_owned())].into(),
        message: Some(Body::Log(log)),
        ..v2::Envelope::default()
    }
}

/// A gauge that makes so many messages.
fn gauge(metrics: usize) -> v2::Envelope {
    let metrics = (0..metrics).map(|one| (one.to_string(), v2::GaugeValue::default()));
    let metrics = metrics.collect();
    v2::Envelope {
        message: Some(Body::Gauge(v2::Gauge { metrics })),
        ..v2::Envelope::default()
    }
}

fn chunk(envelopes: Vec<v2::Envelope>) -> Chunk {
    Chunk {
        envelopes: u32::try_from(envelopes.len()).expect("few"),
        frames: v2::EnvelopeBatch { batch: envelopes }
            .encode_to_vec()
            .into(),
        deprecated_tags: false,
    }
}

fn of(envelopes: Vec<v2::Envelope>, form: &Form) -> Batch {
    let mut batch = Batch::default();
    batch.add(chunk(envelopes), form, Instant::now());
    batch
}

#[tokio::test]
async fn a_message_that_left_in_part_is_not_through() {
    let form = form(Framing::OctetCounted, "");
    let mut batch = of(vec![log("APP"), log("APP"), log("APP")], &form);
    let whole = batch.unsent().to_vec();
    let one = whole.len() / 3;
    let through = batch.sent_bytes(2 * one - 1);
    assert_eq!(
        (through.envelopes, through.messages, through.bytes),
        (1, 1, one)
    );
    assert_eq!(batch.unsent(), &whole[one..]);
    assert_eq!((batch.in_hand(), batch.left()), (2, 2));
    assert_eq!(batch.sent_bytes(2 * one).envelopes, 2);
    assert!(batch.is_empty());
    assert_eq!(batch.take_finished(), 1);
}

#[tokio::test]
async fn a_gauge_is_through_with_its_last_message_and_lost_once() {
    let form = form(Framing::Bare, "");
    let mut batch = of(vec![log("APP"), gauge(3), log("APP")], &form);
    assert_eq!(batch.sent(3).envelopes, 1);
    assert_eq!(batch.in_hand(), 2);
    assert_eq!(batch.lose(0, 1).len(), 1);
    assert_eq!(batch.lose(1, 1).len(), 1);
    assert_eq!(batch.lose(0, 2).len(), 0, "counted already");
    let through = batch.sent(2);
    assert_eq!(
        (through.envelopes, through.messages, through.bytes),
        (2, 0, 0)
    );
    assert!(batch.is_empty());
}

#[tokio::test]
async fn messages_that_are_taken_early_do_not_go_again() {
    let form = form(Framing::Bare, "");
    let mut batch = of(vec![log("APP"); 5], &form);
    assert_eq!(batch.taken(2).messages, 0);
    assert_eq!(batch.taken(1).messages, 0);
    assert!(batch.is_taken(1) && batch.is_taken(2) && !batch.is_taken(0));
    assert_eq!(batch.taken(0).messages, 3);
    assert!(!batch.is_taken(0) && batch.left() == 2);
}

#[tokio::test]
async fn what_is_lost_is_lost_in_any_order_and_nothing_that_is_taken() {
    let form = form(Framing::Bare, "");
    let mut batch = of(vec![log("APP"), log("RTR"), gauge(2), log("APP")], &form);
    batch.take(1);
    assert_eq!(batch.left(), 5, "none is through");
    assert_eq!(batch.lose(3, 1).len(), 1, "half of the gauge");
    assert_eq!(batch.lose(0, 1).len(), 1);
    assert_eq!(batch.lose(0, 5).len(), 1, "the last one");
    assert_eq!(batch.sent(5).messages, 1);
}

#[tokio::test]
async fn what_makes_no_message_is_through_at_once() {
    let form = form(Framing::Bare, "rtr");
    let mut batch = Batch::default();
    let added = batch.add(chunk(vec![log("RTR"), gauge(0)]), &form, Instant::now());
    let through = added.through;
    assert_eq!(
        (through.envelopes, through.filtered, through.messages),
        (2, 1, 0)
    );
    assert!(batch.is_empty() && batch.since().is_none());
}

proptest! {
    /// However a batch is filled and emptied, each envelope is through or lost once, and the
    /// bytes are those of all messages in order.
    #[test]
    fn the_books_balance(
        chunks in prop::collection::vec(prop::collection::vec(0_usize..5, 1..6), 1..6),
        steps in prop::collection::vec((0_usize..4, any::<bool>()), 1..60),
    ) {
        let form = form(Framing::Bare, "rtr");
        let mut batch = Batch::default();
        let (mut bytes, mut expected) = (Vec::new(), Vec::<u8>::new());
        let (mut envelopes, mut lost, mut filtered, mut finished) = (0, 0, 0, 0);
        let mut all = 0;
        let mut waiting = chunks.iter();
        let mut steps = steps.into_iter().chain(std::iter::repeat((2, false)));
        loop {
            let (count, lose) = steps.next().expect("endless");
            if (count % 2 == 0 || batch.is_empty())
                && let Some(kinds) = waiting.next()
            {
                let made = kinds.iter().map(|kind| match kind {
                    0 => log("RTR"),
                    1 => log("APP"),
                    more => gauge(more - 2),
                });
                let chunk = chunk(made.collect());
                all += chunk.envelopes;
                let mut alone = Batch::default();
                alone.add(chunk.clone(), &form, Instant::now());
                expected.extend(alone.unsent());
                let through = batch.add(chunk, &form, Instant::now()).through;
                envelopes += through.envelopes;
                filtered += through.filtered;
            } else if batch.is_empty() {
                break;
            }
            let count = count.min(batch.left());
            bytes.extend(batch.body(0, count));
            if lose {
                lost += batch.lose(0, count).len();
            }
            let through = batch.sent(count);
            envelopes += through.envelopes;
            filtered += through.filtered;
            finished += batch.take_finished();
            prop_assert_eq!(envelopes + batch.in_hand(), all);
        }
        prop_assert_eq!(finished, chunks.len());
        prop_assert_eq!(bytes, expected);
        let dropped = chunks.iter().flatten().filter(|kind| **kind == 0).count();
        prop_assert_eq!(filtered as usize, dropped);
        prop_assert!(lost <= all as usize - dropped);
    }
}
