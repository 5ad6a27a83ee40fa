//! The envelope of a message that was taken apart.

use std::borrow::Cow;

use logweir_proto::put;

use super::element::Element;
use super::header::Header;
use super::{Arrival, ParseError};
use crate::syslog::header::source_type_word;

/// Keys of the envelope's fields and of their members: number and wire type.
const TIMESTAMP: u64 = 1 << 3;
const SOURCE_ID: u64 = 2 << 3 | 2;
const LOG: u64 = 4 << 3 | 2;
const COUNTER: u64 = 5 << 3 | 2;
const GAUGE: u64 = 6 << 3 | 2;
const TIMER: u64 = 7 << 3 | 2;
const INSTANCE_ID: u64 = 8 << 3 | 2;
const TAG: u64 = 9 << 3 | 2;
const EVENT: u64 = 10 << 3 | 2;
const FIRST: u64 = 1 << 3 | 2;
const SECOND: u64 = 2 << 3 | 2;
const SECOND_NUMBER: u64 = 2 << 3;
const SECOND_DOUBLE: u64 = 2 << 3 | 1;
const THIRD_NUMBER: u64 = 3 << 3;

const TAGS: &str = "tags@47450";

/// Appends what a message of RFC 5424 says: a metric, an event or a log.
pub(super) fn message(
    header: &Header<'_>,
    arrival: &Arrival<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let typed = header.elements.iter().find_map(|element| {
        let (key, write): (u64, Body) = match element.id.as_ref() {
            "counter@47450" => (COUNTER, counter),
            "gauge@47450" => (GAUGE, gauge),
            "timer@47450" => (TIMER, timer),
            "event@47450" => (EVENT, event),
            _ => return None,
        };
        Some((element, key, write))
    });
    let Some((element, key, write)) = typed else {
        log(header, arrival, out);
        return Ok(());
    };
    let mut body = Vec::new();
    write(element, &mut body)?;
    put::bytes(out, key, &body);
    let tags = tags(header);
    let (_, instance) = procid(header.procid);
    common(header, arrival, instance, &tags, out);
    Ok(())
}

/// Appends a log.
pub(super) fn log(header: &Header<'_>, arrival: &Arrival<'_>, out: &mut Vec<u8>) {
    let is_error = header.priority.is_some_and(|priority| priority.is_error());
    let kind_len = if is_error {
        put::number_len(SECOND_NUMBER, 1)
    } else {
        0
    };
    put::head(
        out,
        LOG,
        put::bytes_len(FIRST, header.text.len()) + kind_len,
    );
    put::bytes(out, FIRST, header.text);
    if is_error {
        put::number(out, SECOND_NUMBER, 1);
    }
    let mut tags = tags(header);
    let (mut source_type, mut instance) = procid(header.procid);
    if let Some((_, tag)) = tags.iter().rfind(|(name, _)| name == "source_type") {
        // A log without an instance has its type alone there.
        if bracketed(header.procid) == Some(&source_type_word(tag.as_bytes())[..]) {
            instance = &[];
        }
        source_type = &[];
    }
    if !source_type.is_empty() {
        tags.push(("source_type".into(), String::from_utf8_lossy(source_type)));
    }
    common(header, arrival, instance, &tags, out);
}

/// Appends what every envelope has.
fn common(
    header: &Header<'_>,
    arrival: &Arrival<'_>,
    instance: &[u8],
    tags: &[Tag<'_>],
    out: &mut Vec<u8>,
) {
    let timestamp = header.timestamp.unwrap_or(arrival.received);
    put::number(out, TIMESTAMP, timestamp.cast_unsigned());
    let app = String::from_utf8_lossy(header.app);
    let source_id = match app.is_empty() {
        true => arrival.source_id,
        false => &app,
    };
    for (key, text) in [
        (SOURCE_ID, source_id),
        (INSTANCE_ID, &String::from_utf8_lossy(instance)),
    ] {
        if !text.is_empty() {
            put::bytes(out, key, text.as_bytes());
        }
    }
    for (name, value) in tags {
        put::head(
            out,
            TAG,
            put::bytes_len(FIRST, name.len()) + put::bytes_len(SECOND, value.len()),
        );
        put::bytes(out, FIRST, name.as_bytes());
        put::bytes(out, SECOND, value.as_bytes());
    }
}

/// Name and value.
type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The tags that a message makes. Those of a drain's messages are given back as they
/// were; of other senders the header is kept too.
fn tags<'a>(header: &Header<'a>) -> Vec<Tag<'a>> {
    let mut tags: Vec<Tag<'a>> = Vec::new();
    let mut from_drain = false;
    for element in &header.elements {
        let is_typed = element.id.ends_with("@47450");
        from_drain |= is_typed;
        if element.id == TAGS {
            tags.extend(element.parameters.iter().cloned());
        } else if !is_typed {
            let named = element.parameters.iter().map(|(name, value)| {
                let name = format!("{}.{name}", element.id);
                (Cow::Owned(name), value.clone())
            });
            tags.extend(named);
        }
    }
    let Some(priority) = header.priority.filter(|_| !from_drain) else {
        return tags;
    };
    let mut add = |name: &'static str, value: Cow<'a, str>| {
        if !value.is_empty() {
            tags.push((name.into(), value));
        }
    };
    add("hostname", String::from_utf8_lossy(header.hostname));
    add("msgid", String::from_utf8_lossy(header.msgid));
    // A drain's log without tags still shows by its process id.
    if bracketed(header.procid).is_none() {
        add("facility", priority.facility().into());
        add("severity", priority.severity().into());
    }
    tags
}

