//! What a drain and the syslog door spend per message:
//! `cargo run --release -p logweir-wire --example syslog_cost`.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::syslog::parse::{Arrival, envelope};
use logweir_wire::syslog::{Style, messages};
use prost::Message as _;

/// How often each figure is taken, of how many messages.
const ROUNDS: usize = 40;
const MESSAGES: usize = 20_000;

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
        timestamp: 1_763_700_000_123_456_789,
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
    let metrics = ["cpu", "memory", "disk", "memory_quota", "disk_quota"].map(|name| {
        let unit = "percentage".into();
        (name.to_owned(), v2::GaugeValue { unit, value: 1.5 })
    });
    v2::Envelope {
        message: Some(Message::Gauge(v2::Gauge {
            metrics: metrics.into(),
        })),
        ..log()
    }
}

/// Prints the fastest round's nanoseconds per call: the one least disturbed.
fn time(name: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..MESSAGES {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / MESSAGES as f64);
    }
    println!("{name:<44} {best:>8.1} ns");
}

fn main() {
    let mut style = Style {
        hostname: "host".into(),
        metadata: true,
    };
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    for (name, envelope) in [
        ("a log with 8 tags", log()),
        ("five metrics of a gauge", gauge()),
    ] {
        let envelope = envelope.encode_to_vec();
        for metadata in [true, false] {
            style.metadata = metadata;
            let tags = if metadata { "" } else { ", tags left out" };
            time(&format!("written: {name}{tags}"), || {
                out.clear();
                ends.clear();
                black_box(messages(black_box(&envelope), &style, &mut out, &mut ends));
            });
        }
        style.metadata = true;
        out.clear();
        ends.clear();
        messages(&envelope, &style, &mut out, &mut ends);
        let message = out[..ends[0]].to_vec();
        let arrival = Arrival {
            received: 0,
            source_id: "syslog",
        };
        time(&format!("read: one of {name}"), || {
            out.clear();
            let _ = black_box(self::envelope(black_box(&message), &arrival, &mut out));
        });
    }
}
