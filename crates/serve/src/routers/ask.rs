//! One question to every router, answered by those that can within a deadline.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use logweir_net::grpc;
use tokio::time::Instant;
use tonic::Status;

use super::{
    Call, Routers,
    link::{Link, State},
};

/// How long a router that was never reached, or whose connection is made anew, may take
/// to be there. One that is known to be down is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the routers said.
#[derive(Debug, Default)]
pub struct Answers {
    /// The response messages that came in time, in the order of the addresses.
    pub messages: Vec<Bytes>,
    /// Why the others said nothing.
    pub failures: Vec<Status>,
}

impl Routers {
    /// Asks every router of the moment; each that does not answer within `deadline`
    /// is left out.
    pub async fn ask(&self, call: Call, deadline: Duration) -> Answers {
        let until = Instant::now() + deadline;
        self.found(until).await;
        let links = std::sync::Arc::clone(&self.links.borrow());
        let asked = links
            .values()
            .map(|link| self.ask_one(link, call.clone(), until));
        let mut answers = Answers::default();
        for (answer, link) in join_all(asked).await.into_iter().zip(links.values()) {
            match answer {
                Ok(message) => answers.messages.push(message),
                Err(status) => {
                    let (address, why) = (link.address, status.message());
                    tracing::debug!("the router {address} did not answer: {why}");
                    answers.failures.push(status);
                }
            }
        }
        if links.is_empty() {
            let status = Status::unavailable("no router was found by the names in the settings");
            answers.failures.push(status);
        }
        answers
    }

    /// At the very start the routers' names are still being looked up.
    async fn found(&self, until: Instant) {
        let mut list = self.links.subscribe();
        let found = list.wait_for(|links| !links.is_empty());
        let until = until.min(Instant::now() + PATIENCE);
        // With none after that, the caller is told so.
        let _ = tokio::time::timeout_at(until, found).await;
    }

    async fn ask_one(&self, link: &Link, call: Call, until: Instant) -> Result<Bytes, Status> {
        let connected = async {
            let mut state = link.state.subscribe();
            let down = {
                let known = state.wait_for(|state| *state != State::New).await;
                matches!(known.as_deref(), Ok(State::Down) | Err(_))
            };
            if down {
                return None;
            }
            Some(link.connection(&self.dialer).await)
        };
        let patience = until.min(Instant::now() + PATIENCE);
        let connected = tokio::time::timeout_at(patience, connected).await;
        let Some(h2) = connected.ok().flatten() else {
            return Err(Status::unavailable("it cannot be reached"));
        };
        let limit = self.options.message_bytes;
        let answer = grpc::unary(&h2, call.path, &call.request, HeaderMap::new(), limit);
        match tokio::time::timeout_at(until, answer).await {
            Ok(answer) => answer.map(|(message, _)| message),
            Err(_) => Err(Status::deadline_exceeded("it took too long")),
        }
    }
}
