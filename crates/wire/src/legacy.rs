//! Log messages of 2013: datagrams in, signatures, and both ways to dropsonde.

use bytes::{Bytes, BytesMut};
use logweir_proto::logmessage::{LogEnvelope, LogMessage};
use logweir_proto::peek_v1::peek_v1;
use logweir_proto::v1::{self, envelope::EventType};
use prost::Message as _;

mod signature;
#[cfg(test)]
mod tests;

pub use signature::{SIGNATURE_LEN, Secret};

/// The origin of envelopes made from messages of 2013.
pub const ORIGIN: &str = "legacy";

/// Why a datagram of 2013 is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// Neither a `LogMessage` nor a `LogEnvelope`.
    #[error("the datagram is neither a log message nor a log envelope of 2013")]
    Malformed,
    /// A shared secret is set and the message is not signed.
    #[error("the log message is not signed; send a log envelope")]
    Unsigned,
    /// The signature is not of this message and secret.
    #[error("the log envelope's signature is wrong; check the shared secret")]
    BadSignature,
    /// Signing failed, which no input should cause.
    #[error("the cryptographic library failed to sign")]
    Cipher,
}

/// Reads a datagram: a `LogMessage` or a `LogEnvelope`, told apart by trying. With a
/// secret only an envelope with its signature is taken, without one signatures are not
/// looked at.
///
/// # Errors
/// See [`LegacyError`].
pub fn read(datagram: &[u8], secret: Option<&Secret>) -> Result<LogMessage, LegacyError> {
    // Field 2 is a number in one and bytes in the other: one of them always fails.
    if let Some(message) = LogMessage::decode(datagram).ok().filter(is_complete) {
        return match secret {
            None => Ok(message),
            Some(_) => Err(LegacyError::Unsigned),
        };
    }
    let envelope = LogEnvelope::decode(datagram).map_err(|_| LegacyError::Malformed)?;
    let (Some(_), Some(signature), Some(message)) = (
        envelope.routing_key,
        envelope.signature,
        envelope.log_message,
    ) else {
        return Err(LegacyError::Malformed);
    };
    if !is_complete(&message) {
        return Err(LegacyError::Malformed);
    }
    let text = message.message.as_deref().unwrap_or_default();
    if secret.is_some_and(|secret| !secret.verify(text, &signature)) {
        return Err(LegacyError::BadSignature);
    }
    Ok(message)
}

/// True if the required fields are there.
fn is_complete(message: &LogMessage) -> bool {
    message.message.is_some()
        && message.message_type.is_some()
        && message.timestamp.is_some()
        && message.app_id.is_some()
}

/// Appends the V1 envelope of a message. Unlike the originals' it has the message's
/// timestamp, which is what V2 readers see.
pub fn to_v1(message: &LogMessage, out: &mut BytesMut) {
    let log_message = v1::LogMessage {
        message: Some(message.message.clone().unwrap_or_default()),
        message_type: Some(message.message_type.unwrap_or(1)),
        timestamp: Some(message.timestamp.unwrap_or_default()),
        app_id: message.app_id.clone(),
        source_type: source_type(message),
        source_instance: message.source_id.clone(),
    };
    let envelope = v1::Envelope {
        origin: Some(Bytes::from_static(ORIGIN.as_bytes())),
        event_type: Some(EventType::LogMessage as i32),
        timestamp: message.timestamp,
        log_message: Some(log_message),
        ..Default::default()
    };
    put(&envelope, out);
}

/// The name of the source; of messages before November 2013 that of its number.
fn source_type(message: &LogMessage) -> Option<Bytes> {
    let name = match message.source_type {
        Some(1) => "API",
        Some(2) => "RTR",
        Some(3) => "UAA",
        Some(4) => "DEA",
        Some(5) => "App",
        _ => return message.source_name.clone(),
    };
    match &message.source_name {
        Some(own) if !own.is_empty() => Some(own.clone()),
        _ => Some(Bytes::from_static(name.as_bytes())),
    }
}

/// Appends the 2013 `LogMessage` of a V1 envelope's log message, as the legacy endpoints
/// send it; false if the envelope carries none. Missing strings become empty ones.
pub fn from_v1(payload: &[u8], out: &mut BytesMut) -> bool {
    let Ok(peek) = peek_v1(payload) else {
        return false;
    };
    if peek.event_type != EventType::LogMessage as i32 || !peek.body_present {
        return false;
    }
    let Ok(log) = v1::LogMessage::decode(&*peek.body()) else {
        return false;
    };
    let message = LogMessage {
        message: Some(log.message.unwrap_or_default()),
        message_type: log.message_type,
        timestamp: log.timestamp,
        app_id: Some(log.app_id.unwrap_or_default()),
        source_type: None,
        source_id: Some(log.source_instance.unwrap_or_default()),
        drain_urls: Vec::new(),
        source_name: Some(log.source_type.unwrap_or_default()),
    };
    put(&message, out);
    true
}

/// Appends a message. It cannot fail: the buffer grows.
fn put(message: &impl prost::Message, out: &mut BytesMut) {
    out.reserve(message.encoded_len());
    message.encode_raw(out);
}
