//! From a request to its records, without taking it apart as a whole.
//!
//! A few bytes of protobuf or JSON may stand for hundreds in memory; a request of such
//! bytes costs no more here than one of its records does.

use std::collections::BTreeMap;

use logweir_proto::fields::fields;
use prost::Message;
use serde_json::value::RawValue;

use super::{
    Encoding, Signal,
    attributes::Tags,
    json,
    leaf::{Leaf, MOST_BYTES},
    messages::{Resource, Scope},
};

/// The request as a whole cannot be read: nothing of it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the request: {0}")]
pub struct Malformed(pub(super) &'static str);

/// Shows `each` every record with the tags that its resource and scope give it.
pub(super) fn walk(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    each: &mut dyn FnMut(&Tags, Leaf<'_>),
) -> Result<(), Malformed> {
    match encoding {
        Encoding::Protobuf => protobuf(body, each),
        Encoding::Json => {
            let body = std::str::from_utf8(body).map_err(|_| Malformed("no UTF-8"))?;
            in_json(signal, body, each)
        }
    }
}

fn protobuf(body: &[u8], each: &mut dyn FnMut(&Tags, Leaf<'_>)) -> Result<(), Malformed> {
    members(body, 1, |of_resource| {
        let resource: Resource = head(of_resource)?;
        let tags = Tags::of_resource(resource);
        members(of_resource, 2, |of_scope| {
            let scope: Scope = head(of_scope)?;
            let tags = tags.with_scope(scope);
            members(of_scope, 2, |item| {
                each(&tags, Leaf::Protobuf(item));
                Ok(())
            })
        })
    })
}

/// What stands above the records: the last field 1, or nothing.
fn head<T: Message + Default>(message: &[u8]) -> Result<T, Malformed> {
    let mut last: &[u8] = &[];
    members(message, 1, |head| {
        last = head;
        Ok(())
    })?;
    if last.len() > MOST_BYTES {
        return Err(Malformed("a resource or a scope of more than 1 MiB"));
    }
    T::decode(last).map_err(|_| Malformed("no protobuf of OTLP"))
}

/// Every message in the field `number`, in order.
pub(super) fn members<'a>(
    message: &'a [u8],
    number: u64,
    mut each: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut end = 0;
    for field in fields(message) {
        end = field.end;
        if field.key >> 3 == number {
            if field.key & 7 != 2 {
                return Err(Malformed("a message of another wire type"));
            }
            each(field.bytes())?;
        }
    }
    match end == message.len() {
        true => Ok(()),
        false => Err(Malformed("no protobuf")),
    }
}

/// The keys of an object, their values unread.
pub(super) type Object<'a> = BTreeMap<String, &'a RawValue>;

const NO_OBJECT: Malformed = Malformed("no JSON object where one belongs");
const NO_ARRAY: Malformed = Malformed("no JSON array where one belongs");

pub(super) fn object(text: &str) -> Result<Object<'_>, Malformed> {
    let object: Option<Object<'_>> = serde_json::from_str(text).map_err(|_| NO_OBJECT)?;
    Ok(object.unwrap_or_default())
}

/// The values of a member that is an array; none where it is absent or null.
pub(super) fn array<'a>(of: &Object<'a>, name: &str) -> Result<Vec<&'a RawValue>, Malformed> {
    let Some(raw) = of.get(name) else {
        return Ok(Vec::new());
    };
    let values: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).map_err(|_| NO_ARRAY)?;
    Ok(values.unwrap_or_default())
}

fn in_json(
    signal: Signal,
    body: &str,
    each: &mut dyn FnMut(&Tags, Leaf<'_>),
) -> Result<(), Malformed> {
    let [resources, scopes, items] = match signal {
        Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
    };
    for of_resource in array(&object(body)?, resources)? {
        let of_resource = object(of_resource.get())?;
        let tags = Tags::of_resource(json_head(&of_resource, "resource", json::resource)?);
        for of_scope in array(&of_resource, scopes)? {
            let of_scope = object(of_scope.get())?;
            let tags = tags.with_scope(json_head(&of_scope, "scope", json::scope)?);
            for item in array(&of_scope, items)? {
                each(&tags, Leaf::Json(item.get()));
            }
        }
    }
    Ok(())
}

fn json_head<T: Default>(
    of: &Object<'_>,
    name: &str,
    read: fn(&serde_json::Value) -> Option<T>,
) -> Result<T, Malformed> {
    let Some(raw) = of.get(name) else {
        return Ok(T::default());
    };
    if raw.get().len() > MOST_BYTES {
        return Err(Malformed("a resource or a scope of more than 1 MiB"));
    }
    let value: serde_json::Value = serde_json::from_str(raw.get()).map_err(|_| NO_OBJECT)?;
    match value.is_null() {
        true => Ok(T::default()),
        false => read(&value).ok_or(NO_OBJECT),
    }
}
