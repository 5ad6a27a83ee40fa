//! Trying a drain out: one message through the delivery itself, over a queue of its own.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use logweir_drain::{
    Drain,
    delivery::{self, Delivery, Reporter, Settings},
};
use logweir_proto::{
    frames::push_frame,
    peek::{Kind, peek},
    v2::{self, envelope::Message as Body},
};
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest};
use prost::Message;
use tokio::time::{Instant, sleep};

use crate::grpc::unix_nanos;

/// How long a trial may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The message.
const TEXT: &str = "logweir drain test";

/// Bounds of the queue, in bytes: one small message.
const QUEUE: usize = 1 << 16;

/// The source types that a drain may be limited to.
const TYPES: [&str; 12] = [
    "APP", "RTR", "API", "STG", "LGR", "SSH", "CELL", "HEALTH", "PROXY", "SYS", "STATS", "OTHER",
];

/// Delivers one message. How long that took, or why it was not delivered: redacted.
///
/// # Errors
/// The first failure: a trial does not try again.
pub(super) async fn run(drain: &Arc<Drain>, with: &Delivery) -> Result<Duration, String> {
    let envelope =
        message(drain).ok_or("the drain's filter takes no message that can be made up")?;
    let limits = ExchangeLimits {
        queue: QueueLimits {
            bytes: QUEUE,
            envelopes: 1,
            frame: QUEUE,
        },
        total_bytes: QUEUE,
    };
    let exchange = Exchange::new(limits);
    let queue = exchange.subscribe(SubscribeRequest::default());
    let mut feeder = queue.feeder();
    let with = Arc::new(Delivery {
        tls: with.tls.clone(),
        internal_tls: with.internal_tls.clone(),
        insecure_tls: with.insecure_tls.clone(),
        reach: with.reach.clone(),
        block_list: with.block_list.clone(),
        resolver: with.resolver.clone(),
        settings: Settings {
            batch_interval: LOOK,
            give_up_after: PATIENCE,
            ..with.settings.clone()
        },
        spool: None,
        names: with.names.clone(),
        reporter: Reporter::nobody(),
        shutdown: with.shutdown.clone(),
    });
    let begun = Instant::now();
    let handle = delivery::start(Arc::clone(drain), queue, &with);
    let mut frame = BytesMut::new();
    push_frame(&mut frame, &envelope);
    feeder.feed(frame.freeze());
    loop {
        let status = handle.status();
        if let Some((error, _)) = status.last_error {
            return Err(error);
        }
        if status.written > 0 {
            return Ok(begun.elapsed());
        }
        if status.queue.dropped_total() > 0 {
            return Err("the message was dropped".to_owned());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("nothing was delivered within {PATIENCE:?}"));
        }
        sleep(LOOK).await;
    }
}

/// An envelope that the drain takes.
fn message(drain: &Drain) -> Option<Vec<u8>> {
    let filter = drain.filter();
    let body = if filter.takes(Kind::Log) {
        Body::Log(v2::Log {
            payload: TEXT.into(),
            r#type: v2::log::Type::Out.into(),
        })
    } else if filter.takes(Kind::Counter) {
        Body::Counter(v2::Counter {
            name: "logweir_drain_test".into(),
            delta: 1,
            total: 1,
        })
    } else {
        Body::Timer(v2::Timer {
            name: "logweir_drain_test".into(),
            start: unix_nanos(),
            stop: unix_nanos(),
        })
    };
    TYPES.into_iter().find_map(|source_type| {
        let envelope = v2::Envelope {
            timestamp: unix_nanos(),
            source_id: drain.scope.app().unwrap_or("logweir").to_owned(),
            instance_id: "0".into(),
            tags: [("source_type".to_owned(), source_type.to_owned())].into(),
            message: Some(body.clone()),
            ..v2::Envelope::default()
        };
        let bytes = envelope.encode_to_vec();
        let wanted = filter.wants(&bytes, &peek(&bytes).ok()?);
        wanted.then_some(bytes)
    })
}

#[cfg(test)]
mod tests {
    use logweir_drain::{Drain, Scope, url::DrainUrl};

    use super::*;

    #[test]
    fn every_filter_but_one_of_nothing_takes_a_message() {
        for (query, made) in [
            ("", true),
            ("drain-data=metrics", true),
            ("drain-data=traces", true),
            ("include-log-types=ssh", true),
            ("exclude-log-types=app,rtr", true),
        ] {
            let url = DrainUrl::parse(&format!("syslog://h:1?{query}"), &Default::default());
            let url = url.expect("a drain");
            let message = message(&Drain::new(Scope::Aggregate, url));
            assert_eq!(message.is_some(), made, "{query}");
        }
    }
}
