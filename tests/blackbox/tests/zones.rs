//! A traffic controller that merges the routers of two zones, one of which is lost and
//! comes back.

use logweir_blackbox::{
    envelopes::{batch, log},
    events::APP,
    fleet::{Fleet, Member},
    http,
    multipart::Answer,
    patience::eventually,
    stream::Producer,
    v1::{decoded, text},
    websocket::WebSocket,
};
use logweir_net::{
    dial::{DialSettings, Dialer},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2;
use tokio::sync::watch;

/// Two routers and a traffic controller over both.
struct Zones {
    fleet: Fleet,
    east: Member,
    west: Member,
    controller: Member,
}

impl Zones {
    async fn start() -> Self {
        let fleet = Fleet::new();
        let east = fleet.router("127.0.0.1:0").await;
        let west = fleet.router("127.0.0.1:0").await;
        let tls = fleet.tls("traffic_controller.router_tls", "trafficcontroller");
        let zone = |name: &str, router: &str| {
            format!("[[traffic_controller.zones]]\nname = \"{name}\"\nrouters = [\"{router}\"]\n")
        };
        let config = format!(
            "[traffic_controller]\nlisten = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n{tls}{}{}",
            zone("east", &east.door("grpc").await),
            zone("west", &west.door("grpc").await),
        );
        let controller = fleet.start("traffic-controller", &config).await;
        let zones = Self {
            fleet,
            east,
            west,
            controller,
        };
        zones.readiness("both zones are connected", "ok").await;
        zones
    }

    /// Waits until `/readyz` is a 200 that contains `part`.
    async fn readiness(&self, what: &str, part: &str) {
        let status = self.controller.door("status").await;
        eventually(what, async || {
            let (code, page) = http::get(&status, "/readyz").await;
            (code == 200 && page.contains(part)).then_some(())
        })
        .await;
    }

    async fn producer(&self, router: &Member) -> Producer {
        let identity = self.fleet.identity("metron");
        let pair = Some((identity.cert.as_path(), identity.key.as_path()));
        let ca = self.fleet.ca();
        let tls = ClientTls::load(Some(&ca), pair, Verify::Ca, &[], Alpn::H2).expect("loads");
        let dialer = Dialer::new(Some(tls), "doppler".into(), DialSettings::default());
        let address = router.door("grpc").await.parse().expect("an address");
        Producer::open(&dialer.connect(address).await.expect("a connection"))
    }

    async fn recent(&self) -> Vec<String> {
        let door = self.controller.door("ws").await;
        let answer = Answer::get(&door, &format!("/apps/{APP}/recentlogs"), "").await;
        let parts = answer.parts();
        parts.iter().map(|part| text(&decoded(part))).collect()
    }
}

fn line(number: u32, zone: &str) -> v2::Envelope {
    let mut log = log(APP, format!("{zone} {number}"));
    log.timestamp += i64::from(number);
    log
}

/// Sends `log` until the session shows it.
async fn comes_through(producer: &Producer, socket: &mut WebSocket, log: &v2::Envelope) {
    let wanted = logweir_blackbox::envelopes::payload(log);
    let batch = batch(std::slice::from_ref(log));
    eventually("a log comes through", async || {
        producer.send(&batch).await;
        let wait = std::time::Duration::from_millis(100);
        let seen = tokio::time::timeout(wait, socket.logs_to(&wanted)).await;
        seen.ok()
    })
    .await;
}

#[tokio::test]
async fn the_loss_of_a_zone_disturbs_no_session_and_is_told() {
    let zones = Zones::start().await;
    let door = zones.controller.door("ws").await;
    let mut socket = WebSocket::open(&door, "/firehose/nozzle", "")
        .await
        .expect("a session");
    let (east, west) = (
        zones.producer(&zones.east).await,
        zones.producer(&zones.west).await,
    );
    comes_through(&east, &mut socket, &line(1, "east")).await;
    comes_through(&west, &mut socket, &line(2, "west")).await;
    let both = eventually("both zones remember", async || {
        let lines = zones.recent().await;
        (lines.len() >= 2).then_some(lines)
    })
    .await;
    assert_eq!(both.first().map(String::as_str), Some("east 1"));
    assert_eq!(both.last().map(String::as_str), Some("west 2"), "by time");

    let address = zones.west.door("grpc").await;
    let Zones {
        fleet,
        east: _east,
        west: lost,
        controller,
    } = zones;
    lost.kill().await;
    drop(west);
    let status = controller.door("status").await;
    let remark = eventually("the loss is told", async || {
        let (code, page) = http::get(&status, "/readyz").await;
        (code == 200 && page.contains("zone west")).then_some(page)
    })
    .await;
    assert!(remark.contains("0 of 1 routers can be reached"), "{remark}");
    controller
        .process
        .says("zone west: no router can be reached")
        .await;
    let (_, page) = http::get(&status, "/metrics").await;
    assert!(
        page.contains("logweir_zone_routers_up{zone=\"west\"} 0"),
        "{page}"
    );
    assert!(
        page.contains("logweir_zone_routers_up{zone=\"east\"} 1"),
        "{page}"
    );
    comes_through(&east, &mut socket, &line(3, "east")).await;
    // What is left is answered, and at once: a dead zone is not waited for.
    let begun = tokio::time::Instant::now();
    let answer = Answer::get(&door, &format!("/apps/{APP}/recentlogs"), "").await;
    assert!(!answer.parts().is_empty());
    assert!(
        begun.elapsed() < logweir_blackbox::patience::patience(std::time::Duration::from_secs(3))
    );

    let back = fleet.router(&address).await;
    let zones = Zones {
        fleet,
        east: _east,
        west: back,
        controller,
    };
    zones.readiness("the zone is back", "ok").await;
    let west = zones.producer(&zones.west).await;
    comes_through(&west, &mut socket, &line(4, "west")).await;
}

#[tokio::test]
async fn a_controller_without_any_router_waits_and_says_so() {
    let fleet = Fleet::new();
    let router = fleet.router("127.0.0.1:0").await;
    let address = router.door("grpc").await;
    router.kill().await;
    let tls = fleet.tls("traffic_controller.router_tls", "trafficcontroller");
    let config = format!(
        "[traffic_controller]\nlisten = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
         routers = [\"{address}\"]\n{tls}"
    );
    let controller = fleet.start("traffic-controller", &config).await;
    let status = controller.door("status").await;
    eventually("it is not ready", async || {
        let (code, page) = http::get(&status, "/readyz").await;
        (code == 503 && page.contains("no router can be reached")).then_some(())
    })
    .await;
    let door = controller.door("ws").await;
    let answer = Answer::get(&door, &format!("/apps/{APP}/recentlogs"), "").await;
    assert_eq!(answer.status(), 503);
    // A session opens and is silent until the router is there.
    let path = format!("/apps/{APP}/stream?recent=5");
    let mut socket = WebSocket::open(&door, &path, "").await.expect("a session");
    let east = fleet.router(&address).await;
    let west = fleet.router("127.0.0.1:0").await;
    let zones = Zones {
        fleet,
        east,
        west,
        controller,
    };
    zones.readiness("the router is there", "ok").await;
    let producer = zones.producer(&zones.east).await;
    comes_through(&producer, &mut socket, &line(1, "east")).await;
}

#[tokio::test]
async fn history_over_the_network_goes_over_without_a_gap_or_a_line_twice() {
    let zones = Zones::start().await;
    let door = zones.controller.door("ws").await;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();
    for (name, router) in [("east", &zones.east), ("west", &zones.west)] {
        let producer = zones.producer(router).await;
        let mut stopped = stopped.clone();
        tasks.push(tokio::spawn(async move {
            let mut next = 0;
            while !*stopped.borrow() {
                let logs: Vec<_> = (next..next + 20).map(|number| line(number, name)).collect();
                producer.send(&batch(&logs)).await;
                next += 20;
                let pause = std::time::Duration::from_millis(2);
                let _ = tokio::time::timeout(pause, stopped.changed()).await;
            }
        }));
    }
    for round in 0..10 {
        let path = format!("/apps/{APP}/stream?recent={}", 50 * round);
        let mut socket = WebSocket::open(&door, &path, "").await.expect("a session");
        let mut expected = std::collections::HashMap::new();
        for seen in 0..1500 {
            let said = text(&socket.envelope().await);
            let (zone, number) = said.split_once(' ').expect("a zone and a number");
            let number: u32 = number.parse().expect("a number");
            if let Some(expected) = expected.insert(zone.to_owned(), number + 1) {
                assert_eq!(
                    number, expected,
                    "of {zone} after {seen} lines of round {round}"
                );
            }
        }
        assert_eq!(expected.len(), 2, "both zones");
    }
    stop.send(true).expect("they run");
    for task in tasks {
        task.await.expect("it ends");
    }
}
