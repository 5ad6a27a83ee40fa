//! What a delivery serves: a drain, or a nozzle.

use std::sync::Arc;

use logweir_route::SubscribeRequest;

use crate::{
    channel::ChannelDrain,
    drain::Drain,
    filter::{Filter, SourceTypes},
    nozzle::Nozzle,
    url::DrainData,
};

/// One way out. Two are the same if they are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Asked for by whoever owns the envelopes, or by the operator: syslog or HTTPS.
    Drain(Arc<Drain>),
    /// Asked for by whoever owns a Logplex channel.
    Channel(Arc<ChannelDrain>),
    /// Named in the configuration alone: it may write to files of this machine.
    Nozzle(Arc<Nozzle>),
}

impl Exit {
    /// A name for it: for metrics, files and people.
    pub fn id(&self) -> &str {
        match self {
            Self::Drain(drain) => &drain.id,
            Self::Channel(drain) => &drain.id,
            Self::Nozzle(nozzle) => nozzle.id(),
        }
    }

    /// Where it leads, without secrets.
    pub fn shown(&self) -> &str {
        match self {
            Self::Drain(drain) => drain.url.anonymous(),
            Self::Channel(drain) => drain.url.anonymous(),
            Self::Nozzle(nozzle) => nozzle.shown(),
        }
    }

    /// The app whose envelopes it takes, and which is told about it.
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Drain(drain) => drain.scope.app(),
            Self::Channel(drain) => Some(&drain.source),
            Self::Nozzle(_) => None,
        }
    }

    /// Whether it is to have a spool.
    pub fn spools(&self) -> bool {
        match self {
            Self::Drain(drain) => drain.url.params().spool,
            Self::Channel(drain) => drain.url.spools(),
            Self::Nozzle(nozzle) => nozzle.spool,
        }
    }

    /// What it leaves out of that which [`Exit::request`] brings.
    pub fn filter(&self) -> Filter {
        match self {
            Self::Drain(drain) => drain.filter(),
            Self::Channel(_) => ChannelDrain::filter(),
            Self::Nozzle(_) => Filter::new(DrainData::All, SourceTypes::Every),
        }
    }

    /// The subscription that feeds it.
    pub fn request(&self) -> SubscribeRequest {
        match self {
            Self::Drain(drain) => SubscribeRequest {
                selectors: drain.filter().selectors(drain.scope.app()),
                ..SubscribeRequest::default()
            },
            Self::Channel(drain) => drain.request(),
            Self::Nozzle(nozzle) => nozzle.request(),
        }
    }
}

impl From<Arc<Drain>> for Exit {
    fn from(drain: Arc<Drain>) -> Self {
        Self::Drain(drain)
    }
}

impl From<Arc<ChannelDrain>> for Exit {
    fn from(drain: Arc<ChannelDrain>) -> Self {
        Self::Channel(drain)
    }
}

impl From<Arc<Nozzle>> for Exit {
    fn from(nozzle: Arc<Nozzle>) -> Self {
        Self::Nozzle(nozzle)
    }
}
