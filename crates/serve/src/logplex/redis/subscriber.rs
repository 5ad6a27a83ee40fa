//! What is published, as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::timeout;

use super::{
    client::RedisError,
    connection::Connection,
    resp::{self, Value},
};

/// A server that says nothing for this long is asked whether it is there, …
const QUIET: Duration = Duration::from_secs(5);
/// … and has this long to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// To which channel.
    pub channel: Bytes,
    /// What.
    pub payload: Bytes,
}

/// A subscription on a connection of its own. It ends with the connection; whoever subscribes
/// again may have missed something.
pub struct Subscriber {
    connection: Connection,
}

impl Subscriber {
    /// Returns once the server has taken note of all of them.
    pub(super) async fn start(
        mut connection: Connection,
        channels: &[&str],
        patterns: &[&str],
    ) -> Result<Self, RedisError> {
        let mut out = BytesMut::new();
        for (name, words) in [("SUBSCRIBE", channels), ("PSUBSCRIBE", patterns)] {
            for word in words {
                resp::command(&[name.as_bytes(), word.as_bytes()], &mut out);
            }
        }
        connection.write(&out).await?;
        for _ in 0..channels.len() + patterns.len() {
            let answer = timeout(PATIENCE, connection.next()).await;
            let answer = answer.map_err(|_| late())??;
            if let Value::Error(text) = answer {
                let text = String::from_utf8_lossy(&text).into_owned();
                return Err(RedisError::Refused(text));
            }
        }
        Ok(Self { connection })
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn next(&mut self) -> Result<Message, RedisError> {
        loop {
            let value = match timeout(QUIET, self.connection.next()).await {
                Ok(value) => value?,
                Err(_) => {
                    let mut ping = BytesMut::new();
                    resp::command(&[b"PING"], &mut ping);
                    self.connection.write(&ping).await?;
                    let answer = timeout(PATIENCE, self.connection.next()).await;
                    answer.map_err(|_| late())??
                }
            };
            if let Some(message) = message(value) {
                return Ok(message);
            }
        }
    }
}

fn late() -> RedisError {
    RedisError::Unreachable(format!("no answer within {PATIENCE:?}"))
}

/// `message CHANNEL PAYLOAD` or `pmessage PATTERN CHANNEL PAYLOAD`.
fn message(value: Value) -> Option<Message> {
    let values = value.into_array();
    let at = match values.first()?.text()? {
        "message" => 1,
        "pmessage" => 2,
        _ => return None,
    };
    Some(Message {
        channel: values.get(at)?.bytes()?.clone(),
        payload: values.get(at + 1)?.bytes()?.clone(),
    })
}
