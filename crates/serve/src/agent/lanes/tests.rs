use bytes::Bytes;
use logweir_route::Cause;

use super::*;

fn load(number: u8) -> Load {
    let chunk = Chunk {
        frames: Bytes::from(vec![number]),
        envelopes: 1,
        deprecated_tags: false,
    };
    Load { chunk, tells: None }
}

fn take(lanes: &Lanes, lane: usize, epoch: u64) -> Poll<Option<u8>> {
    lanes
        .poll_take(lane, epoch, &mut Context::from_waker(Waker::noop()))
        .map(|load| load.map(|load| load.chunk.frames[0]))
}

fn placed(lanes: &Lanes) -> bool {
    let context = &mut Context::from_waker(Waker::noop());
    lanes.poll_placed(context).is_ready()
}

#[test]
fn loads_go_round_and_a_stalled_lane_is_passed_over() {
    let lanes = Lanes::new(3);
    let epochs: Vec<u64> = (0..3).map(|lane| lanes.open(lane)).collect();
    for number in 0..3 {
        lanes.put(load(number));
    }
    assert!(placed(&lanes));
    lanes.put(load(3));
    assert!(!placed(&lanes));
    assert_eq!(take(&lanes, 0, epochs[0]), Poll::Ready(Some(0)));
    assert!(placed(&lanes));
    assert_eq!(take(&lanes, 2, epochs[2]), Poll::Ready(Some(2)));
    lanes.put(load(4));
    assert_eq!(take(&lanes, 0, epochs[0]), Poll::Ready(Some(3)));
    assert_eq!(take(&lanes, 2, epochs[2]), Poll::Ready(Some(4)));
    assert_eq!(take(&lanes, 1, epochs[1]), Poll::Ready(Some(1)));
}

#[test]
fn what_a_closed_lane_gives_back_goes_to_another_at_once() {
    let lanes = Lanes::new(2);
    let first = lanes.open(0);
    lanes.put(load(1));
    assert_eq!(take(&lanes, 0, first), Poll::Ready(Some(1)));
    lanes.put(load(2));
    let second = lanes.open(1);
    let in_doubt = lanes.close(0).unwrap();
    assert_eq!(in_doubt.chunk.frames[0], 1);
    assert_eq!(lanes.waiting(), (1, 1));
    // No dispatcher has to come by: it may sleep until the next envelope.
    assert_eq!(take(&lanes, 1, second), Poll::Ready(Some(2)));
}

#[test]
fn what_was_given_back_waits_for_the_lane_that_opens_again() {
    let lanes = Lanes::new(1);
    let epoch = lanes.open(0);
    lanes.put(load(1));
    assert!(lanes.close(0).is_none());
    assert!(!placed(&lanes));
    assert!(lanes.open(0) > epoch);
    assert!(placed(&lanes));
}

#[test]
fn what_was_asked_for_again_is_not_in_doubt() {
    let lanes = Lanes::new(1);
    let epoch = lanes.open(0);
    lanes.put(load(1));
    assert_eq!(take(&lanes, 0, epoch), Poll::Ready(Some(1)));
    assert!(take(&lanes, 0, epoch).is_pending());
    assert!(lanes.close(0).is_none());
}

#[test]
fn a_stream_that_was_given_up_takes_nothing_of_its_successor() {
    let lanes = Lanes::new(1);
    let old = lanes.open(0);
    assert!(take(&lanes, 0, old).is_pending());
    lanes.close(0);
    let new = lanes.open(0);
    lanes.put(load(1));
    assert_eq!(take(&lanes, 0, old), Poll::Ready(None));
    assert_eq!(take(&lanes, 0, new), Poll::Ready(Some(1)));
}

#[test]
fn an_ending_lane_takes_what_waits_and_no_more() {
    let lanes = Lanes::new(1);
    let epoch = lanes.open(0);
    lanes.put(load(1));
    lanes.end(0);
    lanes.put(load(2));
    assert!(!placed(&lanes));
    assert_eq!(take(&lanes, 0, epoch), Poll::Ready(Some(1)));
    assert_eq!(take(&lanes, 0, epoch), Poll::Ready(None));
}

#[test]
fn what_is_abandoned_is_returned_once_and_notices_are_not_counted_as_waiting() {
    let lanes = Lanes::new(1);
    let epoch = lanes.open(0);
    lanes.put(load(1));
    assert_eq!(take(&lanes, 0, epoch), Poll::Ready(Some(1)));
    let mut loss = Loss::default();
    loss.record(Cause::QueueFull, "app", 5);
    lanes.put(Load {
        tells: Some(Box::new(loss)),
        ..load(2)
    });
    lanes.put(load(3));
    assert_eq!(lanes.waiting(), (1, 1));
    assert_eq!(lanes.abandon().len(), 3);
    assert!(lanes.abandon().is_empty() && lanes.close(0).is_none());
    assert_eq!(take(&lanes, 0, epoch), Poll::Ready(None));
}
