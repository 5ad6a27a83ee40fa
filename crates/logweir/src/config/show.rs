//! The effective settings as TOML, secrets left out.

use toml::{Table, Value};

use super::{
    keys::{Key, Keys, Kind},
    settings::Settings,
};

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "(redacted)";

/// TOML that says what the process would run with.
pub(crate) fn show(settings: &Settings) -> Result<String, toml::ser::Error> {
    let mut table = Table::try_from(settings)?;
    redact(&mut table, "", &Keys::of_settings().keys);
    toml::to_string(&table)
}

/// Puts [`REDACTED`] in the place of a secret. What is not set is shown as it is.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::Array(items) => items.iter_mut().for_each(hide),
        // Names of headers are no secret, and tell drains apart.
        Value::Table(inner) => inner.iter_mut().for_each(|(_, value)| hide(value)),
        value => *value = Value::String(REDACTED.into()),
    }
}

fn redact(table: &mut Table, path: &str, keys: &[Key]) {
    for (name, value) in table.iter_mut() {
        let path = match path {
            "" => name.clone(),
            _ => format!("{path}.{name}"),
        };
        let key = keys.iter().find(|key| key.path == path);
        match (key, value) {
            (Some(key), value) if key.secret => hide(value),
            (Some(key), Value::Array(items)) => {
                if let Kind::Tables(inner) = &key.kind {
                    for item in items.iter_mut().filter_map(Value::as_table_mut) {
                        redact(item, "", &inner.keys);
                    }
                }
            }
            (_, Value::Table(inner)) => redact(inner, &path, keys),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use logweir_serve::{
        auth::{LocalToken, UaaConfig},
        drains::DrainConfig,
    };

    use super::{super::settings::Settings, REDACTED, show};

    #[test]
    fn secrets_stay_out_and_the_rest_is_the_settings() {
        let mut settings = Settings::default();
        settings.auth.uaa = Some(UaaConfig {
            url: "https://uaa.example".into(),
            client_id: "weir".into(),
            client_secret: "very secret".into(),
            ca: "/ca.pem".into(),
            skip_verify: false,
        });
        settings.auth.tokens.push(LocalToken {
            name: "ops".into(),
            sha256: "0f".repeat(32),
            read: vec!["*".into()],
        });
        settings.drains.push(DrainConfig {
            url: "https://u:very secret@h/".to_owned().into(),
            headers: [("X-Key".to_owned(), "very secret".to_owned().into())].into(),
            ..DrainConfig::default()
        });
        settings.logplex.redis.shards = vec!["redis://:very secret@one".to_owned()];
        let text = show(&settings).expect("shows");
        assert!(!text.contains("very secret"), "{text}");
        assert!(text.contains("X-Key = "), "{text}");
        assert!(!text.contains(&"0f".repeat(32)), "{text}");
        assert_eq!(text.matches(REDACTED).count(), 5, "{text}");
        assert!(text.contains("url = \"https://uaa.example\""), "{text}");
        let mut read: Settings = toml::from_str(&text).expect("is a configuration");
        let uaa = read.auth.uaa.as_mut().expect("there");
        uaa.client_secret = "very secret".into();
        read.auth.tokens[0].sha256 = "0f".repeat(32);
        read.drains.clone_from(&settings.drains);
        read.logplex.redis.shards = settings.logplex.redis.shards.clone();
        assert_eq!(read, settings);
        assert!(!format!("{settings:?}").contains("very secret"));
    }
}
