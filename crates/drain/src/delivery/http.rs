//! HTTPS: a POST for each message, several at once, or one for many (spec agents-and-drains
//! §4.1).

mod answer;
mod frames;
mod lane;
mod request;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use logweir_route::Cause;
use tokio::time::{Instant, sleep_until};

use super::{
    DrainState, Failure,
    batch::EARLY,
    courier::Courier,
    dial::{Dial, Receiver},
};
use crate::{drain::Drain, url::Scheme};
use answer::Verdict;
pub(super) use frames::session as frames;
use lane::Lane;
use request::Requests;

/// Bytes of messages that are taken from the queue at a time, for a POST each.
const TAKE: usize = 64 << 10;

/// A connection is closed after this long without a request: servers end theirs at about
/// that time, and a request that meets the end may be lost.
const IDLE: Duration = Duration::from_secs(60);

/// A body that is too large for the receiver is halved, but not below this.
const SMALLEST: usize = 2 << 10;

struct Session {
    to: Receiver,
    requests: Requests,
    lanes: Vec<Option<Lane>>,
    /// How many lanes are used at once.
    width: usize,
    /// Bytes after which a body of `https-batch` is full.
    full: usize,
}

/// Posts until nothing was to be sent for long, the connections are old, or the drain ends.
pub(super) async fn session(courier: &mut Courier, drain: Arc<Drain>) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let requests = Requests::of(&drain)?;
    let batching = drain.url.scheme() == Scheme::HttpsBatch;
    let to = Receiver::Drain(drain);
    let lane = connect(courier, &to).await?;
    let mut used = Instant::now();
    courier.connected(used);
    let settings = &courier.with.settings;
    let (idle, old) = (settings.idle.min(IDLE), used + settings.max_age);
    let mut session = Session {
        to,
        requests,
        lanes: vec![Some(lane)],
        width: 1,
        full: settings.batch_bytes,
    };
    loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if courier.batch.is_empty() && now >= old {
            return Ok(());
        }
        if batching {
            let interval = courier.with.settings.batch_interval;
            courier.gather(session.full, interval).await;
        } else if courier.batch.is_empty() {
            courier.fill(TAKE).await;
        }
        if courier.batch.is_empty() {
            let end = old.min(used + idle);
            if courier.is_over() || now >= end {
                return Ok(());
            }
            courier.batch.release();
            let wake = courier.tell_due().map_or(end, |due| due.min(end));
            tokio::select! {
                () = courier.until_filled(1) => {}
                () = session.closed() => return Ok(()),
                () = sleep_until(wake) => {}
            }
            continue;
        }
        match batching {
            true => session.post_many(courier).await?,
            false => session.post_each(courier).await?,
        }
        used = Instant::now();
    }
}

async fn connect(courier: &Courier, to: &Receiver) -> Result<Lane, Failure> {
    let dial = Dial {
        to,
        with: &courier.with,
    };
    let titled = matches!(to, Receiver::Channel(_));
    Lane::open(dial.connect().await?, titled).await
}

impl Session {
    /// Waits until the receiver has closed the first lane.
    async fn closed(&mut self) {
        if let Some(Some(lane)) = self.lanes.first_mut() {
            lane.closed().await;
        }
    }

    /// One body of many messages.
    async fn post_many(&mut self, courier: &mut Courier) -> Result<(), Failure> {
        let count = courier.batch.filling(self.full);
        let body = courier.batch.body(0, count);
        let size = body.len();
        let body = self.requests.encoded(body);
        match post(courier, &self.to, &mut self.lanes[0], &self.requests, body).await? {
            Verdict::Taken => {
                courier.sent(count);
                courier.delivered();
            }
            Verdict::Refused(413) if count > 1 && size / 2 >= SMALLEST => self.full = size / 2,
            Verdict::Refused(code) => {
                courier.lose(0, count, Cause::Refused);
                courier.sent(count);
                refused(courier, code).await;
            }
        }
        Ok(())
    }

    /// The next messages, each over a lane of its own. Those that were taken do not go again
    /// if others have to.
    async fn post_each(&mut self, courier: &mut Courier) -> Result<(), Failure> {
        let count = courier.batch.left().min(self.width);
        self.lanes.resize_with(count.max(self.lanes.len()), || None);
        let open = (0..courier.batch.left().min(EARLY)).filter(|at| !courier.batch.is_taken(*at));
        let open: Vec<usize> = open.take(count).collect();
        let bodies: Vec<Bytes> = open.iter().map(|at| courier.batch.body(*at, 1)).collect();
        let posts = self.lanes.iter_mut().zip(bodies);
        let posts = posts.map(|(lane, body)| post(courier, &self.to, lane, &self.requests, body));
        let answers = join_all(posts).await;
        let taken = answers
            .iter()
            .filter(|answer| **answer == Ok(Verdict::Taken))
            .count();
        let (mut failure, mut code) = (None, None);
        let mut through = Vec::with_capacity(open.len());
        for (at, answer) in open.into_iter().zip(answers) {
            match answer {
                Ok(Verdict::Taken) => through.push(at),
                Ok(Verdict::Refused(status)) => {
                    code = Some(status);
                    courier.lose(at, 1, Cause::Refused);
                    through.push(at);
                }
                // A receiver may not want that many connections.
                Err(error) if taken > 0 && error.is_connecting() => {}
                Err(error) => failure = Some(error),
            }
        }
        let most = courier.with.settings.lanes.clamp(1, EARLY);
        self.width = match taken < count {
            true => taken.max(1),
            false => (self.width * 2).min(most),
        };
        // From the last on: what is through moves the positions of what comes after it.
        for at in through.into_iter().rev() {
            courier.taken(at);
        }
        if taken > 0 {
            courier.delivered();
        }
        if let Some(code) = code {
            refused(courier, code).await;
        }
        failure.map_or(Ok(()), Err)
    }
}

/// The receiver will never take what it was sent.
async fn refused(courier: &mut Courier, code: u16) {
    courier.failed(Failure::Status {
        code,
        retry_after: None,
    });
    // What was refused is not to be refused again by the next process.
    courier.settle_store().await;
    courier.pause_after_refusal().await;
    courier.shared.resume();
}

/// Posts over a lane, which is opened if it is not. If the receiver closed it while it was not
/// used, it is opened once more.
async fn post(
    courier: &Courier,
    to: &Receiver,
    lane: &mut Option<Lane>,
    requests: &Requests,
    body: Bytes,
) -> Result<Verdict, Failure> {
    let patience = courier.with.settings.answer_timeout;
    if let Some(mut open) = lane.take() {
        let stale = open.is_used();
        let answer = open.post(requests, body.clone(), patience).await;
        if answer.is_ok() {
            *lane = Some(open);
        }
        if answer != Err(Failure::Closed) || !stale {
            return answer;
        }
    }
    let mut fresh = connect(courier, to).await?;
    let answer = fresh.post(requests, body, patience).await;
    if answer.is_ok() {
        *lane = Some(fresh);
    }
    answer
}
