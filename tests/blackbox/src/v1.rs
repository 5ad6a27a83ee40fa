//! The V1 gRPC services: envelopes, pushes and subscriptions.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use logweir_net::{
    dial::H2,
    grpc::{self, ServerStream},
};
use logweir_proto::{
    frames::frames,
    plumbing::{EnvelopeData, Filter, SubscriptionRequest, filter::Message as By},
    service, v1,
};
use prost::Message;

use crate::{
    patience::{eventually, within},
    stream::{Producer, READER_LIMIT},
};

/// A `BatchSubscribe` or `Subscribe` stream.
pub struct V1Reader(Pin<Box<ServerStream>>);

impl V1Reader {
    /// Subscribes by this method.
    pub fn open_at(h2: &H2, path: &'static str, request: &SubscriptionRequest) -> Self {
        let request = request.encode_to_vec().into();
        let stream = grpc::server_stream(h2, path, request, HeaderMap::new(), READER_LIMIT);
        Self(Box::pin(stream))
    }

    /// Subscribes by `BatchSubscribe`.
    pub fn open(h2: &H2, request: &SubscriptionRequest) -> Self {
        Self::open_at(h2, service::BATCH_SUBSCRIBE, request)
    }

    /// The payloads of the next message.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Vec<Bytes> {
        let message = within("a message", self.0.next()).await;
        let message = message.expect("the stream lives").expect("goes on");
        frames(&message)
            .map(|frame| Bytes::copy_from_slice(frame.expect("a frame").envelope))
            .collect()
    }

    /// The next log lines that no probes are. Unfiltered readers get the metrics of the
    /// process too.
    pub async fn next_but_probes(&mut self) -> Vec<Bytes> {
        loop {
            let mut all = self.next().await;
            all.retain(|payload| !["probe", ""].contains(&&*text(&decoded(payload))));
            if !all.is_empty() {
                return all;
            }
        }
    }

    /// Everything but probes, up to this many.
    pub async fn take(&mut self, count: usize) -> Vec<v1::Envelope> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.next_but_probes().await.iter().map(|one| decoded(one)));
        }
        all
    }
}

/// A payload as an envelope.
///
/// # Panics
/// When it is none.
pub fn decoded(payload: &[u8]) -> v1::Envelope {
    v1::Envelope::decode(payload).expect("a V1 envelope")
}

/// The text of a log; empty for anything else.
///
/// # Panics
/// When it is no text.
pub fn text(envelope: &v1::Envelope) -> String {
    let message = envelope
        .log_message
        .as_ref()
        .and_then(|log| log.message.clone());
    String::from_utf8(message.unwrap_or_default().to_vec()).expect("text")
}

/// A log of an app.
pub fn v1_log(app: &str, text: &str) -> v1::Envelope {
    v1::Envelope {
        origin: Some("tests".into()),
        event_type: Some(v1::envelope::EventType::LogMessage.into()),
        timestamp: Some(1_790_000_000_000_000_000),
        log_message: Some(v1::LogMessage {
            message: Some(text.to_owned().into()),
            message_type: Some(v1::log_message::MessageType::Out.into()),
            timestamp: Some(1_790_000_000_000_000_000),
            app_id: Some(app.to_owned().into()),
            ..v1::LogMessage::default()
        }),
        ..v1::Envelope::default()
    }
}

/// A counter.
pub fn v1_counter(name: &str) -> v1::Envelope {
    v1::Envelope {
        origin: Some("tests".into()),
        event_type: Some(v1::envelope::EventType::CounterEvent.into()),
        counter_event: Some(v1::CounterEvent {
            name: Some(name.to_owned().into()),
            delta: Some(1),
            total: None,
        }),
        ..v1::Envelope::default()
    }
}

/// An `EnvelopeData` message of an envelope.
pub fn data(envelope: &v1::Envelope) -> Vec<u8> {
    let payload = envelope.encode_to_vec().into();
    EnvelopeData { payload }.encode_to_vec()
}

/// A subscription. Empty: no shard, every app.
pub fn subscription(shard: &str, app: &str, by: Option<By>) -> SubscriptionRequest {
    let filter = (!app.is_empty() || by.is_some()).then(|| Filter {
        app_id: app.into(),
        message: by,
    });
    SubscriptionRequest {
        shard_id: shard.into(),
        filter,
    }
}

/// Pushes probes until the reader has one: its subscription stands.
pub async fn prime(pusher: &Producer, reader: &mut V1Reader, probe: &v1::Envelope) {
    eventually("the V1 subscription stands", async || {
        pusher.send(&data(probe)).await;
        let wait = Duration::from_millis(50);
        tokio::time::timeout(wait, reader.next()).await.ok()
    })
    .await;
}
