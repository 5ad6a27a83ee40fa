//! An envelope on its way to being a record: time, key and value, before it is known in which
//! batch it will be.

use logweir_proto::peek::peek;
use logweir_wire::json;

use crate::nozzle::Value;

/// Time of the record and length of its key.
const HEAD: usize = 12;

/// A record that is in no batch yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// Milliseconds since 1970; not positive if the envelope does not say.
    pub timestamp: i64,
    /// The source id; none if it is empty.
    pub key: Option<&'a [u8]>,
    /// What is said.
    pub value: &'a [u8],
}

/// Appends the draft of an envelope's record. False if the bytes are no envelope: then nothing
/// is appended.
pub fn write(envelope: &[u8], value: Value, out: &mut Vec<u8>) -> bool {
    let Ok(seen) = peek(envelope) else {
        return false;
    };
    let begun = out.len();
    let key = seen.source_id.as_bytes();
    let Ok(length) = u32::try_from(key.len()) else {
        return false;
    };
    out.extend((seen.timestamp / 1_000_000).to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend_from_slice(key);
    match value {
        Value::Protobuf => out.extend_from_slice(envelope),
        Value::Json if json::line(envelope, out) => {
            // Its newline.
            out.pop();
        }
        Value::Json => {
            out.truncate(begun);
            return false;
        }
    }
    true
}

/// Reads what [`write`] wrote.
pub fn read(bytes: &[u8]) -> Option<Draft<'_>> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (timestamp, length) = head.split_first_chunk()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let (key, value) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some(Draft {
        timestamp: i64::from_be_bytes(*timestamp),
        key: Some(key).filter(|key| !key.is_empty()),
        value,
    })
}
