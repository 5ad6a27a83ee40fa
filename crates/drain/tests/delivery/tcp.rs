//! Syslog over TCP.

use std::time::Duration;

use logweir_drain::delivery::{DrainState, Settings};
use logweir_route::Cause;

use crate::{
    receiver::{Act, Receiver},
    rig::{Rig, assert_balanced, lines, quick, until},
};

#[tokio::test]
async fn every_line_arrives_once_and_in_order() {
    let (rig, receiver) = (Rig::new(), Receiver::start(&[Act::Read]).await);
    let drain = rig.bind(&receiver.url());
    assert_eq!(drain.status().state, DrainState::Idle);
    assert_eq!(receiver.connections(), 0, "nothing to send, no connection");
    rig.publish_lines(0..20_000);
    until("all lines", || receiver.count() == 20_000).await;
    assert_eq!(receiver.texts(), lines(0..20_000));
    assert_eq!(
        receiver.messages()[0],
        "<14>1 1970-01-01T00:00:00+00:00 o.s.a app [APP/0] - \
         [tags@47450 source_type=\"APP\"] line 000000\n"
    );
    until("the books", || drain.status().written == 20_000).await;
    let status = drain.status();
    assert_balanced(&status);
    assert_eq!(
        (status.state, status.connections),
        (DrainState::Connected, 1)
    );
    assert_eq!((status.messages, status.lag), (20_000, Duration::ZERO));
    assert!(status.connected_since.is_some() && status.last_error.is_none());
}

