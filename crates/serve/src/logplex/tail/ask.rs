//! What a session asks for: the JSON that was posted when it was made (spec logplex §4.2).

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::Value;
use thiserror::Error;

use super::{filter::Filters, num::Num};

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Id of the channel, which may be unknown.
    pub(super) channel: String,
    /// How much of the history.
    pub(super) num: Num,
    /// Which lines.
    pub(super) filters: Filters,
    /// Whether to go on with what comes.
    pub(super) tail: bool,
}

/// Why a session's body makes no sense.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum AskError {
    /// No object, or one without the text `channel_id`.
    #[error("'channel_id' missing")]
    NoChannel,
    /// `num` is no number.
    #[error("'num' must be a number")]
    Num,
    /// A filter is no text.
    #[error("'{0}' must be a string")]
    Filter(&'static str),
}

impl Ask {
    /// Reads a session's body. Of a repeated filter all apply, of other keys the last one.
    pub(super) fn read(body: &[u8]) -> Result<Self, AskError> {
        let Ok(Pairs(pairs)) = serde_json::from_slice(body) else {
            return Err(AskError::NoChannel);
        };
        let mut channel = None;
        let mut num = Ok(Num::default());
        let mut filters = Ok(Filters::default());
        let mut tail = false;
        for (key, value) in pairs {
            match (&*key, value) {
                ("channel_id", Value::String(id)) => channel = Some(id),
                ("channel_id", _) => channel = None,
                ("num", value) => num = Num::of_json(&value).ok_or(AskError::Num),
                // Present with any value: as it has always been.
                ("tail", _) => tail = true,
                ("source" | "ps", Value::Null) => {}
                ("source", value) => add(&mut filters, "source", value),
                ("ps", value) => add(&mut filters, "ps", value),
                _ => {}
            }
        }
        Ok(Self {
            channel: channel.ok_or(AskError::NoChannel)?,
            num: num?,
            filters: filters?,
            tail,
        })
    }
}

fn add(filters: &mut Result<Filters, AskError>, name: &'static str, value: Value) {
    let Ok(all) = filters else { return };
    match value {
        Value::String(text) if name == "source" => all.sources.push(text),
        Value::String(text) => all.processes.push(text),
        _ => *filters = Err(AskError::Filter(name)),
    }
}

/// The members of an object, repeated ones too.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Ask, AskError> {
        Ask::read(body.as_bytes())
    }

    #[test]
    fn a_channel_is_all_that_is_needed() {
        let ask = read(r#"{"channel_id": "1"}"#).unwrap();
        assert_eq!(&*ask.channel, "1");
        assert_eq!(ask.num, Num::default());
        assert_eq!(ask.filters, Filters::default());
        assert!(!ask.tail);
        for body in [
            "",
            "[]",
            "7",
            "{",
            r#"{"channel_id": 1}"#,
            r#"{"channel_id": null}"#,
            r#"{"num": "3"}"#,
            r#"{"channel_id": "1"} x"#,
        ] {
            assert_eq!(read(body), Err(AskError::NoChannel), "{body}");
        }
    }

    #[test]
    fn tail_is_said_by_its_presence() {
        for value in ["false", "null", "true", "\"\"", "0", "{}"] {
            let body = format!(r#"{{"channel_id":"1","tail":{value}}}"#);
            assert!(read(&body).unwrap().tail, "{value}");
        }
    }

    #[test]
    fn filters_are_texts_and_all_of_them_apply() {
        let ask = read(r#"{"ps":"web","ps":"web.1","source":"app","channel_id":"1","x":[]}"#);
        let filters = ask.unwrap().filters;
        assert_eq!(filters.processes, ["web", "web.1"]);
        assert_eq!(filters.sources, ["app"]);
        let none = read(r#"{"channel_id":"1","ps":null,"source":null,"num":null}"#).unwrap();
        assert_eq!(
            (none.filters, none.num),
            (Filters::default(), Num::default())
        );
        let wrong = read(r#"{"channel_id":"1","ps":["web"]}"#);
        assert_eq!(wrong, Err(AskError::Filter("ps")));
        let wrong = read(r#"{"channel_id":"1","num":"many"}"#);
        assert_eq!(wrong, Err(AskError::Num));
    }
}
