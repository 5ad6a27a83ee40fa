//! The paths of V1.

use percent_encoding::percent_decode_str;

use super::legacy::Page;

/// One path, its segments decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Stream(String),
    RecentLogs(String),
    ContainerMetrics(String),
    Firehose(String),
    SetCookie,
    Legacy(Page),
}

impl Route {
    /// The page at a path; `None` if it is none of V1. Segments are those of the decoded
    /// path, as at the reference: an escaped slash splits.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut escapes = path.as_bytes().split(|byte| *byte == b'%').skip(1);
        let hex = |rest: &[u8]| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit);
        if !escapes.all(hex) {
            return None;
        }
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        let mut segments = decoded.strip_prefix('/')?.split('/');
        let mut next = || segments.next();
        let (first, second, third, rest) = (next()?, next(), next(), next());
        let named = |id: &str| (!id.is_empty() && id != "." && id != "..").then(|| id.to_owned());
        Some(match (first, second, third, rest) {
            ("apps", Some(app), Some("stream"), None) => Route::Stream(named(app)?),
            ("apps", Some(app), Some("recentlogs"), None) => Route::RecentLogs(named(app)?),
            ("apps", Some(app), Some("containermetrics"), None) => {
                Route::ContainerMetrics(named(app)?)
            }
            ("firehose", Some(shard), None, None) => Route::Firehose(named(shard)?),
            ("set-cookie", None, None, None) => Route::SetCookie,
            ("tail", Some(""), None, None) => Route::Legacy(Page::Tail),
            ("dump", Some(""), None, None) => Route::Legacy(Page::Dump),
            ("recent", None, None, None) => Route::Legacy(Page::Recent),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
