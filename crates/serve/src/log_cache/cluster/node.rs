//! Another node: the connection to it, kept open, and calls over it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc::{self, ServerStream},
    resolve::{Resolver, Target},
};
use tokio::{sync::watch, time::Instant};
use tonic::{Code, Status};

use crate::log_cache::MESSAGE_BYTES;

/// Pause before a node that could not be reached is dialled again.
const DIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long a call waits for a connection that is just being made. A node that is known
/// to be down is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a node does.
#[derive(Clone)]
enum State {
    /// It is being dialled.
    Dialling,
    Up(H2),
    /// It could not be reached, for this reason.
    Down(String),
}

/// A node of the log cache, by the name that the settings give it.
pub(crate) struct Node {
    name: String,
    target: Target,
    dialer: Dialer,
    resolver: Resolver,
    state: watch::Sender<State>,
}

impl Node {
    pub(crate) fn new(name: &str, target: Target, dialer: Dialer, resolver: Resolver) -> Self {
        Self {
            name: name.to_owned(),
            target,
            dialer,
            resolver,
            state: watch::Sender::new(State::Dialling),
        }
    }

    /// Its name in the settings.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Why it cannot be reached, if it cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Down(reason) => Some(reason.clone()),
            State::Dialling | State::Up(_) => None,
        }
    }

    /// Whether it is connected.
    pub(crate) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(_))
    }

    /// Keeps a connection open, for ever. `changed` is called when the node is lost or is
    /// back.
    pub(crate) async fn keep_up(&self, changed: impl Fn()) {
        let mut wait = Backoff::new(DIAL.0, DIAL.1);
        loop {
            match self.dial().await {
                Ok(fresh) => {
                    wait.reset();
                    tracing::info!("connected to the log cache node {}", self.name);
                    self.state.send_replace(State::Up(fresh.clone()));
                    changed();
                    fresh.closing().await;
                    self.state.send_replace(State::Dialling);
                    // A server that ends every connection at once is not hammered.
                    tokio::time::sleep(wait.next()).await;
                }
                Err(reason) => {
                    let known = self.trouble().is_some();
                    if !known {
                        tracing::warn!("cannot reach the log cache node {}: {reason}", self.name);
                    }
                    self.state.send_replace(State::Down(reason));
                    if !known {
                        changed();
                    }
                    tokio::time::sleep(wait.next()).await;
                }
            }
        }
    }

    async fn dial(&self) -> Result<H2, String> {
        let addresses = self.resolver.resolve(&self.target).await;
        let addresses = addresses.map_err(|error| error.to_string())?;
        let mut reason = "its name has no address".to_owned();
        for address in addresses {
            match self.dialer.connect(address).await {
                Ok(fresh) => return Ok(fresh),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }

    /// The connection, as soon as there is one; for whoever can wait.
    pub(crate) async fn connected(&self) -> H2 {
        let mut state = self.state.subscribe();
        loop {
            if let State::Up(h2) = &*state.borrow_and_update()
                && !h2.is_closed()
            {
                return h2.clone();
            }
            if state.changed().await.is_err() {
                // The sender is this node's own.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn connection(&self, until: Instant) -> Result<H2, Status> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| match state {
            State::Dialling => false,
            State::Up(h2) => !h2.is_closed(),
            State::Down(_) => true,
        });
        let until = until.min(Instant::now() + PATIENCE);
        let settled = tokio::time::timeout_at(until, settled).await;
        let reason = match settled.ok().and_then(Result::ok).as_deref() {
            Some(State::Up(h2)) => return Ok(h2.clone()),
            Some(State::Down(reason)) => reason.clone(),
            Some(State::Dialling) | None => "no connection yet".to_owned(),
        };
        Err(self.unreachable(&reason))
    }

    /// What a reader is told of a node that cannot be asked.
    fn unreachable(&self, reason: &str) -> Status {
        let name = &self.name;
        Status::unavailable(format!(
            "the log cache node {name} cannot be reached: {reason}"
        ))
    }

    /// Calls a method that answers once, within `deadline`.
    ///
    /// # Errors
    /// The status of the call; `Unavailable` if the node cannot be reached.
    pub(crate) async fn call(
        &self,
        path: &str,
        payload: Bytes,
        headers: HeaderMap,
        deadline: Duration,
    ) -> Result<Bytes, Status> {
        let answer = self.ask(path, &payload, headers, deadline);
        Ok(answer.await?.0)
    }

    /// The same with the header of the answer.
    ///
    /// # Errors
    /// As [`Node::call`].
    pub(crate) async fn ask(
        &self,
        path: &str,
        payload: &[u8],
        headers: HeaderMap,
        deadline: Duration,
    ) -> Result<(Bytes, HeaderMap), Status> {
        let until = Instant::now() + deadline;
        let h2 = self.connection(until).await?;
        let answer = grpc::unary(&h2, path, payload, headers, MESSAGE_BYTES);
        match tokio::time::timeout_at(until, answer).await {
            // It was lost before it could answer.
            Ok(Err(status)) if status.code() == Code::Unavailable => {
                let mut told = self.unreachable(status.message());
                *told.metadata_mut() = status.metadata().clone();
                Err(told)
            }
            Ok(answer) => answer,
            Err(_) => {
                let name = &self.name;
                Err(Status::deadline_exceeded(format!(
                    "the log cache node {name} did not answer within {deadline:?}"
                )))
            }
        }
    }

    /// Calls a method that answers with a stream.
    ///
    /// # Errors
    /// `Unavailable` if the node cannot be reached.
    pub(crate) async fn stream(
        &self,
        path: &str,
        payload: Bytes,
        headers: HeaderMap,
    ) -> Result<ServerStream, Status> {
        let h2 = self.connection(Instant::now() + PATIENCE).await?;
        let stream = grpc::server_stream(&h2, path, payload, headers, MESSAGE_BYTES);
        Ok(stream)
    }
}
