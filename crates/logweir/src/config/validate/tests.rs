use std::{collections::BTreeMap, path::PathBuf};

use super::{super::load, check};
use crate::role::Role;

fn problems(role: Role, text: &str, insecure: bool) -> Vec<String> {
    let sources = load::Sources {
        file: Some((PathBuf::from("weir.toml"), text.into())),
        variables: BTreeMap::new(),
    };
    let loaded = load::load(&sources).expect("parses");
    match check(role, &loaded, insecure) {
        Ok(()) => Vec::new(),
        Err(error) => error.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_defaults_are_sound() {
    assert_eq!(problems(Role::Run, "", false), Vec::<String>::new());
    assert_eq!(problems(Role::Router, "", false), Vec::<String>::new());
    assert_eq!(problems(Role::Gateway, "", false), Vec::<String>::new());
}

#[test]
fn agents_and_proxies_need_routers() {
    let reason = "names no router; write [\"HOST:PORT\"] or [\"srv:NAME\"]";
    assert_eq!(
        problems(Role::Agent, "", false),
        [format!("agent.routers: {reason}")]
    );
    assert_eq!(
        problems(Role::Rlp, "", false),
        [format!("rlp.routers: {reason}")]
    );
    let text = "[agent]\nrouters = [\"a:1\", \"srv:_grpc._tcp.weir\", \":8082\"]\n";
    assert_eq!(
        problems(Role::Agent, text, false),
        ["weir.toml:2: agent.routers[2]: `:8082` is no HOST:PORT"]
    );
}

#[test]
fn an_open_door_needs_a_credential() {
    let text = "[run]\nhttp = \"0.0.0.0:8080\"\n";
    let found = problems(Role::Run, text, false);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("weir.toml:2: run.http: 0.0.0.0:8080 is reachable"),
        "{found:?}"
    );
    assert_eq!(problems(Role::Run, text, true), Vec::<String>::new());
    let token = format!(
        "{text}[[auth.tokens]]\nname = \"a\"\nsha256 = \"{}\"\nread = [\"*\"]\n",
        "ab".repeat(32)
    );
    assert_eq!(problems(Role::Run, &token, false), Vec::<String>::new());
    let udp = "[agent]\nrouters = [\"a:1\"]\nudp = \"0.0.0.0:3457\"\n";
    assert_eq!(problems(Role::Agent, udp, false).len(), 1);
}

#[test]
fn two_doors_cannot_share_an_address() {
    let text = "[run]\nhttp = \"127.0.0.1:9000\"\ngrpc = \"0.0.0.0:9000\"\n";
    assert_eq!(
        problems(Role::Run, text, false),
        ["weir.toml:3: run.grpc: 0.0.0.0:9000 is taken by run.http"]
    );
    let free = "[run]\nhttp = \"127.0.0.1:0\"\ngrpc = \"127.0.0.1:0\"\n";
    assert_eq!(problems(Role::Run, free, false), Vec::<String>::new());
}

#[test]
fn files_must_be_there_and_be_pem() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("cert.pem");
    std::fs::write(&file, "hello").expect("written");
    let text = format!(
        "[router.tls]\ncert = {:?}\nkey = \"/does/not/exist\"\n",
        file
    );
    let found = problems(Role::Router, &text, false);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].ends_with("cert.pem is no PEM file"), "{found:?}");
    assert!(
        found[1].contains("/does/not/exist cannot be read"),
        "{found:?}"
    );
    assert!(
        found[2].contains("router.tls.ca: a PEM file is needed here"),
        "{found:?}"
    );
}

#[test]
fn sizes_and_times_make_sense() {
    let text = "[router.queue]\nbytes = 10\nenvelopes = 0\n[router.limits]\nmessage_bytes = 1\n\
                [gateway.stream]\nheartbeat = \"0s\"\n";
    let found = problems(Role::Run, text, false).join("\n");
    for key in [
        "router.queue.bytes",
        "router.queue.envelopes",
        "router.limits.message_bytes",
        "gateway.stream.heartbeat",
    ] {
        assert!(found.contains(key), "{key} in {found}");
    }
}

#[test]
fn tokens_are_checked() {
    let text = "[[auth.tokens]]\nname = \"a\"\nsha256 = \"secret\"\nread = []\n";
    let found = problems(Role::Gateway, text, false);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("weir.toml:1: auth.tokens[0].sha256: must be 64"),
        "{found:?}"
    );
    assert!(
        !found[0].contains("`secret`"),
        "a token pasted by mistake is not repeated"
    );
}

