//! Things as the file has them: JSON under `KIND/ID`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::logplex::{
    change::Change,
    model::{ApiStatus, Channel, ChannelFlags, Cred, Drain, Grant, Pass, Rods, Token},
};

#[derive(Serialize, Deserialize)]
struct ChannelRecord {
    name: String,
    flags: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TokenRecord {
    channel: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct DrainRecord {
    channel: String,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CredRecord {
    pass: String,
    name: String,
    grants: Vec<String>,
}

/// What is not there is as it is without rods: a later build may have more of them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct RodsRecord {
    api: String,
    legacy_api: String,
    deny_redis_buffers: bool,
    deny_tail_sessions: bool,
    deny_drain_forwarding: bool,
    deny_logs_ingress: bool,
    disable_firehose: bool,
    log_api_user: bool,
}

/// The key of a thing, and what is there from now on; nothing for sessions, which have a
/// table of their own.
pub(super) fn encode(change: &Change) -> Option<(String, Option<String>)> {
    Some(match change {
        Change::Channel(one) => (
            format!("channel/{}", one.id),
            json(&ChannelRecord {
                name: one.name.to_string(),
                flags: one.flags.to_string(),
                source: one.source.as_deref().map(String::from),
            }),
        ),
        Change::NoChannel(id) => (format!("channel/{id}"), None),
        Change::Token(one) => (
            format!("token/{}", one.id),
            json(&TokenRecord {
                channel: one.channel.to_string(),
                name: one.name.to_string(),
            }),
        ),
        Change::NoToken(id) => (format!("token/{id}"), None),
        Change::Drain(one) => (
            format!("drain/{}", one.id),
            json(&DrainRecord {
                channel: one.channel.to_string(),
                token: one.token.to_string(),
                url: one.url.as_deref().map(String::from),
            }),
        ),
        Change::NoDrain(id) => (format!("drain/{id}"), None),
        Change::Cred(one) => (
            format!("cred/{}", one.id),
            json(&CredRecord {
                pass: one.pass.text().to_string(),
                name: one.name.to_string(),
                grants: one.grants.iter().map(Grant::to_string).collect(),
            }),
        ),
        Change::NoCred(id) => (format!("cred/{id}"), None),
        Change::Rods(rods) => ("rods/".to_owned(), json(&rods_record(rods))),
        Change::Session(_) => return None,
    })
}

fn json(record: &impl Serialize) -> Option<String> {
    serde_json::to_string(record).ok()
}

/// The thing under a key; none if this build knows nothing of its kind.
pub(super) fn decode(key: &str, json: &str) -> Result<Option<Change>, serde_json::Error> {
    let Some((kind, id)) = key.split_once('/') else {
        return Ok(None);
    };
    Ok(Some(match kind {
        "channel" => {
            let record: ChannelRecord = serde_json::from_str(json)?;
            Change::Channel(Arc::new(Channel {
                id: id.into(),
                name: record.name.into(),
                flags: ChannelFlags::parse(&record.flags),
                source: record.source.map(Arc::from),
            }))
        }
        "token" => {
            let record: TokenRecord = serde_json::from_str(json)?;
            Change::Token(Arc::new(Token {
                id: id.into(),
                channel: record.channel.into(),
                name: record.name.into(),
            }))
        }
        "drain" => {
            let record: DrainRecord = serde_json::from_str(json)?;
            let Ok(id) = id.parse() else { return Ok(None) };
            Change::Drain(Arc::new(Drain {
                id,
                token: record.token.into(),
                channel: record.channel.into(),
                url: record.url.map(Arc::from),
            }))
        }
        "cred" => {
            let record: CredRecord = serde_json::from_str(json)?;
            let grants = record.grants.iter();
            Change::Cred(Arc::new(Cred {
                id: id.into(),
                pass: Pass::stored(&record.pass),
                name: record.name.into(),
                grants: grants.filter_map(|grant| Grant::parse(grant)).collect(),
            }))
        }
        "rods" => Change::Rods(rods(&serde_json::from_str(json)?)),
        _ => return Ok(None),
    }))
}

fn rods_record(rods: &Rods) -> RodsRecord {
    RodsRecord {
        api: rods.api.name().to_owned(),
        legacy_api: rods.legacy_api.name().to_owned(),
        deny_redis_buffers: rods.deny_redis_buffers,
        deny_tail_sessions: rods.deny_tail_sessions,
        deny_drain_forwarding: rods.deny_drain_forwarding,
        deny_logs_ingress: rods.deny_logs_ingress,
        disable_firehose: rods.disable_firehose,
        log_api_user: rods.log_api_user,
    }
}

fn rods(record: &RodsRecord) -> Rods {
    Rods {
        api: ApiStatus::parse(&record.api).unwrap_or_default(),
        legacy_api: ApiStatus::parse(&record.legacy_api).unwrap_or_default(),
        deny_redis_buffers: record.deny_redis_buffers,
        deny_tail_sessions: record.deny_tail_sessions,
        deny_drain_forwarding: record.deny_drain_forwarding,
        deny_logs_ingress: record.deny_logs_ingress,
        disable_firehose: record.disable_firehose,
        log_api_user: record.log_api_user,
        tail_kills: 0,
    }
}
