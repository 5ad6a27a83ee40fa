//! What is read of a request: a body within bounds, and what its JSON says.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use logweir_drain::logplex_url::{self, LogplexUrl, Why};
use logweir_net::body::Body;
use serde_json::{Map, Value};

/// Largest body in bytes.
const LARGEST: usize = 1 << 20;

/// Largest body of a session: a few words, kept in memory until it ends.
const LARGEST_SESSION: usize = 16 << 10;

/// A body must be there after this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest name or id, in bytes.
const LONGEST_NAME: usize = 255;

/// Why a request is not understood; the text is for its sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad(pub(super) StatusCode, pub(super) String);

impl Bad {
    pub(super) fn request(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }
}

/// The whole body.
pub(super) async fn body(body: Body) -> Result<Bytes, Bad> {
    within(body, LARGEST).await
}

/// The whole body of a session, which is never empty.
pub(super) async fn session(body: Body) -> Result<Bytes, Bad> {
    let body = within(body, LARGEST_SESSION).await?;
    match body.is_empty() {
        true => Err(Bad::request(
            "a session is asked for with a JSON object that has a \"channel_id\"",
        )),
        false => Ok(body),
    }
}

/// Whether a body is not too large for a session.
pub(super) fn fits_session(body: &[u8]) -> Result<(), Bad> {
    match body.len() <= LARGEST_SESSION {
        true => Ok(()),
        false => Err(too_large(LARGEST_SESSION)),
    }
}

fn too_large(most: usize) -> Bad {
    let words = format!("the body is larger than {most} bytes");
    Bad(StatusCode::PAYLOAD_TOO_LARGE, words)
}

async fn within(mut body: Body, largest: usize) -> Result<Bytes, Bad> {
    let read = async {
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Bad::request("the body broke off"))?;
            if let Ok(data) = frame.into_data() {
                if all.len() + data.len() > largest {
                    return Err(too_large(largest));
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(all.freeze())
    };
    let late = || Bad(StatusCode::REQUEST_TIMEOUT, "the body did not come".into());
    tokio::time::timeout(PATIENCE, read)
        .await
        .map_err(|_| late())?
}

/// The JSON of a body, whatever it is.
pub(super) fn json(body: &[u8]) -> Result<Value, Bad> {
    serde_json::from_slice(body).map_err(|error| {
        // The parser's own text may quote what is a secret.
        let (line, column) = (error.line(), error.column());
        Bad::request(format!(
            "the body is not JSON at line {line}, column {column}"
        ))
    })
}

/// The members of a body's JSON object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Bad> {
    match json(body)? {
        Value::Object(members) => Ok(members),
        _ => Err(Bad::request("a JSON object was expected")),
    }
}

/// A member that is a text if it is there and not null.
pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, Bad> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Bad::request(format!("{name:?} must be a string"))),
    }
}

/// A member that is true or false if it is there.
pub(super) fn flag(members: &Map<String, Value>, name: &str) -> Result<Option<bool>, Bad> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Bad::request(format!("{name:?} must be true or false"))),
    }
}

/// A member that is a list of texts if it is there.
pub(super) fn texts<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<&'a str>>, Bad> {
    let wrong = || Bad::request(format!("{name:?} must be an array of strings"));
    match members.get(name) {
        None => Ok(None),
        Some(Value::Array(values)) => {
            let texts = values.iter().map(|value| value.as_str().ok_or_else(wrong));
            texts.collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

/// The names of a list of tokens.
pub(super) fn token_names(members: &Map<String, Value>) -> Result<Vec<Arc<str>>, Bad> {
    let names = texts(members, "tokens")?.unwrap_or_default();
    names.into_iter().map(token_name).collect()
}

/// A name that can stand as the source of a line, where a space becomes `_`.
pub(super) fn token_name(name: &str) -> Result<Arc<str>, Bad> {
    match name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        true => Err(Bad::request(format!(
            "the name of a token must have 1 to {LONGEST_NAME} bytes, and no control character"
        ))),
        false => Ok(name.into()),
    }
}

/// A V2 source id, if the members name one; the empty one stands for the channel's own id.
pub(super) fn source(members: &Map<String, Value>) -> Result<Option<&str>, Bad> {
    match text(members, "source")? {
        None | Some("") => Ok(text(members, "source")?),
        Some(source) => one_word(source, "the source").map(Some),
    }
}

/// A text that can be an id: not empty, not long, without spaces and control characters.
pub(super) fn one_word<'a>(text: &'a str, what: &str) -> Result<&'a str, Bad> {
    let strange = |letter: char| letter.is_whitespace() || letter.is_control();
    match text.is_empty() || text.len() > LONGEST_NAME || text.contains(strange) {
        true => Err(Bad::request(format!(
            "{what} must have 1 to {LONGEST_NAME} bytes, and no space or control character"
        ))),
        false => Ok(text),
    }
}

