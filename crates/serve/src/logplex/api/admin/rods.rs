//! Control rods.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Bad, refused};
use crate::logplex::{
    Logplex,
    api::payload,
    model::{ApiStatus, Rods},
};

/// The rods that are in or out.
const SWITCHES: [&str; 6] = [
    "deny_redis_buffers",
    "deny_tail_sessions",
    "deny_drain_forwarding",
    "deny_logs_ingress",
    "disable_firehose",
    "log_api_user",
];

/// The rods that are the status of an API.
const APIS: [&str; 2] = ["api", "legacy_api"];

/// The same rod by the name that Logplex's environment has for it.
const ALIAS: (&str, &str) = ("disable_drain_forwarding", "deny_drain_forwarding");

pub(super) fn show(logplex: &Logplex) -> (StatusCode, Value) {
    (StatusCode::OK, shown(logplex.book.registry().rods()))
}

fn shown(mut rods: Rods) -> Value {
    let mut members = Map::new();
    for name in APIS {
        let status = api(&mut rods, name).name();
        members.insert(name.into(), status.into());
    }
    for name in SWITCHES {
        let on = *switch(&mut rods, name);
        members.insert(name.into(), on.into());
    }
    Value::Object(members)
}

fn api<'a>(rods: &'a mut Rods, name: &str) -> &'a mut ApiStatus {
    match name {
        "api" => &mut rods.api,
        _ => &mut rods.legacy_api,
    }
}

fn switch<'a>(rods: &'a mut Rods, name: &str) -> &'a mut bool {
    match name {
        "deny_redis_buffers" => &mut rods.deny_redis_buffers,
        "deny_tail_sessions" => &mut rods.deny_tail_sessions,
        "deny_drain_forwarding" => &mut rods.deny_drain_forwarding,
        "deny_logs_ingress" => &mut rods.deny_logs_ingress,
        "disable_firehose" => &mut rods.disable_firehose,
        _ => &mut rods.log_api_user,
    }
}

pub(super) async fn set(logplex: &Logplex, members: &Map<String, Value>) -> Answer {
    let (mut apis, mut switches) = (Vec::new(), Vec::new());
    for given in members.keys() {
        let name = if given == ALIAS.0 { ALIAS.1 } else { given };
        if let Some(name) = APIS.into_iter().find(|one| *one == name) {
            let status = payload::text(members, given)?.and_then(ApiStatus::parse);
            let words = || format!("{name:?} must be normal, read_only or disabled");
            apis.push((name, status.ok_or_else(|| Bad::request(words()))?));
        } else if let Some(name) = SWITCHES.into_iter().find(|one| *one == name) {
            switches.push((name, payload::flag(members, given)?.unwrap_or_default()));
        } else {
            let all = [&APIS[..], &SWITCHES].concat().join(", ");
            let words = format!("there is no such rod; there are {all}");
            return Err(Bad::request(words));
        }
    }
    let changed = logplex.book.set_rods(move |rods| {
        for (name, status) in apis {
            *api(rods, name) = status;
        }
        for (name, on) in switches {
            *switch(rods, name) = on;
        }
    });
    let rods = changed.await.map_err(|error| refused(&error))?;
    let shown = shown(rods);
    tracing::info!("the control rods are {shown}");
    Ok((StatusCode::OK, shown))
}

pub(super) async fn kill_tails(logplex: &Logplex) -> Answer {
    let killed = logplex.book.set_rods(|rods| rods.tail_kills += 1).await;
    killed.map_err(|error| refused(&error))?;
    tracing::info!("every tail is ended");
    Ok((StatusCode::OK, json!({ "killed": true })))
}
