//! What is published, as it comes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use logweir_net::resolve::Resolver;
use redis::{
    Msg,
    aio::{PubSub, PubSubSink, PubSubStream},
};
use tokio::time::timeout;

use super::{error::RedisError, transport::dial, url::RedisUrl};

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
///
/// What comes before it is asked for is kept, however much it is: ask without long pauses.
pub struct Subscriber {
    questions: PubSubSink,
    messages: PubSubStream,
}

impl Subscriber {
    /// Returns once the server has taken note of all of them.
    pub(super) async fn start(
        url: &RedisUrl,
        resolver: &Resolver,
        channels: &[&str],
        patterns: &[&str],
    ) -> Result<Self, RedisError> {
        let stream = dial(url, resolver).await?;
        let subscribed = async {
            let greeted = PubSub::new(&url.login(), stream).await;
            let greeted = greeted.map_err(|error| RedisError::from(error).of_greeting(url));
            let mut subscription = greeted?;
            if !channels.is_empty() {
                subscription.subscribe(channels).await?;
            }
            if !patterns.is_empty() {
                subscription.psubscribe(patterns).await?;
            }
            Ok::<_, RedisError>(subscription.split())
        };
        let subscribed = timeout(PATIENCE, subscribed).await;
        let (questions, messages) = subscribed.map_err(|_| RedisError::late(PATIENCE))??;
        Ok(Self {
            questions,
            messages,
        })
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn next(&mut self) -> Result<Message, RedisError> {
        loop {
            match timeout(QUIET, self.messages.next()).await {
                Ok(Some(message)) => return read(&message),
                Ok(None) => return Err(RedisError::closed()),
                Err(_) => {
                    let pong = timeout(PATIENCE, self.questions.ping::<redis::Value>()).await;
                    pong.map_err(|_| RedisError::late(PATIENCE))??;
                }
            }
        }
    }
}

fn read(message: &Msg) -> Result<Message, RedisError> {
    let channel: Vec<u8> = message.get_channel()?;
    let payload: Vec<u8> = message.get_payload()?;
    Ok(Message {
        channel: channel.into(),
        payload: payload.into(),
    })
}