/// A drain's URL as v2 takes it: `url`, or `host` and `port` of a TCP receiver.
pub(super) fn v2_drain(members: &Map<String, Value>) -> Result<LogplexUrl, String> {
    let url = match (members.get("url"), members.get("host")) {
        (Some(Value::String(url)), _) => url.clone(),
        (Some(_), _) => return Err(Why::Url.to_string()),
        (None, Some(Value::String(host))) => {
            let port = match members.get("port") {
                None | Some(Value::Null) => "514".to_owned(),
                Some(Value::Number(port)) => port.to_string(),
                Some(_) => return Err(Why::TcpSyslogUri.to_string()),
            };
            format!("syslog://{host}:{port}")
        }
        (None, Some(_)) => return Err(Why::Url.to_string()),
        (None, None) => return Err("missing_host_param".to_owned()),
    };
    logplex_url::check(&url).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use logweir_net::body::full;

    use super::*;

    #[tokio::test]
    async fn a_body_has_a_bound() {
        let all = body(full(vec![b' '; LARGEST])).await.unwrap();
        assert_eq!(all.len(), LARGEST);
        let bad = body(full(vec![b' '; LARGEST + 1])).await.unwrap_err();
        assert_eq!(bad.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            session(full("")).await.unwrap_err().0,
            StatusCode::BAD_REQUEST
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_what_was_sent() {
        let bad = json(b"{\"pass\":\"geheim\",").unwrap_err();
        assert!(!bad.1.contains("geheim"), "{}", bad.1);
        assert!(object(b"[]").is_err());
        let members = object(br#"{"name":7,"tokens":["a",7],"no_tail":1}"#).unwrap();
        for bad in [
            text(&members, "name").unwrap_err().1,
            texts(&members, "tokens").unwrap_err().1,
            texts(&members, "name").unwrap_err().1,
            flag(&members, "no_tail").unwrap_err().1,
        ] {
            assert!(bad.contains(" must be "), "{bad}");
        }
    }

    #[test]
    fn names_are_short_and_ids_are_one_word() {
        for name in ["", "a\nb", &"x".repeat(256)] {
            assert!(token_name(name).is_err(), "{name:?}");
            assert!(one_word(name, "an id").is_err(), "{name:?}");
        }
        assert!(token_name("früh & \\1").is_ok());
        assert!(one_word("a b", "an id").is_err());
    }

    #[test]
    fn v2_takes_a_host_for_a_url() {
        let drain = |text: &str| v2_drain(&object(text.as_bytes()).unwrap());
        let url = |text: &str| drain(text).unwrap().reveal().to_owned();
        assert_eq!(url(r#"{"host":"h"}"#), "syslog://h:514");
        assert_eq!(url(r#"{"host":"h","port":7}"#), "syslog://h:7");
        assert_eq!(url(r#"{"url":"syslog://h"}"#), "syslog://h:601");
        for (text, why) in [
            ("{}", "missing_host_param"),
            (r#"{"url":7}"#, "invalid_url"),
            (r#"{"url":null}"#, "invalid_url"),
            (r#"{"url":"not a url"}"#, "invalid_uri"),
            (r#"{"url":"ftp://x"}"#, r#"{unknown_scheme,"ftp"}"#),
            (r#"{"host":"h","port":"x"}"#, "invalid_tcpsyslog_uri"),
            (r#"{"host":"h","port":70000}"#, "invalid_tcpsyslog_uri"),
        ] {
            assert_eq!(drain(text).unwrap_err(), why, "{text}");
        }
    }
}
