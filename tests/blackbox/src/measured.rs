//! Metrics of the past half hour, for those who ask for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logweir_proto::v2::{self, envelope::Message};

use crate::{envelopes, http, patience::eventually, stream::Producer, system::System};

/// From sample to sample.
pub const EVERY: Duration = Duration::from_secs(15);

/// Samples of each metric and instance.
pub const SAMPLES: u32 = 120;

/// Sends samples of two instances of `shop`: the counter `http.requests`, by which instance n
/// counts n+1 a second, and the gauge `cpu`, which rises from 0 by a quarter each. Returns the
/// Unix second of the last.
///
/// # Panics
/// When they are not remembered.
pub async fn send(system: &System) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.expect("a time after 1970").as_secs();
    let last = seconds - seconds % EVERY.as_secs();
    let producer = Producer::open(&system.dial("ingress").await);
    for instance in 0..2_u32 {
        let samples = (0..SAMPLES).flat_map(|sample| {
            let age = EVERY * (SAMPLES - 1 - sample);
            let at = Duration::from_secs(last) - age;
            let envelope = |message| v2::Envelope {
                timestamp: i64::try_from(at.as_nanos()).expect("a time before 2262"),
                source_id: "shop".into(),
                instance_id: instance.to_string(),
                tags: [("az".to_owned(), "z1".to_owned())].into(),
                message: Some(message),
                ..v2::Envelope::default()
            };
            let counter = v2::Counter {
                name: "http.requests".into(),
                total: u64::from((sample + 1) * 15 * (instance + 1)),
                ..v2::Counter::default()
            };
            let value = v2::GaugeValue {
                unit: "percentage".into(),
                value: f64::from(sample) / 4.0,
            };
            let gauge = v2::Gauge {
                metrics: [("cpu".to_owned(), value)].into(),
            };
            [
                envelope(Message::Counter(counter)),
                envelope(Message::Gauge(gauge)),
            ]
        });
        let samples: Vec<_> = samples.collect();
        producer.send(&envelopes::batch(&samples)).await;
    }
    let count = format!("\"shop\":{{\"count\":\"{}\"", 2 * 2 * SAMPLES);
    eventually("all samples are remembered", async || {
        let (_, page) = http::get(system.door("http"), "/api/v1/meta").await;
        page.contains(&count).then_some(())
    })
    .await;
    last
}
