//! What Logplex knows: channels, tokens, drains, credentials, sessions, control rods.
//! Values only; [`super::registry`] holds them and [`super::book`] changes them.

use std::{collections::BTreeSet, fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;

/// Where the lines of one app go. Its id is a decimal number if v1 or v2 made it, and any
/// path segment if v3 did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: Arc<str>,
    /// A name for people; often empty.
    pub name: Arc<str>,
    /// What is refused to it.
    pub flags: ChannelFlags,
    /// The V2 source that the channel is, if that is not the channel's id.
    pub source: Option<Arc<str>>,
}

impl Channel {
    /// A channel with an id and nothing else.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            name: "".into(),
            flags: ChannelFlags::default(),
            source: None,
        }
    }

    /// Makes it a V2 source; its own id, if that is empty.
    pub(super) fn set_source(&mut self, source: Arc<str>) {
        let other = !source.is_empty() && source != self.id;
        self.source = other.then_some(source);
    }

    /// The source whose envelopes are the channel's lines.
    pub fn source_id(&self) -> &Arc<str> {
        self.source.as_ref().unwrap_or(&self.id)
    }
}

/// What is refused to a channel because of its volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelFlags {
    /// No live lines: a tail ends with L20 after the history.
    pub no_tail: bool,
    /// No history.
    pub no_redis: bool,
}

impl ChannelFlags {
    /// From Logplex's text, flags joined with `:`. Flags that we do not know are no error:
    /// at the peer they make a channel unloadable.
    pub fn parse(text: &str) -> Self {
        let has = |flag| text.split(':').any(|word| word == flag);
        Self {
            no_tail: has("no_tail"),
            no_redis: has("no_redis"),
        }
    }
}

impl fmt::Display for ChannelFlags {
    /// Sorted and joined with `:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.no_redis, self.no_tail) {
            (false, false) => "",
            (true, false) => "no_redis",
            (false, true) => "no_tail",
            (true, true) => "no_redis:no_tail",
        })
    }
}

/// The right to write lines to a channel under one name. A secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// `t.` and a lower-case UUID.
    pub id: Arc<str>,
    /// Id of the channel; which may be unknown, in a store that others write.
    pub channel: Arc<str>,
    /// The source shown to users, as `app` or `heroku`; not unique in its channel.
    pub name: Arc<str>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} of {})", self.name, self.channel)
    }
}

/// Where the lines of a channel go outside.
#[derive(Clone, PartialEq, Eq)]
pub struct Drain {
    /// Number from the store.
    pub id: u64,
    /// `d.` and a lower-case UUID.
    pub token: Arc<str>,
    /// Id of the channel.
    pub channel: Arc<str>,
    /// With its user and password; none while the drain is only reserved.
    pub url: Option<Arc<str>>,
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        write!(f, "Drain({} of {})", self.id, self.channel)
    }
}

/// Who may call.
#[derive(Clone, PartialEq, Eq)]
pub struct Cred {
    /// 32 hexadecimal digits if it was made up here, or what people chose.
    pub id: Arc<str>,
    /// What its owner knows.
    pub pass: Pass,
    /// For people.
    pub name: Arc<str>,
    /// What it may do.
    pub grants: BTreeSet<Grant>,
}

impl fmt::Debug for Cred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cred({}: {:?})", self.id, self.grants)
    }
}

impl Cred {
    /// Whether it may use the API.
    pub fn full_api(&self) -> bool {
        self.grants.contains(&Grant::FullApi)
    }

    /// Whether it may write to every channel.
    pub fn any_channel(&self) -> bool {
        self.grants.contains(&Grant::AnyChannel)
    }

    /// Whether it may write to some channel at all.
    pub fn some_channel(&self) -> bool {
        self.grants.iter().any(|grant| *grant != Grant::FullApi)
    }

    /// Whether it may write to this channel.
    pub fn may_write(&self, channel: &Arc<str>) -> bool {
        self.any_channel() || self.grants.contains(&Grant::Channel(Arc::clone(channel)))
    }
}

/// A credential's secret as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Pass {
    /// `pbkdf2-sha256$ITERATIONS$SALT$HASH`, the last two in hexadecimal.
    Hashed(Arc<str>),
    /// In clear, in a Redis that Logplex has written.
    Clear(Arc<str>),
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

/// One permission of a credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// The API: v1, v2, v3.
    FullApi,
    /// `POST /logs` for every channel.
    AnyChannel,
    /// `POST /logs` for one channel.
    Channel(Arc<str>),
}

impl Grant {
    /// From `full_api`, `any_channel` or `channel:ID`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "full_api" => Some(Self::FullApi),
            "any_channel" => Some(Self::AnyChannel),
            _ => match text.strip_prefix("channel:") {
                Some(id) if !id.is_empty() => Some(Self::Channel(id.into())),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullApi => f.write_str("full_api"),
            Self::AnyChannel => f.write_str("any_channel"),
            Self::Channel(id) => write!(f, "channel:{id}"),
        }
    }
}

/// The right to read a channel for some minutes: whoever knows the id may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// A lower-case UUID.
    pub id: Arc<str>,
    /// What was posted, byte for byte; looked at when it is fetched.
    pub body: Bytes,
    /// Unknown from then on.
    pub expires: SystemTime,
}

/// Whether an API answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiStatus {
    /// Everything.
    #[default]
    Normal,
    /// No changes.
    ReadOnly,
    /// Nothing.
    Disabled,
}

impl ApiStatus {
    /// `normal`, `read_only`, `disabled`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ReadOnly => "read_only",
            Self::Disabled => "disabled",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Normal, Self::ReadOnly, Self::Disabled];
        all.into_iter().find(|status| status.name() == text)
    }
}

/// What an operator switched off, on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rods {
    /// v3.
    pub api: ApiStatus,
    /// v1 and v2.
    pub legacy_api: ApiStatus,
    /// No history is written.
    pub deny_redis_buffers: bool,
    /// No new v3 sessions, and tails are silent.
    pub deny_tail_sessions: bool,
    /// Drains get nothing.
    pub deny_drain_forwarding: bool,
    /// `POST /logs` answers 503.
    pub deny_logs_ingress: bool,
    /// Nothing goes to the firehose's channels.
    pub disable_firehose: bool,
    /// Callers of the API are logged.
    pub log_api_user: bool,
    /// How often all tails were ended; whoever tails and sees it rise ends.
    pub tail_kills: u64,
}

impl Rods {
    /// With what is switched off in `more` too.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            api: self.api.max(more.api),
            legacy_api: self.legacy_api.max(more.legacy_api),
            deny_redis_buffers: self.deny_redis_buffers || more.deny_redis_buffers,
            deny_tail_sessions: self.deny_tail_sessions || more.deny_tail_sessions,
            deny_drain_forwarding: self.deny_drain_forwarding || more.deny_drain_forwarding,
            deny_logs_ingress: self.deny_logs_ingress || more.deny_logs_ingress,
            disable_firehose: self.disable_firehose || more.disable_firehose,
            log_api_user: self.log_api_user || more.log_api_user,
            tail_kills: self.tail_kills,
        }
    }
}
