//! The access log: Apache's common format, one line when a request ends, stamped
//! with its start (spec 6.1).

use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, StatusCode, Uri, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use logweir_net::body::{Body, BoxError};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};
use tokio_util::task::TaskTracker;

/// Lines that wait for a slow writer; more are left out, so that nobody who pipes
/// the log away can stop the doors.
const WAITING_LINES: usize = 1024;

/// Where access is noted.
#[derive(Clone)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// As events of the process's own log, with the request's id.
    Tracing,
    /// As lines, by [`AccessLog::lines`].
    Lines(mpsc::Sender<String>),
}

impl AccessLog {
    /// Writes lines to `writer`, such as standard output, as the peers' gateway does.
    /// The task ends when the last request and the last clone are gone.
    pub fn lines(
        mut writer: impl AsyncWrite + Send + Unpin + 'static,
        tracker: &TaskTracker,
    ) -> Self {
        let (sender, mut lines) = mpsc::channel::<String>(WAITING_LINES);
        tracker.spawn(async move {
            while let Some(line) = lines.recv().await {
                let written = writer.write_all(line.as_bytes()).await;
                if let Err(error) = written.and(writer.flush().await) {
                    tracing::warn!(%error, "the access log cannot be written; it ends here");
                    break;
                }
            }
        });
        Self::Lines(sender)
    }

    fn note(&self, entry: &Entry) {
        match self {
            AccessLog::Off => {}
            AccessLog::Tracing => {
                let Entry {
                    id,
                    method,
                    uri,
                    status,
                    bytes,
                    ..
                } = entry;
                let host = host(entry.host);
                let status = status.as_u16();
                tracing::info!(target: "logweir::access", id, %host, %method, uri, status, bytes);
            }
            AccessLog::Lines(lines) => {
                // Full or ended: the line is left out.
                let _ = lines.try_send(entry.line());
            }
        }
    }
}

/// One request, until its line is written.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) host: Option<IpAddr>,
    pub(crate) start: SystemTime,
    pub(crate) method: Method,
    /// Without secrets: by [`shown`].
    pub(crate) uri: String,
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
}

impl Entry {
    fn line(&self) -> String {
        format!(
            "{} - - [{}] \"{} {} {}\" {} {}\n",
            host(self.host),
            apache_time(self.start),
            self.method,
            self.uri,
            match self.version {
                Version::HTTP_10 => "HTTP/1.0",
                Version::HTTP_2 => "HTTP/2.0",
                _ => "HTTP/1.1",
            },
            self.status.as_u16(),
            self.bytes,
        )
    }
}

fn host(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "-".into(), |address| address.to_canonical().to_string())
}

/// The path and query of a request as they may be shown: user and password of an
/// absolute URI are left out, and so are the sessions and tokens that a path names and
/// the value of each parameter whose name speaks of a secret.
pub(crate) fn shown(uri: &Uri) -> String {
    let mut shown = path_shown(uri.path());
    let Some(query) = uri.query() else {
        return shown;
    };
    for (position, pair) in query.split('&').enumerate() {
        shown.push(if position == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => shown.push_str(&format!("{}=***", quoted(name))),
            _ => shown.push_str(&quoted(pair)),
        }
    }
    shown
}

/// A path without the part after one that names secrets: Logplex's sessions and tokens are
/// the right to read and to write.
fn path_shown(path: &str) -> String {
    let mut before = "";
    let parts = path.split('/').map(|part| {
        let secret = matches!(before, "sessions" | "canary-fetch" | "tokens");
        before = part;
        match secret && !part.is_empty() {
            true => "***".to_owned(),
            false => quoted(part),
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn is_secret(name: &str) -> bool {
    // Escaped letters must not hide a name.
    let name = percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .to_ascii_lowercase();
    [
        "token",
        "auth",
        "secret",
        "password",
        "bearer",
        "key",
        "credential",
        "jwt",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Quotes, backslashes and bytes that a terminal may obey, as `\xHH`.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' {
            quoted.push(char::from(byte));
        } else {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted
}

/// `02/Jan/2006:15:04:05 +0000`.
fn apache_time(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Gregorian date of a day, counted in eras of 400 years that begin in March,
    // so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let name = usize::try_from(month)
        .ok()
        .and_then(|month| MONTHS.get(month))
        .unwrap_or(&"Jan");
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{day:02}/{name}/{year}:{hour:02}:{minute:02}:{:02} +0000",
        second % 60
    )
}

/// A body that counts its bytes and notes the request when it ends or is given up.
pub(crate) struct Noted {
    body: Body,
    log: AccessLog,
    entry: Entry,
}

impl Noted {
    pub(crate) fn new(body: Body, log: AccessLog, entry: Entry) -> Self {
        Self { body, log, entry }
    }
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.entry.bytes += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.log.note(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_gregorian() {
        let at = |seconds| apache_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(at(951_782_400), "29/Feb/2000:00:00:00 +0000");
        assert_eq!(at(951_868_799), "29/Feb/2000:23:59:59 +0000");
        assert_eq!(at(1_136_214_245), "02/Jan/2006:15:04:05 +0000");
        assert_eq!(at(1_709_251_199), "29/Feb/2024:23:59:59 +0000");
        assert_eq!(at(1_798_761_599), "31/Dec/2026:23:59:59 +0000");
        assert_eq!(at(4_107_542_400), "01/Mar/2100:00:00:00 +0000");
    }

    #[test]
    fn secrets_in_the_path_are_not_shown() {
        for (path, expected) in [
            ("/sessions/6ba7b810", "/sessions/***"),
            ("/sessions/6ba7b810?srv=1", "/sessions/***?srv=1"),
            ("/v2/canary-fetch/6ba7b810", "/v2/canary-fetch/***"),
            (
                "/api/logplex/channels/1/tokens/t.1",
                "/api/logplex/channels/1/tokens/***",
            ),
            ("/v2/sessions", "/v2/sessions"),
            ("/channels/1/drains/tokens", "/channels/1/drains/tokens"),
            ("/sessions/", "/sessions/"),
            ("/", "/"),
        ] {
            assert_eq!(shown(&path.parse().unwrap()), expected);
        }
    }

    #[test]
    fn secrets_in_the_query_are_not_shown() {
        let shown = |uri: &str| shown(&uri.parse().unwrap());
        assert_eq!(
            shown("/v2/read?log&source_id=a"),
            "/v2/read?log&source_id=a"
        );
        assert_eq!(
            shown("/v2/read?access_token=abc&log&%74oken=d&Authorization=bearer+e"),
            "/v2/read?access_token=***&log&%74oken=***&Authorization=***"
        );
        assert_eq!(shown("http://user:pass@host/v2/read?log"), "/v2/read?log");
        assert_eq!(shown("/a\"b?c\\d"), "/a\\x22b?c\\x5cd");
    }

    #[test]
    fn a_line_has_the_common_format() {
        let entry = Entry {
            id: "1".into(),
            host: Some([127, 0, 0, 1].into()),
            start: SystemTime::UNIX_EPOCH,
            method: Method::GET,
            uri: "/v2/read?log".into(),
            version: Version::HTTP_2,
            status: StatusCode::OK,
            bytes: 12,
        };
        assert_eq!(
            entry.line(),
            "127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] \"GET /v2/read?log HTTP/2.0\" 200 12\n"
        );
    }
}
