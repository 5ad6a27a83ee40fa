//! Telling a reader, in its own stream, what it lost.
//!
//! The V2 protocol has no message for it, so a notice is an envelope: a log line
//! (`ERR`, tag `source_type=LGR`, as the platform's own lines have always been
//! marked) for readers of logs, a counter named `dropped` for all others. There is
//! one for each source that lost something, under that source's id, so that it
//! reaches whoever reads that source further down; what was lost by sources too
//! many to name goes under [`SOURCE_ID`].

use bytes::BytesMut;
use logweir_proto::{fields::fields, frames::push_frame, v2};
use prost::Message;

use crate::{
    ledger::{ByCause, Loss, causes},
    queue::Chunk,
};

/// Source id of notices that speak of many sources, and of self-metrics that have
/// no peer's name.
pub const SOURCE_ID: &str = "logweir";

/// Keys of the envelope's fields that a glance is for: number and wire type.
const KEY_SOURCE_ID: u64 = 2 << 3 | 2;
const KEY_LOG: u64 = 4 << 3 | 2;
const KEY_COUNTER: u64 = 5 << 3 | 2;
/// The words by which a notice's text is known; they come after its number.
const LOST_AT: &str = " lost at the ";
/// Bytes of a message in which they are.
const TEXT_HEAD: usize = 64;
/// How the message of a log of the type `ERR` ends.
const TYPE_ERR: &[u8] = b"\x10\x01";
/// How the message of a counter of the name `dropped` begins.
const NAME_DROPPED: &[u8] = b"\x0A\x07dropped";

/// What kind of envelope this reader understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A log line, for readers that selected logs.
    Log,
    /// A counter, for all others.
    Counter,
}

/// What tells a notice from other envelopes, and whose it is. Every envelope that is
/// dropped is glanced at, just when there is no time: no more is looked at than that.
#[derive(Default)]
pub(crate) struct Glance<'a> {
    pub(crate) source_id: &'a str,
    log: Option<&'a [u8]>,
    counter: Option<&'a [u8]>,
}

impl<'a> Glance<'a> {
    /// Looks at an envelope that was admitted.
    pub(crate) fn of(envelope: &'a [u8]) -> Self {
        let mut seen = Self::default();
        for field in fields(envelope) {
            match field.key {
                KEY_SOURCE_ID => seen.source_id = field.text(),
                KEY_LOG => seen.log = Some(field.bytes()),
                KEY_COUNTER => seen.counter = Some(field.bytes()),
                _ => {}
            }
        }
        seen
    }

    /// How many envelopes a notice speaks of, if this envelope is one: when a notice is
    /// itself lost, its count goes on in the next.
    pub(crate) fn speaks_of(&self, envelope: &[u8]) -> Option<u64> {
        if !self.may_be_notice() {
            return None;
        }
        let envelope = v2::Envelope::decode(envelope).ok()?;
        envelope.tags.get("hop")?;
        match envelope.message? {
            v2::envelope::Message::Log(_) if envelope.tags.get("source_type")? == "LGR" => {
                envelope.tags.get("dropped")?.parse().ok()
            }
            v2::envelope::Message::Counter(counter) if counter.name == "dropped" => {
                Some(counter.delta)
            }
            _ => None,
        }
    }

    fn may_be_notice(&self) -> bool {
        let log = self.log.is_some_and(|log| {
            let head = &log[..log.len().min(TEXT_HEAD)];
            let mut parts = head.windows(LOST_AT.len());
            log.ends_with(TYPE_ERR) && parts.any(|part| part == LOST_AT.as_bytes())
        });
        let counter = self.counter;
        log || counter.is_some_and(|counter| counter.starts_with(NAME_DROPPED))
    }
}

/// Whether an envelope tells what was lost.
pub fn is_notice(envelope: &[u8]) -> bool {
    lost(envelope).is_some()
}

/// How many envelopes a notice tells of, if an envelope is one.
pub fn lost(envelope: &[u8]) -> Option<u64> {
    Glance::of(envelope).speaks_of(envelope)
}

/// Writes the notices of one loss as a chunk. `hop` is the role that lost the
/// envelopes, `now` the time in Unix nanoseconds.
pub fn chunk(loss: &Loss, form: Form, hop: &str, now: i64) -> Chunk {
    let mut frames = BytesMut::new();
    let mut envelopes = 0;
    let rest = (!loss.rest.iter().all(|count| *count == 0)).then_some((SOURCE_ID, &loss.rest));
    let named = loss
        .sources
        .iter()
        .map(|(source, counts)| (&**source, counts));
    for (source, counts) in named.chain(rest) {
        for envelope in notices(source, counts, form, hop, now) {
            push_frame(&mut frames, &envelope.encode_to_vec());
            envelopes += 1;
        }
    }
    Chunk {
        frames: frames.freeze(),
        envelopes,
        deprecated_tags: false,
    }
}

