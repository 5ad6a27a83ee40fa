use std::collections::BTreeSet;

use super::{Keys, Kind, nearest};

#[test]
fn every_key_is_found_with_its_kind() {
    let keys = Keys::of_settings();
    let kind = |path: &str| keys.get(path).map(|key| key.kind.clone());
    assert_eq!(kind("data_dir"), Some(Kind::Text));
    assert_eq!(kind("router.queue.bytes"), Some(Kind::Integer));
    assert_eq!(kind("agent.udp"), Some(Kind::Text));
    assert_eq!(kind("agent.tags"), Some(Kind::Map));
    assert_eq!(kind("agent.routers"), Some(Kind::List));
    assert_eq!(kind("agent.drop_logs"), Some(Kind::Boolean));
    assert_eq!(kind("gateway.stream.timeout"), Some(Kind::Duration));
    assert_eq!(kind("auth.uaa.client_secret"), Some(Kind::Text));
    assert!(matches!(kind("auth.tokens"), Some(Kind::Tables(inner)) if inner.keys.len() == 3));
    assert_eq!(kind("gateway.auth.uaa.url"), None);
}

#[test]
fn defaults_are_those_of_the_code() {
    let keys = Keys::of_settings();
    let default = |path: &str| keys.get(path).and_then(|key| key.default.clone());
    assert_eq!(default("run.http"), Some("127.0.0.1:8080".into()));
    assert_eq!(default("rlp.self_metrics.interval"), Some("1m".into()));
    assert_eq!(default("agent.udp"), None);
    assert_eq!(default("auth.uaa.url"), None);
}

#[test]
fn every_key_is_described() {
    let keys = Keys::of_settings();
    let bare: Vec<_> = keys
        .keys
        .iter()
        .filter(|key| key.description.is_empty())
        .map(|key| key.path.as_str())
        .collect();
    assert_eq!(bare, Vec::<&str>::new());
}

#[test]
fn no_two_keys_share_a_variable() {
    let keys = Keys::of_settings();
    let names: BTreeSet<_> = keys.keys.iter().map(super::Key::variable).collect();
    assert_eq!(names.len(), keys.keys.len());
}

#[test]
fn secrets_are_marked() {
    let keys = Keys::of_settings();
    let secrets: Vec<_> = keys
        .keys
        .iter()
        .filter(|key| key.secret)
        .map(|key| key.path.as_str())
        .collect();
    assert_eq!(
        secrets,
        [
            "log_cache_auth_proxy.uaa.client_secret",
            "logplex.auth_key",
            "logplex.redis.url",
            "logplex.redis.shards",
            "logplex.cluster.redis_url",
            "names.client_secret",
            "dropsonde.legacy.secret",
            "auth.uaa.client_secret"
        ]
    );
}

#[test]
fn a_near_name_is_suggested_and_a_far_one_is_not() {
    let names = ["listen", "limits", "queue"];
    assert_eq!(nearest("lissten", names), Some("listen"));
    assert_eq!(nearest("quee", names), Some("queue"));
    assert_eq!(nearest("colour", names), None);
}
