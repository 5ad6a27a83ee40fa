//! A drain of a Logplex channel (spec logplex §5).

use std::{fmt, sync::Arc};

use logweir_route::SubscribeRequest;

use crate::{
    filter::{Filter, SourceTypes},
    logplex_url::LogplexUrl,
    url::DrainData,
};

/// One drain of a channel. Two are the same drain if they are equal; any difference takes a new
/// connection. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelDrain {
    /// A name for it, for metrics, files and people: `channel-drain-7`.
    pub id: String,
    /// Its number in the store.
    pub number: u64,
    /// The channel's id.
    pub channel: Arc<str>,
    /// The source whose envelopes are the channel's lines.
    pub source: Arc<str>,
    /// `d.` and a UUID: what the receiver knows the drain by.
    pub token: Arc<str>,
    /// Where to.
    pub url: LogplexUrl,
    /// Bytes as Logplex writes them, where we would do otherwise.
    pub strict: bool,
    /// It takes lines of other channels, which its queue is filled with by hand.
    pub firehose: bool,
}

impl ChannelDrain {
    /// What it takes: logs.
    pub(crate) fn filter() -> Filter {
        Filter::new(DrainData::LogsNoEvents, SourceTypes::Every)
    }

    /// The subscription that feeds it.
    pub(crate) fn request(&self) -> SubscribeRequest {
        SubscribeRequest {
            selectors: match self.firehose {
                true => Vec::new(),
                false => Self::filter().selectors(Some(&self.source)),
            },
            ..SubscribeRequest::default()
        }
    }
}

impl fmt::Debug for ChannelDrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelDrain")
            .field("id", &self.id)
            .field("channel", &self.channel)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