#[test]
fn udp_doors_beyond_loopback_are_refused_unless_a_secret_guards_them() {
    for (role, text) in [
        (Role::Run, "[run]\ndropsonde = \"0.0.0.0:3457\"\n"),
        (
            Role::UdpForwarder,
            "[udp_forwarder]\nlisten = \"0.0.0.0:3457\"\n",
        ),
        (Role::Run, "[dropsonde.legacy]\nlisten = \"0.0.0.0:3456\"\n"),
    ] {
        let found = problems(role, text, false);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("takes envelopes from anybody"),
            "{found:?}"
        );
        assert_eq!(problems(role, text, true), Vec::<String>::new());
    }
    let text = "[dropsonde.legacy]\nlisten = \"0.0.0.0:3456\"\nsecret = \"s\"\n";
    assert_eq!(problems(Role::Run, text, false), Vec::<String>::new());
    // Only roles that open it look at it.
    let text = "[dropsonde.legacy]\nlisten = \"0.0.0.0:3456\"\n";
    assert_eq!(problems(Role::Router, text, false), Vec::<String>::new());
}

#[test]
fn udp_doors_of_one_address_are_told_apart_from_tcp() {
    let text = "[run]\ndropsonde = \"127.0.0.1:8082\"\n";
    assert_eq!(problems(Role::Run, text, false), Vec::<String>::new());
    let text = "[run]\ndropsonde = \"127.0.0.1:3456\"\n[dropsonde.legacy]\n";
    let found = problems(Role::Run, text, false);
    assert!(
        found.len() == 1 && found[0].contains("127.0.0.1:3456 is taken"),
        "{found:?}"
    );
    let text = "[dropsonde]\nreceive_buffer = 0\ncounters = 0\n";
    assert_eq!(problems(Role::UdpForwarder, text, false).len(), 2);
}

#[test]
fn doors_that_ask_for_nothing_stay_on_loopback() {
    for key in ["syslog", "syslog_udp", "statsd", "otlp_grpc", "otlp_http"] {
        let text = format!("[run]\n{key} = \"0.0.0.0:7001\"\n");
        let found = problems(Role::Run, &text, false);
        assert_eq!(found.len(), 1, "{found:?}");
        let reason = format!("weir.toml:2: run.{key}: 0.0.0.0:7001 is reachable");
        assert!(found[0].starts_with(&reason), "{found:?}");
        assert_eq!(problems(Role::Run, &text, true), Vec::<String>::new());
    }
    let text = "[statsd_injector]\nlisten = \"0.0.0.0:8125\"\n";
    assert_eq!(problems(Role::StatsdInjector, text, false).len(), 1);
}

#[test]
fn otlp_doors_that_ask_for_certificates_may_be_reached() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("a.pem");
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").expect("written");
    let tls = format!("[otlp.tls]\ncert = {file:?}\nkey = {file:?}\n");
    let agent = "[agent]\nrouters = [\"r:1\"]\notlp_http = \"0.0.0.0:4318\"\n";
    let text = format!("{agent}{tls}");
    let found = problems(Role::Agent, &text, false);
    assert!(
        found.len() == 1 && found[0].contains("agent.otlp_http: 0.0.0.0:4318 is reachable"),
        "{found:?}"
    );
    let text = format!("{agent}{tls}ca = {file:?}\n");
    assert_eq!(problems(Role::Agent, &text, false), Vec::<String>::new());
}

#[test]
fn a_syslog_door_that_asks_for_certificates_may_be_reached() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("a.pem");
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").expect("written");
    let door = "[run]\nsyslog = \"0.0.0.0:6514\"\n";
    let tls = format!("{door}[syslog.tls]\ncert = {file:?}\nkey = {file:?}\n");
    assert_eq!(problems(Role::Run, &tls, false).len(), 1);
    let tls = format!("{tls}ca = {file:?}\n");
    assert_eq!(problems(Role::Run, &tls, false), Vec::<String>::new());
}

#[test]
fn scrape_targets_are_checked_one_by_one() {
    let text = "[[prom_scraper.targets]]\nport = 9100\n[[prom_scraper.targets]]\n\
                scheme = \"ftp\"\nhost = \"a/b\"\n";
    let found = problems(Role::Run, text, false);
    let keys = ["port: ", "scheme: ", "host: "];
    assert_eq!(found.len(), keys.len(), "{found:?}");
    for (problem, key) in found.iter().zip(keys) {
        let key = format!("prom_scraper.targets[1].{key}");
        assert!(problem.contains(&key), "{problem}");
    }
}