#[tokio::test]
async fn what_did_not_leave_goes_over_the_next_connection() {
    let acts = [Act::CloseAfter(3_000_001), Act::Read];
    let (rig, receiver) = (Rig::new(), Receiver::start(&acts).await);
    let drain = rig.bind(&receiver.url());
    // More than the kernel's buffers hold, so that the end comes in the middle of a write.
    rig.publish((0..400).map(|number| format!("{number:06} {}", "x".repeat(60_000))));
    until("the last line", || {
        receiver
            .texts()
            .last()
            .is_some_and(|text| text.starts_with("000399"))
    })
    .await;
    let numbers: Vec<usize> = receiver
        .texts()
        .iter()
        .map(|text| text[..6].parse().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    // What the kernel had taken is gone; nothing else is.
    let missing = 400 - numbers.len();
    assert!(missing * 60_000 < 8 << 20, "{missing} lines are missing");
    assert_eq!(drain.status().connections, 2);
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn a_receiver_that_is_gone_keeps_the_queue_waiting() {
    let rig = Rig::new();
    let address = Receiver::start(&[Act::Read]).await.address;
    let drain = rig.bind(&format!("syslog://{address}"));
    rig.publish_lines(0..100);
    until("a failure", || drain.status().state == DrainState::Failing).await;
    let status = drain.status();
    assert_eq!((status.queue.queued, status.in_hand), (100, 0));
    let (error, _) = status.last_error.unwrap();
    assert!(
        error.starts_with(&format!("cannot connect to {address}: ")),
        "{error}"
    );
    until("a notice", || !rig.notices().is_empty()).await;
    let notice = &rig.notices()[0];
    let expected = format!("app: Failed to connect to syslog://{address}");
    assert!(notice.starts_with(&expected), "{notice}");
    let receiver = Receiver::at(address, &[Act::Read], None).await;
    until("all lines", || receiver.count() == 100).await;
    assert_eq!(receiver.texts(), lines(0..100));
}

#[tokio::test]
async fn an_end_of_file_is_seen_before_anything_is_lost_to_it() {
    let acts = [Act::CloseAfter(1), Act::Read];
    let (rig, receiver) = (Rig::new(), Receiver::start(&acts).await);
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..1);
    until("the end of the first connection", || {
        receiver.closed() == 1 && drain.status().state != DrainState::Connected
    })
    .await;
    rig.publish_lines(1..11);
    until("the lines after it", || receiver.count() == 10).await;
    assert_eq!(receiver.texts(), lines(1..11));
}

#[tokio::test]
async fn a_receiver_that_closes_at_once_is_not_fed() {
    let acts = [
        Act::Slam,
        Act::Slam,
        Act::Slam,
        Act::Slam,
        Act::Slam,
        Act::Read,
    ];
    let (rig, receiver) = (Rig::new(), Receiver::start(&acts).await);
    let drain = rig.bind(&receiver.url());
    for number in 0..200 {
        rig.publish_lines(number..number + 1);
        tokio::task::yield_now().await;
    }
    until("the last line", || {
        receiver.texts().last() == lines(199..200).first()
    })
    .await;
    // One write may have met the first end; what follows looks before it writes.
    let missing = 200 - receiver.count();
    assert!(
        drain.status().written == 200 && missing < 200,
        "{missing} missing"
    );
    until("a notice", || !rig.notices().is_empty()).await;
    assert!(
        rig.notices()[0].contains("Failed to write to syslog://"),
        "{:?}",
        rig.notices()
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_given_up_and_the_queue_drops_its_oldest() {
    let rig = Rig::with(quick(), 1 << 20);
    let receiver = Receiver::start(&[Act::Deaf]).await;
    let drain = rig.bind(&receiver.url());
    let text = "x".repeat(10_000);
    until("a stalled write", || {
        rig.publish((0..50).map(|_| text.clone()));
        drain
            .status()
            .last_error
            .is_some_and(|(error, _)| error.contains("took nothing for"))
    })
    .await;
    until("a loss", || {
        rig.publish((0..50).map(|_| text.clone()));
        drain.status().queue.dropped[Cause::QueueFull.index()] > 0
    })
    .await;
    until("a notice of it", || {
        let all = rig.notices();
        all.iter().any(|notice| {
            notice.contains(" messages lost for application app in user provided syslog drain with url syslog://127.0.0.1:")
                && notice.ends_with(" queue_full)")
        })
    })
    .await;
    until("books that agree", || {
        let status = drain.status();
        status.queue.taken == status.written + status.filtered + status.in_hand
    })
    .await;
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn a_receiver_that_talks_without_end_is_left() {
    let (rig, receiver) = (Rig::new(), Receiver::start(&[Act::Babble]).await);
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..1);
    until("the failure", || {
        let error = drain.status().last_error;
        error.is_some_and(|(error, _)| error == "the receiver sends data instead of reading")
    })
    .await;
}

#[tokio::test]
async fn a_drain_that_hangs_costs_the_others_nothing() {
    let rig = Rig::with(quick(), 4 << 20);
    let deaf = Receiver::start(&[Act::Deaf]).await;
    let good = Receiver::start(&[Act::Read]).await;
    let _hanging: Vec<_> = (0..8).map(|_| rig.bind(&deaf.url())).collect();
    let drain = rig.bind(&good.url());
    for start in (0..20_000).step_by(500) {
        rig.publish_lines(start..start + 500);
        until("its turn", || good.count() >= start + 500).await;
    }
    assert_eq!(good.texts(), lines(0..20_000));
    assert_eq!(drain.status().queue.dropped_total(), 0);
}

#[tokio::test]
async fn what_is_not_used_is_closed_and_comes_back() {
    let settings = Settings {
        idle: Duration::from_millis(30),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 20);
    let receiver = Receiver::start(&[Act::Read]).await;
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..3);
    until("an idle drain", || receiver.closed() == 1).await;
    until("its state", || drain.status().state == DrainState::Idle).await;
    rig.publish_lines(3..5);
    until("the rest", || receiver.count() == 5).await;
    assert_eq!(receiver.texts(), lines(0..5));
}

#[tokio::test]
async fn old_connections_are_replaced_without_a_loss() {
    let settings = Settings {
        max_age: Duration::from_millis(20),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 20);
    let receiver = Receiver::start(&[Act::Read]).await;
    let drain = rig.bind(&receiver.url());
    let mut published = 0;
    while drain.status().connections < 5 {
        rig.publish_lines(published..published + 10);
        published += 10;
        until("its turn", || receiver.count() == published).await;
    }
    assert_eq!(receiver.texts(), lines(0..published));
    assert!(drain.status().last_error.is_none());
}

#[tokio::test]
async fn the_address_that_is_connected_to_decides_about_the_block_list() {
    let rig = Rig::blocking(quick(), 1 << 20, "127.0.0.0-127.255.255.255");
    let receiver = Receiver::start(&[Act::Read]).await;
    // A name that passes every look at the URL.
    let drain = rig.bind(&format!("syslog://localhost:{}", receiver.address.port()));
    rig.publish_lines(0..1);
    until("the refusal", || {
        let error = drain.status().last_error;
        error.is_some_and(|(error, _)| {
            error == "the address 127.0.0.1 of the receiver is blocked here"
        })
    })
    .await;
    assert_eq!(receiver.connections(), 0);
    assert_eq!(drain.status().queue.queued, 1);
}

#[tokio::test]
async fn source_types_are_filtered_and_counted_apart() {
    let (rig, receiver) = (Rig::new(), Receiver::start(&[Act::Read]).await);
    let drain = rig.bind(&format!("{}?exclude-log-types=app", receiver.url()));
    let other = rig.bind(&format!("{}?include-log-types=app", receiver.url()));
    rig.publish_lines(0..10);
    until("the books", || {
        drain.status().filtered == 10 && other.status().written == 10
    })
    .await;
    assert_eq!(receiver.texts(), lines(0..10));
    assert_balanced(&drain.status());
    assert_eq!(drain.status().written, 0);
}

#[tokio::test]
async fn what_went_wrong_is_told_though_nothing_more_is_to_be_sent() {
    let (rig, receiver) = (Rig::new(), Receiver::start(&[Act::Slam]).await);
    let drain = rig.bind(&receiver.url());
    rig.publish_lines(0..1);
    until("nothing is left", || {
        let status = drain.status();
        status.written == 1 && status.last_error.is_some()
    })
    .await;
    until("a notice", || !rig.notices().is_empty()).await;
}
