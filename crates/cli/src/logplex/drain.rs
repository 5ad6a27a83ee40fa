//! Drains of channels: `logweir drain add|list|rm --channel`.

use http::Method;
use serde_json::{Value, json};

use super::{Api, id, table};
use crate::{
    exit::Failure,
    front::{Where, escaped},
};

/// Makes one; its number and its token.
pub(crate) async fn add(place: &Where, channel: &str, url: &str) -> Result<String, Failure> {
    let path = format!("{}/drains", Api::channel(channel)?);
    let body = json!({ "url": url });
    let made = Api::new(place)?
        .ask(Method::POST, &path, Some(&body))
        .await?;
    Ok(format!("{} {}\n", id(&made["id"]), id(&made["token"])))
}

/// Shows those of a channel.
pub(crate) async fn list(place: &Where, channel: &str, json: bool) -> Result<String, Failure> {
    let path = Api::channel(channel)?;
    let channel = Api::new(place)?.ask(Method::GET, &path, None).await?;
    let drains = match &channel["drains"] {
        Value::Null => &Value::Array(Vec::new()),
        drains => drains,
    };
    if json {
        return Ok(format!("{drains}\n"));
    }
    let mut lines = vec![["ID", "TOKEN", "URL"].map(String::from)];
    lines.extend(drains.as_array().into_iter().flatten().map(|drain| {
        [
            id(&drain["id"]),
            id(&drain["token"]),
            drain["url"].as_str().unwrap_or("(reserved)").to_owned(),
        ]
    }));
    Ok(table(&lines))
}

/// Removes one by its number.
pub(crate) async fn remove(place: &Where, channel: &str, drain: &str) -> Result<(), Failure> {
    let path = format!("{}/drains/{}", Api::channel(channel)?, escaped(drain));
    Api::new(place)?.done(Method::DELETE, &path, None).await
}
