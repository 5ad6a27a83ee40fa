//! A model test: the queue against a list of envelopes with the same bounds.

use std::{collections::VecDeque, task::Waker};

use bytes::BytesMut;
use logweir_proto::{frames::push_frame, v2};
use proptest::prelude::*;
use prost::Message;

use super::*;

fn envelope(number: u64, payload: usize) -> Vec<u8> {
    let log = v2::Log {
        payload: vec![b'x'; payload].into(),
        ..v2::Log::default()
    };
    v2::Envelope {
        timestamp: i64::try_from(number).unwrap(),
        source_id: format!("app-{}", number % 3),
        message: Some(v2::envelope::Message::Log(log)),
        ..v2::Envelope::default()
    }
    .encode_to_vec()
}

/// A batch of envelopes numbered from `first`, each with a payload of `payload`.
fn batch(first: u64, count: u64, payload: usize) -> (Bytes, Vec<Span>) {
    let mut bytes = BytesMut::new();
    let mut spans = Vec::new();
    for number in first..first + count {
        let start = u32::try_from(bytes.len()).unwrap();
        push_frame(&mut bytes, &envelope(number, payload));
        spans.push(Span {
            start,
            end: u32::try_from(bytes.len()).unwrap(),
            kind: 1,
            deprecated_tags: false,
        });
    }
    (bytes.freeze(), spans)
}

fn numbers(frames: &Bytes) -> Vec<u64> {
    let batch = v2::EnvelopeBatch::decode(frames.clone()).unwrap().batch;
    batch
        .iter()
        .map(|one| u64::try_from(one.timestamp).unwrap())
        .collect()
}

const LIMITS: QueueLimits = QueueLimits {
    bytes: 100_000,
    envelopes: 500,
    frame: 50_000,
};

#[derive(Clone, Debug)]
enum Step {
    All {
        count: u64,
        payload: usize,
    },
    Some {
        count: u64,
        payload: usize,
        keep: u64,
    },
    Take,
    End,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop_oneof![8 => 0_usize..400, 1 => 40_000_usize..60_000];
    prop_oneof![
        6 => (0_u64..250, payload.clone()).prop_map(|(count, payload)| {
            let count = if payload > 1000 { count % 4 } else { count };
            Step::All { count, payload }
        }),
        6 => (1_u64..100, payload, 1_u64..4).prop_map(|(count, payload, keep)| {
            let count = if payload > 1000 { count % 4 } else { count };
            Step::Some { count, payload, keep }
        }),
        8 => Just(Step::Take),
        1 => Just(Step::End),
        1 => Just(Step::Close),
    ]
}

proptest! {
    /// Whatever happens: order is kept, nothing is taken twice, what is missing was
    /// dropped and counted, in the balance as in the losses told.
    #[test]
    fn what_is_offered_is_taken_dropped_or_queued(steps in prop::collection::vec(step(), 1..60)) {
        let queue = ChunkQueue::alone(LIMITS);
        let mut model = Model::default();
        let mut next = 0;
        for step in steps {
            match step {
                Step::All { count, payload } => {
                    let (bytes, spans) = batch(next, count, payload);
                    let dropped = queue.push_all(&bytes, &spans);
                    model.offer(next..next + count, &dropped);
                    next += count;
                }
                Step::Some { count, payload, keep } => {
                    let (bytes, spans) = batch(next, count, payload);
                    let wanted: Vec<u32> =
                        (0_u32..).take(spans.len()).filter(|n| u64::from(*n) % keep == 0).collect();
                    let dropped = queue.push_some(&bytes, &spans, &wanted);
                    model.offer(wanted.iter().map(|n| next + u64::from(*n)), &dropped);
                    next += count;
                }
                Step::Take => {
                    let taken = queue.try_take();
                    model.take(taken);
                }
                Step::End => queue.end(),
                Step::Close => {
                    let (_, dropped) = queue.close(Cause::ReaderGone);
                    model.closed = true;
                    model.dropped(&dropped);
                }
            }
            let stats = queue.stats();
            prop_assert!(stats.balanced(), "{stats:?}");
            prop_assert_eq!(stats.queued, model.waiting.len() as u64);
            prop_assert_eq!(stats.taken, model.taken);
            prop_assert_eq!(stats.dropped_total(), model.lost);
            prop_assert_eq!(queue.load() as u64, stats.queued_bytes);
            // A single newest chunk may pass the bounds, never more.
            prop_assert!(stats.queued <= LIMITS.envelopes || stats.queued <= u64::from(CHUNK_ENVELOPES));
        }
        while let Some(taken) = queue.try_take() {
            model.take(Some(taken));
        }
        prop_assert!(model.waiting.is_empty());
        if !model.closed {
            prop_assert_eq!(model.told, model.lost_while_open);
        }
    }
}

