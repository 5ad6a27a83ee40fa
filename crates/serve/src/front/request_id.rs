//! An id for each request, to find it again in several logs.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Header of the id, in requests and answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's id (also Cloud Foundry's router's), if it is short and harmless; a
/// random one otherwise.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    let given = headers
        .get(REQUEST_ID)
        .or_else(|| headers.get("x-vcap-request-id"));
    given.filter(harmless).cloned().unwrap_or_else(|| {
        let id = format!("{:032x}", fastrand::u128(..));
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_ids_are_kept_and_others_replaced() {
        let id = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            request_id(&headers)
        };
        assert_eq!(id("x-request-id", "a-1_b.c"), "a-1_b.c");
        assert_eq!(id("x-vcap-request-id", "7f"), "7f");
        assert_eq!(id("x-request-id", "a b").len(), 32);
        assert_eq!(id("x-request-id", "").len(), 32);
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
