//! Questions and answers, over one connection that is opened when it is needed.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use logweir_net::resolve::Resolver;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{
    connection::Connection,
    resp::{self, Value},
    subscriber::Subscriber,
    url::RedisUrl,
};

/// A question and the connection for it take this long at most.
const DEADLINE: Duration = Duration::from_secs(3);
/// A server that could not be reached is not tried again for this long.
const PAUSE: Duration = Duration::from_millis(200);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The server is not there, or was lost before it answered: it may have done what it was
    /// asked.
    #[error("redis cannot be reached: {0}")]
    Unreachable(String),
    /// The server says no.
    #[error("redis: {0}")]
    Refused(String),
}

/// A server. Clones share a connection, and ask one after the other; what takes long or comes
/// often has a client of its own.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    url: RedisUrl,
    resolver: Resolver,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Not here while it is used: one whose user went away in the middle is lost with him.
    connection: Option<Connection>,
    /// When the server could not be reached, and why.
    down: Option<(Instant, RedisError)>,
}

impl Redis {
    /// Connects at the first question.
    pub fn new(url: RedisUrl) -> Self {
        Self(Arc::new(Inner {
            url,
            resolver: Resolver::new(),
            state: Mutex::default(),
        }))
    }

    /// A client of its own for the same server.
    pub fn apart(&self) -> Self {
        Self::new(self.0.url.clone())
    }

    /// Where it is, without the credential.
    pub fn url(&self) -> &RedisUrl {
        &self.0.url
    }

    /// Asks once: a command's name and its arguments.
    ///
    /// # Errors
    /// No server, or an error that it answers.
    pub async fn call(&self, words: &[&[u8]]) -> Result<Value, RedisError> {
        let mut command = BytesMut::new();
        resp::command(words, &mut command);
        let answers = self.ask(&command, 1).await?;
        answers.into_iter().next().map_or(Ok(Value::Nil), refused)
    }

    /// Asks several things at once; with `MULTI` and `EXEC` around them if all or none are
    /// to be done.
    ///
    /// # Errors
    /// No server, or the first error that it answers; the others may have been done.
    pub async fn calls(&self, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, RedisError> {
        let mut bytes = BytesMut::new();
        for command in commands {
            let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            resp::command(&words, &mut bytes);
        }
        let answers = self.ask(&bytes, commands.len()).await?;
        answers.into_iter().map(refused).collect()
    }

    async fn ask(&self, commands: &[u8], count: usize) -> Result<Vec<Value>, RedisError> {
        let until = Instant::now() + DEADLINE;
        let late = || RedisError::Unreachable(format!("no answer within {DEADLINE:?}"));
        let state = timeout_at(until, self.0.state.lock()).await;
        let mut state = state.map_err(|_| late())?;
        if let Some((at, why)) = &state.down
            && at.elapsed() < PAUSE
        {
            return Err(why.clone());
        }
        let used = state.connection.take();
        let asked = async {
            let mut kept = used;
            if let Some(used) = &mut kept
                && used.is_stale().await
            {
                kept = None;
            }
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(&self.0.url, &self.0.resolver).await?,
            };
            connection.write(commands).await?;
            let mut answers = Vec::with_capacity(count);
            for _ in 0..count {
                answers.push(connection.next().await?);
            }
            Ok((connection, answers))
        };
        let answered = timeout_at(until, asked).await;
        match answered.unwrap_or_else(|_| Err(late())) {
            Ok((connection, answers)) => {
                state.connection = Some(connection);
                state.down = None;
                Ok(answers)
            }
            Err(why) => {
                state.down = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    /// Hears what is published to these channels and, with patterns, to all that match them.
    ///
    /// # Errors
    /// No server.
    pub async fn subscribe(
        &self,
        channels: &[&str],
        patterns: &[&str],
    ) -> Result<Subscriber, RedisError> {
        let connection = Connection::open(&self.0.url, &self.0.resolver).await?;
        Subscriber::start(connection, channels, patterns).await
    }
}

fn refused(value: Value) -> Result<Value, RedisError> {
    match value {
        Value::Error(text) => Err(RedisError::Refused(
            String::from_utf8_lossy(&text).into_owned(),
        )),
        value => Ok(value),
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({})", self.0.url)
    }
}
