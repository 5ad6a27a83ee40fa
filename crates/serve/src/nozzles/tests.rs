#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::time::Duration;

use logweir_drain::nozzle::Fsync;
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
