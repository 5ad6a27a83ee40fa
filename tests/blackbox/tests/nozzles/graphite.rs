//! Nozzles to Graphite's own Carbon.

use std::collections::BTreeMap;

use logweir_blackbox::{
    drains::{count, drain_until, lost},
    envelopes::log,
    nozzles::send,
    receivers::{Carbon, Points},
    system::System,
};
use logweir_proto::v2::{self, envelope::Message};

use crate::has_written;

fn counter(name: String, total: u64, seconds: i64) -> v2::Envelope {
    let counter = v2::Counter {
        name,
        delta: 0,
        total,
    };
    v2::Envelope {
        timestamp: seconds * 1_000_000_000,
        source_id: "my.app".to_owned(),
        instance_id: "0".to_owned(),
        message: Some(Message::Counter(counter)),
        ..v2::Envelope::default()
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_secs()).expect("in range")
}

/// What Carbon keeps of ours, once that is so much.
async fn kept(carbon: &Carbon, paths: u64) -> BTreeMap<String, Points> {
    let ours = |path: &&String| path.starts_with("weir.");
    let what = format!("Carbon keeps {paths} paths");
    let enough = |all: &BTreeMap<String, Points>| all.keys().filter(ours).count() as u64 == paths;
    carbon.until(&what, enough).await
}

#[tokio::test]
async fn carbon_keeps_every_number_whenever_it_comes() {
    const SENT: u64 = 200;
    let mut carbon = Carbon::down();
    let config = format!(
        "[[nozzles]]\nname = \"g\"\nsource_ids = [\"my.app\"]\n[nozzles.graphite]\naddress = \"127.0.0.1:{}\"\nprefix = \
         \"weir\"\n",
        carbon.port
    );
    let system = System::start_with(&config).await;
    let at = now();
    let of = |from: u64, to: u64| -> Vec<_> {
        let all = from..to;
        all.map(|one| counter(format!("odd name/{one}"), one + 1, at))
            .collect()
    };
    // Nobody is there yet.
    send(&system, &of(0, SENT / 2)).await;
    send(&system, &[log("app", "is no number")]).await;
    drain_until(&system, "graphite:", "it fails", |page| {
        count(page, "failures") > 0
    })
    .await;
    carbon.start().await;
    let page = has_written(&system, "nozzle-g", SENT / 2).await;
    assert_eq!(lost(&page), 0, "{page:#}");
    // What it has in memory when it ends is lost by it.
    kept(&carbon, SENT / 2).await;

    // It goes and comes back.
    carbon.stop().await;
    drain_until(&system, "graphite:", "its end is noticed", |page| {
        page["state"] != "connected"
    })
    .await;
    send(&system, &of(SENT / 2, SENT)).await;
    carbon.start().await;
    let page = has_written(&system, "nozzle-g", SENT).await;
    assert_eq!((lost(&page), count(&page, "queued")), (0, 0), "{page:#}");

    let points = kept(&carbon, SENT).await;
    for one in 0..SENT {
        let path = format!("weir.my_app.0.odd_name_{one}");
        let value = u32::try_from(one + 1).expect("small");
        assert_eq!(points[&path], [(at, f64::from(value))], "{path}");
    }
}
