use super::*;

/// A log envelope; `origin` is not a part of what is compared.
fn log(at: i64, text: &str, origin: &'static str) -> Bytes {
    let envelope = v1::Envelope {
        origin: Some(Bytes::from_static(origin.as_bytes())),
        event_type: Some(v1::envelope::EventType::LogMessage.into()),
        timestamp: Some(at),
        log_message: Some(v1::LogMessage {
            message: Some(Bytes::copy_from_slice(text.as_bytes())),
            message_type: Some(v1::log_message::MessageType::Out.into()),
            timestamp: Some(at),
            ..v1::LogMessage::default()
        }),
        ..v1::Envelope::default()
    };
    envelope.encode_to_vec().into()
}

fn remembered(numbers: impl IntoIterator<Item = i64>) -> Vec<Bytes> {
    let numbers = numbers.into_iter();
    numbers.map(|number| log(number, "x", "store")).collect()
}

fn run(numbers: impl IntoIterator<Item = i64>) -> Bytes {
    let mut run = BytesMut::new();
    for number in numbers {
        push_frame(&mut run, &log(number, "x", "live"));
    }
    run.freeze()
}

fn times(run: &Bytes) -> Vec<i64> {
    let envelopes = frames(run).flatten();
    envelopes.map(|frame| timestamp(frame.envelope)).collect()
}

/// What is shown first, and then of each later run.
fn shown(
    history: Vec<Bytes>,
    last: usize,
    ahead: &[Bytes],
    later: &[Bytes],
) -> (Vec<i64>, Vec<i64>) {
    let mut both = Both::of(&history);
    let first = merge(history, last, ahead, &mut both);
    let mut live = Vec::new();
    for run in later {
        live.extend(times(&without(run, &mut both)));
    }
    (times(&first), live)
}

#[test]
fn what_is_in_both_is_shown_once() {
    let (first, live) = shown(
        remembered(0..10),
        4,
        &[run(5..8)],
        &[run(8..9), run(9..12), run(12..13)],
    );
    // 8 and 9 were remembered and on their way.
    assert_eq!(first, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(live, [10, 11, 12]);
}

#[test]
fn more_than_the_store_holds_came_meanwhile() {
    // Live since 0; the store holds the newest three.
    let (first, live) = shown(remembered(7..10), 0, &[run(0..9)], &[run(9..11)]);
    assert_eq!(first, (0..10).collect::<Vec<_>>());
    assert_eq!(live, [10]);
}

#[test]
fn what_is_left_out_of_history_comes_live() {
    // Nothing came ahead, so what of history is on its way cannot be told.
    let (first, live) = shown(remembered(0..5), 2, &[], &[run(2..7)]);
    assert_eq!(first, [3, 4]);
    assert_eq!(live, [2, 5, 6]);
}

#[test]
fn lines_that_are_the_same_are_counted() {
    let (first, live) = shown(remembered([1, 1, 1]), 10, &[run([1])], &[run([1, 1, 1, 2])]);
    assert_eq!(first, [1, 1, 1]);
    assert_eq!(live, [1, 2], "the fourth of the same");
}

#[test]
fn two_zones_are_put_in_order() {
    // Even numbers in one zone, odd ones in another, which lags behind.
    let history = remembered([0, 1, 2, 3, 4, 5, 6]);
    let ahead = [run([4, 6]), run([3])];
    let (first, live) = shown(history, 2, &ahead, &[run([5, 7]), run([8])]);
    assert_eq!(first, [1, 2, 3, 4, 5, 6]);
    assert_eq!(live, [7, 8]);
}
