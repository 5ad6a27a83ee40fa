//! What comes after the history, for as long as the client reads.

use std::{collections::VecDeque, future::pending, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use logweir_net::{
    backoff::Backoff,
    body::{Body, BoxError},
};
use logweir_proto::frames::frames;
use logweir_route::notice;
use logweir_wire::logplex::{LineView, text};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep},
};
use tonic::Status;

use super::{
    Tails,
    ask::Ask,
    counts::OpenTail,
    filter::Filters,
    history::Remembered,
    missed::Known,
    text::{Form, HEARTBEAT},
};
use crate::{gateway::BatchStream, grpc::unix_nanos};

/// A stream of events is not quiet for longer: what lies between would take it for dead.
const HEARTBEAT_AFTER: Duration = Duration::from_secs(10);

/// The node that had a channel is read for this long after it moved: lines that were under
/// way come to it.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Lines that a node is asked for that has the channel now.
const MISSED: usize = 2000;

/// Pause before a channel whose node was lost is looked for again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// The live lines of one session.
pub(super) struct Live {
    tails: Tails,
    channel: Box<str>,
    filters: Filters,
    form: Form,
    /// What is to be written first.
    ready: VecDeque<Bytes>,
    following: Option<Following>,
    /// Where they came from before, until then.
    before: Option<(BatchStream, Pin<Box<Sleep>>)>,
    /// What came, where a channel can move.
    known: Option<Known>,
    /// It is to be followed as soon as `ready` is written.
    lost: bool,
    changes: watch::Receiver<u64>,
    moves: watch::Receiver<u64>,
    /// How often all tails had been ended when it began.
    kills: u64,
    /// Nothing is shown while tails are switched off.
    silent: bool,
    ending: bool,
    heartbeat: Pin<Box<Sleep>>,
    /// When something was last taken (Unix nanoseconds): what is lost was lost after it.
    taken: i64,
    scratch: Vec<u8>,
    _open: Option<OpenTail>,
}

/// Where lines come from.
struct Following {
    source: Arc<str>,
    /// From this process.
    here: bool,
    /// The node that has the channel; none without others.
    owner: Option<String>,
    batches: BatchStream,
}

enum Next {
    Batch(Option<Result<Bytes, Status>>),
    Changed,
    Moved,
    /// The node that had the channel has nothing more.
    Over,
    Stopped,
    Heartbeat,
}

/// All tails were ended.
#[derive(Debug, thiserror::Error)]
#[error("tails were ended by an operator")]
struct Killed;

impl Live {
    /// One that follows nothing yet, but sees what changes from now on.
    pub(super) fn new(tails: Tails, ask: &Ask, form: Form) -> Self {
        let inner = &tails.0;
        let registry = inner.book.registry();
        let changes = registry.generation();
        let rods = registry.rods();
        Self {
            channel: ask.channel.as_str().into(),
            filters: ask.filters.clone(),
            form,
            ready: VecDeque::new(),
            following: None,
            before: None,
            known: inner.owners.are_several().then(Known::default),
            lost: false,
            changes,
            moves: inner.owners.changes(),
            kills: rods.tail_kills,
            silent: rods.deny_tail_sessions,
            ending: false,
            heartbeat: Box::pin(sleep(HEARTBEAT_AFTER)),
            taken: unix_nanos(),
            scratch: Vec::new(),
            _open: ask.tail.then(|| inner.counts.opened()),
            tails,
        }
    }

    /// Writes `first` and then what comes of a source; if there are no batches, once they
    /// can be had.
    pub(super) fn begin(
        &mut self,
        source: Arc<str>,
        remembered: &Remembered,
        first: Vec<Bytes>,
        batches: Option<BatchStream>,
    ) {
        self.ready = first.into();
        if let Some(known) = &mut self.known {
            known.note(remembered.newest());
        }
        match batches {
            Some(batches) => self.follow(source, batches),
            None => self.lost = true,
        }
    }

    fn follow(&mut self, source: Arc<str>, batches: BatchStream) {
        let owners = &self.tails.0.owners;
        self.following = Some(Following {
            here: owners.here(&source),
            owner: owners.owner(&source),
            source,
            batches,
        });
    }

    pub(super) fn into_body(self) -> Body {
        let chunks = stream::unfold(self, |mut live| async move {
            let chunk = live.chunk().await?;
            Some((chunk.map(Frame::data), live))
        });
        StreamBody::new(chunks).boxed_unsync()
    }

