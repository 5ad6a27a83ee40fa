//! Log lines on standard error: our own format, and the peers' when we play one.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use chrono::{Local, Utc};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Registry,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};

/// How a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 3339 in UTC, level and module.
    Own,
    /// `2006/01/02 15:04:05 `, local time, as the peers' gateway and agent log.
    Seconds,
    /// `2006/01/02 15:04:05.000000 `, local time, as the peers' router and proxy log.
    Micros,
    /// `2006-01-02T15:04:05.000000000Z `, the peers' RFC 3339 switch.
    Rfc3339,
}

/// Changes the level of a running process.
pub(crate) type Level = reload::Handle<EnvFilter, Registry>;

/// Parses `log_level`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(text)
        .map_err(|_| format!("`{text}` is no level; use error, warn, info, debug or trace"))
}

/// Starts logging. Called once; a second call keeps the first and answers its own
/// handle, which changes nothing.
pub(crate) fn start(format: Format, level: EnvFilter) -> Level {
    let (filter, handle) = reload::Layer::new(level);
    let registry = Registry::default().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(format == Format::Own && io::stderr().is_terminal());
    let started = match format {
        Format::Own => tracing::subscriber::set_global_default(registry.with(lines)),
        _ => tracing::subscriber::set_global_default(registry.with(lines.event_format(format))),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    handle
}

impl Format {
    /// The time that a peer's line begins with, and a space; nothing for our own.
    pub(crate) fn prefix(self) -> String {
        match self {
            Self::Own => String::new(),
            Self::Seconds => Local::now().format("%Y/%m/%d %H:%M:%S ").to_string(),
            Self::Micros => Local::now().format("%Y/%m/%d %H:%M:%S%.6f ").to_string(),
            Self::Rfc3339 => Utc::now().format("%Y-%m-%dT%H:%M:%S%.9fZ ").to_string(),
        }
    }
}

impl<S> FormatEvent<S, DefaultFields> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    /// The peers' lines are the time and the message; fields follow it.
    fn format_event(
        &self,
        context: &FmtContext<'_, S, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{}", self.prefix())?;
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    fn shape(text: &str) -> String {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect()
    }

    #[test]
    fn lines_begin_as_the_peers_do() {
        assert_eq!(shape(&Format::Own.prefix()), "");
        assert_eq!(shape(&Format::Seconds.prefix()), "0000/00/00 00:00:00 ");
        assert_eq!(
            shape(&Format::Micros.prefix()),
            "0000/00/00 00:00:00.000000 "
        );
        assert_eq!(
            shape(&Format::Rfc3339.prefix()),
            "0000-00-00T00:00:00.000000000Z "
        );
    }

    #[test]
    fn a_level_must_be_one() {
        assert!(super::filter("info,logweir_serve=debug").is_ok());
        assert!(super::filter("logweir_serve=loud").is_err());
    }
}
