use super::*;
use crate::sse::{batch_event, closing_event, heartbeat_event};

fn parse(stream: &[u8], chunk: usize) -> Vec<Event> {
    let mut parser = Parser::new();
    for chunk in stream.chunks(chunk) {
        parser.push(chunk);
    }
    parser.collect()
}

#[test]
fn what_we_write_is_read_in_chunks_of_any_size() {
    let mut stream = Vec::new();
    batch_event(b"", &mut stream);
    heartbeat_event(1_763_700_000, &mut stream);
    closing_event(&mut stream);
    let expected = [
        Event::Batch(b"{\"batch\":[]}".to_vec()),
        Event::Heartbeat,
        Event::Closing,
    ];
    for chunk in 1..=stream.len() {
        assert_eq!(parse(&stream, chunk), expected, "chunks of {chunk}");
    }
}

#[test]
fn every_line_end_and_joined_data() {
    let stream = b": comment\r\ndata: a\r\ndata:b\r\n\r\ndata: c\rdata\r\rid: 7\n\nevent: x\n\nevent: y\ndata: d\n\n";
    let expected = [
        Event::Batch(b"a\nb".to_vec()),
        Event::Batch(b"c\n".to_vec()),
        Event::Other("y".to_owned()),
    ];
    for chunk in 1..=stream.len() {
        assert_eq!(parse(stream, chunk), expected, "chunks of {chunk}");
    }
}

#[test]
fn an_unfinished_event_is_not_given() {
    assert_eq!(parse(b"data: a\n", 3), []);
}

#[test]
fn an_event_that_is_too_long_is_passed_over_and_the_next_one_read() {
    let long_line = b"data: 1234567890\n\ndata: a\n\n";
    let many_lines = b"data: 123\ndata: 456\ndata: 789\n\ndata: a\n\n";
    for stream in [&long_line[..], many_lines] {
        for chunk in 1..=stream.len() {
            let mut parser = Parser::with_limit(12);
            for chunk in stream.chunks(chunk) {
                parser.push(chunk);
                assert!(parser.line.len() <= 12);
            }
            let events: Vec<_> = parser.collect();
            assert_eq!(
                events,
                [Event::TooLong, Event::Batch(b"a".to_vec())],
                "chunks of {chunk}"
            );
        }
    }
}
