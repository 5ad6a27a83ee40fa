//! Questions and answers, over one connection that is opened when it is needed.

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use logweir_net::resolve::Resolver;
use redis::{Cmd, Pipeline};
use tokio::time::{Instant, timeout_at};

use super::{error::RedisError, link::Link, subscriber::Subscriber, url::RedisUrl, value::Value};

/// A question and the connection for it take this long at most.
const DEADLINE: Duration = Duration::from_secs(3);
/// A server that could not be reached is not tried again for this long.
const PAUSE: Duration = Duration::from_millis(200);

/// A server. Clones share a connection, and are answered in the order in which they ask; what
/// takes long or comes often has a client of its own.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    url: RedisUrl,
    resolver: Resolver,
    /// Held while one is opened, so that it is opened once.
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
    /// When the server could not be reached, and why.
    down: Mutex<Option<(Instant, RedisError)>>,
}

impl Redis {
    /// Connects at the first question.
    pub fn new(url: RedisUrl) -> Self {
        Self(Arc::new(Inner {
            url,
            resolver: Resolver::new(),
            link: tokio::sync::Mutex::default(),
            down: Mutex::default(),
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
        let mut question = Pipeline::with_capacity(1);
        question.add_command(command(words.iter().copied()));
        let answers = self.ask(&question).await?;
        answers.into_iter().next().map_or(Ok(Value::Nil), refused)
    }

    /// Asks several things at once; with `MULTI` and `EXEC` around them if all or none are
    /// to be done.
    ///
    /// # Errors
    /// No server, or the first error that it answers; the others may have been done.
    pub async fn calls(&self, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, RedisError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut questions = Pipeline::with_capacity(commands.len());
        for words in commands {
            questions.add_command(command(words.iter().map(Vec::as_slice)));
        }
        let answers = self.ask(&questions).await?;
        answers.into_iter().map(refused).collect()
    }

    /// Asks once and not again: what was sent may have been done.
    async fn ask(&self, questions: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let until = Instant::now() + DEADLINE;
        let late = || RedisError::late(DEADLINE);
        let link = timeout_at(until, self.0.link()).await;
        let link = link.unwrap_or_else(|_| Err(self.0.is_down(late())))?;
        let answers = timeout_at(until, link.ask(questions)).await;
        answers.unwrap_or_else(|_| Err(late())).map_err(|why| {
            // Nobody waits on it for answers that may never come.
            link.end();
            self.0.is_down(why)
        })
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
        Subscriber::start(&self.0.url, &self.0.resolver, channels, patterns).await
    }
}

impl Inner {
    /// The connection, or a new one if there is none that lasts.
    async fn link(&self) -> Result<Arc<Link>, RedisError> {
        let mut kept = self.link.lock().await;
        if let Some(link) = kept.as_ref().filter(|link| !link.has_ended()) {
            return Ok(Arc::clone(link));
        }
        *kept = None;
        self.may_be_tried()?;
        let opened = Link::open(&self.url, &self.resolver).await;
        let link = Arc::new(opened.map_err(|why| self.is_down(why))?);
        *kept = Some(Arc::clone(&link));
        Ok(link)
    }

    fn may_be_tried(&self) -> Result<(), RedisError> {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        match &*down {
            Some((at, why)) if at.elapsed() < PAUSE => Err(why.clone()),
            _ => Ok(()),
        }
    }

    fn is_down(&self, why: RedisError) -> RedisError {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        *down = Some((Instant::now(), why.clone()));
        why
    }
}

fn command<'a>(words: impl Iterator<Item = &'a [u8]>) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
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
