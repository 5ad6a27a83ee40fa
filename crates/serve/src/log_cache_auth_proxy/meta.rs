//! What is known of sources, for one caller (spec log-cache §5.4).

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use serde_json::{Map, Value};

use super::onward::bad_gateway;
use crate::log_cache::LOST_NODES;

/// Members of an entry: as gateways write them and as this proxy's peer does.
const MEMBERS: [(&str, &str); 4] = [
    ("count", "count"),
    ("expired", "expired"),
    ("oldest_timestamp", "oldestTimestamp"),
    ("newest_timestamp", "newestTimestamp"),
];

/// The answer to a caller who sees these sources, or all of them, from the gateway's.
/// Members that are zero are left out, as the peer leaves them out.
pub(super) fn answer(
    gateway: Option<Response<Bytes>>,
    visible: Option<&BTreeSet<String>>,
) -> Response<Body> {
    let Some(gateway) = gateway.filter(|answer| answer.status() == StatusCode::OK) else {
        return bad_gateway();
    };
    let Ok(Value::Object(mut page)) = serde_json::from_slice(gateway.body()) else {
        return bad_gateway();
    };
    let known = match page.remove("meta") {
        Some(Value::Object(known)) => known,
        _ => Map::new(),
    };
    let mut shown = Map::new();
    for (source, entry) in known {
        if visible.is_none_or(|visible| visible.contains(&source)) {
            shown.insert(source, compact(&entry));
        }
    }
    let mut page = Map::new();
    if !shown.is_empty() {
        page.insert("meta".into(), Value::Object(shown));
    }
    let mut text = Value::Object(page).to_string();
    text.push('\n');
    let mut response = Response::new(body::full(text));
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    if let Some(lost) = gateway.headers().get(LOST_NODES) {
        headers.insert(LOST_NODES, lost.clone());
    }
    response
}

fn compact(entry: &Value) -> Value {
    let mut members = Map::new();
    for (theirs, ours) in MEMBERS {
        let value = entry.get(theirs).or_else(|| entry.get(ours));
        match value {
            None | Some(Value::Null) => {}
            Some(zero) if *zero == "0" || *zero == 0 => {}
            Some(value) => {
                members.insert(ours.into(), value.clone());
            }
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const PAGE: &str = r#"{"meta":{"a":{"count":"2","expired":"0","oldest_timestamp":"1","newest_timestamp":"-2"},"b":{"count":"1","expired":"0","oldest_timestamp":"0","newest_timestamp":"0"}}}"#;

    async fn text(visible: Option<&[&str]>) -> String {
        let visible: Option<BTreeSet<String>> =
            visible.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        let gateway = Response::new(Bytes::from_static(PAGE.as_bytes()));
        let answer = answer(Some(gateway), visible.as_ref());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn callers_see_what_is_theirs() {
        assert_eq!(
            text(None).await,
            "{\"meta\":{\"a\":{\"count\":\"2\",\"oldestTimestamp\":\"1\",\"newestTimestamp\":\"-2\"},\
             \"b\":{\"count\":\"1\"}}}\n"
        );
        let own = text(Some(&["b", "x"])).await;
        assert_eq!(own, "{\"meta\":{\"b\":{\"count\":\"1\"}}}\n");
        assert_eq!(text(Some(&[])).await, "{}\n");
    }

    #[test]
    fn what_is_no_answer_is_a_bad_gateway() {
        let mut failed = Response::new(Bytes::from_static(b"{}"));
        *failed.status_mut() = StatusCode::NOT_FOUND;
        for gateway in [None, Some(failed), Some(Response::new(Bytes::new()))] {
            assert_eq!(answer(gateway, None).status(), StatusCode::BAD_GATEWAY);
        }
    }
}
