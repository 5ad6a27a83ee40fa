#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::time::Duration;

use logweir_drain::{kafka::records::Compression, nozzle::Fsync};
use logweir_route::selector::What;

use super::*;

fn nozzle(json: serde_json::Value) -> Result<Nozzle, String> {
    let config: NozzleConfig = serde_json::from_value(json).map_err(|error| error.to_string())?;
    config.nozzle().map_err(|error| error.to_string())
}

#[test]
fn a_file_takes_every_kind_of_every_source() {
    let json = serde_json::json!({"name": "all", "file": {"path": "/var/log/all.jsonl"}});
    let made = nozzle(json).unwrap();
    assert_eq!(made.id(), "nozzle-all");
    assert_eq!(made.shown(), "file:///var/log/all.jsonl");
    let request = made.request();
    assert_eq!(request.selectors.len(), 5);
    assert!(request.selectors.iter().all(|one| one.source.is_none()));
    let To::File(file) = &made.to else {
        panic!("no file");
    };
    assert_eq!(file.sync, Fsync::Within(Duration::from_secs(1)));
    assert_eq!((file.rotate_bytes, file.keep), (100 << 20, 10));
}

#[test]
fn what_is_taken_is_every_kind_of_every_source_named() {
    let made = nozzle(serde_json::json!({
        "name": "m", "kinds": ["counter", "gauge"], "source_ids": ["a", "b"], "shard_id": "s",
        "graphite": {"address": "carbon:2003"},
    }));
    let made = made.unwrap();
    let request = made.request();
    let all = request.selectors.iter();
    let all: Vec<_> = all
        .map(|one| (one.source.as_deref().unwrap(), &one.what))
        .collect();
    let (counter, gauge) = (&What::Any(Kind::Counter), &What::Any(Kind::Gauge));
    assert_eq!(
        all,
        [("a", counter), ("a", gauge), ("b", counter), ("b", gauge)]
    );
    assert_eq!(request.shard, "s");
    let json = serde_json::json!({"name": "m", "graphite": {"address": "carbon:2003"}});
    assert_eq!(
        nozzle(json).unwrap().request().selectors.len(),
        3,
        "numbers"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let file = serde_json::json!({"path": "/x"});
    let carbon = serde_json::json!({"address": "h:1"});
    for (json, told) in [
        (
            serde_json::json!({"name": "A b", "file": file}),
            "`A b` is no name",
        ),
        (
            serde_json::json!({"name": "", "file": file}),
            "`` is no name",
        ),
        (serde_json::json!({"name": "a"}), "and has 0 of them"),
        (
            serde_json::json!({"name": "a", "file": file, "graphite": carbon}),
            "and has 2 of them",
        ),
        (
            serde_json::json!({"name": "a", "file": {"path": "x"}}),
            "file.path: `x` is no absolute",
        ),
        (
            serde_json::json!({"name": "a", "file": {"path": "/"}}),
            "file.path: `/` is no absolute",
        ),
        (
            serde_json::json!({"name": "a", "file": {"path": "/x", "fsync": "often"}}),
            "file.fsync: `often` is neither",
        ),
        (
            serde_json::json!({"name": "a", "kinds": ["logs"], "file": file}),
            "`logs` is no kind",
        ),
        (
            serde_json::json!({"name": "a", "kinds": ["log"], "graphite": carbon}),
            "a graphite nozzle cannot say envelopes of the kind log",
        ),
        (
            serde_json::json!({"name": "a", "graphite": {"address": "h"}}),
            "graphite.address: ",
        ),
        (
            serde_json::json!({"name": "a", "graphite": {"address": "h:1", "prefix": "a."}}),
            "graphite.prefix: `a.` is no prefix",
        ),
        (
            serde_json::json!({"name": "a", "file": {"path": "/x", "size": 1}}),
            "unknown field",
        ),
    ] {
        let error = nozzle(json).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_topic_of_kafka_has_a_password_that_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "open sesame\n").unwrap();
    let made = nozzle(serde_json::json!({"name": "k", "kafka": {
        "brokers": ["k1:9092", "[::1]:9093"], "topic": "logs", "format": "protobuf",
        "sasl": "scram-sha-512", "user": "weir", "password_file": file,
    }}));
    let made = made.unwrap();
    assert_eq!(made.shown(), "kafka://k1:9092,[::1]:9093/logs");
    assert_eq!(made.request().selectors.len(), 5);
    let To::Kafka(kafka) = &made.to else {
        panic!("no topic");
    };
    let sasl = kafka.sasl.as_ref().unwrap();
    assert_eq!(sasl.password.reveal(), "open sesame");
    assert!(!format!("{made:?}").contains("sesame"));
    assert_eq!(kafka.compression, Compression::Lz4);
    assert_eq!(kafka.tls, None);
}

#[test]
fn what_is_wrong_with_kafka_is_named() {
    let good = serde_json::json!({"brokers": ["k:9092"], "topic": "logs"});
    for (key, value, told) in [
        (
            "brokers",
            serde_json::json!([]),
            "kafka.brokers: name at least one",
        ),
        (
            "brokers",
            serde_json::json!(["k"]),
            "kafka.brokers: `k` is no address",
        ),
        (
            "brokers",
            serde_json::json!(["srv:k"]),
            "kafka.brokers: `srv:k` is no host:port",
        ),
        (
            "topic",
            serde_json::json!("a b"),
            "kafka.topic: `a b` is no name",
        ),
        (
            "format",
            serde_json::json!("xml"),
            "kafka.format: `xml` is none of json, protobuf",
        ),
        (
            "compression",
            serde_json::json!("zstd"),
            "kafka.compression: `zstd` is none of",
        ),
        (
            "batch_bytes",
            serde_json::json!(0),
            "kafka.batch_bytes: 0 is not between",
        ),
        (
            "sasl",
            serde_json::json!("plain"),
            "kafka.user: a user is needed",
        ),
        (
            "user",
            serde_json::json!("u"),
            "kafka.sasl: user and password need a mechanism",
        ),
        (
            "ca",
            serde_json::json!("/ca.crt"),
            "kafka.ca: it is of no use without `tls = true`",
        ),
        (
            "password",
            serde_json::json!("p"),
            "unknown field `password`",
        ),
    ] {
        let mut kafka = good.clone();
        kafka[key] = value;
        let error = nozzle(serde_json::json!({"name": "k", "kafka": kafka})).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    let mut kafka = good;
    kafka["sasl"] = "plain".into();
    kafka["user"] = "u".into();
    kafka["password_file"] = "/nowhere/password".into();
    let error = nozzle(serde_json::json!({"name": "k", "kafka": kafka})).unwrap_err();
    assert!(
        error.contains("kafka.password_file: cannot read /nowhere/password"),
        "{error}"
    );
}
