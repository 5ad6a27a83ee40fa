//! What the data path spends per envelope, beside a full decode:
//! `cargo run --release -p logweir-proto --example peek_cost`.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use logweir_proto::edit::{self, DefaultTags};
use logweir_proto::frames::{frames, push_frame};
use logweir_proto::peek::peek;
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

/// Envelopes in a batch, and how often each figure is taken.
const ENVELOPES: usize = 100;
const ROUNDS: usize = 40;
const BATCHES_A_ROUND: usize = 200;

/// The load of the benchmark: 256 bytes of payload, 8 tags, an instance id.
fn log() -> v2::Envelope {
    let tags = [
        ("app_id", "b3015d69-09cd-476d-aace-ad2d824d5ab7"),
        ("app_name", "shop-frontend"),
        ("deployment", "cf"),
        ("organization_name", "retail"),
        ("process_type", "web"),
        ("source_type", "APP/PROC/WEB"),
        ("space_name", "production"),
        ("origin", "rep"),
    ];
    v2::Envelope {
        timestamp: 1_763_700_000_000_000_000,
        source_id: "b3015d69-09cd-476d-aace-ad2d824d5ab7".into(),
        instance_id: "3".into(),
        tags: tags
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        message: Some(Message::Log(v2::Log {
            payload: vec![b'x'; 256].into(),
            r#type: 0,
        })),
        ..Default::default()
    }
}

fn gauge() -> v2::Envelope {
    let reading = |value| v2::GaugeValue {
        unit: "percentage".into(),
        value,
    };
    let names = ["cpu", "memory", "disk", "memory_quota", "disk_quota"];
    let metrics = names.map(|name| (name.to_owned(), reading(1.5))).into();
    v2::Envelope {
        message: Some(Message::Gauge(v2::Gauge { metrics })),
        ..log()
    }
}

fn counter() -> v2::Envelope {
    let counter = v2::Counter {
        name: "requests".into(),
        delta: 1,
        total: 12345,
    };
    v2::Envelope {
        message: Some(Message::Counter(counter)),
        ..log()
    }
}

fn batch_of(envelope: &v2::Envelope) -> BytesMut {
    let bytes = envelope.encode_to_vec();
    let mut batch = BytesMut::new();
    for _ in 0..ENVELOPES {
        push_frame(&mut batch, &bytes);
    }
    batch
}

/// Prints the fastest round's nanoseconds per envelope: the one least disturbed.
fn time(name: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..BATCHES_A_ROUND {
            work();
        }
        let per_envelope =
            start.elapsed().as_secs_f64() * 1e9 / (BATCHES_A_ROUND * ENVELOPES) as f64;
        best = best.min(per_envelope);
    }
    println!("{name:<44} {best:>8.1} ns");
}

/// Keeps the compiler from leaving out what made `result`.
fn hide<T>(result: T) {
    black_box(result);
}

fn each(batch: &[u8], mut work: impl FnMut(&[u8])) {
    for frame in frames(black_box(batch)).flatten() {
        work(frame.envelope);
    }
}

fn main() {
    for (name, envelope) in [("log", log()), ("counter", counter()), ("gauge", gauge())] {
        let batch = batch_of(&envelope);
        println!("{name}, {} bytes", envelope.encoded_len());
        time("  frames", || each(&batch, |envelope| hide(envelope)));
        time("  frames + peek", || {
            each(&batch, |envelope| hide(peek(envelope)))
        });
        time("  full decode", || {
            hide(v2::EnvelopeBatch::decode(&batch[..]))
        });
    }

    let batch = batch_of(&log());
    let defaults = |names: &[&str]| {
        let tags: BTreeMap<_, _> = names
            .iter()
            .map(|n| ((*n).into(), "value".into()))
            .collect();
        DefaultTags::new(&tags)
    };
    let mut out = BytesMut::with_capacity(1 << 20);
    let missing = defaults(&["job", "index", "ip", "zone"]);
    time("tagging, four tags added", || {
        out.clear();
        each(&batch, |envelope| {
            edit::tag_for_agent(envelope, &missing, None, &mut out)
        });
    });
    let present = defaults(&["job", "index", "ip", "deployment"]);
    time("tagging, three added, one there", || {
        out.clear();
        each(&batch, |envelope| {
            edit::tag_for_agent(envelope, &present, None, &mut out)
        });
    });
    time("to preferred tags, none deprecated", || {
        out.clear();
        each(&batch, |envelope| edit::to_preferred(envelope, &mut out));
    });
    time("to deprecated tags, eight", || {
        out.clear();
        each(&batch, |envelope| edit::to_deprecated(envelope, &mut out));
    });
    let batch = batch_of(&counter());
    time("counter total replaced", || {
        out.clear();
        each(&batch, |envelope| {
            edit::with_counter_total(envelope, 7, &mut out)
        });
    });
}
