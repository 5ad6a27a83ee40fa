use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use logweir_proto::frames::push_frame;
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::mpsc,
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::*;
use crate::{
    metrics::Registry,
    traffic_controller::{socket::over, source::Frames},
};

/// Runs that the test sends; giving up is told as one frame.
struct Runs(mpsc::Receiver<Bytes>);

impl Frames for Runs {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_recv(context)
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        let mut lost = frames(in_hand).count();
        while let Ok(run) = self.0.try_recv() {
            lost += frames(&run).count();
        }
        (lost > 0).then(|| run(&[&format!("lost {lost}")]))
    }
}

fn run(envelopes: &[&str]) -> Bytes {
    let mut frames = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut frames, envelope.as_bytes());
    }
    frames.freeze()
}

struct Rig {
    runs: mpsc::Sender<Bytes>,
    client: WebSocketStream<DuplexStream>,
    session: JoinHandle<End>,
    egress: Counter,
}

/// A session whose connection holds `buffer` bytes.
async fn rig_of(buffer: usize, config: SessionConfig) -> Rig {
    let (server, client) = duplex(buffer);
    let (runs, source) = mpsc::channel(16);
    let registry = Registry::new();
    let figures = SessionFigures {
        egress: registry.counter("egress", "", &[]),
        slow_consumers: registry.counter("slow", "", &[]),
        events: Events::default(),
    };
    let egress = figures.egress.clone();
    let socket = over(server).await;
    let session = tokio::spawn(converse(socket, Box::new(Runs(source)), config, figures));
    Rig {
        runs,
        client: WebSocketStream::from_raw_socket(client, Role::Client, None).await,
        session,
        egress,
    }
}

async fn rig() -> Rig {
    rig_of(1 << 16, SessionConfig::default()).await
}

impl Rig {
    /// The next message that is no ping.
    async fn next(&mut self) -> Message {
        loop {
            match self.client.next().await {
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("{other:?} is no message"),
            }
        }
    }

    async fn text(&mut self) -> String {
        match self.next().await {
            Message::Binary(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?} is no envelope"),
        }
    }

    async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Message::Close(Some(close)) => (close.code.into(), close.reason.to_string()),
            other => panic!("{other:?} is no close frame with a code"),
        }
    }
}

