//! A connection that questions share: each is answered in its turn.

use logweir_net::resolve::Resolver;
use redis::{AsyncConnectionConfig, Pipeline, aio::MultiplexedConnection};
use tokio_util::sync::CancellationToken;

use super::{error::RedisError, transport::dial, url::RedisUrl, value::Value};

/// A connection. It ends when nobody has it any more, whatever is still asked.
pub(super) struct Link {
    connection: MultiplexedConnection,
    ended: CancellationToken,
}

impl Link {
    /// Connects, says who we are and chooses the database.
    pub(super) async fn open(url: &RedisUrl, resolver: &Resolver) -> Result<Self, RedisError> {
        let stream = dial(url, resolver).await?;
        // Whoever asks has a deadline that is longer than the library's.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&url.login(), stream, config).await;
        let opened = opened.map_err(|error| RedisError::from(error).of_greeting(url));
        let (connection, driver) = opened?;
        let ended = CancellationToken::new();
        let end = ended.clone();
        tokio::spawn(async move {
            end.run_until_cancelled(driver).await;
            end.cancel();
        });
        Ok(Self { connection, ended })
    }

    /// Whether it has ended, by the server or by [`Self::end`].
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Resolves once it has ended.
    #[cfg(test)]
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Closes it; what is still asked on it is not answered.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Asks all of it at once. An error among the answers is one of the values.
    pub(super) async fn ask(&self, questions: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let mut connection = self.connection.clone();
        let count = questions.len();
        let answers = connection.send_packed_commands(questions, 0, count).await?;
        Ok(answers.into_iter().map(Value::from).collect())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}
