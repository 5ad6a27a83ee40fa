//! Credentials.

use std::{collections::BTreeSet, sync::Arc};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, Bad, refused};
use crate::logplex::{
    Logplex,
    api::payload,
    ids,
    model::{Cred, Grant, Pass},
};

/// Longest secret in bytes.
const LONGEST: usize = 1_024;

pub(super) fn list(logplex: &Logplex) -> (StatusCode, Value) {
    let creds = logplex.book.registry().creds();
    let creds: Vec<_> = creds.iter().map(|cred| shown(cred)).collect();
    (StatusCode::OK, json!({ "creds": creds }))
}

fn shown(cred: &Cred) -> Value {
    let grants: Vec<_> = cred.grants.iter().map(Grant::to_string).collect();
    json!({ "id": &*cred.id, "name": &*cred.name, "grants": grants })
}

/// A new one; what is not chosen is made up, and a secret that was made up is told once.
pub(super) async fn create(logplex: &Logplex, members: &Map<String, Value>) -> Answer {
    let id: Arc<str> = match payload::text(members, "id")? {
        Some(id) if id.contains(':') => {
            return Err(Bad::request("an id must not have a colon"));
        }
        Some(id) => payload::one_word(id, "an id")?.into(),
        None => ids::upper_hex::<16>().into(),
    };
    let chosen = payload::text(members, "pass")?;
    let secret = match chosen {
        Some(secret) if secret.is_empty() || secret.len() > LONGEST => {
            let words = format!("a pass must have 1 to {LONGEST} bytes");
            return Err(Bad::request(words));
        }
        Some(secret) => secret.to_owned(),
        None => ids::upper_hex::<32>(),
    };
    let grants = grants(members)?;
    let name = payload::text(members, "name")?.unwrap_or_default().into();
    let hashed = {
        let secret = secret.clone();
        tokio::task::spawn_blocking(move || Pass::hashed(&secret)).await
    };
    let ended = |_| Bad(StatusCode::SERVICE_UNAVAILABLE, "it is ending".into());
    let cred = Cred {
        id,
        pass: hashed.map_err(ended)?,
        name,
        grants,
    };
    let cred = logplex.book.create_cred(cred).await;
    let cred = cred.map_err(|error| refused(&error))?;
    tracing::info!("the credential {} was made", cred.id);
    let mut shown = shown(&cred);
    if chosen.is_none() {
        shown["pass"] = secret.into();
    }
    Ok((StatusCode::CREATED, shown))
}

pub(super) async fn grant(logplex: &Logplex, id: &str, members: &Map<String, Value>) -> Answer {
    let more = grants(members)?;
    let changed = logplex.book.set_grants(id, |grants| grants.extend(more));
    let cred = changed.await.map_err(|error| refused(&error))?;
    Ok((StatusCode::OK, shown(&cred)))
}

pub(super) async fn revoke(logplex: &Logplex, id: &str, grant: &str) -> Answer {
    let grant = parsed(grant)?;
    let changed = logplex.book.set_grants(id, move |grants| {
        grants.remove(&grant);
    });
    let cred = changed.await.map_err(|error| refused(&error))?;
    Ok((StatusCode::OK, shown(&cred)))
}

pub(super) async fn remove(logplex: &Logplex, id: &str) -> Answer {
    let removed = logplex.book.remove_cred(id).await;
    removed.map_err(|error| refused(&error))?;
    tracing::info!("the credential {id:?} was removed");
    Ok((StatusCode::OK, json!({ "removed": id })))
}

fn grants(members: &Map<String, Value>) -> Result<BTreeSet<Grant>, Bad> {
    let grants = payload::texts(members, "grants")?.unwrap_or_default();
    grants.into_iter().map(parsed).collect()
}

fn parsed(grant: &str) -> Result<Grant, Bad> {
    Grant::parse(grant)
        .ok_or_else(|| Bad::request("a grant is full_api, any_channel or channel:ID"))
}
