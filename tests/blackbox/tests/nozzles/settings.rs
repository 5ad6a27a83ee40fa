//! Who may name nozzles, and how they change.

use std::{fs, path::Path};

use logweir_blackbox::{
    drains::{count, drains},
    nozzles::{into_file, lines, numbers, send},
    patience::{eventually, within},
    process::logweir,
    system::System,
};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{has_written, verb};

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
