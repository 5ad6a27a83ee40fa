//! How drains end: unbound, with their process, at a deadline.

use std::time::Duration;

use logweir_drain::delivery::{DrainState, Settings};
use logweir_route::Cause;

use crate::{
    receiver::{Act, Receiver},
    rig::{Rig, assert_balanced, lines, quick, until},
};

#[tokio::test]
async fn a_shutdown_writes_out_what_is_queued() {
    let (rig, receiver) = (Rig::new(), Receiver::start(&[Act::Read]).await);
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..5_000);
    assert!(rig.finish().await, "all drains end by themselves");
    until("the last line", || receiver.count() == 5_000).await;
    assert_eq!(receiver.texts(), lines(0..5_000));
    assert_eq!(drain.status().state, DrainState::Ended);
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn what_a_deadline_cuts_off_is_counted_as_lost_by_the_shutdown() {
    let rig = Rig::new();
    let address = Receiver::start(&[Act::Read]).await.address;
    let drain = rig.bind(&format!("syslog://{address}"));
    rig.publish_lines(0..500);
    until("a failure", || drain.status().state == DrainState::Failing).await;
    rig.exchange.end();
    assert!(!rig.shutdown.clone().finish(Duration::from_millis(50)).await);
    let status = drain.status();
    assert_eq!(status.state, DrainState::Ended);
    assert_eq!(status.queue.dropped[Cause::Shutdown.index()], 500);
    assert_balanced(&status);
}

#[tokio::test]
async fn an_unbound_drain_delivers_what_was_queued_and_nothing_after_it() {
    let rig = Rig::new();
    let receiver = Receiver::start(&[Act::Read]).await;
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..1_000);
    drain.stop();
    until("its end", || drain.status().state == DrainState::Ended).await;
    rig.publish_lines(1_000..1_010);
    until("what was queued", || receiver.count() == 1_000).await;
    assert_eq!(receiver.texts(), lines(0..1_000));
    assert_eq!(rig.exchange.stats().subscriptions, 0);
    until("a farewell", || receiver.closed() == 1).await;
}

#[tokio::test]
async fn an_unbound_drain_does_not_wait_for_a_dead_receiver_for_ever() {
    let settings = Settings {
        flush: Duration::from_millis(50),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 20);
    let receiver = Receiver::start(&[Act::Deaf]).await;
    let drain = rig.bind(&receiver.url());
    rig.publish((0..200).map(|_| "x".repeat(50_000)));
    drop(drain);
    until("its end", || rig.exchange.stats().subscriptions == 0).await;
    assert!(rig.shutdown.clone().finish(crate::rig::PATIENCE).await);
}

#[tokio::test]
async fn idle_drains_end_at_once() {
    let rig = Rig::new();
    let drains: Vec<_> = (1..100)
        .map(|port| rig.bind(&format!("syslog://127.0.0.1:{port}")))
        .collect();
    assert!(rig.finish().await);
    assert!(
        drains
            .iter()
            .all(|drain| drain.status().state == DrainState::Ended)
    );
}
