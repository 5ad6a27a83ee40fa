use std::{collections::VecDeque, future::poll_fn};

use logweir_proto::{
    frames::push_frame,
    v1::{self, envelope::EventType},
};
use prost::Message;

use super::*;

fn parse(raw: &str) -> Query {
    Query::parse(raw)
}

#[test]
fn the_first_filter_type_counts_if_it_is_one() {
    for raw in [
        "",
        "filter-type=bogus",
        "filter-type",
        "Filter-Type=logs",
        "?",
    ] {
        assert_eq!(parse(raw), Query::default(), "{raw}");
    }
    assert_eq!(parse("filter-type=logs").class, Some(Class::Log));
    assert_eq!(parse("filter-type=metrics").class, Some(Class::Metric));
    assert_eq!(parse("filter-type=bogus&filter-type=logs").class, None);
    assert_eq!(parse("filter%2Dtype=logs").class, Some(Class::Log));
    assert!(parse("filter-type=metrics").own_metrics);
    assert!(parse("filter-type=all").own_metrics);
    assert!(!parse("filter-type=logs").own_metrics);
}

#[test]
fn the_rest_of_the_query() {
    assert_eq!(parse("recent=7&recent=8").recent, Some(7));
    for raw in ["recent=-1", "recent=", "recent=many"] {
        assert_eq!(parse(raw).recent, None, "{raw}");
    }
    let keep = parse("source_id=b&source_id=a&deployment=cf&other=x").keep;
    assert_eq!(keep.sources, ["a".into(), "b".into()].into());
    assert_eq!(keep.deployments, ["cf".into()].into());
}

#[test]
fn readers_of_one_name_share_only_what_they_all_keep() {
    let shard = |raw: &str| parse(raw).keep.shard("nozzle".into());
    assert_eq!(shard("filter-type=logs"), "nozzle");
    assert_eq!(
        shard("source_id=a&source_id=b"),
        shard("source_id=b&source_id=a")
    );
    assert_ne!(shard("source_id=a"), shard("deployment=a"));
    assert_ne!(
        shard("source_id=a&source_id=b"),
        shard("source_id=a%22%20source_id%3D%22b")
    );
}

fn metric(source: &str, deployment: &str) -> v1::Envelope {
    let tag = v1::Tag {
        key: Some("source_id".into()),
        value: Some(source.to_owned().into()),
    };
    v1::Envelope {
        origin: Some("o".into()),
        event_type: Some(EventType::ValueMetric.into()),
        deployment: Some(deployment.to_owned().into()),
        value_metric: Some(v1::ValueMetric {
            name: Some("m".into()),
            value: Some(1.0),
            unit: Some("u".into()),
        }),
        tags: vec![tag],
        ..v1::Envelope::default()
    }
}

fn run(envelopes: &[v1::Envelope]) -> Bytes {
    let mut run = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut run, &envelope.encode_to_vec());
    }
    run.freeze()
}

/// These runs, and then the end or nothing more.
struct Runs(VecDeque<Bytes>, bool);

impl Frames for Runs {
    fn poll_frames(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match (self.0.pop_front(), self.1) {
            (None, false) => Poll::Pending,
            (next, _) => Poll::Ready(next),
        }
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(in_hand)).filter(|left| !left.is_empty())
    }
}

fn of(runs: Vec<Bytes>) -> BoxFrames {
    Box::new(Runs(runs.into(), true))
}

async fn all(mut stream: impl Frames) -> Vec<Bytes> {
    let mut all = Vec::new();
    while let Some(run) = poll_fn(|context| stream.poll_frames(context)).await {
        all.push(run);
    }
    all
}

#[tokio::test]
async fn a_filtered_stream_keeps_its_sources_and_deployments_and_every_notice() {
    let notice = v1::Envelope {
        origin: Some("doppler".into()),
        event_type: Some(EventType::CounterEvent.into()),
        counter_event: Some(v1::CounterEvent {
            name: Some("TruncatingBuffer.DroppedMessages".into()),
            delta: Some(3),
            total: Some(3),
        }),
        tags: vec![v1::Tag {
            key: Some("hop".into()),
            value: Some("router".into()),
        }],
        ..v1::Envelope::default()
    };
    let runs = || {
        vec![
            run(&[metric("a", "cf"), metric("b", "cf"), notice.clone()]),
            run(&[metric("c", "cf")]),
            run(&[metric("a", "other")]),
        ]
    };
    let filtered = async |raw: &str| {
        let keep = parse(raw).keep;
        all(Filtered {
            all: of(runs()),
            keep,
        })
        .await
    };
    assert_eq!(
        filtered("source_id=a").await,
        [
            run(&[metric("a", "cf"), notice.clone()]),
            run(&[metric("a", "other")])
        ]
    );
    assert_eq!(
        filtered("source_id=a&source_id=b&deployment=cf").await,
        [run(&[metric("a", "cf"), metric("b", "cf"), notice.clone()])]
    );
}

#[tokio::test]
async fn merged_streams_take_turns_and_end_together() {
    let runs = |names: &[&str]| {
        let runs = names
            .iter()
            .map(|name| Bytes::copy_from_slice(name.as_bytes()));
        of(runs.collect())
    };
    let merged = Merged::of(runs(&["a1", "a2"]), runs(&["b1", "b2", "b3"]));
    assert_eq!(all(merged).await, ["b1", "a1", "b2", "a2", "b3"]);

    let quiet = Box::new(Runs(VecDeque::new(), false));
    let mut merged = Merged::of(quiet, runs(&["b1"]));
    let mut poll = async || poll_fn(|context| Poll::Ready(merged.poll_frames(context))).await;
    assert_eq!(poll().await, Poll::Ready(Some("b1".into())));
    assert_eq!(poll().await, Poll::Pending);
    // What is in hand is of the stream that it came from.
    assert_eq!(merged.give_up(b"left"), None);
}
