//! Lines of other ways than Logplex's: Cloud Foundry names where a line comes from by a
//! `source_type` such as `APP/PROC/WEB` and an instance such as `0`.

use std::borrow::Cow;

use super::{NIL, word};

/// Whether an envelope with this `source_type` is a platform's, unless a tag `host` says
/// that it was a message.
pub(super) fn is_type(source_type: &[u8]) -> bool {
    let first = source_type.split(|byte| *byte == b'/').next();
    let first = first.unwrap_or_default();
    !first.is_empty() && first.iter().all(u8::is_ascii_uppercase)
}

/// The source and the process of an envelope whose `source_type` [`is_type`]: `app` and
/// `web.0` of `APP/PROC/WEB`, `rtr` and `rtr.1` of `RTR`.
pub(super) fn names<'a>(source_type: &[u8], instance: &'a [u8]) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
    let mut parts = source_type.split(|byte| *byte == b'/');
    let first = parts.next().unwrap_or_default();
    let source = word(first).to_ascii_lowercase();
    let process = match (first, parts.next(), parts.next()) {
        (b"APP", Some(b"PROC"), Some(process)) => word(process).to_ascii_lowercase(),
        (b"APP", Some(kind), _) => word(kind).to_ascii_lowercase(),
        (b"APP", None, _) => b"web".to_vec(),
        _ => source.clone(),
    };
    (Cow::Owned(source), instance_of(process, instance))
}

/// The source and the process of an envelope without `source_type`.
pub(super) fn unnamed(instance: &[u8]) -> (Cow<'_, [u8]>, Cow<'_, [u8]>) {
    let process = match instance.iter().all(u8::is_ascii_digit) {
        true if instance.is_empty() => Cow::Borrowed(NIL),
        true => instance_of(b"web".to_vec(), instance),
        false => word(instance),
    };
    (Cow::Borrowed(b"app"), process)
}

fn instance_of(mut process: Vec<u8>, instance: &[u8]) -> Cow<'_, [u8]> {
    if !instance.is_empty() {
        process.push(b'.');
        process.extend_from_slice(&word(instance));
    }
    Cow::Owned(process)
}
