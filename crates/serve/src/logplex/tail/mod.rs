//! Reading a channel: sessions with history and live lines, and v3's channel logs (spec
//! logplex §4).
//!
//! | file | holds |
//! |---|---|
//! | [`ask`], [`num`], [`filter`] | what a session asks for |
//! | [`fetch`] | `GET /sessions/ID`: the answer's head and its history |
//! | [`live`], [`missed`] | what comes after it, also while the channel moves |
//! | [`channel_logs`] | `GET /v3/channels/ID/logs` |
//! | [`history`] | the lines that are remembered |
//! | [`text`] | lines as clients read them |

mod ask;
mod channel_logs;
mod counts;
mod fetch;
mod filter;
mod history;
mod live;
mod missed;
mod num;
mod text;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use logweir_proto::{cache::FollowRequest, logcache::EnvelopeType};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub(crate) use counts::TailCounts;
pub(crate) use fetch::Fetch;
pub(crate) use history::{History, HistorySettings, Shards};
pub(crate) use num::Num;

use super::{Owners, book::Book, model::Channel};
use crate::{gateway::BatchStream, log_cache::Cache, metrics::Registry};
use history::Remembered;

/// History that does not come within this time is not waited for.
const HISTORY_WITHIN: Duration = Duration::from_secs(5);

/// Reads channels. Clones are the same.
#[derive(Clone)]
pub(crate) struct Tails(Arc<Inner>);

struct Inner {
    book: Book,
    cache: Arc<Cache>,
    owners: Owners,
    history: History,
    counts: Arc<TailCounts>,
    stop: CancellationToken,
}

/// Why a channel cannot be read now.
enum Unread {
    /// It took too long.
    Late,
    /// As the status says.
    Refused(Status),
}

impl Tails {
    /// Reads channels that `book` knows from `cache`. Streams that come from other nodes end
    /// with `stop`, those of this one when its exchange ends.
    pub(crate) fn new(
        book: Book,
        cache: Arc<Cache>,
        owners: Owners,
        history: History,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            book,
            cache,
            owners,
            history,
            counts: Arc::default(),
            stop,
        }))
    }

    /// Shows what was read on a metrics page.
    pub(crate) fn show(&self, registry: &Registry) {
        let counts = Arc::clone(&self.0.counts);
        registry.collect(move |to| counts.show(to));
        self.0.history.show(registry);
    }

    /// What was read.
    pub(crate) fn counts(&self) -> &Arc<TailCounts> {
        &self.0.counts
    }
}

impl Inner {
    /// The newest `wanted` lines of a channel, and if `live` what comes. Lines that can be
    /// had without the channel's node are had if it does not answer; what comes is none then.
    async fn open(
        &self,
        channel: &Channel,
        wanted: usize,
        live: bool,
    ) -> Result<(Remembered, Option<BatchStream>), Unread> {
        match self.follow(channel, wanted, live).await {
            Ok((newest, batches)) => {
                let remembered = self.history.extended(channel, newest, wanted).await;
                Ok((remembered, Some(batches)))
            }
            Err(unread) => match self.history.without_owner(channel, wanted).await {
                Some(remembered) => Ok((remembered, None)),
                None => Err(unread),
            },
        }
    }

    /// What the node of a channel remembers, and what comes.
    async fn follow(
        &self,
        channel: &Channel,
        wanted: usize,
        live: bool,
    ) -> Result<(Bytes, BatchStream), Unread> {
        let request = FollowRequest {
            source_id: channel.source_id().to_string(),
            history: u32::try_from(wanted).unwrap_or(u32::MAX),
            envelope_types: vec![EnvelopeType::Log.into()],
            history_apart: true,
            history_only: !live,
            ..FollowRequest::default()
        };
        let opened = async {
            let mut batches = self.cache.follow(request).await?;
            // It is there even if there is no history, once what comes is on its way.
            let first = batches.next().await;
            let first = first.unwrap_or_else(|| Err(Status::unavailable("it ended")))?;
            Ok((first, batches))
        };
        match tokio::time::timeout(HISTORY_WITHIN, opened).await {
            Ok(opened) => opened.map_err(Unread::Refused),
            Err(_) => Err(Unread::Late),
        }
    }
}

impl Unread {
    fn response(&self) -> Response<Body> {
        match self {
            Self::Late => said(StatusCode::INTERNAL_SERVER_ERROR, "timeout"),
            Self::Refused(status) => {
                tracing::warn!("a channel cannot be read: {}", status.message());
                let words = "the lines of this channel cannot be read now; try again";
                said(StatusCode::SERVICE_UNAVAILABLE, words)
            }
        }
    }
}

/// A short answer, of Logplex's usual type.
fn said(status: StatusCode, words: &str) -> Response<Body> {
    let mut response = Response::new(body::full(words.to_owned()));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// How many lines a session with this body fetches, and what it shows of a message, as plain
/// text and as an event: for the fuzzer.
#[cfg(fuzzing)]
pub fn session(body: &[u8], message: &[u8]) -> Option<(usize, Vec<u8>, Vec<u8>)> {
    let asked = ask::Ask::read(body).ok()?;
    let fetched = asked.num.fetched(1501, false);
    let line = logweir_wire::logplex::LineView::of_message(message);
    let line = line.filter(|line| asked.filters.pass(line))?;
    let [mut plain, mut events, mut scratch] = [const { Vec::new() }; 3];
    text::Form::Plain.line(&line, &mut scratch, &mut plain);
    text::Form::Events.line(&line, &mut scratch, &mut events);
    Some((fetched, plain, events))
}
