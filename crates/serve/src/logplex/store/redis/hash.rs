//! Keys and hashes of the server, and what they are.

use std::{collections::BTreeSet, sync::Arc};

use crate::logplex::{
    change::Change,
    model::{ApiStatus, Channel, ChannelFlags, Cred, Drain, Grant, Pass, Rods, Token},
    redis::Value,
    store::Thing,
};

/// Where nodes tell each other which keys they have changed, one in each line.
pub(super) const CHANGES: &str = "logweir:changes";
/// The rods; Logplex keeps them in each node's memory.
pub(super) const RODS: &str = "logweir:rods";
/// Its bit 0 is Logplex's own: v1 and v2 are read only.
pub(super) const CONTROL_ROD: &str = "control_rod";

pub(super) fn channel_key(id: &str) -> String {
    format!("ch:{id}:data")
}

pub(super) fn key_of_thing(thing: Thing<'_>) -> String {
    match thing {
        Thing::Token(id) => format!("tok:{id}:data"),
        Thing::Drain(id) => format!("drain:{id}:data"),
        Thing::Cred(id) => format!("cred:{id}"),
    }
}

/// The key of what changes; none for sessions.
pub(super) fn key_of(change: &Change) -> Option<String> {
    Some(match change {
        Change::Channel(one) => channel_key(&one.id),
        Change::NoChannel(id) => channel_key(id),
        Change::Token(one) => key_of_thing(Thing::Token(&one.id)),
        Change::NoToken(id) => key_of_thing(Thing::Token(id)),
        Change::Drain(one) => key_of_thing(Thing::Drain(one.id)),
        Change::NoDrain(id) => key_of_thing(Thing::Drain(*id)),
        Change::Cred(one) => key_of_thing(Thing::Cred(&one.id)),
        Change::NoCred(id) => key_of_thing(Thing::Cred(id)),
        Change::Rods(_) => RODS.to_owned(),
        Change::Session(_) => return None,
    })
}

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    Channel(&'a str),
    Token(&'a str),
    Drain(u64),
    Cred(&'a str),
    Rods,
}

impl<'a> Named<'a> {
    /// None for keys that are nothing to us, such as lists of lines.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        if key == RODS || key == CONTROL_ROD {
            return Some(Self::Rods);
        }
        let (kind, rest) = key.split_once(':')?;
        if kind == "cred" {
            return Some(Self::Cred(rest));
        }
        let id = rest.strip_suffix(":data")?;
        match kind {
            "ch" => Some(Self::Channel(id)),
            "tok" => Some(Self::Token(id)),
            "drain" => id.parse().ok().map(Self::Drain),
            _ => None,
        }
    }

    /// What it is with these fields; with none it is not there.
    pub(super) fn with(self, fields: &Fields) -> Change {
        let text = |name| fields.get(name).unwrap_or_default();
        let there = !fields.0.is_empty();
        match self {
            Self::Channel(id) if there => Change::Channel(Arc::new(Channel {
                id: id.into(),
                name: text("name").into(),
                flags: ChannelFlags::parse(text("flags")),
                source: fields.get("source").map(Arc::from),
            })),
            Self::Channel(id) => Change::NoChannel(id.into()),
            Self::Token(id) if there => Change::Token(Arc::new(Token {
                id: id.into(),
                channel: text("ch").into(),
                name: text("name").into(),
            })),
            Self::Token(id) => Change::NoToken(id.into()),
            Self::Drain(id) if there => Change::Drain(Arc::new(Drain {
                id,
                token: text("token").into(),
                channel: text("ch").into(),
                url: drain_url(fields),
            })),
            Self::Drain(id) => Change::NoDrain(id),
            // Without a secret anybody would have it.
            Self::Cred(id) if !text("pass").is_empty() => Change::Cred(Arc::new(Cred {
                id: id.into(),
                pass: Pass::stored(text("pass")),
                name: text("name").into(),
                grants: grants(fields),
            })),
            Self::Cred(id) => Change::NoCred(id.into()),
            Self::Rods => Change::Rods(rods(fields)),
        }
    }
}

/// A hash.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of the answer to `HGETALL`. What is no text is no field of ours.
    pub(super) fn of(answer: Value) -> Self {
        let values = answer.into_array();
        let pairs = values.chunks_exact(2).filter_map(|pair| {
            let (name, value) = (pair[0].text()?, pair[1].text()?);
            Some((name.to_owned(), value.to_owned()))
        });
        Self(pairs.collect())
    }

    /// With one more field.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Old drains have a host and a port.
fn drain_url(fields: &Fields) -> Option<Arc<str>> {
    let url = fields.get("url").filter(|url| !url.is_empty());
    if let Some(url) = url {
        return Some(url.into());
    }
    let host = fields.get("host").filter(|host| !host.is_empty())?;
    let port = fields.get("port").unwrap_or("514");
    Some(format!("syslog://{host}:{port}").into())
}

fn grants(fields: &Fields) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    if fields.get("full_api") == Some("1") {
        grants.insert(Grant::FullApi);
    }
    match fields.get("channel") {
        Some("any") => drop(grants.insert(Grant::AnyChannel)),
        Some(id) if !id.is_empty() => drop(grants.insert(Grant::Channel(id.into()))),
        _ => (),
    }
    for (name, value) in &fields.0 {
        if let (Some(id), "1") = (name.strip_prefix("channel:"), value.as_str()) {
            grants.insert(Grant::Channel(id.into()));
        }
    }
    grants
}

/// The bit says whether v1 and v2 are read only; that they are disabled is a word of ours.
fn rods(fields: &Fields) -> Rods {
    let on = |name| fields.get(name) == Some("1");
    let status = |name| {
        fields
            .get(name)
            .and_then(ApiStatus::parse)
            .unwrap_or_default()
    };
    let legacy_api = match status("legacy_api") {
        ApiStatus::Disabled => ApiStatus::Disabled,
        _ if on(CONTROL_ROD) => ApiStatus::ReadOnly,
        _ => ApiStatus::Normal,
    };
    let kills = fields
        .get("tail_kills")
        .and_then(|kills| kills.parse().ok());
    Rods {
        api: status("api"),
        legacy_api,
        deny_redis_buffers: on("deny_redis_buffers"),
        deny_tail_sessions: on("deny_tail_sessions"),
        deny_drain_forwarding: on("deny_drain_forwarding"),
        deny_logs_ingress: on("deny_logs_ingress"),
        disable_firehose: on("disable_firehose"),
        log_api_user: on("log_api_user"),
        tail_kills: kills.unwrap_or_default(),
    }
}
