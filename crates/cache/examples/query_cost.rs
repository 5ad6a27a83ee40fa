//! What queries over a store cost: the processor time of a range query over 1,000 series and of an
//! instant one over 10,000, of samples every 15 s.
//!
//! `cargo run --release -p logweir-cache --example query_cost [PART OF A QUERY]`

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it is all that it does

use std::{fs, time::Duration};

use logweir_cache::{
    Put, Store, StoreLimits, Types,
    promql::{
        Answer, Limits, Mode, Query, Span,
        envelopes::{StoreSeries, View},
    },
};
use logweir_proto::v2::{Counter, Envelope, Gauge, GaugeValue, envelope::Message};
use prost::Message as _;

const SOURCES: u32 = 100;
const EVERY: i64 = 15;
const END: i64 = 1_790_000_000;
const ROUNDS: usize = 100;

fn main() {
    let store = Store::new(StoreLimits {
        bytes: 2 << 30,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    });
    fill(&store, 10, 260, |at| {
        Message::Counter(Counter {
            name: "requests_total".into(),
            delta: 3,
            total: (at * 3).cast_unsigned(),
        })
    });
    fill(&store, 100, 20, |at| {
        let value = GaugeValue {
            unit: "percentage".into(),
            value: at as f64 / 7.0,
        };
        Message::Gauge(Gauge {
            metrics: [("cpu".to_owned(), value)].into(),
        })
    });
    let stats = store.stats();
    println!("{} envelopes, {} bytes", stats.envelopes, stats.bytes);
    let range = Span::Range {
        start: (END - 3600) * 1000,
        end: END * 1000,
        step: EVERY * 1000,
    };
    measure(&store, "rate(requests_total[5m])", range, 1000);
    let instant = Span::Instant(END * 1000);
    measure(&store, "sum by (source_id) (cpu)", instant, 100);
    measure(
        &store,
        "rate(requests_total{instance_id=\"7\"}[5m])",
        range,
        100,
    );
}

fn fill(store: &Store, instances: u32, count: i64, message: impl Fn(i64) -> Message) {
    for step in 0..count {
        let at = END - (count - 1 - step) * EVERY;
        for source in 0..SOURCES {
            for instance in 0..instances {
                let envelope = envelope(source, instance, at, message(at));
                let bytes = envelope.encode_to_vec();
                let types = match envelope.message {
                    Some(Message::Counter(_)) => Types::COUNTER,
                    _ => Types::GAUGE,
                };
                let put = Put {
                    source_id: &envelope.source_id,
                    timestamp: envelope.timestamp,
                    types,
                    envelope: &bytes,
                };
                store.put(at * 1_000_000_000, [put]);
            }
        }
    }
}

fn envelope(source: u32, instance: u32, at: i64, message: Message) -> Envelope {
    let tags = [
        ("deployment", "cf"),
        ("job", "diego-cell"),
        ("index", "0f4b3a6c-5a52-4c8e-9d5c-6fb4bf3f7d11"),
        ("ip", "10.0.1.27"),
        ("origin", "rep"),
        ("process_type", "web"),
    ];
    let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Envelope {
        timestamp: at * 1_000_000_000 + i64::from(instance),
        source_id: format!("73467cc3-261a-472e-80e8-{source:012}"),
        instance_id: instance.to_string(),
        tags: tags.into(),
        message: Some(message),
        ..Envelope::default()
    }
}

fn measure(store: &Store, text: &str, span: Span, series: usize) {
    if std::env::args()
        .nth(1)
        .is_some_and(|part| !text.contains(&part))
    {
        return;
    }
    let query = Query::parse(text, Mode::Modern).unwrap();
    let reader = StoreSeries {
        store,
        view: View::of_query(Mode::Modern, END * 1000),
        scope: None,
        interrupt: &|| None,
    };
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let since = spent();
            let found = query.evaluate(&reader, span, Limits::default(), &|| None);
            let found = match found.unwrap().answer {
                Answer::Vector(samples) => samples.len(),
                Answer::Matrix(found) => found.len(),
                Answer::Scalar(_) | Answer::Text(_) => 0,
            };
            assert_eq!(found, series);
            spent() - since
        })
        .collect();
    times.sort();
    let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    println!("{text}: {series} series, median {median:?}, worst {worst:?}");
}

/// Processor time of this thread: others of the machine do not count.
fn spent() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap())
}