fn notices(source: &str, lost: &ByCause, form: Form, hop: &str, now: i64) -> Vec<v2::Envelope> {
    let envelope = |tags: &[(&str, &str)], message| v2::Envelope {
        timestamp: now,
        source_id: source.into(),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        message: Some(message),
        ..v2::Envelope::default()
    };
    match form {
        Form::Log => {
            let total: u64 = lost.iter().sum();
            let names: Vec<_> = causes(lost).map(|(cause, _)| cause.name()).collect();
            let payload = text(lost, total, hop);
            let tags = [
                ("source_type", "LGR"),
                ("hop", hop),
                ("cause", &names.join(",")),
                ("dropped", &total.to_string()),
            ];
            let log = v2::Log {
                payload: payload.into(),
                r#type: v2::log::Type::Err.into(),
            };
            vec![envelope(&tags, v2::envelope::Message::Log(log))]
        }
        Form::Counter => causes(lost)
            .map(|(cause, count)| {
                let tags = [
                    ("direction", "egress"),
                    ("hop", hop),
                    ("cause", cause.name()),
                ];
                let counter = v2::Counter {
                    name: "dropped".into(),
                    delta: count,
                    total: 0,
                };
                envelope(&tags, v2::envelope::Message::Counter(counter))
            })
            .collect(),
    }
}

/// `1200 envelopes lost at the router: 1200 queue_full (the reader was …)`.
fn text(lost: &ByCause, total: u64, hop: &str) -> String {
    let noun = if total == 1 { "envelope" } else { "envelopes" };
    let parts: Vec<_> = causes(lost)
        .map(|(cause, count)| format!("{count} {} ({})", cause.name(), cause.reason()))
        .collect();
    format!("{total} {noun}{LOST_AT}{hop}: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::{generation::Generation, ledger::Cause};

    fn decoded(chunk: &Chunk) -> Vec<v2::Envelope> {
        v2::EnvelopeBatch::decode(chunk.frames.clone())
            .unwrap()
            .batch
    }

    #[test]
    fn each_source_is_told_its_own_loss_and_the_sum_is_whole() {
        let mut loss = Loss::default();
        loss.record(Cause::QueueFull, "app-1", 1150);
        loss.record(Cause::TooLarge, "app-1", 50);
        loss.record(Cause::QueueFull, "app-2", 1);
        for source in 0..40 {
            loss.record(Cause::QueueFull, &format!("more-{source}"), 1);
        }
        let chunk = chunk(&loss, Form::Log, "router", 7);
        let all = decoded(&chunk);
        assert_eq!(all.len(), chunk.envelopes as usize);
        let sum: u64 = all
            .iter()
            .map(|one| one.tags["dropped"].parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, loss.total());
        let first = all.iter().find(|one| one.source_id == "app-1").unwrap();
        let Some(v2::envelope::Message::Log(log)) = &first.message else {
            panic!("no log")
        };
        assert_eq!(
            std::str::from_utf8(&log.payload).unwrap(),
            "1200 envelopes lost at the router: 1150 queue_full (the reader was slower than the \
             stream), 50 too_large (larger than this reader takes)"
        );
        assert_eq!(first.tags["source_type"], "LGR");
        assert!(all.iter().any(|one| one.source_id == SOURCE_ID));
    }

    #[test]
    fn a_notice_that_is_lost_is_told_with_what_it_spoke_of() {
        for form in [Form::Log, Form::Counter] {
            let mut loss = Loss::default();
            loss.record(Cause::QueueFull, "app", 40);
            let mut again = Loss::default();
            again.record(Cause::QueueFull, "app", 2);
            again.record_frames(
                Generation::V2,
                Cause::QueueFull,
                &chunk(&loss, form, "router", 7).frames,
            );
            assert_eq!(again.total(), 42, "{form:?}");
        }
    }

    #[test]
    fn readers_without_logs_get_a_counter_for_each_cause() {
        let mut loss = Loss::default();
        loss.record(Cause::QueueFull, "app", 3);
        loss.record(Cause::TooLarge, "app", 4);
        let all = decoded(&chunk(&loss, Form::Counter, "rlp", 7));
        let deltas: Vec<_> = all
            .iter()
            .map(|one| match &one.message {
                Some(v2::envelope::Message::Counter(counter)) => (
                    one.tags["cause"].as_str(),
                    counter.name.as_str(),
                    counter.delta,
                ),
                other => panic!("{other:?} is no counter"),
            })
            .collect();
        assert_eq!(
            deltas,
            [("queue_full", "dropped", 3), ("too_large", "dropped", 4)]
        );
    }
}
