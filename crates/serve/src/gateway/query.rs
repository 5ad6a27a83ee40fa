//! From the query of `/v2/read` to the request for the reverse log proxy (spec 6.3).

use logweir_proto::v2;
use thiserror::Error;

use crate::front::form;

/// Most selectors of one request. A query of 64 KiB could ask for millions, as the
/// product of its source ids and its metric names.
pub const MAX_SELECTORS: usize = 10_000;

/// Why a query asks for nothing that can be streamed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// No parameter at all.
    #[error("query cannot be empty")]
    Empty,
    /// No parameter names an envelope type.
    #[error("query must provide at least one envelope type")]
    MissingEnvelopeType,
    /// More than [`MAX_SELECTORS`].
    #[error("query asks for more than {MAX_SELECTORS} selectors")]
    TooManySelectors,
}

/// The parameters of a query, in order, as Go's `url.ParseQuery` reads them: pairs
/// with a bad percent escape or a semicolon are silently skipped, `+` is a space.
///
/// Bytes that are no UTF-8 become U+FFFD, as they do in envelopes on their way in.
/// (Skipping them would widen the selection, down to every source.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads a raw query, without its question mark.
    pub fn parse(raw: &str) -> Self {
        let pairs = form::fields(raw).collect();
        Self { pairs }
    }

    /// The source ids asked for; empty means every source.
    pub fn source_ids(&self) -> Vec<&str> {
        self.all("source_id").collect()
    }

    /// The request for the reverse log proxy: for each source, logs, counters,
    /// gauges, timers, events.
    pub fn request(&self) -> Result<v2::EgressBatchRequest, QueryError> {
        use v2::selector::Message;

        if self.pairs.is_empty() {
            return Err(QueryError::Empty);
        }
        let mut messages = Vec::new();
        if self.has("log") {
            messages.push(Message::Log(v2::LogSelector {}));
        }
        if self.has("counter.name") {
            messages.extend(
                self.all("counter.name")
                    .map(|name| Message::Counter(v2::CounterSelector { name: name.into() })),
            );
        } else if self.has("counter") {
            messages.push(Message::Counter(v2::CounterSelector::default()));
        }
        if self.has("gauge.name") {
            messages.extend(self.all("gauge.name").map(|names| {
                let names = names.split(',').map(str::to_owned).collect();
                Message::Gauge(v2::GaugeSelector { names })
            }));
        } else if self.has("gauge") {
            messages.push(Message::Gauge(v2::GaugeSelector::default()));
        }
        if self.has("timer") {
            messages.push(Message::Timer(v2::TimerSelector {}));
        }
        if self.has("event") {
            messages.push(Message::Event(v2::EventSelector {}));
        }
        if messages.is_empty() {
            return Err(QueryError::MissingEnvelopeType);
        }

        let mut sources = self.source_ids();
        if sources.is_empty() {
            sources.push("");
        }
        if sources.len().saturating_mul(messages.len()) > MAX_SELECTORS {
            return Err(QueryError::TooManySelectors);
        }
        let selector = |source: &str, message: &Message| v2::Selector {
            source_id: source.to_owned(),
            message: Some(message.clone()),
        };
        Ok(v2::EgressBatchRequest {
            shard_id: self.first("shard_id"),
            deterministic_name: self.first("deterministic_name"),
            use_preferred_tags: true,
            selectors: sources
                .iter()
                .flat_map(|source| {
                    messages
                        .iter()
                        .map(move |message| selector(source, message))
                })
                .collect(),
            ..v2::EgressBatchRequest::default()
        })
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    fn first(&self, key: &str) -> String {
        self.all(key).next().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(raw: &str) -> Vec<String> {
        let request = Query::parse(raw).request().unwrap();
        request
            .selectors
            .iter()
            .map(|selector| match selector.message.as_ref().unwrap() {
                v2::selector::Message::Log(_) => format!("{}:log", selector.source_id),
                v2::selector::Message::Counter(counter) => {
                    format!("{}:counter({})", selector.source_id, counter.name)
                }
                v2::selector::Message::Gauge(gauge) => {
                    format!("{}:gauge({})", selector.source_id, gauge.names.join("|"))
                }
                v2::selector::Message::Timer(_) => format!("{}:timer", selector.source_id),
                v2::selector::Message::Event(_) => format!("{}:event", selector.source_id),
            })
            .collect()
    }

    #[test]
    fn types_come_in_a_fixed_order_for_each_source() {
        assert_eq!(
            selectors("event&timer&gauge&counter&log&source_id=b&source_id=a"),
            [
                "b:log",
                "b:counter()",
                "b:gauge()",
                "b:timer",
                "b:event", //
                "a:log",
                "a:counter()",
                "a:gauge()",
                "a:timer",
                "a:event",
            ]
        );
    }

    #[test]
    fn names_replace_the_plain_type() {
        assert_eq!(
            selectors("counter&counter.name=x&counter.name=&gauge&gauge.name=a,b&gauge.name=c"),
            [":counter(x)", ":counter()", ":gauge(a|b)", ":gauge(c)"]
        );
    }

    #[test]
    fn broken_pairs_are_skipped() {
        assert_eq!(
            selectors("log&counter;gauge&%zz=1&event%4&timer=%"),
            [":log"]
        );
        assert_eq!(selectors("lo%67&source_id=a+b%2B"), ["a b+:log"]);
        assert_eq!(
            Query::parse("log;counter").request(),
            Err(QueryError::Empty)
        );
        assert_eq!(
            Query::parse("=").request(),
            Err(QueryError::MissingEnvelopeType)
        );
    }

    #[test]
    fn a_source_id_that_is_no_utf8_does_not_widen_the_selection() {
        assert_eq!(selectors("log&source_id=a%ff"), ["a\u{fffd}:log"]);
    }

    #[test]
    fn the_product_of_sources_and_names_is_bounded() {
        let sources = "source_id=a&".repeat(101);
        let names = "counter.name=x&".repeat(100);
        let raw = format!("{sources}{names}");
        assert_eq!(
            Query::parse(&raw).request(),
            Err(QueryError::TooManySelectors)
        );
    }
}
