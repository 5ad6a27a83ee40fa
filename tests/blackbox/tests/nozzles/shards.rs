//! Nozzles apart from the routers.

use std::path::Path;

use logweir_blackbox::{
    envelopes::{batch, log},
    fleet::Fleet,
    http,
    nozzles::{lines, numbers, written},
    patience::eventually,
    stream::Producer,
};
use tempfile::TempDir;

#[tokio::test]
async fn processes_of_one_shard_id_share_what_a_reverse_log_proxy_has() {
    const SENT: usize = 2000;
    let fleet = Fleet::new();
    let router = fleet.router("127.0.0.1:0").await;
    let grpc = router.door("grpc").await;
    let tls = fleet.tls("rlp.tls", "reverselogproxy");
    let rlp = |listen: &str| format!("[rlp]\nlisten = {listen:?}\nrouters = [{grpc:?}]\n{tls}");
    let proxy = fleet.start("rlp", &rlp("127.0.0.1:0")).await;
    let address = proxy.door("grpc").await;
    let dir = TempDir::new().expect("a directory");
    let paths = ["one", "two", "all"].map(|name| dir.path().join(name));
    let client = fleet.tls("nozzle.rlp_tls", "client");
    let mut members = Vec::new();
    for (path, shard) in paths.iter().zip(["shared", "shared", "alone"]) {
        let config = format!(
            "[nozzle]\nrlp = {address:?}\nstatus = \"127.0.0.1:0\"\n{client}\
             [[nozzles]]\nname = \"n\"\nshard_id = {shard:?}\nkinds = [\"log\"]\n\
             [nozzles.file]\npath = {path:?}\n"
        );
        members.push(fleet.start("nozzle", &config).await);
    }
    let producer = Producer::open(&fleet.dial(&grpc, "doppler").await);
    let probe = batch(&[log("app", "probe")]);
    let reach = |path: &Path| written(path).len();
    eventually("all three read", async || {
        producer.send(&probe).await;
        let some = paths.iter().all(|path| reach(path) > 0);
        some.then_some(())
    })
    .await;
    for some in lines(0..SENT).chunks(50) {
        producer.send(&batch(some)).await;
    }
    eventually("everything is written", async || {
        let (one, two) = (numbers(&paths[0]).len(), numbers(&paths[1]).len());
        (one + two == SENT && numbers(&paths[2]).len() == SENT).then_some(())
    })
    .await;
    assert_eq!(numbers(&paths[2]), (0..SENT).collect::<Vec<_>>());
    let (one, two) = (numbers(&paths[0]), numbers(&paths[1]));
    assert!(
        !one.is_empty() && !two.is_empty(),
        "{} and {}",
        one.len(),
        two.len()
    );
    let mut both = [one, two].concat();
    both.sort_unstable();
    assert_eq!(both, (0..SENT).collect::<Vec<_>>(), "each of them once");

    let status = members[2].door("status").await;
    let (_, metrics) = http::get(&status, "/metrics").await;
    let dropped = metrics
        .lines()
        .any(|line| line.starts_with("logweir_nozzle_dropped"));
    assert!(
        metrics.contains("logweir_nozzle_written") && !dropped,
        "{metrics}"
    );

    // The proxy goes and comes back where it was.
    proxy.kill().await;
    eventually("it is missed", async || {
        let (code, _) = http::get(&status, "/readyz").await;
        (code == 503).then_some(())
    })
    .await;
    let _proxy = fleet.start("rlp", &rlp(&address)).await;
    let before = reach(&paths[2]);
    eventually("they read again", async || {
        producer.send(&probe).await;
        (reach(&paths[2]) > before).then_some(())
    })
    .await;
}
