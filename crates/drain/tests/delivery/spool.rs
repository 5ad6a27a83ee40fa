//! Drains with a spool: restarts, outages, refusals.

use std::time::Duration;

use logweir_drain::delivery::{DrainState, Settings, SpoolStatus};
use tempfile::TempDir;

use crate::{
    receiver::{Act, Receiver},
    rig::{PATIENCE, Rig, lines, quick, until},
    web::{Web, status, texts},
};

fn spooled(url: &str) -> String {
    format!("{url}?logweir-spool=true")
}

#[tokio::test]
async fn what_a_process_did_not_deliver_the_next_one_does() {
    let dir = TempDir::new().unwrap();
    let address = Receiver::start(&[Act::Read]).await.address;
    let url = spooled(&format!("syslog://{address}"));
    for round in 0..3 {
        let rig = Rig::spooling(quick(), dir.path(), 64 << 20);
        let drain = rig.bind(&url);
        rig.publish_lines(round * 100..round * 100 + 100);
        until("a failure", || drain.status().state == DrainState::Failing).await;
        // It does not wait for the deadline: nothing is lost.
        let ended = rig.finish();
        assert!(tokio::time::timeout(PATIENCE / 4, ended).await.unwrap());
        assert_eq!(drain.status().queue.dropped_total(), 0);
    }
    let receiver = Receiver::at(address, &[Act::Read], None).await;
    let rig = Rig::spooling(quick(), dir.path(), 64 << 20);
    let drain = rig.bind(&url);
    until("all lines", || receiver.count() == 300).await;
    rig.publish_lines(300..400);
    until("the new ones", || receiver.count() == 400).await;
    assert_eq!(receiver.texts(), lines(0..400));
    until("the books", || drain.status().written == 400).await;
    until("an empty spool", || {
        drain.status().spool == Some(SpoolStatus::default())
    })
    .await;
}

#[tokio::test]
async fn an_outage_longer_than_the_queue_costs_nothing() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::spooling(quick(), dir.path(), 256 << 20);
    let address = Receiver::start(&[Act::Read]).await.address;
    let drain = rig.bind(&spooled(&format!("syslog://{address}")));
    // Twice what the queue holds.
    for start in (0..100_000).step_by(5_000) {
        rig.publish_lines(start..start + 5_000);
        until("room", || drain.status().queue.queued == 0).await;
    }
    assert_eq!(drain.status().spool.unwrap().waiting, 100_000);
    let receiver = Receiver::at(address, &[Act::Read], None).await;
    until("all lines", || receiver.count() == 100_000).await;
    assert_eq!(receiver.texts(), lines(0..100_000));
    assert_eq!(drain.status().queue.dropped_total(), 0);
    until("an empty spool", || {
        drain.status().spool == Some(SpoolStatus::default())
    })
    .await;
}

#[tokio::test]
async fn past_its_bound_the_spool_drops_its_oldest_and_tells() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::spooling(quick(), dir.path(), 1 << 20);
    let drain = rig.bind(&spooled("syslog://127.0.0.1:1"));
    let text = "x".repeat(10_000);
    until("a loss", || {
        rig.publish((0..10).map(|_| text.clone()));
        drain.status().spool.is_some_and(|spool| spool.lost > 0)
    })
    .await;
    until("a notice", || {
        let all = rig.notices();
        all.iter().any(|notice| {
            notice.contains(" messages lost for application app ")
                && notice.ends_with(" queue_full)")
        })
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_can_be_replayed() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::spooling(quick(), dir.path(), 1 << 20);
    let web = Web::start(|number, _| status(if number == 0 { 401 } else { 200 })).await;
    let drain = rig.bind_with(&spooled(&web.url("https-batch", "/")), web.pem());
    rig.publish_lines(0..20);
    until("the refusal", || {
        drain.status().spool.is_some_and(|spool| spool.dead == 20)
    })
    .await;
    rig.publish_lines(20..30);
    until("what comes after it", || drain.status().written == 10).await;
    assert_eq!(drain.replay().await.unwrap(), Some(20));
    until("the books", || drain.status().written == 30).await;
    let all: Vec<_> = web.asked()[1..]
        .iter()
        .flat_map(|asked| texts(&asked.body))
        .collect();
    assert_eq!(all, [lines(20..30), lines(0..20)].concat());
    assert_eq!(drain.replay().await.unwrap(), Some(0));
    assert_eq!(drain.status().spool, Some(SpoolStatus::default()));
}

#[tokio::test]
async fn a_drain_that_is_replaced_leaves_its_spool_to_the_next() {
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        flush: Duration::from_millis(100),
        ..quick()
    };
    let rig = Rig::spooling(settings, dir.path(), 1 << 20);
    let address = Receiver::start(&[Act::Read]).await.address;
    let url = spooled(&format!("syslog://{address}"));
    let old = rig.bind(&url);
    rig.publish_lines(0..100);
    until("the spool", || {
        old.status().spool.is_some_and(|spool| spool.waiting == 100)
    })
    .await;
    let new = rig.bind(&url);
    old.stop();
    until("its end", || old.status().state == DrainState::Ended).await;
    let receiver = Receiver::at(address, &[Act::Read], None).await;
    until("all lines", || receiver.count() == 100).await;
    until("the books", || new.status().written == 100).await;
    new.stop();
    until("its end", || new.status().state == DrainState::Ended).await;
    // Nothing is in it, and nobody wants it.
    until("a clean disk", || {
        std::fs::read_dir(dir.path()).unwrap().count() == 0
    })
    .await;
}
