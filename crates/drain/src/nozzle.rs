//! Nozzles: exits of the operator, to where no drain may lead. They have a drain's queue, books
//! and retries, and another last step.
//!
//! A new kind is its settings here, a member of [`To`], a shape of its messages
//! (`delivery/batch/form.rs`) and a session (`delivery`).

mod file;
mod graphite;
mod kafka;

use logweir_proto::peek::Kind;
use logweir_route::{Selector, SubscribeRequest, selector::What};

pub use file::{FileSettings, Fsync};
pub use graphite::GraphiteSettings;
pub use kafka::{KafkaSettings, Mechanism, Sasl, Value};

/// Every kind of envelope.
pub const KINDS: [Kind; 5] = [
    Kind::Log,
    Kind::Counter,
    Kind::Gauge,
    Kind::Timer,
    Kind::Event,
];

/// Longest name of a nozzle.
const NAME: usize = 64;

/// One nozzle, resolved: everything that its delivery needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nozzle {
    id: String,
    shown: String,
    /// What it takes.
    pub takes: Takes,
    /// Whether it has a spool.
    pub spool: bool,
    /// Where to.
    pub to: To,
}

/// What a nozzle takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// These kinds; none: all that its [`To`] can say.
    pub kinds: Vec<Kind>,
    /// Of these sources; none: of all.
    pub sources: Vec<String>,
    /// Readers of one selector and one shard id share its envelopes. Empty: none.
    pub shard: String,
}

/// Where a nozzle leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// A file of JSON lines.
    File(FileSettings),
    /// Carbon, or what takes its lines.
    Graphite(GraphiteSettings),
    /// A topic of Kafka.
    Kafka(KafkaSettings),
}

impl To {
    /// The word of the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Graphite(_) => "graphite",
            Self::Kafka(_) => "kafka",
        }
    }

    /// The kinds of envelopes that it can say.
    pub fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::File(_) | Self::Kafka(_) => &KINDS,
            Self::Graphite(_) => &graphite::KINDS,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::File(file) => format!("file://{}", file.path.display()),
            Self::Graphite(graphite) => format!("graphite://{}", graphite.address),
            Self::Kafka(kafka) => kafka.to_string(),
        }
    }
}

/// Why something is no nozzle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NozzleError {
    /// A name that is none.
    #[error(
        "`{0}` is no name of a nozzle: 1 to {NAME} of the characters a-z, 0-9, - and _ were expected"
    )]
    Name(String),
    /// Something that its kind cannot say.
    #[error("a {to} nozzle cannot say envelopes of the kind {kind}")]
    Kind {
        /// Where it leads.
        to: &'static str,
        /// The kind.
        kind: &'static str,
    },
}

impl Nozzle {
    /// A nozzle of this name.
    ///
    /// # Errors
    /// A name that cannot be one, or a kind of envelope that cannot be said there.
    pub fn new(name: &str, mut takes: Takes, spool: bool, to: To) -> Result<Self, NozzleError> {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        if name.is_empty() || name.len() > NAME || !name.bytes().all(fits) {
            let shown = name.chars().take(NAME).collect();
            return Err(NozzleError::Name(shown));
        }
        let can = to.kinds();
        if let Some(kind) = takes.kinds.iter().find(|kind| !can.contains(kind)) {
            let (to, kind) = (to.name(), kind_name(*kind));
            return Err(NozzleError::Kind { to, kind });
        }
        if takes.kinds.is_empty() {
            takes.kinds = can.to_vec();
        }
        Ok(Self {
            // No drain has such an id.
            id: format!("nozzle-{name}"),
            shown: to.shown(),
            takes,
            spool,
            to,
        })
    }

    /// `nozzle-NAME`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it leads, as a URL without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The subscription that feeds it.
    pub fn request(&self) -> SubscribeRequest {
        let Takes {
            kinds,
            sources,
            shard,
        } = &self.takes;
        let sources: Vec<Option<Box<str>>> = match sources.is_empty() {
            true => vec![None],
            false => sources.iter().map(|id| Some(id.as_str().into())).collect(),
        };
        let of = |source: Option<Box<str>>| {
            kinds.iter().map(move |kind| Selector {
                source: source.clone(),
                what: What::Any(*kind),
            })
        };
        SubscribeRequest {
            selectors: sources.into_iter().flat_map(of).collect(),
            shard: shard.clone(),
            ..SubscribeRequest::default()
        }
    }
}

/// The word for a kind of envelope.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Log => "log",
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Timer => "timer",
        Kind::Event => "event",
    }
}
