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

/// Whose answers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Those of drains of apps.
    Platform,
    /// Those of drains of channels (spec logplex §5.3): a redirect may end by itself.
    Logplex,
}

/// Reads an answer. Redirects are not followed, as the peers do not; a receiver that moved is
/// one to be configured anew.
///
/// # Errors
/// A status that may change by itself: of the server, or that it is too busy.
pub(super) fn judge(
    manner: Manner,
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<Verdict, Failure> {
    let code = status.as_u16();
    let refused = match manner {
        Manner::Platform => !matches!(code, 408 | 425 | 429 | 500..),
        Manner::Logplex => matches!(code, 400..=428 | 430..=499),
    };
    match code {
        200..=299 => Ok(Verdict::Taken),
        code if refused => Ok(Verdict::Refused(code)),
        code => Err(Failure::Status {
            code,
            retry_after: retry_after(headers, now),
        }),
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
        let status = StatusCode::from_u16(code).expect("a status");
        judge(Manner::Platform, status, &headers, now)
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
    fn logplex_reads_answers_its_own_way() {
        let now = SystemTime::UNIX_EPOCH;
        for code in [
            200, 204, 101, 301, 302, 400, 404, 408, 413, 425, 429, 500, 503,
        ] {
            let status = StatusCode::from_u16(code).expect("a status");
            let verdict = judge(Manner::Logplex, status, &HeaderMap::new(), now);
            let expected = match code {
                200 | 204 => Ok(Verdict::Taken),
                400 | 404 | 408 | 413 | 425 => Ok(Verdict::Refused(code)),
                code => Err(Failure::Status {
                    code,
                    retry_after: None,
                }),
            };
            assert_eq!(verdict, expected);
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
