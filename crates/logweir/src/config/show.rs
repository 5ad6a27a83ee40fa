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

fn redact(table: &mut Table, path: &str, keys: &[Key]) {
    for (name, value) in table.iter_mut() {
        let path = match path {
            "" => name.clone(),
            _ => format!("{path}.{name}"),
        };
        let key = keys.iter().find(|key| key.path == path);
        match (key, value) {
            // Names of headers are no secret, and tell drains apart.
            (Some(key), Value::Table(inner)) if key.secret => {
                for (_, value) in inner.iter_mut() {
                    *value = Value::String(REDACTED.into());
                }
            }
            (Some(key), value) if key.secret => *value = Value::String(REDACTED.into()),
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
        let text = show(&settings).expect("shows");
        assert!(!text.contains("very secret"), "{text}");
        assert!(text.contains("X-Key = "), "{text}");
        assert!(!text.contains(&"0f".repeat(32)), "{text}");
        assert_eq!(text.matches(REDACTED).count(), 4, "{text}");
        assert!(text.contains("url = \"https://uaa.example\""), "{text}");
        let mut read: Settings = toml::from_str(&text).expect("is a configuration");
        let uaa = read.auth.uaa.as_mut().expect("there");
        uaa.client_secret = "very secret".into();
        read.auth.tokens[0].sha256 = "0f".repeat(32);
        read.drains.clone_from(&settings.drains);
        assert_eq!(read, settings);
        assert!(!format!("{settings:?}").contains("very secret"));
    }
}