/// Lets so much time pass, in steps, so that every timer of the session fires at its moment.
async fn pass(time: Duration) {
    let step = Duration::from_millis(10);
    let end = Instant::now() + time;
    while Instant::now() < end {
        tokio::time::advance(step).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_envelope_is_one_binary_message() {
    let mut rig = rig().await;
    rig.runs.try_send(run(&["a", "", "c"])).unwrap();
    rig.runs.try_send(run(&["d"])).unwrap();
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(rig.text().await);
    }
    assert_eq!(got, ["a", "", "c", "d"]);
    assert_eq!(rig.egress.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_envelopes_is_a_normal_close() {
    let mut rig = rig().await;
    rig.runs.try_send(run(&["last"])).unwrap();
    drop(rig.runs);
    rig.runs = mpsc::channel(1).0;
    assert_eq!(rig.text().await, "last");
    assert_eq!(rig.closed().await, (1000, String::new()));
    assert_eq!(rig.session.await.unwrap(), End::Over);
}

#[tokio::test(start_paused = true)]
async fn a_ping_comes_at_once_and_then_after_each_rest() {
    let mut rig = rig().await;
    let begun = Instant::now();
    for expected in [0, 15, 30, 45] {
        let ping = rig.client.next().await;
        assert!(matches!(&ping, Some(Ok(Message::Ping(data))) if data.is_empty()));
        assert_eq!(begun.elapsed().as_secs(), expected);
        // Reading on sends the pong.
        rig.client.flush().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_ping_ends_the_session_with_the_reason() {
    let mut rig = rig().await;
    // Nobody reads, so nobody answers.
    pass(Duration::from_millis(30_500)).await;
    let reason = "Client did not respond to ping before keep-alive timeout expired.";
    assert_eq!(rig.closed().await, (1008, reason.to_owned()));
    assert_eq!(rig.session.await.unwrap(), End::Unanswered);
}

#[tokio::test(start_paused = true)]
async fn an_early_pong_answers_the_next_ping() {
    let mut rig = rig().await;
    let begun = Instant::now();
    let ping = rig.client.next().await;
    assert!(matches!(ping, Some(Ok(Message::Ping(_)))));
    rig.client.flush().await.unwrap();
    rig.client.send(Message::Pong(Bytes::new())).await.unwrap();
    // That answers the ping of the second 15. The one of the second 30 is not answered.
    assert_eq!((&mut rig.session).await.unwrap(), End::Unanswered);
    let after = begun.elapsed();
    assert!((60..=63).contains(&after.as_secs()), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_says_is_ignored() {
    let mut rig = rig().await;
    for message in [
        Message::text("I'm alive!"),
        Message::binary(vec![0; 1000]),
        Message::Ping(Bytes::from_static(b"you?")),
    ] {
        rig.client.send(message).await.unwrap();
    }
    rig.runs.try_send(run(&["a"])).unwrap();
    let mut pong = false;
    loop {
        match rig.client.next().await.unwrap().unwrap() {
            Message::Pong(data) => pong = &data[..] == b"you?",
            Message::Binary(data) => {
                assert_eq!(&data[..], b"a");
                break;
            }
            other => assert!(matches!(other, Message::Ping(_)), "{other:?}"),
        }
    }
    assert!(pong, "a client's ping is answered");
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_with_its_code() {
    let mut rig = rig().await;
    let close = CloseFrame {
        code: CloseCode::Away,
        reason: Utf8Bytes::from_static(""),
    };
    rig.client.send(Message::Close(Some(close))).await.unwrap();
    assert_eq!(rig.closed().await, (1001, String::new()));
    assert!(rig.client.next().await.is_none());
    assert_eq!(rig.session.await.unwrap(), End::Left);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_is_no_slow_consumer() {
    let Rig {
        runs,
        client,
        session,
        ..
    } = rig_of(64, SessionConfig::default()).await;
    runs.try_send(run(&["x".repeat(1000).as_str()])).unwrap();
    drop(client);
    assert_eq!(session.await.unwrap(), End::Left);
}

#[tokio::test(start_paused = true)]
async fn too_large_a_message_ends_the_session() {
    let mut rig = rig_of(1 << 21, SessionConfig::default()).await;
    let large = Message::binary(vec![0; (1 << 20) + 1]);
    rig.client.send(large).await.unwrap();
    assert_eq!(rig.closed().await.0, 1009);
}

#[tokio::test(start_paused = true)]
async fn text_that_is_no_utf8_ends_the_session() {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let mut rig = rig().await;
    let bad = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    rig.client.send(Message::Frame(bad)).await.unwrap();
    assert_eq!(rig.closed().await.0, 1007);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_told_what_it_lost_and_closed() {
    let mut rig = rig_of(64, SessionConfig::default()).await;
    let big = "x".repeat(200_000);
    rig.runs.try_send(run(&[&big, "a", "b"])).unwrap();
    rig.runs.try_send(run(&["c"])).unwrap();
    // Reads again when the session has given up on it, but not yet on telling it.
    let begun = Instant::now();
    pass(Duration::from_millis(5_500)).await;
    assert_eq!(rig.text().await, big);
    assert_eq!(rig.text().await, "lost 3");
    assert_eq!(
        rig.closed().await,
        (
            1008,
            "Client could not keep up; disconnected by slow consumer detection.".to_owned()
        )
    );
    assert_eq!(rig.session.await.unwrap(), End::Slow);
    assert!(begun.elapsed() < Duration::from_secs(7));
    assert_eq!(rig.egress.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_left_after_six_seconds() {
    let rig = rig_of(64, SessionConfig::default()).await;
    rig.runs
        .try_send(run(&["x".repeat(1000).as_str()]))
        .unwrap();
    let begun = Instant::now();
    assert_eq!(rig.session.await.unwrap(), End::Slow);
    assert_eq!(begun.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_no_slow_consumer() {
    let config = SessionConfig {
        pong_deadline: Duration::from_secs(3600),
        ..SessionConfig::default()
    };
    let Rig {
        runs,
        client,
        session,
        ..
    } = rig_of(64, config).await;
    runs.try_send(run(&["x".repeat(1000).as_str()])).unwrap();
    drop(runs);
    let mut io = client.into_inner();
    let mut got = 0;
    // 64 bytes every 4 s: more than a minute for all of it.
    while got < 1000 {
        pass(Duration::from_secs(4)).await;
        let mut some = [0; 64];
        let read = io.read(&mut some).await.unwrap();
        assert!(read > 0, "ended after {got} bytes");
        got += read;
    }
    drop(io);
    assert_eq!(session.await.unwrap(), End::Over);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_sleeps() {
    // Polls are counted by the source: each poll of the session asks it once.
    struct Counting(Arc<std::sync::atomic::AtomicUsize>);
    impl Frames for Counting {
        fn poll_frames(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Poll::Pending
        }
        fn give_up(&mut self, _: &[u8]) -> Option<Bytes> {
            None
        }
    }
    let polls = Arc::default();
    let (server, client) = duplex(1 << 16);
    let registry = Registry::new();
    let figures = SessionFigures {
        egress: registry.counter("egress", "", &[]),
        slow_consumers: registry.counter("slow", "", &[]),
        events: Events::default(),
    };
    let frames = Box::new(Counting(Arc::clone(&polls)));
    let socket = over(server).await;
    tokio::spawn(converse(socket, frames, SessionConfig::default(), figures));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let hour = async {
        while let Some(Ok(_)) = client.next().await {
            client.flush().await.unwrap();
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3600), hour).await;
    let polls = polls.load(std::sync::atomic::Ordering::Relaxed);
    // 240 pings and their pongs.
    assert!((240..=520).contains(&polls), "{polls} polls in an hour");
}
