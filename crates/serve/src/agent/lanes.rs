//! Hands chunks to the connections that can take one, in turn.
//!
//! Each connection is a lane with room for one chunk. A connection that stalls
//! keeps its chunk and is passed over; the others go on.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use logweir_route::{Chunk, Loss};
use tokio::time::{Duration, Instant};

/// What a lane carries at a time.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) chunk: Chunk,
    /// Of a notice: the loss that it tells. It was never in the queue, so it has no
    /// place in the queue's balance; if it is lost, its loss is told again.
    pub(super) tells: Option<Box<Loss>>,
}

/// The lanes of one agent.
pub(super) struct Lanes(Mutex<Inner>);

struct Inner {
    lanes: Vec<Lane>,
    /// The lane that is asked first for the next load.
    turn: usize,
    dispatcher: Option<Waker>,
    /// Loads that no lane has room for: what lanes gave back, and one or two of the
    /// dispatcher, which puts no more while any waits.
    waiting: VecDeque<Load>,
    /// The dispatcher has nothing more: streams end.
    finished: bool,
}

#[derive(Default)]
struct Lane {
    open: bool,
    /// Tells the streams of a lane apart: a connection that was given up may still
    /// poll the stream of its request.
    epoch: u64,
    /// The load that waits for the connection, and since when.
    slot: Option<(Load, Instant)>,
    /// The load that the connection took last, until it asks for another: it is
    /// not known yet whether the router had room for it.
    in_doubt: Option<(Load, Instant)>,
    reader: Option<Waker>,
    /// No more loads: the stream is to end.
    ending: bool,
}

impl Lanes {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            lanes: (0..count).map(|_| Lane::default()).collect(),
            turn: 0,
            dispatcher: None,
            waiting: VecDeque::new(),
            finished: false,
        })))
    }

    /// A lane's stream is open: it takes loads from now on. Returns the stream's epoch.
    pub(super) fn open(&self, lane: usize) -> u64 {
        let mut inner = self.lock();
        let epoch = inner.lanes[lane].epoch;
        inner.lanes[lane] = Lane {
            open: true,
            epoch,
            ..Lane::default()
        };
        settle(inner, None);
        epoch
    }

    /// A lane's stream is gone. Its waiting load goes to another lane; what the
    /// connection took, and perhaps lost, is returned.
    pub(super) fn close(&self, lane: usize) -> Option<Load> {
        let mut inner = self.lock();
        let epoch = inner.lanes[lane].epoch + 1;
        let next = Lane {
            epoch,
            ..Lane::default()
        };
        let old = std::mem::replace(&mut inner.lanes[lane], next);
        if let Some((load, _)) = old.slot {
            inner.waiting.push_front(load);
        }
        settle(inner, old.reader);
        old.in_doubt.map(|(load, _)| load)
    }

    /// Lets a lane's stream end once it has taken what waits for it.
    pub(super) fn end(&self, lane: usize) {
        let mut inner = self.lock();
        inner.lanes[lane].open = false;
        inner.lanes[lane].ending = true;
        let reader = inner.lanes[lane].reader.take();
        settle(inner, reader);
    }

    /// There are no more loads: every stream ends, also those opened from now on.
    pub(super) fn finish(&self) {
        let mut inner = self.lock();
        inner.finished = true;
        let readers: Vec<_> = inner
            .lanes
            .iter_mut()
            .filter_map(|lane| lane.reader.take())
            .collect();
        drop(inner);
        readers.into_iter().for_each(Waker::wake);
    }

    /// Gives up: returns every load of which it is not known that it left.
    pub(super) fn abandon(&self) -> Vec<Load> {
        self.finish();
        let mut inner = self.lock();
        let mut left: Vec<Load> = inner.waiting.drain(..).collect();
        for lane in &mut inner.lanes {
            lane.open = false;
            left.extend(lane.slot.take().map(|(load, _)| load));
            left.extend(lane.in_doubt.take().map(|(load, _)| load));
        }
        left
    }

    /// Lanes that are open.
    pub(super) fn open_count(&self) -> usize {
        self.lock().lanes.iter().filter(|lane| lane.open).count()
    }

    /// Envelopes and bytes of the queue that wait here.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let inner = self.lock();
        let slots = inner.lanes.iter().filter_map(|lane| lane.slot.as_ref());
        slots
            .map(|(load, _)| load)
            .chain(&inner.waiting)
            .filter(|load| load.tells.is_none())
            .fold((0, 0), |sum, load| {
                (
                    sum.0 + u64::from(load.chunk.envelopes),
                    sum.1 + load.chunk.frames.len() as u64,
                )
            })
    }

    /// Whether a lane has had a load for longer than `limit` without its
    /// connection asking for the next one.
    pub(super) fn stalled(&self, lane: usize, limit: Duration) -> bool {
        let inner = self.lock();
        let lane = &inner.lanes[lane];
        let oldest = lane.in_doubt.as_ref().or(lane.slot.as_ref());
        oldest.is_some_and(|(_, since)| since.elapsed() > limit)
    }

    /// Ready when no load waits for a lane: the dispatcher then puts the next.
    pub(super) fn poll_placed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.waiting.is_empty() {
            return Poll::Ready(());
        }
        inner.dispatcher = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ready when connections have taken every load.
    pub(super) fn poll_empty(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.waiting.is_empty() && inner.lanes.iter().all(|lane| lane.slot.is_none()) {
            return Poll::Ready(());
        }
        inner.dispatcher = Some(context.waker().clone());
        Poll::Pending
    }

    /// Gives a load to the next lane that has room, now or later.
    pub(super) fn put(&self, load: Load) {
        let mut inner = self.lock();
        inner.waiting.push_back(load);
        settle(inner, None);
    }

    /// The next load for a stream of a lane; `None` when the stream is to end.
    pub(super) fn poll_take(
        &self,
        lane: usize,
        epoch: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Load>> {
        let mut inner = self.lock();
        let finished = inner.finished;
        let own = &mut inner.lanes[lane];
        if own.epoch != epoch {
            return Poll::Ready(None);
        }
        // That the connection asks again means that the last load found room.
        own.in_doubt = None;
        if let Some((load, _)) = own.slot.take() {
            own.in_doubt = Some((load.clone(), Instant::now()));
            settle(inner, None);
            return Poll::Ready(Some(load));
        }
        if own.ending || finished {
            return Poll::Ready(None);
        }
        own.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places what waits after a change (one that makes room for a load at most, or adds
/// one), and wakes whom it concerns without holding the lock.
fn settle(mut inner: MutexGuard<'_, Inner>, also: Option<Waker>) {
    let reader = inner.place();
    let placed = inner.waiting.is_empty();
    let dispatcher = if placed {
        inner.dispatcher.take()
    } else {
        None
    };
    drop(inner);
    for waker in [also, reader, dispatcher].into_iter().flatten() {
        waker.wake();
    }
}

impl Inner {
    fn place(&mut self) -> Option<Waker> {
        if self.waiting.is_empty() {
            return None;
        }
        let lane = self.free()?;
        let load = self.waiting.pop_front()?;
        self.turn = lane + 1;
        self.lanes[lane].slot = Some((load, Instant::now()));
        self.lanes[lane].reader.take()
    }

    /// The next lane in turn that has room.
    fn free(&self) -> Option<usize> {
        let count = self.lanes.len();
        let turned = (0..count).map(|step| (self.turn + step) % count);
        let mut free = turned.filter(|lane| {
            let lane = &self.lanes[*lane];
            lane.open && lane.slot.is_none()
        });
        free.next()
    }
}

#[cfg(test)]
mod tests;
