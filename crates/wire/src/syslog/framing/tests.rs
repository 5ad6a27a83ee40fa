use super::*;

/// All messages and errors of a stream that comes in chunks of `size`.
fn decode(mut decoder: Decoder, stream: &[u8], size: usize) -> Vec<Result<Vec<u8>, FramingError>> {
    let mut found = Vec::new();
    for chunk in stream.chunks(size) {
        decoder.push(chunk);
        while let Some(message) = decoder.next_message() {
            found.push(message.map(<[u8]>::to_vec));
        }
        let bound = decoder.limit + LENGTH_DIGITS + 2 + size;
        assert!(decoder.buffer.len() <= bound, "{}", decoder.buffer.len());
    }
    if let Some(message) = decoder.finish() {
        found.push(message.map(<[u8]>::to_vec));
    }
    assert!(decoder.finish().is_none(), "told twice");
    found
}

/// The same in chunks of several sizes.
fn all(limit: usize, stream: &[u8]) -> Vec<Result<Vec<u8>, FramingError>> {
    let whole = decode(Decoder::new(limit), stream, stream.len().max(1));
    for size in [1, 2, 3, 7] {
        let chunks = decode(Decoder::new(limit), stream, size);
        // How much of an endless line was seen depends on the chunks.
        let plain = |found: &[Result<Vec<u8>, FramingError>]| -> Vec<_> {
            found
                .iter()
                .map(|one| match one {
                    Err(FramingError::TooLong { limit, .. }) => Err(limit.to_string()),
                    Err(FramingError::NoLength { .. }) => Err("no length".to_owned()),
                    other => other.clone().map_err(|error| error.to_string()),
                })
                .collect()
        };
        assert_eq!(plain(&chunks), plain(&whole), "chunks of {size}");
    }
    whole
}

fn messages(limit: usize, stream: &str) -> Vec<String> {
    all(limit, stream.as_bytes())
        .into_iter()
        .map(|message| match message {
            Ok(message) => String::from_utf8(message).unwrap(),
            Err(error) => format!("error: {error}"),
        })
        .collect()
}

#[test]
fn counted_messages_may_hold_newlines_and_stand_apart_by_some() {
    assert_eq!(
        messages(100, "5 <1>a\n6 <1>b\nc\n\n7 <1>d\ne\n"),
        ["<1>a\n", "<1>b\nc", "<1>d\ne\n"]
    );
}

#[test]
fn lines_end_in_newlines_and_empty_ones_are_none() {
    assert_eq!(
        messages(100, "<1>a\n\n\r\n<1>b\r\n<1>c\0\n<1>12 d"),
        ["<1>a", "<1>b", "<1>c", "<1>12 d"]
    );
}

#[test]
fn a_counted_message_over_the_limit_is_passed_over() {
    assert_eq!(
        messages(4, "4 <1>a9 <1>aaaaaa4 <1>b"),
        [
            "<1>a",
            "error: a syslog message of 9 bytes is over the limit of 4",
            "<1>b"
        ]
    );
}

#[test]
fn a_line_over_the_limit_is_passed_over() {
    let found = all(4, b"<1>a\n<1>aaaaaa\n<1>b\n<1>endless");
    assert_eq!(found.len(), 4);
    assert_eq!(found[0].as_deref(), Ok(&b"<1>a"[..]));
    assert!(matches!(
        found[1],
        Err(FramingError::TooLong { limit: 4, .. })
    ));
    assert_eq!(found[2].as_deref(), Ok(&b"<1>b"[..]));
    assert!(found[3].is_err());
}

#[test]
fn what_ends_a_line_does_not_count() {
    assert_eq!(messages(4, "<1>a\r\n<1>b"), ["<1>a", "<1>b"]);
    assert_eq!(all(4, b"<1>a\rb\n<1>b\0").len(), 2);
}

#[test]
fn a_lost_count_ends_the_stream() {
    for (stream, error) in [
        ("4 <1>agarbage4 <1>b", "found \"garbage4 <1>b\" where"),
        ("4 <1>a0 4 <1>b", "found \"0 4 <1>b\" where"),
        ("4 <1>a 4 <1>b", "found \" 4 <1>b\" where"),
        ("4 <1>a12345678901234567890 x", "found \"1234567890123456\""),
    ] {
        let found = decode(Decoder::new(10), stream.as_bytes(), 100);
        assert_eq!(found.len(), 2, "{stream}");
        let told = found[1].as_ref().unwrap_err();
        assert!(told.to_string().contains(error), "{told}");
        assert!(told.is_fatal());
        all(10, stream.as_bytes());
    }
}

#[test]
fn a_counted_stream_that_ends_early_says_by_how_much() {
    for (stream, missing) in [("9 <1>a", 5), ("20 <1>a", 16), ("9", 1), ("9 ", 9)] {
        let found = all(10, stream.as_bytes());
        let last = found.last().unwrap().clone();
        assert_eq!(last, Err(FramingError::Truncated { missing }), "{stream}");
    }
    assert_eq!(messages(10, "4 <1>a\n"), ["<1>a"]);
    assert_eq!(messages(10, ""), Vec::<String>::new());
}

#[test]
fn the_framing_can_be_prescribed() {
    let lines = Decoder::with_framing(Framing::Newline, 100);
    assert_eq!(lines.framing(), Some(Framing::Newline));
    assert_eq!(decode(lines, b"4 <1>a\n", 3), [Ok(b"4 <1>a".to_vec())]);
    let counted = Decoder::with_framing(Framing::OctetCounted, 100);
    assert_eq!(decode(counted, b"<1>a\n", 9).len(), 1);
    let mut found = Decoder::new(100);
    found.push(b"4");
    assert!(found.next_message().is_none());
    assert_eq!(found.framing(), Some(Framing::OctetCounted));
}
