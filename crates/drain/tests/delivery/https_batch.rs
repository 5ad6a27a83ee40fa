//! A POST for many messages.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use http::Response;
use logweir_drain::delivery::Settings;
use logweir_route::Cause;

use crate::{
    rig::{Rig, assert_balanced, lines, quick, until},
    web::{Web, status, texts},
};

fn all(web: &Web) -> Vec<String> {
    web.asked()
        .iter()
        .flat_map(|asked| texts(&asked.body))
        .collect()
}

#[tokio::test]
async fn many_messages_are_one_request() {
    let settings = Settings {
        batch_interval: Duration::from_secs(3),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 30);
    let web = Web::start(|_, _| status(200)).await;
    let drain = rig.bind_with(&web.url("https-batch", "/in"), web.pem());
    rig.publish_lines(0..20_000);
    until("the books", || drain.status().written == 20_000).await;
    assert_eq!(all(&web), lines(0..20_000));
    let sizes: Vec<_> = web.asked().iter().map(|asked| asked.body.len()).collect();
    let (last, full) = sizes.split_last().unwrap();
    assert!(
        full.iter()
            .all(|size| (512 << 10..513 << 10).contains(size)),
        "{sizes:?}"
    );
    assert!(*last <= 513 << 10);
    assert_eq!(web.connections(), 1);
    assert_balanced(&drain.status());
}

/// A batch waits in its queue, which may hold less than a body.
#[tokio::test]
async fn a_queue_that_is_full_makes_a_batch() {
    let settings = Settings {
        batch_interval: crate::rig::DAY,
        ..quick()
    };
    let rig = Rig::with(settings, 64 << 10);
    let web = Web::start(|_, _| status(200)).await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    until("a request", || {
        rig.publish_lines(0..100);
        !web.asked().is_empty()
    })
    .await;
    assert!(drain.status().queue.dropped_total() > 0);
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn a_batch_does_not_wait_for_ever() {
    let rig = Rig::new();
    let web = Web::start(|_, _| status(200)).await;
    let _drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    rig.publish_lines(0..3);
    until("the batch", || all(&web).len() == 3).await;
    rig.publish_lines(3..5);
    until("the next", || all(&web).len() == 5).await;
    assert_eq!(all(&web), lines(0..5));
}

#[tokio::test]
async fn bodies_are_compressed_if_the_url_says_so() {
    let rig = Rig::new();
    let web = Web::start(|_, _| status(200)).await;
    let drain = rig.bind_with(&web.url("https-batch", "/?logweir-gzip=true"), web.pem());
    rig.publish_lines(0..1_000);
    until("the books", || drain.status().written == 1_000).await;
    let asked = web.asked();
    let mut seen = Vec::new();
    for asked in &asked {
        assert_eq!(asked.head.headers["content-encoding"], "gzip");
        let mut body = Vec::new();
        GzDecoder::new(&asked.body[..])
            .read_to_end(&mut body)
            .unwrap();
        assert!(asked.body.len() < body.len() / 3 || body.len() < 1_000);
        seen.extend(texts(&body));
    }
    assert_eq!(seen, lines(0..1_000));
}

#[tokio::test]
async fn a_receiver_that_is_busy_is_left_alone_as_long_as_it_says() {
    let rig = Rig::new();
    let begun = Instant::now();
    let web = Web::start(|number, _| match number {
        0 => {
            let mut busy = status(429);
            busy.headers_mut()
                .insert("retry-after", "1".parse().unwrap());
            busy
        }
        _ => status(200),
    })
    .await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    rig.publish_lines(0..10);
    until("the books", || drain.status().written == 10).await;
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(web.asked().len(), 2);
    assert_eq!(web.asked()[0].body, web.asked()[1].body);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_halved() {
    let rig = Rig::new();
    let web =
        Web::start(|_, asked| status(if asked.body.len() > 20_000 { 413 } else { 200 })).await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    rig.publish_lines(0..3_000);
    until("the books", || drain.status().written == 3_000).await;
    let asked = web.asked();
    let taken = asked.iter().filter(|asked| asked.body.len() <= 20_000);
    let seen: Vec<_> = taken.flat_map(|asked| texts(&asked.body)).collect();
    assert_eq!(seen, lines(0..3_000));
    assert_eq!(drain.status().queue.dropped_total(), 0);
}

#[tokio::test]
async fn a_batch_that_is_refused_is_lost_with_its_cause() {
    for code in [301, 400, 401, 404, 413] {
        let rig = Rig::new();
        let web = Web::start(move |number, _| status(if number == 0 { code } else { 200 })).await;
        let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
        rig.publish(["one line alone"]);
        until("the loss", || {
            drain.status().queue.dropped[Cause::Refused.index()] == 1
        })
        .await;
        rig.publish_lines(0..5);
        until("the books", || drain.status().written == 5).await;
        assert_eq!(web.asked().len(), 2, "{code}");
        assert_balanced(&drain.status());
    }
}

#[tokio::test]
async fn what_stays_undelivered_too_long_is_given_up() {
    let settings = Settings {
        give_up_after: Duration::from_millis(100),
        ..quick()
    };
    let rig = Rig::with(settings, 1 << 20);
    let web = Web::start(|_, _| status(500)).await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    rig.publish_lines(0..7);
    until("the loss", || {
        drain.status().queue.dropped[Cause::GaveUp.index()] == 7
    })
    .await;
    until("the books", || drain.status().in_hand == 0).await;
    assert!(web.asked().len() > 1, "it was tried more than once");
    let status = drain.status();
    assert_balanced(&status);
    assert_eq!((status.written, status.messages), (0, 0));
}

#[tokio::test]
async fn a_connection_that_the_receiver_closed_costs_nothing() {
    let rig = Rig::new();
    let web = Web::start(|_, _| {
        let answer = Response::builder().header("connection", "close");
        answer.body(http_body_util::Full::default()).unwrap()
    })
    .await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    for number in 0..5 {
        rig.publish_lines(number..number + 1);
        until("the books", || drain.status().written == number as u64 + 1).await;
    }
    assert_eq!(all(&web), lines(0..5));
    assert!(
        drain.status().last_error.is_none(),
        "{:?}",
        drain.status().last_error
    );
}

#[tokio::test]
async fn what_comes_while_a_batch_is_tried_again_goes_behind_it() {
    let rig = Rig::new();
    let web = Web::start(|number, _| status(if number < 5 { 503 } else { 200 })).await;
    let drain = rig.bind_with(&web.url("https-batch", "/"), web.pem());
    for number in 0..100 {
        rig.publish_lines(number..number + 1);
        until("a request", || web.asked().len() > number / 20).await;
    }
    until("the books", || drain.status().written == 100).await;
    let seen: Vec<_> = web.asked()[5..]
        .iter()
        .flat_map(|asked| texts(&asked.body))
        .collect();
    assert_eq!(seen, lines(0..100));
}
