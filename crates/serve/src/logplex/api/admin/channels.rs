//! Channels as operators see them.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Bad, refused};
use crate::logplex::{
    Logplex,
    api::payload,
    book::BookError,
    model::{Channel, ChannelFlags},
};

/// Most channels of one page.
const PAGE: usize = 1_000;

/// Channels by id, after one.
pub(super) fn list(logplex: &Logplex, query: &str) -> Answer {
    let (mut after, mut limit) = (String::new(), PAGE);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "after" => after = value.into_owned(),
            "limit" => {
                let number = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=PAGE).contains(limit));
                let words = || format!("limit must be a number from 1 to {PAGE}");
                limit = number.ok_or_else(|| Bad::request(words()))?;
            }
            _ => (),
        }
    }
    let mut channels = logplex.book.registry().channels();
    channels.retain(|channel| *channel.id > *after);
    channels.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    channels.truncate(limit);
    let channels: Vec<_> = channels.iter().map(|one| shown(one)).collect();
    Ok((StatusCode::OK, json!({ "channels": channels })))
}

fn shown(channel: &Channel) -> Value {
    json!({
        "id": &*channel.id,
        "name": &*channel.name,
        "source": &**channel.source_id(),
        "no_tail": channel.flags.no_tail,
        "no_redis": channel.flags.no_redis,
    })
}

pub(super) async fn show(logplex: &Logplex, id: &str) -> Answer {
    let channel = logplex.book.channel(id).await;
    let channel = channel.ok_or_else(|| refused(&BookError::NoChannel))?;
    let registry = logplex.book.registry();
    let tokens = registry.tokens_of(id);
    let tokens = tokens
        .iter()
        .map(|one| json!({ "name": &*one.name, "token": &*one.id }));
    let drains = registry.drains_of(id);
    let drains = drains
        .iter()
        .map(|one| json!({ "id": one.id, "token": &*one.token, "url": one.url.as_deref() }));
    let mut whole = shown(&channel);
    whole["tokens"] = tokens.collect();
    whole["drains"] = drains.collect();
    Ok((StatusCode::OK, whole))
}

/// Flags and the V2 source; what is not named stays.
pub(super) async fn set(logplex: &Logplex, id: &str, members: &Map<String, Value>) -> Answer {
    let names = ["no_tail", "no_redis", "source"];
    if let Some(other) = members.keys().find(|name| !names.contains(&name.as_str())) {
        let words = format!(
            "a channel has no {other:?} to set, but {}",
            names.join(", ")
        );
        return Err(Bad::request(words));
    }
    let no_tail = payload::flag(members, "no_tail")?;
    let no_redis = payload::flag(members, "no_redis")?;
    let source = payload::source(members)?;
    let set = logplex
        .book
        .set_channel(id, source, move |flags: ChannelFlags| ChannelFlags {
            no_tail: no_tail.unwrap_or(flags.no_tail),
            no_redis: no_redis.unwrap_or(flags.no_redis),
        });
    let channel = set.await.map_err(|error| refused(&error))?;
    Ok((StatusCode::OK, shown(&channel)))
}

pub(super) async fn remove(logplex: &Logplex, id: &str) -> Answer {
    let removed = logplex.book.delete_channel(id).await;
    removed.map_err(|error| refused(&error))?;
    Ok((StatusCode::OK, json!({ "removed": id })))
}

pub(super) async fn remove_token(logplex: &Logplex, id: &str, token: &str) -> Answer {
    let removed = logplex.book.delete_token(id, token).await;
    removed.map_err(|error| refused(&error))?;
    Ok((StatusCode::OK, json!({ "removed": true })))
}
