//! How streams live and end.

use std::time::Duration;

use logweir_net::shutdown::Shutdown;
use logweir_serve::gateway::StreamConfig;
use tonic::Status;

use crate::{
    client::{Client, PATIENCE, eventually},
    door::{Door, Setup, stream},
    stub_rlp::{Reply, StubRlp, log},
};

const EVENT: &str = "data: {\"batch\":[{\"timestamp\":\"1\",\"source_id\":\"a\",\
                     \"instance_id\":\"\",\"deprecated_tags\":{},\"tags\":{},\
                     \"log\":{\"payload\":\"aGk=\",\"type\":\"OUT\"}}]}\n\n";

#[tokio::test]
async fn a_quiet_stream_opens_and_beats() {
    let setup = Setup {
        stream: stream(30, 60_000),
        ..Setup::default()
    };
    let door = Door::open(Reply::Open(vec![]), setup).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(answer.status, 200);
    for _ in 0..3 {
        let event = answer.until("\n\n").await;
        let seconds = event.strip_prefix("event: heartbeat\ndata: ").unwrap();
        let seconds: u64 = seconds.strip_suffix("\n\n").unwrap().parse().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs();
        assert!(now.abs_diff(seconds) < 60, "{seconds} is not now");
    }
    assert!(door.counted("logweir_gateway_heartbeats", &[]) >= 3.0);
}

#[tokio::test]
async fn a_stream_is_closed_with_an_event_after_its_time() {
    let setup = Setup {
        stream: stream(60_000, 300),
        ..Setup::default()
    };
    let door = Door::open(Reply::Open(vec![log("hi")]), setup).await;
    let mut answer = door.get("/v2/read?log").await;
    let body = answer.rest().await;
    assert_eq!(
        body,
        format!("{EVENT}event: closing\ndata: closing due to stream timeout\n\n")
    );
}

#[tokio::test]
async fn a_reader_that_leaves_ends_its_stream() {
    let setup = Setup {
        stream: stream(500, 60_000),
        ..Setup::default()
    };
    let door = Door::open(Reply::Open(vec![log("hi")]), setup).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(
        answer.until("\n\n").await,
        EVENT,
        "the batch comes before a heartbeat"
    );
    assert!(door.counted("logweir_gateway_streams", &[]) == 1.0);
    drop(answer);
    eventually("the end of the stream", || {
        door.counted("logweir_gateway_streams", &[]) == 0.0
    })
    .await;
    assert!(door.counted("logweir_gateway_envelopes", &[]) == 1.0);
}

#[tokio::test]
async fn a_failure_in_the_middle_ends_the_stream() {
    let reply = Reply::Fail(vec![log("hi")], Status::internal("gone"));
    let door = Door::open(reply, Setup::default()).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!((answer.status, answer.rest().await.as_str()), (200, EVENT));
}

#[tokio::test]
async fn a_slow_reader_holds_back_the_reverse_log_proxy() {
    let door = Door::open(Reply::Flood(log(vec![b'x'; 64 << 10])), Setup::default()).await;
    let slow = Client::unanswered(door.addr, "GET", "/v2/read?log", &[]).await;
    eventually("the first batch", || door.stub.taken() > 0).await;
    // Held back: no batch more was taken for a while.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut last = 0;
    while last != door.stub.taken() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the flood goes on: {last} batches"
        );
        last = door.stub.taken();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // Windows and socket buffers, not a queue of ours.
    assert!(last < 1_000, "{last} batches of 64 KiB are held");
    drop(slow);
    eventually("the end of the stream", || {
        door.counted("logweir_gateway_streams", &[]) == 0.0
    })
    .await;
}

#[tokio::test]
async fn too_many_streams_are_refused_until_one_ends() {
    let config = StreamConfig {
        max_streams: 1,
        ..stream(500, 60_000)
    };
    let setup = Setup {
        stream: config,
        ..Setup::default()
    };
    let door = Door::open(Reply::Open(vec![]), setup).await;
    let first = door.get("/v2/read?log").await;
    assert_eq!(first.status, 200);
    assert_eq!(door.get("/v2/read?log").await.status, 503);
    drop(first);
    eventually("the end of the stream", || {
        door.counted("logweir_gateway_streams", &[]) == 0.0
    })
    .await;
    assert_eq!(door.get("/v2/read?log").await.status, 200);
}

#[tokio::test]
async fn a_stop_writes_what_is_there_and_ends_the_streams() {
    let door = Door::open(Reply::Open(vec![log("hi")]), Setup::default()).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(answer.status, 200);
    assert!(
        door.shutdown.clone().finish(PATIENCE).await,
        "the streams did not end"
    );
    assert_eq!(answer.rest().await, EVENT);
}

#[tokio::test]
async fn readers_come_back_after_the_reverse_log_proxy_did() {
    let door = Door::open(Reply::Open(vec![log("hi")]), Setup::default()).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(answer.until("\n\n").await, EVENT);
    assert!(door.readiness.reasons().is_empty());
    door.stub_shutdown.abort.cancel();
    door.stub_shutdown.stop.cancel();
    assert_eq!(answer.rest().await, "");
    eventually("the loss to be noticed", || {
        !door.readiness.reasons().is_empty()
    })
    .await;
    assert_eq!(door.get("/v2/read?log").await.status, 503);
    let reply = Reply::Open(vec![log("hi")]);
    let _again = StubRlp::start(door.stub_addr, reply, &Shutdown::new()).await;
    eventually("the new connection", || door.readiness.reasons().is_empty()).await;
    let mut answer = door.get("/v2/read?log").await;
    assert_eq!(answer.until("\n\n").await, EVENT);
}
