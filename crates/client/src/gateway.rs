//! Streams envelopes over HTTP (`/v2/read`, server-sent events), for readers that
//! have a token instead of a certificate.

mod connection;
mod stream;

use std::path::PathBuf;

use logweir_proto::peek::Kind;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    endpoint::EndpointError,
    event::{Event, ReadError},
    reader::EVENTS,
};

/// A gateway: its address, how to trust it, and what it may be shown.
#[derive(Clone)]
pub struct GatewayEndpoint {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// Authorities that sign the gateway's certificate.
    pub ca: Option<PathBuf>,
    /// Sent as `Authorization: bearer TOKEN`.
    pub token: Option<String>,
}

impl std::fmt::Debug for GatewayEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayEndpoint")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What to read. Every source id with every kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayRequest {
    /// Empty: every source, for which the token must allow reading all.
    pub source_ids: Vec<String>,
    /// At least one.
    pub kinds: Vec<Kind>,
    /// Only counters of these names; empty: all. Needs no [`Kind::Counter`].
    pub counter_names: Vec<String>,
    /// Only gauges that hold exactly one of these sets of metric names.
    pub gauge_names: Vec<Vec<String>>,
    /// Readers with the same id share the envelopes between them. Empty: all.
    pub shard_id: String,
    /// Sorts this reader among those of its shard. Empty: none.
    pub deterministic_name: String,
}

impl GatewayRequest {
    /// Path and query, percent-encoded.
    fn target(&self) -> String {
        let mut pairs: Vec<String> = Vec::new();
        let mut add = |name: &str, value: &str| {
            pairs.push(format!(
                "{name}={}",
                utf8_percent_encode(value, NON_ALPHANUMERIC)
            ));
        };
        for source_id in &self.source_ids {
            add("source_id", source_id);
        }
        for name in &self.counter_names {
            add("counter.name", name);
        }
        for names in &self.gauge_names {
            add("gauge.name", &names.join(","));
        }
        for (name, value) in [
            ("shard_id", &self.shard_id),
            ("deterministic_name", &self.deterministic_name),
        ] {
            if !value.is_empty() {
                add(name, value);
            }
        }
        for kind in &self.kinds {
            pairs.push(
                match kind {
                    Kind::Log => "log",
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                    Kind::Timer => "timer",
                    Kind::Event => "event",
                }
                .into(),
            );
        }
        format!("/v2/read?{}", pairs.join("&"))
    }
}

/// A stream of envelopes over HTTP. Ends when it is dropped.
///
/// It reconnects for ever, with growing pauses and jitter, except when the gateway
/// refuses what it asks (any 4xx but 408 and 429): the gateway answers 404 when the
/// token does not allow it.
pub struct GatewayReader {
    events: mpsc::Receiver<Result<Event, ReadError>>,
    _task: DropGuard,
}

impl GatewayReader {
    /// Starts to read in the background. Must be called within a tokio runtime.
    ///
    /// Fails only when the endpoint cannot be used as it is written.
    pub fn connect(
        endpoint: GatewayEndpoint,
        request: GatewayRequest,
    ) -> Result<Self, EndpointError> {
        let gateway = connection::Gateway::new(&endpoint)?;
        let target = request.target();
        let (sender, events) = mpsc::channel(EVENTS);
        let cancel = CancellationToken::new();
        let task = cancel.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task.cancelled() => {}
                () = stream::run(gateway, target, sender) => {}
            }
        });
        Ok(Self {
            events,
            _task: cancel.drop_guard(),
        })
    }

    /// The next event. `None` after an error that ended the reader. May be dropped
    /// before it resolves without loss.
    pub async fn next(&mut self) -> Option<Result<Event, ReadError>> {
        self.events.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_a_query() {
        let request = GatewayRequest {
            source_ids: vec!["a b".into(), "ä".into()],
            kinds: vec![Kind::Log, Kind::Timer],
            counter_names: vec!["requests".into()],
            gauge_names: vec![vec!["cpu".into(), "memory".into()]],
            shard_id: "s&1".into(),
            deterministic_name: String::new(),
        };
        assert_eq!(
            request.target(),
            "/v2/read?source_id=a%20b&source_id=%C3%A4&counter.name=requests\
             &gauge.name=cpu%2Cmemory&shard_id=s%261&log&timer"
        );
    }

    #[test]
    fn the_token_is_not_printed() {
        let endpoint = GatewayEndpoint {
            url: "http://localhost:1".into(),
            ca: None,
            token: Some("s3cret".into()),
        };
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }
}
