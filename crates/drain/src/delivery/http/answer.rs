//! What an answer means: taken, refused for good, or to be tried again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use crate::delivery::Failure;

/// What a receiver said of a body, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has it.
    Taken,
    /// It will never take it: the status.
    Refused(u16),
}

/// Reads an answer. Redirects are not followed, as the peers do not; a receiver that moved is
/// one to be configured anew.
///
/// # Errors
/// A status that may change by itself: of the server, or that it is too busy.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<Verdict, Failure> {
    match status.as_u16() {
        200..=299 => Ok(Verdict::Taken),
        408 | 425 | 429 | 500.. => Err(Failure::Status {
            code: status.as_u16(),
            retry_after: retry_after(headers, now),
        }),
        code => Ok(Verdict::Refused(code)),
    }
}

/// How long to wait (RFC 9110 §10.2.3): seconds, or until a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: u16, after: &str) -> Result<Verdict, Failure> {
        let mut headers = HeaderMap::new();
        if !after.is_empty() {
            headers.insert(RETRY_AFTER, after.parse().expect("a header"));
        }
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 08:00:00 GMT").expect("a date");
        judge(StatusCode::from_u16(code).expect("a status"), &headers, now)
    }

    #[test]
    fn what_the_receiver_may_change_its_mind_about_is_tried_again() {
        for code in [200, 202, 204, 299] {
            assert_eq!(judged(code, ""), Ok(Verdict::Taken));
        }
        for code in [301, 304, 400, 401, 403, 404, 413, 418] {
            assert_eq!(judged(code, ""), Ok(Verdict::Refused(code)));
        }
        for code in [408, 425, 429, 500, 502, 503, 504, 599] {
            let retry_after = None;
            assert_eq!(judged(code, ""), Err(Failure::Status { code, retry_after }));
        }
    }

    #[test]
    fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sat, 21 Nov 2026 08:01:30 GMT", Some(90)),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let retry_after = seconds.map(Duration::from_secs);
            let expected = Failure::Status {
                code: 503,
                retry_after,
            };
            assert_eq!(judged(503, text), Err(expected), "{text}");
        }
    }
}
