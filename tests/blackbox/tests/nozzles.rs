//! Nozzles of a running system: files, Graphite, names, and the role of their own.

use std::{collections::BTreeMap, fs, path::Path};

use logweir_blackbox::{
    certificates::Authority,
    cloud::Cloud,
    drains::{Declared, config as declared, count, drain_until, drains, lost},
    envelopes::{batch, log},
    fleet::Fleet,
    http,
    nozzles::{aside, into_file, lines, numbers, send, written},
    patience::{eventually, within},
    process::logweir,
    receivers::{Carbon, Points},
    stream::Producer,
    syslog_sink::SyslogSink,
    system::System,
};
use logweir_proto::v2::{self, envelope::Message};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const SHOP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const CART: &str = "c3015d69-09cd-476d-aace-ad2d824d5ab7";

async fn verb(system: &System, arguments: &[&str]) -> (i32, String, String) {
    let mut command = logweir(["drain"]);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(system.data.path());
    let output = within("the verb ends", command.output())
        .await
        .expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Waits until a nozzle has written so many envelopes, and returns what its page says.
async fn has_written(system: &System, id: &str, envelopes: u64) -> Value {
    let what = format!("{id} has written {envelopes}");
    eventually(&what, async || {
        let all = drains(system).await;
        let one = all.into_iter().find(|one| one["id"] == id)?;
        (count(&one, "written") >= envelopes).then_some(one)
    })
    .await
}

#[tokio::test]
async fn a_file_gets_every_line_and_is_shown_among_the_drains() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let system = System::start_with(&into_file("all", &path, "rotate_bytes = 100000")).await;
    send(&system, &lines(0..2000)).await;
    let page = has_written(&system, "nozzle-all", 2000).await;
    assert_eq!((count(&page, "queued"), lost(&page)), (0, 0), "{page:#}");
    assert_eq!(page["nozzle"], "file");
    assert_eq!(page["takes"], "log");
    assert_eq!(page["url"], format!("file://{}", path.display()));

    let mut all: Vec<_> = aside(&path).iter().flat_map(|one| numbers(one)).collect();
    assert!(all.len() >= 1000, "{} lines were put aside", all.len());
    all.extend(numbers(&path));
    assert_eq!(all, (0..2000).collect::<Vec<_>>());

    let (code, out, _) = verb(&system, &["list"]).await;
    assert!(code == 0 && out.contains("nozzle-all"), "{out}");
    let (_, out, _) = verb(&system, &["show", "nozzle-all"]).await;
    assert!(out.contains("delivered    2000 envelopes"), "{out}");
    for refused in ["test", "rm"] {
        let (code, _, error) = verb(&system, &[refused, "nozzle-all"]).await;
        assert!(
            code != 0 && error.contains("nozzle-all"),
            "{refused}: {error}"
        );
    }
    let (_, metrics) = http::get(system.door("http"), "/metrics").await;
    let ours = |line: &&str| {
        line.starts_with("logweir_nozzle_written") && line.contains("nozzle=\"nozzle-all\"")
    };
    let line = metrics.lines().find(ours);
    assert!(line.is_some_and(|line| line.ends_with(" 2000")), "{line:?}");
}

#[tokio::test]
async fn nobody_names_a_file_over_the_api() {
    let system = System::start().await;
    let (code, _, error) = verb(&system, &["add", "file:///tmp/stolen.jsonl"]).await;
    assert_ne!(code, 0);
    assert!(error.contains("Invalid Scheme file"), "{error}");
    assert!(drains(&system).await.is_empty());
    assert!(!Path::new("/tmp/stolen.jsonl").exists());
}

