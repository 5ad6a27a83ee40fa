//! Telling a V1 reader, in its own stream, what it lost.
//!
//! As the originals of 2014 to 2016 did, and as nozzles still look for it (V1 spec,
//! §4.6): a `CounterEvent` named `TruncatingBuffer.DroppedMessages` with the origin
//! `doppler`, or for readers of an app or of logs a log line of the source type `LGR`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    frames::push_frame,
    peek_v1::{Class, PeekV1},
    v1::{self, envelope::EventType, log_message::MessageType},
};
use prost::Message;

use crate::{
    ledger::{ByCause, Loss, causes},
    notice,
    queue::Chunk,
};

/// The origin by which nozzles know the counter.
const ORIGIN: &str = "doppler";
/// The counter's name.
const COUNTER: &str = "TruncatingBuffer.DroppedMessages";
/// The key of the tag that all our notices have, as an entry of the tags begins.
const TAG_HOP: &[u8] = b"\x0A\x03hop\x12";

/// What kind of envelope a V1 reader is told with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormV1 {
    /// A counter of all that was lost, for readers of metrics or of everything.
    Counter,
    /// A log line for each app that lost something, for readers of logs.
    Logs,
    /// A log line of this app, whose reader it is.
    AppLog(Box<str>),
}

impl FormV1 {
    /// What a reader of this app and class is told with.
    pub fn of(app: Option<&str>, class: Option<Class>) -> Self {
        match (app, class) {
            (_, Some(Class::Metric)) | (None, None) => Self::Counter,
            (Some(app), _) => Self::AppLog(app.into()),
            (None, Some(Class::Log)) => Self::Logs,
        }
    }
}

/// Where a role runs, as V1 envelopes name it. Empty: not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Deployment.
    pub deployment: Box<str>,
    /// Job.
    pub job: Box<str>,
    /// Index, or instance id.
    pub index: Box<str>,
    /// IP address.
    pub ip: Box<str>,
}

/// The notices of one V1 reader.
#[derive(Clone, Debug)]
pub struct NoticesV1 {
    form: FormV1,
    /// The role that lost the envelopes.
    hop: &'static str,
    /// Where that role runs.
    place: Arc<Place>,
    /// Whom they were for: a subscription id, or an app.
    destination: Box<str>,
    /// Envelopes told as lost so far.
    told: u64,
}

impl NoticesV1 {
    /// Notices of `hop`, which runs at `place`, to the reader `destination`.
    pub fn new(form: FormV1, hop: &'static str, place: Arc<Place>, destination: &str) -> Self {
        Self {
            form,
            hop,
            place,
            destination: destination.into(),
            told: 0,
        }
    }

    /// Writes the notices of one loss as a chunk of V1 frames; `now` is Unix time in
    /// nanoseconds.
    pub fn chunk(&mut self, loss: &Loss, now: i64) -> Chunk {
        let all = match self.form.clone() {
            FormV1::Counter => vec![self.counter(loss.total(), now)],
            FormV1::AppLog(app) => vec![self.log(&app, &loss.by_cause, now)],
            FormV1::Logs => {
                let named = loss.sources.iter();
                let named = named.map(|(source, lost)| (&**source, lost));
                let rest =
                    (loss.rest.iter().sum::<u64>() > 0).then_some((notice::SOURCE_ID, &loss.rest));
                let each = named.chain(rest);
                each.map(|(app, lost)| self.log(app, lost, now)).collect()
            }
        };
        let mut frames = BytesMut::new();
        for envelope in &all {
            push_frame(&mut frames, &envelope.encode_to_vec());
        }
        Chunk {
            frames: frames.freeze(),
            envelopes: u32::try_from(all.len()).unwrap_or(u32::MAX),
            deprecated_tags: false,
        }
    }

    fn counter(&mut self, lost: u64, now: i64) -> v1::Envelope {
        self.told += lost;
        v1::Envelope {
            event_type: Some(EventType::CounterEvent.into()),
            counter_event: Some(v1::CounterEvent {
                name: Some(Bytes::from_static(COUNTER.as_bytes())),
                delta: Some(lost),
                total: Some(self.told),
            }),
            ..self.envelope(ORIGIN, &[], now)
        }
    }

    fn log(&mut self, app: &str, by_cause: &ByCause, now: i64) -> v1::Envelope {
        let lost: u64 = by_cause.iter().sum();
        self.told += lost;
        let names: Vec<_> = causes(by_cause).map(|(cause, _)| cause.name()).collect();
        let text = format!(
            "Log message output is too high. {lost} messages dropped (Total {} messages dropped) \
             from {} to {}.",
            self.told, self.hop, self.destination,
        );
        let tags = [("cause", &*names.join(",")), ("dropped", &lost.to_string())];
        v1::Envelope {
            event_type: Some(EventType::LogMessage.into()),
            log_message: Some(v1::LogMessage {
                message: Some(text.into()),
                message_type: Some(MessageType::Err.into()),
                timestamp: Some(now),
                app_id: Some(Bytes::copy_from_slice(app.as_bytes())),
                source_type: Some(Bytes::from_static(b"LGR")),
                source_instance: None,
            }),
            ..self.envelope(app, &tags, now)
        }
    }

    fn envelope(&self, source: &str, more: &[(&str, &str)], now: i64) -> v1::Envelope {
        let own = [("hop", self.hop), ("source_id", source)];
        let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
        let tag = |(key, value): &(&str, &str)| v1::Tag {
            key: text(key),
            value: text(value),
        };
        let said = |part: &str| Some(part).filter(|part| !part.is_empty()).and_then(text);
        v1::Envelope {
            origin: text(ORIGIN),
            timestamp: Some(now),
            deployment: said(&self.place.deployment),
            job: said(&self.place.job),
            index: said(&self.place.index),
            ip: said(&self.place.ip),
            tags: own.iter().chain(more).map(tag).collect(),
            ..v1::Envelope::default()
        }
    }
}

/// How many envelopes a notice speaks of, if this V1 envelope is one: ours, or a V2
/// notice that was converted.
pub fn speaks_of(envelope: &[u8], seen: &PeekV1<'_>) -> Option<u64> {
    // Asked for every envelope that is dropped, under the queue's lock.
    let log = seen.event_type == EventType::LogMessage as i32;
    let counter = seen.event_type == EventType::CounterEvent as i32;
    let may_be = (log || counter) && (seen.origin.is_empty() || seen.origin == ORIGIN.as_bytes());
    if !may_be || !envelope.windows(TAG_HOP.len()).any(|at| at == TAG_HOP) {
        return None;
    }
    let envelope = v1::Envelope::decode(envelope).ok()?;
    let tag = |key: &str| {
        let mut tags = envelope.tags.iter();
        let found = tags.find(|tag| tag.key.as_deref() == Some(key.as_bytes()))?;
        std::str::from_utf8(found.value.as_deref()?).ok()
    };
    tag("hop")?;
    if log {
        let source_type = envelope.log_message.as_ref()?.source_type.as_deref();
        return tag("dropped")
            .filter(|_| source_type == Some(b"LGR"))?
            .parse()
            .ok();
    }
    let counter = envelope.counter_event.as_ref()?;
    let converted = counter.name.as_deref() == Some(b"dropped") && tag("cause").is_some();
    let own = counter.name.as_deref() == Some(COUNTER.as_bytes());
    counter.delta.filter(|_| own || converted)
}

#[cfg(test)]
mod tests;
