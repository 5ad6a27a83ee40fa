//! What a server answers.

use bytes::Bytes;

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

impl From<redis::Value> for Value {
    fn from(value: redis::Value) -> Self {
        match value {
            redis::Value::Int(number) => Self::Number(number),
            redis::Value::BulkString(bytes) => Self::Text(bytes.into()),
            redis::Value::Array(values) => {
                Self::Array(values.into_iter().map(Self::from).collect())
            }
            redis::Value::SimpleString(text) => Self::Status(text.into()),
            redis::Value::Okay => Self::Status(Bytes::from_static(b"OK")),
            redis::Value::ServerError(error) => Self::Error(match error.details() {
                Some(details) => format!("{} {details}", error.code()).into(),
                None => error.code().to_owned().into(),
            }),
            // The others are of RESP3, which is not asked for.
            _ => Self::Nil,
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::Value as Theirs;

    use super::*;

    #[test]
    fn each_kind_of_value_is_kept_and_errors_have_all_their_words() {
        for (answer, value) in [
            (&b"+OK\r\n"[..], Value::Status("OK".into())),
            (b"+PONG\r\n", Value::Status("PONG".into())),
            (b"-ERR no\r\n", Value::Error("ERR no".into())),
            (
                b"-WRONGTYPE of a key\r\n",
                Value::Error("WRONGTYPE of a key".into()),
            ),
            (b"-BUSY\r\n", Value::Error("BUSY".into())),
            (b":-7\r\n", Value::Number(-7)),
            (b"$4\r\na\r\nb\r\n", Value::Text("a\r\nb".into())),
            (b"$0\r\n\r\n", Value::Text("".into())),
            (b"$-1\r\n", Value::Nil),
            (b"*-1\r\n", Value::Nil),
            (
                b"*3\r\n:1\r\n-ERR no\r\n$-1\r\n",
                Value::Array(vec![
                    Value::Number(1),
                    Value::Error("ERR no".into()),
                    Value::Nil,
                ]),
            ),
        ] {
            let read: Theirs = redis::parse_redis_value(answer).unwrap();
            assert_eq!(Value::from(read), value);
        }
    }
}
