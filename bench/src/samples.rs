//! Metrics of many instances, as they came in over the past.

use bytes::BytesMut;
use logweir_proto::{
    frames::push_frame,
    v2::{self, envelope::Message as Body},
};
use prost::Message;

use crate::load;

/// From sample to sample, in seconds.
pub(crate) const EVERY: u32 = 15;

/// Samples of one metric of some apps.
pub(crate) struct Samples {
    pub(crate) sources: Vec<String>,
    /// Instances of each source.
    pub(crate) instances: u32,
    /// The metric, a counter that counts this much a second, or a gauge.
    pub(crate) metric: Metric,
    /// So many of each instance, the last one `EVERY` before the end.
    pub(crate) count: u32,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Metric {
    /// A counter of this name.
    Counter(&'static str),
    /// A gauge of this name.
    Gauge(&'static str),
}

impl Samples {
    /// How many there are.
    pub(crate) fn total(&self) -> u64 {
        let series = self.sources.len() as u64 * u64::from(self.instances);
        series * u64::from(self.count)
    }

    /// Frames of one moment each, the earliest first. `end` is in Unix seconds.
    pub(crate) fn moments(&self, end: i64) -> impl Iterator<Item = Vec<BytesMut>> {
        (0..self.count).map(move |sample| {
            let age = i64::from(EVERY) * i64::from(self.count - sample);
            let mut batches = Vec::new();
            for source in &self.sources {
                let mut frames = BytesMut::new();
                for instance in 0..self.instances {
                    let envelope = self.envelope(source, instance, sample);
                    let envelope = v2::Envelope {
                        timestamp: (end - age) * 1_000_000_000,
                        ..envelope
                    };
                    push_frame(&mut frames, &envelope.encode_to_vec());
                }
                batches.push(frames);
            }
            batches
        })
    }

    fn envelope(&self, source: &str, instance: u32, sample: u32) -> v2::Envelope {
        let message = match self.metric {
            Metric::Counter(name) => Body::Counter(v2::Counter {
                name: name.into(),
                // Each at its own pace, and never quite the same.
                total: u64::from((sample + 1) * (instance + 7) + sample % 3),
                ..v2::Counter::default()
            }),
            Metric::Gauge(name) => Body::Gauge(v2::Gauge {
                metrics: [(
                    name.to_owned(),
                    v2::GaugeValue {
                        unit: "percentage".into(),
                        value: f64::from(sample * 13 % 101 + instance) / 3.0,
                    },
                )]
                .into(),
            }),
        };
        v2::Envelope {
            instance_id: instance.to_string(),
            message: Some(message),
            ..load::envelope(source, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_has_a_sample_of_each_moment() {
        let samples = Samples {
            sources: vec!["a".into(), "b".into()],
            instances: 3,
            metric: Metric::Counter("x"),
            count: 4,
        };
        let moments: Vec<_> = samples.moments(1000).collect();
        assert_eq!((moments.len(), samples.total()), (4, 24));
        for (sample, batches) in moments.iter().enumerate() {
            assert_eq!(batches.len(), 2);
            for (batch, source) in batches.iter().zip(["a", "b"]) {
                let batch = v2::EnvelopeBatch::decode(&batch[..]).unwrap().batch;
                assert_eq!(batch.len(), 3);
                for (instance, envelope) in batch.iter().enumerate() {
                    let age = 15 * (4 - i64::try_from(sample).unwrap());
                    assert_eq!(envelope.timestamp, (1000 - age) * 1_000_000_000);
                    assert_eq!(envelope.source_id, source);
                    assert_eq!(envelope.instance_id, instance.to_string());
                }
            }
        }
    }
}