#[derive(Default)]
struct Model {
    waiting: VecDeque<u64>,
    taken: u64,
    lost: u64,
    lost_while_open: u64,
    told: u64,
    closed: bool,
}

impl Model {
    fn offer(&mut self, numbers: impl Iterator<Item = u64>, dropped: &Dropped) {
        self.waiting.extend(numbers);
        self.dropped(dropped);
        for (cause, run) in &dropped.runs {
            if *cause != Cause::ReaderGone {
                self.lost_while_open += self::numbers(run).len() as u64;
            }
        }
    }

    fn dropped(&mut self, dropped: &Dropped) {
        for (cause, run) in &dropped.runs {
            for number in numbers(run) {
                let position = self.waiting.iter().position(|own| *own == number);
                let position = position.expect("dropped what was never offered");
                if *cause == Cause::QueueFull {
                    assert_eq!(position, 0, "the oldest goes first");
                }
                self.waiting.remove(position);
                self.lost += 1;
            }
        }
    }

    fn take(&mut self, taken: Option<Taken>) {
        let Some(taken) = taken else { return };
        self.told += taken.loss.map_or(0, |loss| loss.total());
        let Some(chunk) = taken.chunk else { return };
        let numbers = numbers(&chunk.frames);
        assert_eq!(numbers.len(), chunk.envelopes as usize);
        assert!(chunk.envelopes <= CHUNK_ENVELOPES);
        for number in numbers {
            assert_eq!(self.waiting.pop_front(), Some(number), "order is kept");
            self.taken += 1;
        }
    }
}

#[test]
fn a_full_queue_loses_one_chunk_at_a_time() {
    let limits = QueueLimits {
        bytes: usize::MAX,
        envelopes: 1000,
        frame: usize::MAX,
    };
    let queue = ChunkQueue::alone(limits);
    for round in 0..20 {
        let (bytes, spans) = batch(round * 100, 100, 256);
        let lost: usize = queue
            .push_all(&bytes, &spans)
            .runs
            .iter()
            .map(|(_, run)| numbers(run).len())
            .sum();
        assert_eq!(lost, if round < 10 { 0 } else { 100 });
    }
}

#[test]
fn large_batches_are_shared_and_small_ones_travel_together() {
    let queue = ChunkQueue::alone(LIMITS);
    let (bytes, spans) = batch(0, 100, 256);
    assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    let chunk = queue.try_take().unwrap().chunk.unwrap();
    assert_eq!(chunk.frames.as_ptr(), bytes.as_ptr());
    for number in 0..50 {
        let (bytes, spans) = batch(number, 1, 16);
        assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    }
    assert_eq!(queue.try_take().unwrap().chunk.unwrap().envelopes, 50);
}

