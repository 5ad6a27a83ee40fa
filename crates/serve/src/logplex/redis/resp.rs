//! RESP2: commands as arrays of byte strings, and what a server answers.

use bytes::{BufMut, Bytes, BytesMut};

/// Longest line of a value: a number, a status or an error.
const LINE: usize = 64 << 10;
/// Largest string.
const STRING: usize = 64 << 20;
/// Most values of one array.
const VALUES: usize = 4 << 20;
/// Arrays in arrays.
const DEPTH: usize = 8;

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A status, such as `OK`.
    Status(Bytes),
    /// An error's text.
    Error(Bytes),
    /// A number.
    Number(i64),
    /// A string of any bytes.
    Text(Bytes),
    /// Several values.
    Array(Vec<Value>),
    /// Nothing there.
    Nil,
}

impl Value {
    /// Its bytes, if it is a string or a status.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Text(bytes) | Self::Status(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its text, if it is a string of UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Its number.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Its values; none if it is no array.
    pub fn into_array(self) -> Vec<Value> {
        match self {
            Self::Array(values) => values,
            _ => Vec::new(),
        }
    }
}

/// Appends a command: its name and arguments.
pub(super) fn command(words: &[&[u8]], out: &mut BytesMut) {
    let head = |out: &mut BytesMut, kind: u8, number: usize| {
        out.put_u8(kind);
        out.put_slice(number.to_string().as_bytes());
        out.put_slice(b"\r\n");
    };
    head(out, b'*', words.len());
    for word in words {
        head(out, b'$', word.len());
        out.put_slice(word);
        out.put_slice(b"\r\n");
    }
}

/// The first value and how many bytes it takes; none if it is not whole yet.
///
/// # Errors
/// What is no RESP2, or is larger than a server of ours answers.
pub(super) fn value(bytes: &Bytes) -> Result<Option<(Value, usize)>, &'static str> {
    let mut at = 0;
    let value = one(bytes, &mut at, DEPTH)?;
    Ok(value.map(|value| (value, at)))
}

fn one(bytes: &Bytes, at: &mut usize, depth: usize) -> Result<Option<Value>, &'static str> {
    let Some(line) = line(bytes, at)? else {
        return Ok(None);
    };
    let Some(kind) = bytes.get(line.start - 1) else {
        return Ok(None);
    };
    let text = bytes.slice(line);
    Ok(Some(match kind {
        b'+' => Value::Status(text),
        b'-' => Value::Error(text),
        b':' => Value::Number(number(&text)?),
        b'$' => match length(&text, STRING)? {
            None => Value::Nil,
            Some(length) => {
                let end = *at + length;
                match bytes.get(end..end + 2) {
                    None => return Ok(None),
                    Some(b"\r\n") => {}
                    Some(_) => return Err("a string that does not end with a line's end"),
                }
                let text = bytes.slice(*at..end);
                *at = end + 2;
                Value::Text(text)
            }
        },
        b'*' => match length(&text, VALUES)? {
            None => Value::Nil,
            Some(_) if depth == 0 => return Err("arrays within arrays within arrays"),
            Some(count) => {
                // Each value has three bytes at least: what is announced is not believed.
                let mut values = Vec::with_capacity(count.min((bytes.len() - *at) / 3));
                for _ in 0..count {
                    match one(bytes, at, depth - 1)? {
                        Some(value) => values.push(value),
                        None => return Ok(None),
                    }
                }
                Value::Array(values)
            }
        },
        _ => return Err("a value of no known type"),
    }))
}

/// The line at `at` without its type and its end; `at` is behind it then.
fn line(bytes: &Bytes, at: &mut usize) -> Result<Option<std::ops::Range<usize>>, &'static str> {
    let rest = &bytes[*at..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\r') else {
        return match rest.len() > LINE {
            true => Err("a line without an end"),
            false => Ok(None),
        };
    };
    match rest.get(end + 1) {
        None => Ok(None),
        Some(b'\n') if end > 0 => {
            let range = *at + 1..*at + end;
            *at += end + 2;
            Ok(Some(range))
        }
        Some(_) => Err("a line that is none"),
    }
}

fn number(text: &[u8]) -> Result<i64, &'static str> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or("a number that is none")
}

/// A length; none for that of nothing.
fn length(text: &[u8], most: usize) -> Result<Option<usize>, &'static str> {
    match number(text)? {
        -1 => Ok(None),
        length => match usize::try_from(length) {
            Ok(length) if length <= most => Ok(Some(length)),
            _ => Err("a length that no server of ours answers"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &'static [u8]) -> Result<Option<(Value, usize)>, &'static str> {
        value(&Bytes::from_static(bytes))
    }

    #[test]
    fn a_command_is_an_array_of_strings() {
        let mut out = BytesMut::new();
        command(&[b"SET", b"a\r\n", b""], &mut out);
        assert_eq!(&out[..], b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n");
    }

    #[test]
    fn each_kind_of_value_is_read_and_the_next_begins_behind_it() {
        let text = |text: &'static str| Value::Text(text.into());
        let all = Value::Array(vec![Value::Number(-7), text("a\r\nb"), Value::Nil]);
        for (bytes, value) in [
            (&b"+OK\r\n:1\r\n"[..], Value::Status("OK".into())),
            (b"-ERR no\r\n", Value::Error("ERR no".into())),
            (b":12\r\n", Value::Number(12)),
            (b"$0\r\n\r\n", text("")),
            (b"$-1\r\n", Value::Nil),
            (b"*-1\r\n", Value::Nil),
            (b"*0\r\n", Value::Array(Vec::new())),
            (b"*3\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n", all),
        ] {
            let (read, length) = parsed(bytes).unwrap().unwrap();
            assert_eq!(read, value);
            let rest = &bytes[length..];
            assert!(rest.is_empty() || rest == b":1\r\n");
        }
    }

    #[test]
    fn what_is_not_whole_is_waited_for() {
        let whole = b"*2\r\n$3\r\nabc\r\n:5\r\n";
        for end in 0..whole.len() {
            assert_eq!(parsed(&whole[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            &b"hello\r\n"[..],
            b"\r\n",
            b":x\r\n",
            b"$-2\r\n",
            b"$99999999999\r\n",
            b"*99999999999\r\n",
            b"$1\r\nabc",
            b"+a\rb",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            assert!(parsed(bytes).is_err(), "{bytes:?}");
        }
    }
}
