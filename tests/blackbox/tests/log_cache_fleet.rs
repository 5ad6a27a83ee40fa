//! Nodes of a log cache that share its sources, and the processes around them: the syslog
//! server and the auth proxy, under our names and under those of their peers.

use std::fs;

use logweir_blackbox::{
    cache::{forwarded_lines, lines, meta, send},
    cache_nodes::{Nodes, with},
    cache_peers::{Peers, address},
    envelopes::log,
    fleet::Fleet,
    http,
    patience::eventually,
    platform::{Platform, Signer},
};
use logweir_net::dial::H2;
use logweir_proto::v2;
use nix::sys::signal::Signal;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tonic::Code;

/// A source for each node of three, and of two, by the vectors of the peers' hash: their
/// owners among 2 are 0, 1, 0, and among 3 they are 0, 1, 2.
const FIRST: &str = "src-zero";
const SECOND: &str = "a";

/// A source that the third of three nodes keeps, and the first of two or the second.
async fn third(nodes: &Nodes) -> String {
    let (known, _) = meta(&nodes.doors[2], true).await;
    known.meta.into_keys().next().expect("a source")
}

fn numbered(source: &str, count: usize) -> Vec<v2::Envelope> {
    let line = |number| {
        let mut line = log(source, format!("{source} {number}"));
        line.timestamp += i64::try_from(number).expect("a number");
        line
    };
    (0..count).map(line).collect()
}

/// Waits until a node answers with so many lines of a source.
async fn remembers(node: &H2, source: &str, count: usize) -> Vec<String> {
    eventually("the lines are there", async || {
        let found = lines(node, source).await.ok()?;
        (found.len() >= count).then_some(found)
    })
    .await
}

#[tokio::test]
async fn every_node_answers_for_all_and_none_is_lost_in_silence() {
    let fleet = Fleet::new();
    let mut nodes = Nodes::start(&fleet).await;
    let sources: Vec<_> = (0..40).map(|number| format!("source-{number}")).collect();
    let mut all = Vec::new();
    for source in sources.iter().map(String::as_str).chain([FIRST, SECOND]) {
        all.extend(numbered(source, 3));
    }
    send(&nodes.doors[0], &all, false).await;
    for (index, source) in sources.iter().enumerate() {
        let found = remembers(&nodes.doors[index % 3], source, 3).await;
        let expected: Vec<_> = (0..3).map(|number| format!("{source} {number}")).collect();
        assert_eq!(found, expected);
    }
    // Each keeps its share, and together they know all.
    let (known, lost) = meta(&nodes.doors[1], false).await;
    assert_eq!((known.meta.len(), lost.as_str()), (42, ""));
    let mut shares = 0;
    for door in &nodes.doors {
        let (own, _) = meta(door, true).await;
        assert!(own.meta.values().all(|source| source.count == 3));
        assert!(own.meta.len() > 3, "{own:?}");
        shares += own.meta.len();
    }
    assert_eq!(shares, 42);
    let (own, _) = meta(&nodes.doors[0], true).await;
    assert!(own.meta.contains_key(FIRST) && !own.meta.contains_key(SECOND));
    // A question that was handed on already is answered where it is.
    let found = forwarded_lines(&nodes.doors[0], SECOND).await;
    assert_eq!(found.expect("an answer"), Vec::<String>::new());
    // What a node is told to keep it keeps, whoever owns it.
    send(&nodes.doors[0], &numbered(SECOND, 1), true).await;
    let (own, _) = meta(&nodes.doors[0], true).await;
    assert!(own.meta.contains_key(SECOND));

    let gone = third(&nodes).await;
    nodes.members.remove(2).kill().await;
    let refused = eventually("the loss is noticed", async || {
        lines(&nodes.doors[0], &gone).await.err()
    })
    .await;
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains(&nodes.names[2]), "{refused}");
    assert_eq!(lines(&nodes.doors[1], FIRST).await.expect("kept").len(), 3);
    let (known, lost) = meta(&nodes.doors[0], false).await;
    assert_eq!(lost, nodes.names[2]);
    assert!(known.meta.contains_key(FIRST) && !known.meta.contains_key(&gone));
    let status = nodes.members[0].door("status").await;
    let (code, page) = http::get(&status, "/readyz").await;
    assert!(code == 200 && page.contains(&nodes.names[2]), "{page}");
}

#[tokio::test]
async fn a_changed_list_leaves_what_stays_and_hands_on_what_waits() {
    let fleet = Fleet::new();
    let mut nodes = Nodes::start(&fleet).await;
    let probes: Vec<_> = (0..20)
        .map(|number| log(&format!("probe-{number}"), "x"))
        .collect();
    send(&nodes.doors[0], &probes, false).await;
    for source in [FIRST, SECOND] {
        send(&nodes.doors[0], &numbered(source, 5), false).await;
        remembers(&nodes.doors[2], source, 5).await;
    }
    eventually("the third has its share", async || {
        let (own, _) = meta(&nodes.doors[2], true).await;
        (!own.meta.is_empty()).then_some(())
    })
    .await;
    let moved = third(&nodes).await;
    nodes.members.remove(2).kill().await;
    eventually("the loss is noticed", async || {
        lines(&nodes.doors[0], &moved).await.err()
    })
    .await;
    // It waits for a node that does not come back.
    send(&nodes.doors[0], &numbered(&moved, 7), false).await;
    nodes.list(2).await;
    remembers(&nodes.doors[1], &moved, 7).await;
    for source in [FIRST, SECOND] {
        assert_eq!(lines(&nodes.doors[0], source).await.expect("kept").len(), 5);
    }
    let (_, lost) = meta(&nodes.doors[0], false).await;
    assert_eq!(lost, "");
    // A list that makes no sense changes nothing.
    let member = &nodes.members[0];
    let wrong = [nodes.names[0].clone(), nodes.names[0].clone()];
    fs::write(&member.config, with(&nodes.settings[0], &wrong)).expect("written");
    member.process.signal(Signal::SIGHUP);
    member.process.says("configuration not taken up").await;
    assert_eq!(lines(&nodes.doors[0], &moved).await.expect("kept").len(), 7);
    // Without a list it is alone, with what it keeps.
    fs::write(&member.config, with(&nodes.settings[0], &[])).expect("written");
    member.process.signal(Signal::SIGHUP);
    member.process.says("log cache nodes: this one alone").await;
    send(&nodes.doors[0], &numbered(&moved, 3), false).await;
    remembers(&nodes.doors[0], &moved, 3).await;
    let (own, _) = meta(&nodes.doors[0], true).await;
    let (all, _) = meta(&nodes.doors[0], false).await;
    assert_eq!(all, own);
}

