//! Whose envelopes: source id, instance id, tags, time; and one method for each
//! kind of envelope.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use logweir_proto::v2::{self, envelope::Message, log};
use prost::Message as _;

use crate::emitter::Emitter;

/// Emits envelopes of one source. Cheap to clone; get one from
/// [`Emitter::source`].
#[derive(Clone)]
pub struct Source {
    emitter: Emitter,
    head: Arc<Head>,
}

/// What all envelopes of a source have in common.
#[derive(Clone)]
struct Head {
    envelope: v2::Envelope,
    /// The envelope so far, encoded once: protobuf lets the rest follow behind it.
    encoded: Vec<u8>,
    timestamp: Option<i64>,
}

impl Source {
    pub(crate) fn new(emitter: Emitter, source_id: String) -> Self {
        let envelope = v2::Envelope {
            source_id,
            ..v2::Envelope::default()
        };
        let head = Head {
            envelope,
            encoded: Vec::new(),
            timestamp: None,
        };
        Self {
            emitter,
            head: Arc::new(head),
        }
        .encoded()
    }

    /// Which instance of the source: an app's index or a machine's id.
    pub fn instance(mut self, instance_id: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.head).envelope.instance_id = instance_id.into();
        self.encoded()
    }

    /// Adds a tag, or replaces the one of that name.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.head)
            .envelope
            .tags
            .insert(name.into(), value.into());
        self.encoded()
    }

    /// Gives every envelope this time, in Unix nanoseconds, instead of the time at
    /// which it is emitted.
    pub fn at(mut self, timestamp: i64) -> Self {
        Arc::make_mut(&mut self.head).timestamp = Some(timestamp);
        self
    }

    fn encoded(mut self) -> Self {
        let head = Arc::make_mut(&mut self.head);
        let mut whole = head.envelope.clone();
        self.emitter.add_tags(&mut whole);
        head.encoded = whole.encode_to_vec();
        self
    }

    /// A line of standard output, without its line end.
    pub fn log(&self, payload: impl Into<Bytes>) {
        self.line(payload.into(), log::Type::Out);
    }

    /// A line of standard error, without its line end.
    pub fn log_err(&self, payload: impl Into<Bytes>) {
        self.line(payload.into(), log::Type::Err);
    }

    fn line(&self, payload: Bytes, kind: log::Type) {
        self.emit(Message::Log(v2::Log {
            payload,
            r#type: kind.into(),
        }));
    }

    /// Adds to a counter; agents keep its total.
    pub fn counter(&self, name: impl Into<String>, delta: u64) {
        self.emit(Message::Counter(v2::Counter {
            name: name.into(),
            delta,
            total: 0,
        }));
    }

    /// Sets a counter to a total that the caller keeps.
    pub fn counter_total(&self, name: impl Into<String>, total: u64) {
        self.emit(Message::Counter(v2::Counter {
            name: name.into(),
            delta: 0,
            total,
        }));
    }

    /// Readings taken together, one envelope for all: name, value, unit.
    pub fn gauge<N, U>(&self, metrics: impl IntoIterator<Item = (N, f64, U)>)
    where
        N: Into<String>,
        U: Into<String>,
    {
        let metrics = metrics
            .into_iter()
            .map(|(name, value, unit)| {
                (
                    name.into(),
                    v2::GaugeValue {
                        unit: unit.into(),
                        value,
                    },
                )
            })
            .collect();
        self.emit(Message::Gauge(v2::Gauge { metrics }));
    }

    /// A span of time, `start` and `stop` in Unix nanoseconds.
    pub fn timer(&self, name: impl Into<String>, start: i64, stop: i64) {
        self.emit(Message::Timer(v2::Timer {
            name: name.into(),
            start,
            stop,
        }));
    }

    /// Something worth telling people.
    pub fn event(&self, title: impl Into<String>, body: impl Into<String>) {
        self.emit(Message::Event(v2::Event {
            title: title.into(),
            body: body.into(),
        }));
    }

    fn emit(&self, message: Message) {
        let rest = v2::Envelope {
            timestamp: self.head.timestamp.unwrap_or_else(unix_nanos),
            message: Some(message),
            ..v2::Envelope::default()
        };
        let head = &self.head;
        self.emitter
            .push(&head.envelope.source_id, &head.encoded, &rest);
    }
}

/// Now, in Unix nanoseconds.
pub(crate) fn unix_nanos() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
