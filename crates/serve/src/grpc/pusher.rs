//! The producers' side of the V1 protocol: `DopplerIngestor/Pusher`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{body::Body, grpc};
use logweir_proto::frames::{frames, push_frame};
use logweir_route::{
    Exchange,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};
use tokio::task::yield_now;

use super::Ingress;

impl Ingress {
    /// Takes V1 envelopes too, into `exchange`.
    pub fn with_v1(mut self, exchange: &Arc<Exchange>) -> Self {
        self.v1 = Some(Arc::clone(exchange));
        self
    }

    /// `DopplerIngestor/Pusher`: a stream of single envelopes. Those that have arrived
    /// together go on together.
    pub(super) async fn pusher(
        &self,
        exchange: &Arc<Exchange>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let mut publisher = exchange.publisher();
        let mut arriving = self.arriving(request);
        loop {
            let mut next = arriving.next().await;
            let mut batch = Gathered::default();
            while let Ok(Some(message)) = &next {
                batch.add(message);
                if batch.frames.len() >= CHUNK_BYTES || batch.envelopes >= CHUNK_ENVELOPES {
                    break;
                }
                match arriving.there() {
                    Some(more) => next = more,
                    None => break,
                }
            }
            if batch.envelopes > 0 {
                publisher.publish_v1(&batch.frames.freeze());
            }
            if publisher.overflowed() {
                yield_now().await;
            }
            match next {
                Ok(Some(_)) => {}
                Ok(None) => return grpc::ok_unary(Bytes::new()),
                Err(status) => return grpc::status_response(status),
            }
        }
    }
}

/// Messages joined to a run of V1 frames: an `EnvelopeData` is framed as one is.
#[derive(Default)]
struct Gathered {
    frames: BytesMut,
    envelopes: u32,
}

impl Gathered {
    /// Adds what is in one message. The last payload counts, as of any field that is
    /// repeated against its schema; one that cannot be read becomes an envelope that
    /// cannot be read either, and is counted as that.
    fn add(&mut self, message: &[u8]) {
        let mut last: Option<&[u8]> = None;
        let mut readable = true;
        for frame in frames(message) {
            match frame {
                Ok(frame) => last = Some(frame.envelope),
                Err(_) => readable = false,
            }
        }
        push_frame(&mut self.frames, last.filter(|_| readable).unwrap_or(&[]));
        self.envelopes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(messages: &[&[u8]]) -> Vec<u8> {
        let mut batch = Gathered::default();
        for message in messages {
            batch.add(message);
        }
        assert_eq!(batch.envelopes as usize, messages.len());
        batch.frames.to_vec()
    }

    #[test]
    fn messages_join_to_a_run_of_frames() {
        let one: &[u8] = b"\x0A\x02ab";
        let other: &[u8] = b"\x0A\x01c";
        assert_eq!(gathered(&[one, other]), b"\x0A\x02ab\x0A\x01c");
    }

    #[test]
    fn a_broken_message_stands_for_one_broken_envelope_and_spoils_no_other() {
        let good: &[u8] = b"\x0A\x01a";
        for broken in [&b"\x0A\x7Fa"[..], b"\x0A\x01b\xFF", b"", b"\x0A"] {
            let joined = gathered(&[good, broken, good]);
            assert_eq!(joined, b"\x0A\x01a\x0A\x00\x0A\x01a", "{broken:?}");
        }
    }

    #[test]
    fn of_several_payloads_the_last_counts() {
        assert_eq!(gathered(&[b"\x0A\x01a\x0A\x01b"]), b"\x0A\x01b");
    }
}
