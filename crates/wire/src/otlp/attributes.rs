//! Attributes into tags and back. Tags are text.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use logweir_proto::decimal;
use serde_json::json;

use super::messages::{AnyValue, KeyValue, Resource, Scope, Value};

/// Where a value says whose an envelope is, best first.
const SOURCES: [&str; 2] = ["cloudfoundry.app.id", "service.name"];
const INSTANCES: [&str; 2] = ["cloudfoundry.app.instance.id", "service.instance.id"];

/// The tags of an envelope in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags(pub(super) BTreeMap<String, String>);

/// Whose an envelope is.
pub(super) struct Whose {
    pub(super) source_id: String,
    pub(super) instance_id: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Tags {
    pub(super) fn of_resource(resource: Resource) -> Self {
        Self::default().with(resource.attributes)
    }

    /// As what is no OTLP names the scope.
    pub(super) fn with_scope(&self, scope: Scope) -> Self {
        let mut tags = self.clone();
        for (name, value) in [("name", scope.name), ("version", scope.version)] {
            if !value.is_empty() {
                tags.add(format!("otel.scope.{name}"), lossy(value));
            }
        }
        for KeyValue { key, value } in scope.attributes {
            tags.add(format!("otel.scope.{}", lossy(key)), text(value));
        }
        tags
    }

    /// The same with these attributes; they override.
    pub(super) fn with(&self, attributes: Vec<KeyValue>) -> Self {
        let mut tags = self.clone();
        for KeyValue { key, value } in attributes {
            if !key.is_empty() {
                tags.add(lossy(key), text(value));
            }
        }
        tags
    }

    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Adds it unless there is one of that name.
    pub(super) fn or_add(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.into()).or_insert_with(|| value.into());
    }

    /// The attributes `source_id` and `instance_id` are the fields of the envelope; where
    /// they are missing the names of OpenTelemetry say whose it is, and stay.
    pub(super) fn whose(self, source_id: &str) -> Whose {
        let Self(mut tags) = self;
        let mut take = |own: &str, others: [&str; 2]| {
            let said = |name| tags.get(name).filter(|value| !value.is_empty()).cloned();
            let other = others.into_iter().find_map(said);
            tags.remove(own).filter(|own| !own.is_empty()).or(other)
        };
        let said = take("source_id", SOURCES);
        let instance_id = take("instance_id", INSTANCES).unwrap_or_default();
        Whose {
            source_id: said.unwrap_or_else(|| source_id.to_owned()),
            instance_id,
            tags,
        }
    }
}

pub(super) fn lossy(text: Vec<u8>) -> String {
    match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// A value as text, in the way that OpenTelemetry writes it for what has text alone.
pub(super) fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        None => String::new(),
        Some(Value::Text(text)) => lossy(text),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Double(value)) => decimal::plain(value),
        Some(Value::Bytes(bytes)) => STANDARD.encode(bytes),
        Some(value) => in_json(AnyValue { value: Some(value) }).to_string(),
    }
}

fn in_json(value: AnyValue) -> serde_json::Value {
    match value.value {
        None => serde_json::Value::Null,
        Some(Value::Text(text)) => lossy(text).into(),
        Some(Value::Bool(value)) => value.into(),
        Some(Value::Int(value)) => value.into(),
        Some(Value::Double(value)) if value.is_finite() => value.into(),
        Some(Value::Double(value)) => decimal::plain(value).into(),
        Some(Value::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        Some(Value::Array(array)) => array.values.into_iter().map(in_json).collect(),
        Some(Value::KeyValues(list)) => {
            let members = list.values.into_iter();
            let members = members.map(|KeyValue { key, value }| {
                let value = value.map_or(json!(null), in_json);
                (lossy(key), value)
            });
            serde_json::Value::Object(members.collect())
        }
    }
}

/// An attribute that is text.
pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::Text(value.into())),
        }),
    }
}