#[tokio::test]
async fn nozzles_come_and_go_with_the_configuration() {
    let dir = TempDir::new().expect("a directory");
    let (one, two) = (dir.path().join("one.jsonl"), dir.path().join("two.jsonl"));
    let system = System::start_with(&into_file("one", &one, "")).await;
    let file = system.data.path().join("logweir.toml");
    let reload = |config: String| {
        fs::write(&file, config).expect("written");
        system.process.signal(Signal::SIGHUP);
    };
    send(&system, &lines(0..10)).await;
    has_written(&system, "nozzle-one", 10).await;

    let both = into_file("one", &one, "") + &into_file("two", &two, "");
    reload(both.clone());
    eventually("the second is there", async || {
        (drains(&system).await.len() == 2).then_some(())
    })
    .await;
    send(&system, &lines(10..20)).await;
    has_written(&system, "nozzle-two", 10).await;
    let first = has_written(&system, "nozzle-one", 20).await;
    assert_eq!(count(&first, "connections"), 1, "it noticed nothing");
    assert_eq!(numbers(&two), (10..20).collect::<Vec<_>>());

    // One that is wrong changes nothing, and is told by its key.
    reload(both + "[[nozzles]]\nname = \"three\"\n[nozzles.file]\npaths = \"/x\"\n");
    let said = system.process.says("nozzles[2].file.paths").await;
    assert!(said.contains("did you mean `path`?"), "{said}");
    assert_eq!(drains(&system).await.len(), 2);

    reload(into_file("two", &two, ""));
    eventually("the first is gone", async || {
        (drains(&system).await.len() == 1).then_some(())
    })
    .await;
    send(&system, &lines(20..30)).await;
    has_written(&system, "nozzle-two", 20).await;
    assert_eq!(numbers(&one), (0..20).collect::<Vec<_>>());
}

