//! Changes as commands.

use crate::logplex::{
    change::Change,
    model::{ApiStatus, Cred, Drain, Grant, Rods},
    store::redis::hash::{self, CHANGES, CONTROL_ROD, RODS},
};

/// A command's name and arguments.
type Command = Vec<Vec<u8>>;

/// All the changes between `MULTI` and `EXEC`, with a message that names their keys.
pub(super) fn transaction(changes: &[Change]) -> Vec<Command> {
    let mut all = vec![command(["MULTI"])];
    let mut keys = Vec::new();
    for change in changes {
        all.extend(of(change));
        // Nobody follows sessions: whoever needs one asks for it.
        if let Some(key) = hash::key_of(change) {
            keys.push(key);
        }
    }
    if !keys.is_empty() {
        // No id has a control character.
        all.push(command(["PUBLISH", CHANGES, &keys.join("\n")]));
    }
    all.push(command(["EXEC"]));
    all
}

fn command<const N: usize>(words: [&str; N]) -> Command {
    words
        .into_iter()
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// `HMSET`, which servers of Logplex's age know too.
fn hmset(key: &str, fields: &[(&str, &str)]) -> Command {
    let mut all = command(["HMSET", key]);
    for (name, value) in fields {
        all.push(name.as_bytes().to_vec());
        all.push(value.as_bytes().to_vec());
    }
    all
}

fn of(change: &Change) -> Vec<Command> {
    let key = hash::key_of(change).unwrap_or_default();
    match change {
        Change::Channel(one) => {
            let flags = one.flags.to_string();
            let fields = [("name", &*one.name), ("flags", &flags)];
            let source = match &one.source {
                Some(source) => hmset(&key, &[("source", source)]),
                None => command(["HDEL", &key, "source"]),
            };
            vec![hmset(&key, &fields), source]
        }
        Change::Token(one) => vec![hmset(&key, &[("ch", &one.channel), ("name", &one.name)])],
        Change::Drain(one) => vec![drain(&key, one)],
        Change::Cred(one) => vec![command(["DEL", &key]), cred(&key, one)],
        Change::NoChannel(_) | Change::NoToken(_) | Change::NoDrain(_) | Change::NoCred(_) => {
            vec![command(["DEL", &key])]
        }
        Change::Session(one) => {
            let left = one.expires.duration_since(std::time::SystemTime::now());
            let seconds = left.unwrap_or_default().as_secs_f64().ceil().max(1.0);
            let key = format!("session:{}", one.id);
            let mut all = command(["SETEX", &key, &format!("{seconds:.0}")]);
            all.push(one.body.to_vec());
            vec![all]
        }
        Change::Rods(one) => rods(one),
    }
}

fn drain(key: &str, drain: &Drain) -> Command {
    let mut fields = vec![("ch", &*drain.channel), ("token", &*drain.token)];
    if let Some(url) = &drain.url {
        fields.extend([("url", &**url), ("state", "provisioned")]);
    }
    hmset(key, &fields)
}

/// Logplex has room for one channel: more of them have fields of ours.
fn cred(key: &str, cred: &Cred) -> Command {
    let mut fields = vec![("pass", &**cred.pass.text()), ("name", &*cred.name)];
    if cred.full_api() {
        fields.push(("full_api", "1"));
    }
    let channels = cred.grants.iter().filter_map(|grant| match grant {
        Grant::Channel(id) => Some(&**id),
        Grant::FullApi | Grant::AnyChannel => None,
    });
    let channels: Vec<&str> = channels.collect();
    match (cred.any_channel(), channels.as_slice()) {
        (true, _) => fields.push(("channel", "any")),
        (false, [one]) if *one != "any" => fields.push(("channel", one)),
        _ => (),
    }
    let ours: Vec<_> = channels.iter().map(|id| format!("channel:{id}")).collect();
    fields.extend(ours.iter().map(|name| (&**name, "1")));
    hmset(key, &fields)
}

fn rods(rods: &Rods) -> Vec<Command> {
    let switch = |on| if on { "1" } else { "0" };
    let kills = rods.tail_kills.to_string();
    let fields = [
        ("api", rods.api.name()),
        ("legacy_api", rods.legacy_api.name()),
        ("deny_redis_buffers", switch(rods.deny_redis_buffers)),
        ("deny_tail_sessions", switch(rods.deny_tail_sessions)),
        ("deny_drain_forwarding", switch(rods.deny_drain_forwarding)),
        ("deny_logs_ingress", switch(rods.deny_logs_ingress)),
        ("disable_firehose", switch(rods.disable_firehose)),
        ("log_api_user", switch(rods.log_api_user)),
        ("tail_kills", &kills),
    ];
    let read_only = switch(rods.legacy_api == ApiStatus::ReadOnly);
    vec![
        hmset(RODS, &fields),
        command(["SETBIT", CONTROL_ROD, "0", read_only]),
    ]
}