    async fn chunk(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if self.ending {
                return None;
            }
            if std::mem::take(&mut self.lost) {
                self.again(true).await;
                continue;
            }
            match self.next().await {
                Next::Batch(Some(Ok(run))) => self.take(&run),
                Next::Batch(Some(Err(status))) => {
                    tracing::debug!("the node of a channel was lost: {}", status.message());
                    self.again(true).await;
                }
                Next::Over => self.before = None,
                Next::Batch(None) | Next::Stopped => self.ending = true,
                Next::Changed => {
                    if self.tails.0.book.registry().rods().tail_kills != self.kills {
                        // The connection ends without the end of the answer.
                        return Some(Err(Killed.into()));
                    }
                    self.look().await;
                }
                Next::Moved => self.moved().await,
                Next::Heartbeat => {
                    self.rest();
                    return Some(Ok(Bytes::from_static(HEARTBEAT)));
                }
            }
        }
    }

    async fn next(&mut self) -> Next {
        let remote = self.following.as_ref().is_some_and(|from| !from.here);
        let following = self.following.is_some();
        tokio::select! {
            biased;
            () = changed(&mut self.changes) => Next::Changed,
            () = changed(&mut self.moves) => Next::Moved,
            before = before(&mut self.before) => match before {
                Some(run) => Next::Batch(Some(Ok(run))),
                None => Next::Over,
            },
            batch = batch(&mut self.following) => Next::Batch(batch),
            // Of what this process publishes itself the rest is still written.
            () = self.tails.0.stop.cancelled(), if remote || !following => Next::Stopped,
            () = &mut self.heartbeat, if self.form == Form::Events => Next::Heartbeat,
        }
    }

    /// Starts the wait for the next heartbeat over.
    fn rest(&mut self) {
        if self.form == Form::Events {
            let next = Instant::now() + HEARTBEAT_AFTER;
            self.heartbeat.as_mut().reset(next);
        }
    }

    /// Writes what came. Whatever is lost is told, no filter hides it.
    fn take(&mut self, run: &Bytes) {
        let now = unix_nanos();
        if let Some(known) = &mut self.known {
            known.note(run);
        }
        let mut out = Vec::with_capacity(run.len());
        let mut lines = 0;
        for frame in frames(run).flatten() {
            if let Some(lost) = notice::lost(frame.envelope) {
                let mut line = Vec::new();
                text::l11_line(lost, self.taken, now, &mut line);
                self.form.text(&line, &mut out);
                self.tails.0.counts.told(lost);
                continue;
            }
            let Some(line) = LineView::of_envelope(frame.envelope) else {
                continue;
            };
            if !self.silent && self.filters.pass(&line) {
                self.form.line(&line, &mut self.scratch, &mut out);
                lines += 1;
            }
        }
        self.taken = now;
        if !out.is_empty() {
            self.rest();
            self.tails.0.counts.wrote(lines);
            self.ready.push_back(out.into());
        }
    }

    /// Looks at what has changed.
    async fn look(&mut self) {
        let registry = self.tails.0.book.registry();
        self.silent = registry.rods().deny_tail_sessions;
        let Some(channel) = registry.channel(&self.channel) else {
            // One that was never there is waited for.
            self.ending = self.following.is_some();
            return;
        };
        if channel.flags.no_tail {
            let mut line = Vec::new();
            text::l20_line(unix_nanos(), &mut line);
            let mut out = Vec::new();
            self.form.text(&line, &mut out);
            self.ready.push_back(out.into());
            self.ending = true;
            return;
        }
        let source = channel.source_id();
        let same = |from: &Following| from.source == *source;
        if !self.following.as_ref().is_some_and(same) {
            // A channel that is new begins with what it has; another source with what comes.
            let new = self.following.is_none();
            self.again(new).await;
        }
    }

    /// Looks whether the channel lives elsewhere now.
    async fn moved(&mut self) {
        let Some(from) = &self.following else { return };
        let owner = self.tails.0.owners.owner(&from.source);
        if owner == from.owner {
            return;
        }
        if let Some(from) = self.following.take() {
            let after = Box::pin(sleep(AFTERWARDS));
            self.before = Some((from.batches, after));
        }
        self.again(true).await;
    }

    /// Follows the channel anew, from the node that has it now; if `missed`, with what came
    /// to that node meanwhile.
    async fn again(&mut self, missed: bool) {
        self.following = None;
        let wanted = if missed { MISSED } else { 0 };
        let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
        let tails = self.tails.clone();
        loop {
            let Some(channel) = tails.0.book.registry().channel(&self.channel) else {
                self.ending = true;
                return;
            };
            if let Ok((newest, batches)) = tails.0.follow(&channel, wanted, true).await {
                let missed = match &self.known {
                    Some(known) => known.missed(&newest, unix_nanos()),
                    None => newest,
                };
                self.take(&missed);
                return self.follow(Arc::clone(channel.source_id()), batches);
            }
            tokio::select! {
                () = tails.0.stop.cancelled() => {
                    self.ending = true;
                    return;
                }
                () = sleep(backoff.next()) => {}
            }
        }
    }
}

/// The next change; never if nobody can make one any more.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        pending().await
    }
}

async fn batch(following: &mut Option<Following>) -> Option<Result<Bytes, Status>> {
    match following {
        Some(from) => from.batches.next().await,
        None => pending().await,
    }
}

/// What still comes from where the channel was; `None` once that is over.
async fn before(before: &mut Option<(BatchStream, Pin<Box<Sleep>>)>) -> Option<Bytes> {
    let Some((batches, over)) = before else {
        return pending().await;
    };
    tokio::select! {
        biased;
        batch = batches.next() => batch?.ok(),
        () = over => None,
    }
}