/// What a process id has in brackets.
fn bracketed(procid: &[u8]) -> Option<&[u8]> {
    procid.strip_prefix(b"[")?.strip_suffix(b"]")
}

/// The source type and the instance of a process id: `[TYPE/INSTANCE]`, where both may
/// be empty and the type may hold slashes; of everything else all is the instance.
fn procid(procid: &[u8]) -> (&[u8], &[u8]) {
    let Some(inner) = bracketed(procid) else {
        return (&[], procid);
    };
    match inner.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&inner[..slash], &inner[slash + 1..]),
        None => (&[], inner),
    }
}

type Body = fn(&Element<'_>, &mut Vec<u8>) -> Result<(), ParseError>;

fn counter(element: &Element<'_>, body: &mut Vec<u8>) -> Result<(), ParseError> {
    const ID: &str = "counter@47450";
    put::bytes(body, FIRST, text(element, ID, "name")?.as_bytes());
    put::number(body, SECOND_NUMBER, parsed::<u64>(element, ID, "delta")?);
    put::number(body, THIRD_NUMBER, parsed::<u64>(element, ID, "total")?);
    Ok(())
}

fn timer(element: &Element<'_>, body: &mut Vec<u8>) -> Result<(), ParseError> {
    const ID: &str = "timer@47450";
    put::bytes(body, FIRST, text(element, ID, "name")?.as_bytes());
    let start = parsed::<i64>(element, ID, "start")?;
    let stop = parsed::<i64>(element, ID, "stop")?;
    put::number(body, SECOND_NUMBER, start.cast_unsigned());
    put::number(body, THIRD_NUMBER, stop.cast_unsigned());
    Ok(())
}

fn event(element: &Element<'_>, body: &mut Vec<u8>) -> Result<(), ParseError> {
    const ID: &str = "event@47450";
    put::bytes(body, FIRST, text(element, ID, "title")?.as_bytes());
    put::bytes(body, SECOND, text(element, ID, "body")?.as_bytes());
    Ok(())
}

fn gauge(element: &Element<'_>, body: &mut Vec<u8>) -> Result<(), ParseError> {
    const ID: &str = "gauge@47450";
    let name = text(element, ID, "name")?;
    let value: f64 = parsed(element, ID, "value")?;
    // Other senders leave out a unit that is empty.
    let unit = element.get("unit").unwrap_or_default();
    let mut reading = Vec::new();
    put::bytes(&mut reading, FIRST, unit.as_bytes());
    put::double(&mut reading, SECOND_DOUBLE, value);
    let entry = put::bytes_len(FIRST, name.len()) + put::bytes_len(SECOND, reading.len());
    put::head(body, FIRST, entry);
    put::bytes(body, FIRST, name.as_bytes());
    put::bytes(body, SECOND, &reading);
    Ok(())
}

/// A parameter that must be there.
fn text<'a>(
    element: &'a Element<'_>,
    id: &'static str,
    parameter: &'static str,
) -> Result<&'a str, ParseError> {
    element.get(parameter).ok_or(ParseError::BadMetric {
        element: id,
        parameter,
    })
}

/// A parameter that must be a number.
fn parsed<N: std::str::FromStr>(
    element: &Element<'_>,
    id: &'static str,
    parameter: &'static str,
) -> Result<N, ParseError> {
    let text = text(element, id, parameter)?;
    text.parse().map_err(|_| ParseError::BadMetric {
        element: id,
        parameter,
    })
}