#[test]
fn a_stalled_reader_does_not_pin_read_buffers() {
    let queue = ChunkQueue::alone(QueueLimits {
        bytes: 8 << 20,
        envelopes: u64::MAX,
        frame: 1 << 20,
    });
    // A quarter of a megabyte was read; this reader wants a small part of it.
    let (part, spans) = batch(0, 20, 500);
    let pinned: usize = (0..400)
        .map(|_| {
            let mut read = BytesMut::with_capacity(256 << 10);
            read.extend_from_slice(&part);
            let size = read.capacity();
            let read = read.freeze();
            assert!(queue.push_all(&read, &spans).runs.is_empty());
            if read.is_unique() { 0 } else { size }
        })
        .sum();
    let waiting = queue.load();
    assert!(waiting > 3 << 20, "{waiting} bytes wait");
    assert!(pinned <= 32 << 20, "{pinned} bytes pinned for {waiting}");
}

#[test]
fn a_converted_envelope_over_the_limit_is_dropped_and_told() {
    let queue = ChunkQueue::alone(LIMITS);
    let (frames, spans) = batch(0, 1, LIMITS.frame);
    let dropped = queue.push_chunk(chunk_of(&frames, &spans));
    assert_eq!(dropped.runs.len(), 1);
    assert_eq!(dropped.runs[0].0, Cause::TooLarge);
    let taken = queue.try_take().unwrap();
    assert_eq!(taken.loss.unwrap().total(), 1);
    assert!(taken.chunk.is_none() && queue.stats().balanced());
}

#[test]
fn what_comes_after_the_end_is_told_to_a_reader_that_still_reads() {
    let queue = ChunkQueue::alone(LIMITS);
    let (bytes, spans) = batch(0, 1, 1);
    assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    queue.end();
    assert_eq!(queue.push_all(&bytes, &spans).runs[0].0, Cause::Shutdown);
    let taken = queue.try_take().unwrap();
    assert_eq!(taken.loss.unwrap().by_cause[Cause::Shutdown.index()], 1);
    assert!(taken.chunk.is_some());
}

#[test]
fn a_batch_over_the_chunk_size_is_cut_at_frame_borders() {
    let queue = ChunkQueue::alone(QueueLimits {
        bytes: 10 << 20,
        ..LIMITS
    });
    let (bytes, spans) = batch(0, 450, 256);
    assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    let mut sizes = Vec::new();
    while let Some(Taken {
        chunk: Some(chunk), ..
    }) = queue.try_take()
    {
        assert!(chunk.frames.len() <= CHUNK_BYTES);
        sizes.push(chunk.envelopes);
    }
    assert_eq!(sizes, [100, 100, 100, 100, 50]);
}

#[test]
fn the_reader_is_woken_by_a_push_and_by_the_end() {
    let queue = ChunkQueue::alone(LIMITS);
    let mut context = Context::from_waker(Waker::noop());
    assert!(queue.poll_take(&mut context, Terms::ANY).is_pending());
    let (bytes, spans) = batch(0, 1, 1);
    assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    assert!(queue.poll_take(&mut context, Terms::ANY).is_ready());
    assert!(queue.poll_take(&mut context, Terms::ANY).is_pending());
    queue.end();
    assert_eq!(queue.poll_take(&mut context, Terms::ANY), Poll::Ready(None));
}

#[test]
fn a_loss_adds_up_until_the_reader_asks_for_it() {
    let limits = QueueLimits {
        bytes: usize::MAX,
        envelopes: 100,
        frame: usize::MAX,
    };
    let queue = ChunkQueue::alone(limits);
    let mut context = Context::from_waker(Waker::noop());
    for round in 0..3 {
        let (bytes, spans) = batch(round * 100, 100, 256);
        drop(queue.push_all(&bytes, &spans));
    }
    let Poll::Ready(Some(taken)) = queue.poll_take(
        &mut context,
        Terms {
            tell: false,
            at_least: 0,
        },
    ) else {
        panic!("empty")
    };
    assert!(taken.loss.is_none());
    assert!(
        queue
            .poll_take(
                &mut context,
                Terms {
                    tell: false,
                    at_least: 0
                }
            )
            .is_pending()
    );
    let Poll::Ready(Some(taken)) = queue.poll_take(&mut context, Terms::ANY) else {
        panic!("untold")
    };
    assert_eq!(taken.loss.unwrap().total(), 200);
    assert!(taken.chunk.is_none());
}

