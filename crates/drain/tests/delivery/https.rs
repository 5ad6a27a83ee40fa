//! A POST for each message.

use std::collections::BTreeSet;

use logweir_drain::delivery::DrainState;
use logweir_route::Cause;

use crate::{
    receiver::{Act, Receiver},
    rig::{Rig, assert_balanced, lines, until},
    web::{Web, status, texts},
};

#[tokio::test]
async fn each_message_is_a_request() {
    let rig = Rig::new();
    let web = Web::start(|_, _| status(204)).await;
    let url = web.url("https", "/a%20b?x=1&logweir-header=X-Token:%20t");
    let drain = rig.bind_with(&url.replace("//", "//me:pass@"), web.pem());
    rig.publish_lines(0..1);
    until("a request", || web.asked().len() == 1).await;
    let head = &web.asked()[0].head;
    assert_eq!(
        (head.method.as_str(), head.uri.to_string().as_str()),
        ("POST", "/a%20b?x=1")
    );
    for (name, value) in [
        ("host", web.address.to_string().as_str()),
        ("content-type", "text/plain"),
        ("content-length", "95"),
        ("authorization", "Basic bWU6cGFzcw=="),
        ("x-token", "t"),
        ("user-agent", concat!("logweir/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(head.headers[name], value, "{name}");
    }
    assert_eq!(head.headers.len(), 6);
    rig.publish_lines(1..400);
    until("the books", || drain.status().written == 400).await;
    let seen: BTreeSet<_> = web
        .asked()
        .iter()
        .flat_map(|asked| texts(&asked.body))
        .collect();
    assert_eq!(seen, lines(0..400).into_iter().collect());
    assert_eq!(web.asked().len(), 400);
    assert!(
        (2..=4).contains(&web.connections()),
        "{} connections",
        web.connections()
    );
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn what_is_refused_is_lost_and_told_and_the_rest_goes_on() {
    let rig = Rig::new();
    let web = Web::start(|_, asked| {
        let odd = texts(&asked.body)[0].ends_with(['1', '3', '5', '7', '9']);
        status(if odd { 400 } else { 200 })
    })
    .await;
    let drain = rig.bind_with(&web.url("https", "/"), web.pem());
    rig.publish_lines(0..20);
    until("the books", || {
        let status = drain.status();
        status.written == 10 && status.queue.dropped_total() == 10
    })
    .await;
    until("the end of the batch", || drain.status().in_hand == 0).await;
    let status = drain.status();
    assert_eq!(status.queue.dropped[Cause::Refused.index()], 10);
    assert_balanced(&status);
    assert_eq!(web.asked().len(), 20, "nothing went twice");
    assert_eq!(
        status.last_error.unwrap().0,
        "Post responded with 400 status code"
    );
    until("notices", || {
        let all = rig.notices().join("\n");
        all.contains("Failed to write to https://127.0.0.1") && all.contains(" refused)")
    })
    .await;
}

/// What an app is told of a drain that refuses everything would otherwise be refused itself,
/// and told, without end.
#[tokio::test]
async fn a_drain_is_not_fed_what_is_told_about_it() {
    let rig = Rig::echoing();
    let web = Web::start(|_, _| status(401)).await;
    let (receiver, drain) = (
        Receiver::start(&[Act::Read]).await,
        rig.bind_with(&web.url("https", "/"), web.pem()),
    );
    let other = rig.bind(&receiver.url());
    rig.publish_lines(0..1);
    until("notices", || {
        let all = rig.notices().join("\n");
        all.contains("Failed to write to https://127.0.0.1") && all.contains(" refused)")
    })
    .await;
    // The other drain of the app gets the line and what is told.
    let told = rig.notices().len() as u64;
    until("the app's other drain", || other.status().written > told).await;
    until("the notices", || drain.status().filtered >= told).await;
    assert_eq!(web.asked().len(), 1, "the line alone was posted");
    assert_eq!(rig.notices().len() as u64, told, "and told once");
    assert_eq!(drain.status().queue.dropped_total(), 1);
    assert_balanced(&drain.status());
}

#[tokio::test]
async fn what_fails_goes_again_and_what_was_taken_does_not() {
    let rig = Rig::echoing();
    let web = Web::start(|number, _| status(if number % 3 == 1 { 503 } else { 200 })).await;
    let drain = rig.bind_with(&web.url("https", "/"), web.pem());
    rig.publish_lines(0..60);
    until("the books", || drain.status().written == 60).await;
    let asked = web.asked();
    let mut taken: Vec<_> = asked
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 3 != 1)
        .flat_map(|(_, asked)| texts(&asked.body))
        .collect();
    taken.sort();
    assert_eq!(taken, lines(0..60), "each once");
    assert_eq!(drain.status().queue.dropped_total(), 0);
    assert_ne!(drain.status().state, DrainState::Ended);
}
