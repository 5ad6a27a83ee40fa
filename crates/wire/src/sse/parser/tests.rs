use super::*;
use crate::sse::{batch_event, closing_event, heartbeat_event};

fn parse(stream: &[u8], chunk: usize) -> Vec<Event> {
    let mut parser = Parser::new(1000);
    stream
        .chunks(chunk)
        .flat_map(|chunk| parser.push(chunk).unwrap())
        .collect()
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
fn an_event_has_a_limit_in_one_line_and_in_many() {
    let mut parser = Parser::new(10);
    assert_eq!(parser.push(b"data: 12345"), Err(EventTooLong { limit: 10 }));
    let mut parser = Parser::new(10);
    assert_eq!(parser.push(b"data: 123\ndata: 4\n"), Ok(vec![]));
    assert!(parser.push(b"data: 5").is_err());
}