#[test]
fn queues_over_the_common_budget_are_held_to_their_share() {
    let budget = Budget::new(200_000);
    let limits = QueueLimits {
        bytes: 10 << 20,
        envelopes: u64::MAX,
        frame: usize::MAX,
    };
    let queues: Vec<_> = (0..4)
        .map(|_| ChunkQueue::new(limits, Arc::clone(&budget)))
        .collect();
    for round in 0..20 {
        let (bytes, spans) = batch(round * 100, 100, 256);
        for queue in &queues {
            drop(queue.push_all(&bytes, &spans));
        }
    }
    let total: usize = queues.iter().map(ChunkQueue::load).sum();
    let used: usize = queues.iter().map(|queue| quanta(queue.load() as u64)).sum();
    assert_eq!(used, budget.used.load(Ordering::Relaxed));
    // Each may hold its floor of one chunk and the newest one on top.
    assert!(total <= 4 * 2 * CHUNK_BYTES, "{total}");
    drop(queues);
    assert_eq!(budget.used.load(Ordering::Relaxed), 0);
}

#[test]
fn a_gathering_reader_is_woken_by_enough_bytes_or_by_the_end() {
    let queue = ChunkQueue::alone(LIMITS);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let gather = Terms {
        tell: false,
        at_least: 1_000,
    };
    assert!(queue.poll_take(&mut context, gather).is_pending());
    let mut number = 0;
    while queue.load() < 900 {
        let (bytes, spans) = batch(number, 1, 50);
        assert!(queue.push_all(&bytes, &spans).runs.is_empty());
        number += 1;
    }
    assert_eq!(woken.times(), 0);
    assert!(queue.poll_take(&mut context, gather).is_pending());
    let (bytes, spans) = batch(number, 1, 200);
    assert!(queue.push_all(&bytes, &spans).runs.is_empty());
    assert_eq!(woken.times(), 1);
    assert!(queue.poll_take(&mut context, gather).is_ready());
    assert!(queue.poll_take(&mut context, gather).is_pending());
    queue.end();
    assert_eq!(woken.times(), 2);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What overflows is found out about without the lock: a reader that drains the queue
/// meanwhile, after its end, must still be told of it.
#[test]
fn a_reader_hears_of_every_overflow_before_the_end() {
    for _ in 0..20 {
        let queue = Arc::new(ChunkQueue::alone(QueueLimits {
            bytes: 64 << 10,
            envelopes: 200,
            frame: 1 << 20,
        }));
        let (batch, spans) = batch(0, 100, 100);
        let told = std::thread::scope(|threads| {
            let pushers: Vec<_> = (0..3)
                .map(|_| {
                    threads.spawn(|| {
                        for _ in 0..200 {
                            let _counted = queue.push_all(&batch, &spans);
                        }
                    })
                })
                .collect();
            let reader = threads.spawn(|| {
                let mut told = 0;
                let mut context = Context::from_waker(Waker::noop());
                loop {
                    match queue.poll_take(&mut context, Terms::ANY) {
                        Poll::Ready(Some(taken)) => {
                            let loss = taken.loss.unwrap_or_default();
                            told += loss.by_cause[Cause::QueueFull.index()];
                        }
                        Poll::Ready(None) => return told,
                        Poll::Pending => std::thread::yield_now(),
                    }
                }
            });
            while !pushers.iter().any(|pusher| pusher.is_finished()) {
                std::thread::yield_now();
            }
            queue.end();
            reader.join().unwrap()
        });
        let stats = queue.stats();
        assert!(stats.balanced(), "{stats:?}");
        assert_eq!(stats.dropped[Cause::QueueFull.index()], told);
    }
}