const APP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const OTHER: &str = "73467cc3-261a-472e-80e8-d6eadfd30d98";

/// A message of an app with its length before it.
fn counted(app: &str, line: &str) -> String {
    let message = format!("<14>1 - host {app} [APP/PROC/WEB/0] - [tags@47450 a=\"b\"] {line}\n");
    format!("{} {message}", message.len())
}

#[tokio::test]
async fn users_read_through_the_proxy_what_came_by_syslog() {
    let (fleet, signer) = (Fleet::new(), Signer::new("first"));
    let platform = Platform::start(&signer).await;
    let peers = Peers::start(&fleet, &platform).await;
    let (user, admin) = (signer.token("openid"), signer.token("logs.admin"));
    platform.show(&user, APP, "shop");

    let at = address(&peers.syslog, "syslog").await;
    let mut client = TcpStream::connect(&at).await.expect("a connection");
    let lines = [
        counted(APP, "one"),
        "7 garbage".into(),
        counted(OTHER, "two"),
        counted(APP, "three"),
    ];
    client
        .write_all(lines.concat().as_bytes())
        .await
        .expect("written");
    let own = format!("/api/v1/read/{APP}");
    let page = eventually("the lines are there", async || {
        let (status, page) = peers.read(&own, &user).await;
        assert_eq!(status, 200, "{page}");
        (page.matches("payload").count() == 2).then_some(page)
    })
    .await;
    assert!(
        page.contains("\"payload\":\"b25l\"") && page.contains("\"a\":\"b\""),
        "{page}"
    );
    assert!(page.contains("\"instance_id\":\"0\""), "{page}");
    let status = address(&peers.syslog, "status").await;
    let (_, metrics) = http::get(&status, "/metrics").await;
    assert_eq!(http::sum(&metrics, "ingress", &[]), 3.0);
    assert_eq!(http::sum(&metrics, "invalid_ingress", &[]), 1.0);
    assert_eq!(http::sum(&metrics, "nozzle_egress", &[]), 3.0);

    // Others' sources are not there, for whoever may not see them.
    let other = format!("/api/v1/read/{OTHER}");
    for (path, token) in [(&other, user.as_str()), (&own, ""), (&own, "no.to.ken")] {
        assert_eq!(
            peers.read(path, token).await,
            (404, String::new()),
            "{path}"
        );
    }
    assert_eq!(peers.read(&other, &admin).await.0, 200);
    let (_, seen) = peers.read("/api/v1/meta", &user).await;
    assert!(seen.contains(APP) && !seen.contains(OTHER), "{seen}");
    let (_, seen) = peers.read("/api/v1/meta", &admin).await;
    assert!(seen.contains(APP) && seen.contains(OTHER), "{seen}");
    assert_eq!(peers.read("/api/v1/info", "").await.0, 200);
    let (status, refused) = peers.read("/api/v1/query?query=7", &user).await;
    assert!(status == 400 && refused.contains("source_ids"), "{refused}");

    // Another key signs from now on.
    let next = Signer::new("second");
    platform.rotate(&next);
    let renewed = next.token("logs.admin");
    eventually("the new key is known", async || {
        (peers.read(&other, &renewed).await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(peers.read(&other, &admin).await.0, 404);
}

#[tokio::test]
async fn a_syslog_server_counts_what_a_lost_node_does_not_take() {
    let (fleet, signer) = (Fleet::new(), Signer::new("first"));
    let platform = Platform::start(&signer).await;
    let mut peers = Peers::start(&fleet, &platform).await;
    let at = address(&peers.syslog, "syslog").await;
    let mut client = TcpStream::connect(&at).await.expect("a connection");
    client
        .write_all(counted(APP, "one").as_bytes())
        .await
        .expect("written");
    let page = address(&peers.syslog, "status").await;
    let sum = async |name: &str| http::sum(&http::get(&page, "/metrics").await.1, name, &[]);
    eventually("it is taken", async || {
        (sum("nozzle_egress").await == 1.0).then_some(())
    })
    .await;
    peers.node.signal(Signal::SIGKILL);
    peers.node.end().await;
    let lines: String = (0..10)
        .map(|number| counted(APP, &number.to_string()))
        .collect();
    client.write_all(lines.as_bytes()).await.expect("written");
    eventually("all are received", async || {
        (sum("ingress").await == 11.0).then_some(())
    })
    .await;
    // They wait, or were on their way when the node went.
    eventually("nothing is missing in the books", async || {
        let (taken, queued) = (sum("logweir_taken").await, sum("logweir_queued").await);
        let dropped = sum("logweir_dropped").await;
        (taken + queued + dropped == 11.0).then_some(())
    })
    .await;
    peers.syslog.signal(Signal::SIGTERM);
    peers
        .syslog
        .says("offered 11 = egress 1 + dropped 10")
        .await;
}