/// Most bytes that a process may write into one file; what goes beyond fails as on a full disk.
async fn limit(system: &System, bytes: &str) {
    let pid = system.process.pid().to_string();
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
    let output = within("prlimit ends", command.output())
        .await
        .expect("runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_and_loses_nothing_when_there_is_room_again() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let system = System::start_with(&into_file("all", &path, "")).await;
    send(&system, &lines(0..100)).await;
    has_written(&system, "nozzle-all", 100).await;
    let size = fs::metadata(&path).expect("there").len();
    limit(&system, &(size + 100).to_string()).await;
    send(&system, &lines(100..3000)).await;
    let page = drain_until(&system, "all.jsonl", "it fails again and again", |page| {
        count(page, "failures") > 2
    })
    .await;
    assert_eq!(page["state"], "failing");
    let error = page["last_error"]["message"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("cannot write /") && error.contains("too large"),
        "{error}"
    );
    assert_eq!(
        fs::metadata(&path).expect("there").len(),
        size,
        "no part of a line"
    );
    // Whoever reads over gRPC has no disk.
    let stream = within("the page", http::get(system.door("http"), "/healthz")).await;
    assert_eq!(stream.0, 200);
    limit(&system, "unlimited").await;
    let page = has_written(&system, "nozzle-all", 3000).await;
    assert_eq!((count(&page, "queued"), lost(&page)), (0, 0), "{page:#}");
    assert_eq!(numbers(&path), (0..3000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_spool_carries_a_nozzle_over_the_end_of_its_process() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("mounted/all.jsonl");
    let config = format!(
        "[[nozzles]]\nname = \"all\"\nspool = true\nkinds = [\"log\"]\n[nozzles.file]\npath = {path:?}\nfsync = \
         \"always\"\n"
    );
    let mut system = System::start_with(&config).await;
    send(&system, &lines(0..500)).await;
    drain_until(&system, "all.jsonl", "all is on disk", |page| {
        count(&page["spool"], "waiting") == 500
    })
    .await;
    let mounted = async { fs::create_dir(path.parent().expect("one")).expect("made") };
    system.killed(mounted).await;
    let done = eventually("every line", async || {
        let all = numbers(&path);
        (all.len() >= 500).then_some(all)
    });
    assert_eq!(done.await, (0..500).collect::<Vec<_>>());
}

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

/// Envelopes by the name of their app, and those without.
fn by_app(path: &Path) -> Vec<(String, Option<String>)> {
    let all = written(path);
    let read = |one: &Value| {
        let source = one["source_id"].as_str().unwrap_or_default().to_owned();
        (source, one["tags"]["app_name"].as_str().map(str::to_owned))
    };
    all.iter().map(read).collect()
}

#[tokio::test]
async fn names_are_filled_in_and_an_api_that_fails_costs_but_the_names() {
    let authority = Authority::create();
    let cloud = Cloud::start(&authority).await;
    cloud.app(SHOP, "shop");
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let config = cloud.settings() + &into_file("all", &path, "");
    let system = System::start_with(&config).await;
    let mut named = log(SHOP, "has names");
    for name in ["app_name", "space_name", "organization_name"] {
        named.tags.insert(name.to_owned(), "own".to_owned());
    }
    let all = [log(SHOP, "1"), named, log("gorouter", "2"), log(CART, "3")];
    send(&system, &all).await;
    has_written(&system, "nozzle-all", 4).await;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        by_app(&path),
        [
            (SHOP.to_owned(), text("shop")),
            (SHOP.to_owned(), text("own")),
            ("gorouter".to_owned(), None),
            (CART.to_owned(), None),
        ]
    );
    let first = &written(&path)[0]["tags"];
    for (name, value) in [
        ("app_id", SHOP),
        ("space_id", "space-1"),
        ("space_name", "dev"),
        ("organization_id", "org-1"),
        ("organization_name", "acme"),
    ] {
        assert_eq!(first[name], value, "{first:#}");
    }
    let asked = cloud.asked();
    let question = format!("/v3/apps?guids={SHOP},{CART}&include=space.organization&per_page=50");
    assert_eq!(
        asked,
        ["/oauth/token?".to_owned(), question],
        "both at once, and once"
    );

    // Without answers, what is known stays, and the rest goes as it is.
    cloud.fail(true);
    let other = "d3015d69-09cd-476d-aace-ad2d824d5ab7";
    let unknown: Vec<_> = (0..200).map(|_| log(other, "4")).collect();
    send(&system, &unknown).await;
    send(&system, &[log(SHOP, "5")]).await;
    let page = has_written(&system, "nozzle-all", 205).await;
    assert_eq!(lost(&page), 0, "{page:#}");
    let all = by_app(&path);
    assert!(all[4..204].iter().all(|(_, name)| name.is_none()));
    assert_eq!(all[204], (SHOP.to_owned(), text("shop")));
    let (_, metrics) = http::get(system.door("http"), "/metrics").await;
    let failed = |line: &&str| {
        line.starts_with("logweir_names_lookups") && line.contains("result=\"failed\"")
    };
    let line = metrics.lines().find(failed).unwrap_or("0");
    assert!(!line.ends_with('0'), "{line}");
    assert!(!metrics.contains("a-token-of-the-test"));

    // It is back, and the app is known there by now.
    cloud.app(other, "late");
    cloud.fail(false);
    eventually("the name is there", async || {
        send(&system, &[log(other, "6")]).await;
        let all = by_app(&path);
        let named = all
            .iter()
            .any(|one| *one == (other.to_owned(), text("late")));
        named.then_some(())
    })
    .await;
    let said = system.process.stderr().join("\n");
    assert!(!said.contains("a-secret-of-the-test") && !said.contains("a-token-of-the-test"));
}

#[tokio::test]
async fn drains_get_names_where_that_is_asked_for() {
    let authority = Authority::create();
    let cloud = Cloud::start(&authority).await;
    cloud.app(SHOP, "shop");
    let sink = SyslogSink::start().await;
    let config = cloud.settings() + "drains = true\n";
    let drain = Declared::new(&format!("syslog://{}", sink.address)).of(SHOP);
    let system = System::start_with(&declared(&config, &[drain])).await;
    send(&system, &[log(SHOP, "hello")]).await;
    let message = sink.receives("hello").await;
    let host = message.split(' ').nth(2);
    assert_eq!(host, Some("acme.dev.shop"), "{message}");
    assert!(message.contains("organization_id=\"org-1\""), "{message}");
}

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

#[tokio::test]
async fn what_is_wrong_with_nozzles_is_told_before_anything_starts() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("logweir.toml");
    for (config, told) in [
        (
            "[[nozzles]]\nname = \"a\"\n",
            "nozzles[0]: a nozzle needs one of the tables",
        ),
        (
            "[[nozzles]]\nname = \"A\"\n[nozzles.file]\npath = \"/x\"\n",
            "nozzles[0]: `A` is no name of a nozzle",
        ),
        (
            "[[nozzles]]\nname = \"a\"\n[nozzles.file]\npath = \"/x\"\n\
             [[nozzles]]\nname = \"b\"\n[nozzles.file]\npath = \"/x\"\n",
            "nozzles[1]: another nozzle writes this file",
        ),
        (
            "[names]\napi = \"api.example\"\n",
            "names.api: must be an http:// or https:// URL",
        ),
    ] {
        fs::write(&file, config).expect("written");
        let mut command = logweir(["config", "check", "--config"]);
        command.arg(&file);
        let output = within("the verb ends", command.output())
            .await
            .expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(told), "{said}");
    }
}
