//! Hands chunks to the connections that can take one, in turn.
//!
//! Each connection is a lane with room for one chunk. A connection that stalls
//! keeps its chunk and is passed over; the others go on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use logweir_route::Chunk;
use tokio::time::{Duration, Instant};

/// The lanes of one agent.
pub(super) struct Lanes(Mutex<Inner>);

struct Inner {
    lanes: Vec<Lane>,
    /// The lane that is asked first for the next chunk.
    turn: usize,
    dispatcher: Option<Waker>,
    /// Chunks that a lane gave back; they go before all others.
    returned: Vec<Chunk>,
}

#[derive(Default)]
struct Lane {
    open: bool,
    /// The chunk that waits for the connection, and since when.
    slot: Option<(Chunk, Instant)>,
    /// The chunk that the connection took last, until it asks for another: it is
    /// not known yet whether the router had room for it.
    in_doubt: Option<(Chunk, Instant)>,
    reader: Option<Waker>,
    /// No more chunks: the stream is to end.
    ending: bool,
}

/// What a lane's connection left behind.
pub(super) struct Leftover {
    /// Taken by the connection, and perhaps lost.
    pub(super) in_doubt: Option<Chunk>,
}

impl Lanes {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            lanes: (0..count).map(|_| Lane::default()).collect(),
            turn: 0,
            dispatcher: None,
            returned: Vec::new(),
        })))
    }

    /// A lane's stream is open: it takes chunks from now on.
    pub(super) fn open(&self, lane: usize) {
        let mut inner = self.lock();
        inner.lanes[lane] = Lane {
            open: true,
            ..Lane::default()
        };
        wake(inner.dispatcher.take(), inner);
    }

    /// A lane's stream is gone. Its waiting chunk goes to another lane.
    pub(super) fn close(&self, lane: usize) -> Leftover {
        let mut inner = self.lock();
        let old = std::mem::take(&mut inner.lanes[lane]);
        inner.returned.extend(old.slot.map(|(chunk, _)| chunk));
        wake(inner.dispatcher.take(), inner);
        Leftover {
            in_doubt: old.in_doubt.map(|(chunk, _)| chunk),
        }
    }

    /// Lets a lane's stream end once it has taken what waits for it.
    pub(super) fn end(&self, lane: usize) {
        let mut inner = self.lock();
        inner.lanes[lane].open = false;
        inner.lanes[lane].ending = true;
        wake(inner.lanes[lane].reader.take(), inner);
    }

    /// Lanes that are open.
    pub(super) fn open_count(&self) -> usize {
        self.lock().lanes.iter().filter(|lane| lane.open).count()
    }

    /// Envelopes and bytes that wait in lanes.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let inner = self.lock();
        let slots = inner.lanes.iter().filter_map(|lane| lane.slot.as_ref());
        slots
            .map(|(chunk, _)| chunk)
            .chain(&inner.returned)
            .fold((0, 0), |sum, chunk| {
                (
                    sum.0 + u64::from(chunk.envelopes),
                    sum.1 + chunk.frames.len() as u64,
                )
            })
    }

    /// Whether a lane has had a chunk for longer than `limit` without its
    /// connection asking for the next one.
    pub(super) fn stalled(&self, lane: usize, limit: Duration) -> bool {
        let inner = self.lock();
        let lane = &inner.lanes[lane];
        let oldest = lane.in_doubt.as_ref().or(lane.slot.as_ref());
        oldest.is_some_and(|(_, since)| since.elapsed() > limit)
    }

    /// Ready with a chunk that was given back, or with nothing once a lane can take
    /// a chunk: the dispatcher then fetches one from the queue.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let mut inner = self.lock();
        if inner.free().is_none() {
            inner.dispatcher = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(inner.returned.pop())
    }

    /// Gives a chunk to the next lane that has room. The chunk comes back if none
    /// has any more.
    pub(super) fn put(&self, chunk: Chunk) {
        let mut inner = self.lock();
        let Some(lane) = inner.free() else {
            inner.returned.push(chunk);
            return;
        };
        inner.turn = lane + 1;
        inner.lanes[lane].slot = Some((chunk, Instant::now()));
        wake(inner.lanes[lane].reader.take(), inner);
    }

    /// The next chunk for a lane's connection; `None` when its stream is to end.
    pub(super) fn poll_take(&self, lane: usize, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let mut inner = self.lock();
        let own = &mut inner.lanes[lane];
        // That the connection asks again means that the last chunk found room.
        own.in_doubt = None;
        if let Some((chunk, _)) = own.slot.take() {
            own.in_doubt = Some((chunk.clone(), Instant::now()));
            wake(inner.dispatcher.take(), inner);
            return Poll::Ready(Some(chunk));
        }
        if own.ending {
            return Poll::Ready(None);
        }
        own.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
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

/// Wakes without holding the lock.
fn wake(waker: Option<Waker>, inner: MutexGuard<'_, Inner>) {
    drop(inner);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn chunk(number: u8) -> Chunk {
        Chunk {
            frames: Bytes::from(vec![number]),
            envelopes: 1,
            deprecated_tags: false,
        }
    }

    fn take(lanes: &Lanes, lane: usize) -> Option<u8> {
        match lanes.poll_take(lane, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(chunk) => chunk.map(|chunk| chunk.frames[0]),
            Poll::Pending => None,
        }
    }

    fn room(lanes: &Lanes) -> bool {
        lanes
            .poll_room(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn chunks_go_round_and_a_stalled_lane_is_passed_over() {
        let lanes = Lanes::new(3);
        assert!(!room(&lanes));
        for lane in 0..3 {
            lanes.open(lane);
        }
        for number in 0..3 {
            lanes.put(chunk(number));
        }
        assert!(!room(&lanes));
        assert_eq!((take(&lanes, 0), take(&lanes, 2)), (Some(0), Some(2)));
        lanes.put(chunk(3));
        lanes.put(chunk(4));
        assert_eq!((take(&lanes, 0), take(&lanes, 2)), (Some(3), Some(4)));
        assert_eq!(take(&lanes, 1), Some(1));
    }

    #[test]
    fn a_closed_lane_gives_its_chunk_back_and_tells_what_is_in_doubt() {
        let lanes = Lanes::new(1);
        lanes.open(0);
        lanes.put(chunk(1));
        assert_eq!(take(&lanes, 0), Some(1));
        lanes.put(chunk(2));
        let left = lanes.close(0);
        assert_eq!(left.in_doubt.map(|chunk| chunk.frames[0]), Some(1));
        assert_eq!(lanes.waiting(), (1, 1));
        lanes.open(0);
        let context = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(Some(back)) = lanes.poll_room(context) else {
            panic!("not given back")
        };
        assert_eq!(back.frames[0], 2);
    }

    #[test]
    fn what_was_asked_for_again_is_not_in_doubt() {
        let lanes = Lanes::new(1);
        lanes.open(0);
        lanes.put(chunk(1));
        assert_eq!(take(&lanes, 0), Some(1));
        assert_eq!(take(&lanes, 0), None);
        assert!(lanes.close(0).in_doubt.is_none());
    }

    #[test]
    fn an_ending_lane_takes_what_waits_and_no_more() {
        let lanes = Lanes::new(1);
        lanes.open(0);
        lanes.put(chunk(1));
        lanes.end(0);
        assert!(!room(&lanes));
        assert_eq!(take(&lanes, 0), Some(1));
        let end = lanes.poll_take(0, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(end, Poll::Ready(None)));
    }
}
