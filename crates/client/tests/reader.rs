//! The reader against peers that give, refuse, hang up and come back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap here is a failed test")]

mod stub;

use std::time::Duration;

use logweir_client::{Event, Kind, ReadError, ReadRequest, Reader, selector, v2};
use stub::{Manner, Peer};
use tonic::Status;

const PATIENCE: Duration = Duration::from_secs(20);

fn request() -> ReadRequest {
    ReadRequest {
        shard_id: "shard".into(),
        deterministic_name: "me".into(),
        max_message_bytes: 5 << 20,
        ..ReadRequest::new(vec![selector("app", Kind::Log)])
    }
}

fn batch(payload: &str) -> v2::EnvelopeBatch {
    let log = v2::Log {
        payload: payload.to_owned().into(),
        r#type: 0,
    };
    let envelope = v2::Envelope {
        source_id: "app".into(),
        message: Some(v2::envelope::Message::Log(log)),
        ..v2::Envelope::default()
    };
    v2::EnvelopeBatch {
        batch: vec![envelope],
    }
}

async fn next(reader: &mut Reader) -> Option<Result<Event, ReadError>> {
    tokio::time::timeout(PATIENCE, reader.next()).await.unwrap()
}

async fn event(reader: &mut Reader) -> Event {
    next(reader).await.unwrap().unwrap()
}

#[tokio::test]
async fn batches_arrive_and_the_request_says_what_was_asked() {
    let peer = Peer::start(Manner::Give(vec![batch("one"), batch("two")])).await;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    let connected = Event::Connected {
        address: peer.addr.to_string(),
        again: false,
    };
    assert_eq!(event(&mut reader).await, connected);
    assert_eq!(event(&mut reader).await, Event::Batch(batch("one")));
    assert_eq!(event(&mut reader).await, Event::Batch(batch("two")));
    let (headers, asked) = peer.requests().remove(0);
    assert_eq!(headers["logweir-max-message-bytes"], (5 << 20).to_string());
    assert_eq!(asked.shard_id, "shard");
    assert_eq!(asked.deterministic_name, "me");
    assert!(asked.use_preferred_tags);
    assert_eq!(asked.selectors, [selector("app", Kind::Log)]);
}

#[tokio::test]
async fn a_broken_stream_is_told_and_opened_again() {
    let peer = Peer::start(Manner::Give(vec![batch("one")])).await;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    event(&mut reader).await;
    event(&mut reader).await;
    peer.hang_up();
    let Event::Disconnected { cause, .. } = event(&mut reader).await else {
        panic!("no loss")
    };
    assert!(cause.contains("going away"), "{cause}");
    let again = Event::Connected {
        address: peer.addr.to_string(),
        again: true,
    };
    assert_eq!(event(&mut reader).await, again);
    assert_eq!(event(&mut reader).await, Event::Batch(batch("one")));
}

#[tokio::test]
async fn a_peer_that_died_is_found_again_when_it_is_back() {
    let peer = Peer::start(Manner::Give(vec![])).await;
    let addr = peer.addr;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    event(&mut reader).await;
    peer.die().await;
    assert!(matches!(
        event(&mut reader).await,
        Event::Disconnected { .. }
    ));
    let _peer = Peer::start_at(addr, Manner::Give(vec![batch("back")])).await;
    loop {
        match event(&mut reader).await {
            Event::Disconnected { .. } => {}
            Event::Connected { again, .. } => assert!(again),
            Event::Batch(got) => {
                assert_eq!(got, batch("back"));
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_ends_the_reader_with_the_peer_s_words() {
    let refusal = Status::invalid_argument("Selectors cannot be empty");
    let peer = Peer::start(Manner::Refuse(refusal)).await;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    let error = next(&mut reader).await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("Selectors cannot be empty"),
        "{error}"
    );
    assert!(next(&mut reader).await.is_none());
    assert_eq!(peer.streams(), 1);
}

#[tokio::test]
async fn a_full_peer_is_asked_again() {
    let full = Status::resource_exhausted("max egress streams reached: 1");
    let peer = Peer::start(Manner::Refuse(full)).await;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    let Event::Disconnected { cause, .. } = event(&mut reader).await else {
        panic!("no loss")
    };
    assert!(cause.contains("max egress streams reached"), "{cause}");
    peer.behave(Manner::Give(vec![batch("at last")]));
    loop {
        if let Event::Batch(got) = event(&mut reader).await {
            assert_eq!(got, batch("at last"));
            break;
        }
    }
}

#[tokio::test]
async fn raw_batches_are_the_bytes_of_the_message() {
    use prost::Message;
    let peer = Peer::start(Manner::Give(vec![batch("raw")])).await;
    let mut reader = Reader::connect(peer.endpoint(), request()).unwrap();
    assert!(matches!(
        reader.next_raw().await,
        Some(Ok(Event::Connected { .. }))
    ));
    let Some(Ok(Event::Batch(bytes))) = reader.next_raw().await else {
        panic!("no batch")
    };
    assert_eq!(bytes, batch("raw").encode_to_vec());
}
