//! Syslog messages of any sender as V2 envelopes: RFC 5424, RFC 3164 and what passes for
//! it, read leniently. What [`messages`](super::messages) writes comes back as it was.
//!
//! | envelope | RFC 5424 | RFC 3164 |
//! |---|---|---|
//! | timestamp | TIMESTAMP | the same, in UTC and the year that is nearest |
//! | source id | APP-NAME | the tag |
//! | instance id | PROCID; of `[TYPE/INSTANCE]` what follows the last slash | the number in the tag |
//! | tag `source_type` | the TYPE of PROCID | – |
//! | message | `counter@47450`, `gauge@47450`, `timer@47450`, `event@47450`, else a log | a log |
//! | log type | ERR for the severities emerg, alert, crit and err | the same |
//! | tags | `tags@47450`; parameters of other elements as `ID.NAME` | – |
//! | tags of senders that are no drain | `hostname`, `facility`, `severity`, `msgid` | the same |

mod element;
mod header;
mod rfc3164;
pub(crate) mod stamp;
#[cfg(test)]
mod tests;
mod write;

use header::Header;
pub use stamp::rfc3339;

/// What is known of a message beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it came, Unix time in nanoseconds: the time of a message that names none, and
    /// what tells the year of one whose time lacks it.
    pub received: i64,
    /// Source id of a message that names no app.
    pub source_id: &'a str,
}

/// What a message was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With the header of RFC 5424.
    Rfc5424,
    /// With a priority and whatever of RFC 3164's header there was.
    Rfc3164,
    /// Text without a priority: all of it is the line.
    Bare,
}

/// Why a message became no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is nothing in it.
    #[error("an empty syslog message")]
    Empty,
    /// It says it is a metric, but what makes one is missing or unreadable.
    #[error("a syslog message with {element} whose {parameter} is missing or not readable")]
    BadMetric {
        /// The structured data's id.
        element: &'static str,
        /// Its parameter.
        parameter: &'static str,
    },
}

/// Appends the envelope of one message to `out`. The message is without framing, and one
/// newline at its end is not part of it. The envelope is not framed either.
///
/// # Errors
/// [`ParseError`]; `out` is as it was.
pub fn envelope(
    message: &[u8],
    arrival: &Arrival<'_>,
    out: &mut Vec<u8>,
) -> Result<Form, ParseError> {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    if message.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::Empty);
    }
    let Some((priority, rest)) = header::priority(message) else {
        write::log(&Header::bare(message), arrival, out);
        return Ok(Form::Bare);
    };
    if let Some(header) = header::rfc5424(priority, rest) {
        write::message(&header, arrival, out)?;
        return Ok(Form::Rfc5424);
    }
    write::log(&rfc3164::header(priority, rest, arrival), arrival, out);
    Ok(Form::Rfc3164)
}
