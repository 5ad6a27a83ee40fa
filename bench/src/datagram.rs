//! The V1 load: dropsonde log messages of 1 KiB as datagrams, made once; time and number
//! are patched in place for each.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use logweir_proto::v1;
use prost::Message;
use tokio::time::Instant;

use crate::{
    clock::Clock,
    line::MAGIC,
    load::{Mark, find, marked, patch_time},
    producer::{Gauge, whole},
};

/// Bytes of a log message.
const MESSAGE: usize = 1024;
/// How often a sender looks whether something is due.
const TICK: Duration = Duration::from_micros(500);
/// Most datagrams between two looks: what is late is not caught up in one burst, which
/// no socket's buffer holds.
const BURST: usize = 100;
/// A time whose varint has the nine bytes that every time from 1972 to 2262 has.
const SOME_TIME: i64 = 1 << 60;

/// One datagram and where its time and its number are.
struct Page {
    bytes: Vec<u8>,
    time: usize,
    number: usize,
}

/// The datagrams of one sender, one for each source, in turn.
pub(crate) struct Datagrams {
    pages: Vec<Page>,
    next: usize,
}

impl Datagrams {
    /// Logs of the given sources, marked as coming from sender `stream`.
    pub(crate) fn new(sources: &[String], stream: u8) -> Result<Self> {
        let pages = sources.iter().map(|source| {
            let bytes = envelope(source, stream).encode_to_vec();
            let time = v1::Envelope {
                timestamp: Some(SOME_TIME),
                ..Default::default()
            };
            let time = find(&bytes, &time.encode_to_vec()).context("time not found")?;
            let magic = find(&bytes, &MAGIC).context("payload not found")?;
            anyhow::Ok(Page {
                time: time + 1,
                number: magic + MAGIC.len() + 1,
                bytes,
            })
        });
        Ok(Self {
            pages: pages.collect::<Result<_>>()?,
            next: 0,
        })
    }

    /// The next datagram, made at `now` (Unix nanoseconds) with this number.
    pub(crate) fn next(&mut self, now: u64, number: u64) -> &[u8] {
        let at = self.next % self.pages.len().max(1);
        self.next += 1;
        let Some(page) = self.pages.get_mut(at) else {
            return &[];
        };
        patch_time(&mut page.bytes[page.time..page.time + 9], now);
        page.bytes[page.number..page.number + 8].copy_from_slice(&number.to_le_bytes());
        &page.bytes
    }
}

fn envelope(source: &str, stream: u8) -> v1::Envelope {
    let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
    let mut message = Vec::with_capacity(MESSAGE);
    message.extend_from_slice(&MAGIC);
    message.push(stream);
    message.extend_from_slice(&[0; 8]);
    message.resize(MESSAGE, b'x');
    v1::Envelope {
        origin: text("bench"),
        event_type: Some(v1::envelope::EventType::LogMessage.into()),
        timestamp: Some(SOME_TIME),
        log_message: Some(v1::LogMessage {
            message: Some(message.into()),
            message_type: Some(v1::log_message::MessageType::Out.into()),
            timestamp: Some(1 << 61),
            app_id: text(source),
            source_type: text("APP/PROC/WEB"),
            source_instance: text("3"),
        }),
        ..Default::default()
    }
}

/// Reads the mark of a V1 envelope; none if it is not of the load.
pub(crate) fn mark(envelope: &[u8]) -> Option<Mark> {
    // Field 6, the time, and field 8, the log.
    marked(envelope, 0x30, 0x42)
}

/// How many envelopes a V1 notice says were lost; 0 for anything else.
pub(crate) fn told(envelope: &[u8]) -> u64 {
    let counter = v1::Envelope::decode(envelope)
        .ok()
        .and_then(|envelope| envelope.counter_event);
    match counter {
        Some(counter) if counter.name.as_deref() == Some(b"TruncatingBuffer.DroppedMessages") => {
            counter.delta.unwrap_or_default()
        }
        _ => 0,
    }
}

/// Sends so many a second to `to`, numbered from 0 on and stopping before `limit`, until
/// the gauge says to stop. Blocks its thread.
pub(crate) fn send(
    to: SocketAddr,
    mut datagrams: Datagrams,
    rate: f64,
    clock: Clock,
    limit: u64,
    gauge: &Arc<Gauge>,
) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(to)?;
    let started = Instant::now();
    while !gauge.is_stopped() && gauge.sent() < limit {
        let due = started.elapsed().as_secs_f64() * rate;
        for _ in 0..BURST {
            let sent = gauge.sent();
            // What the kernel does not take now is tried again at the next look.
            if whole(sent + 1) > due || socket.send(datagrams.next(clock.now(), sent)).is_err() {
                break;
            }
            gauge.add(1);
        }
        thread::park_timeout(TICK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_datagram_decodes_to_what_was_patched() {
        let sources = ["app-1".to_owned(), "app-2".to_owned()];
        let mut datagrams = Datagrams::new(&sources, 7).unwrap();
        let now = 1_790_000_000_123_456_789;
        for number in 0..4 {
            let bytes = datagrams.next(now, number).to_vec();
            let envelope = v1::Envelope::decode(&bytes[..]).unwrap();
            assert_eq!(envelope.timestamp, Some(now as i64));
            let log = envelope.log_message.unwrap();
            assert_eq!(log.message.unwrap().len(), MESSAGE);
            let source = &sources[usize::try_from(number).unwrap() % 2];
            assert_eq!(log.app_id.unwrap(), source.as_bytes());
            let expected = Mark {
                time: now,
                stream: 7,
                number,
            };
            assert_eq!(mark(&bytes), Some(expected));
        }
    }

    #[test]
    fn a_v1_notice_says_how_many_were_lost() {
        let notice = |name: &'static [u8]| {
            let envelope = v1::Envelope {
                counter_event: Some(v1::CounterEvent {
                    name: Some(Bytes::from_static(name)),
                    delta: Some(12),
                    total: Some(1200),
                }),
                ..Default::default()
            };
            told(&envelope.encode_to_vec())
        };
        assert_eq!(notice(b"TruncatingBuffer.DroppedMessages"), 12);
        assert_eq!(notice(b"requests"), 0);
        assert_eq!(mark(b"\x42\x7f"), None);
    }
}
