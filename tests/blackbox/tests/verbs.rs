//! The verbs for people, from end to end.

use logweir_blackbox::{
    patience::eventually,
    process::{Process, logweir},
    system::System,
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A verb that finds `system` through its data directory.
fn verb(system: &System, arguments: &[&str]) -> Process {
    let mut command = logweir(arguments);
    command
        .env("LOGWEIR_DATA_DIR", system.data.path())
        .env("PATH", "/usr/bin:/bin");
    Process::start(command)
}

/// Starts `tail --json` of `source` and waits until it gets what is emitted.
async fn tail(system: &System, source: &str, arguments: &[&str]) -> Process {
    let tail = verb(system, &[&["tail", "--json", source], arguments].concat());
    eventually("tail gets something", async || {
        let mut emit = verb(system, &["emit", "--source-id", source]);
        emit.write(b"probe\n").await;
        assert_eq!(emit.exit_code().await, 0, "{:?}", emit.stderr());
        (!tail.stdout().is_empty()).then_some(())
    })
    .await;
    tail
}

/// The first envelope that `tail` printed and that `wanted` accepts.
async fn envelope(tail: &Process, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let lines = tail.stdout();
        let mut all = lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        all.find(|envelope| wanted(envelope))
    })
    .await
}

/// `hello` in base64, as the JSON of a log has it.
const HELLO: &str = "aGVsbG8=";

#[tokio::test]
async fn lines_that_are_emitted_are_tailed() {
    let system = System::start().await;
    let tail = tail(&system, "shop", &[]).await;
    let mut emit = verb(
        &system,
        &[
            "emit",
            "--source-id",
            "shop",
            "--instance",
            "3",
            "--err",
            "--tag",
            "space=prod",
        ],
    );
    emit.write(b"hello\n").await;
    assert_eq!(emit.exit_code().await, 0, "{:?}", emit.stderr());
    let got = envelope(&tail, "the line", |one| one["log"]["payload"] == HELLO).await;
    assert_eq!(got["source_id"], "shop");
    assert_eq!(got["instance_id"], "3");
    assert_eq!(got["log"]["type"], "ERR");
    assert_eq!(got["tags"]["space"], "prod");
}

#[tokio::test]
async fn metrics_that_are_emitted_are_tailed() {
    let system = System::start().await;
    let tail = tail(&system, "shop", &[]).await;
    for (arguments, kind) in [
        (["--counter", "requests=5"], "counter"),
        (["--gauge", "load=0.5:ratio"], "gauge"),
        (["--timer", "http=1,5"], "timer"),
        (["--event", "deployed=version 7"], "event"),
    ] {
        let mut emit = verb(
            &system,
            &[&["emit", "--source-id", "shop"][..], &arguments].concat(),
        );
        assert_eq!(
            emit.exit_code().await,
            0,
            "{arguments:?}: {:?}",
            emit.stderr()
        );
        let got = envelope(&tail, kind, |one| one.get(kind).is_some()).await;
        match kind {
            "counter" => {
                assert_eq!(got[kind]["name"], "requests");
                assert_eq!(got[kind]["delta"], "5");
                assert_eq!(got[kind]["total"], "5");
            }
            "gauge" => assert_eq!(got[kind]["metrics"]["load"]["unit"], "ratio"),
            "timer" => assert_eq!(got[kind]["name"], "http"),
            _ => assert_eq!(got[kind]["title"], "deployed"),
        }
    }
}

#[tokio::test]
async fn an_app_run_by_exec_keeps_its_output_and_its_exit_code() {
    let system = System::start().await;
    let tail = tail(&system, "app", &[]).await;
    let script = "echo hello; echo oops >&2; exit 7";
    let mut app = verb(
        &system,
        &["exec", "--source-id", "app", "--", "sh", "-c", script],
    );
    assert_eq!(app.exit_code().await, 7);
    assert_eq!(app.stdout(), ["hello"]);
    assert_eq!(app.stderr(), ["oops"]);
    let out = envelope(&tail, "its output", |one| one["log"]["payload"] == HELLO).await;
    assert_eq!(out["log"]["type"], "OUT");
    let err = envelope(&tail, "its errors", |one| {
        one["log"]["payload"] == "b29wcw=="
    })
    .await;
    assert_eq!(err["log"]["type"], "ERR");
}

#[tokio::test]
async fn exec_forwards_signals_and_reports_them() {
    let system = System::start().await;
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut app = verb(
        &system,
        &["exec", "--source-id", "app", "--", "sh", "-c", script],
    );
    app.prints("ready").await;
    app.signal(Signal::SIGTERM);
    assert_eq!(app.end().await.code(), Some(3));
    assert!(app.stdout().contains(&"caught".to_owned()));

    let mut killed = verb(
        &system,
        &["exec", "--source-id", "app", "--", "sh", "-c", "kill -9 $$"],
    );
    assert_eq!(killed.exit_code().await, 137);
    let mut missing = verb(
        &system,
        &["exec", "--source-id", "app", "--", "no-such-program"],
    );
    assert_eq!(missing.exit_code().await, 127);
}

#[tokio::test]
async fn an_app_runs_on_without_a_system() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = logweir([
        "exec",
        "--source-id",
        "app",
        "--",
        "sh",
        "-c",
        "echo hello; exit 7",
    ]);
    command
        .env("LOGWEIR_DATA_DIR", directory.path())
        .env("PATH", "/usr/bin:/bin");
    let mut app = Process::start(command);
    assert_eq!(app.exit_code().await, 7);
    assert_eq!(app.stdout(), ["hello"]);
}

#[tokio::test]
async fn an_app_outlives_the_system_and_its_return() {
    let mut system = System::start().await;
    let script = "echo one; read line; echo two; exit 5";
    let mut app = verb(
        &system,
        &["exec", "--source-id", "app", "--", "sh", "-c", script],
    );
    app.prints("one").await;
    system.process.signal(Signal::SIGKILL);
    system.process.end().await;
    app.write(b"go on\n").await;
    assert_eq!(app.exit_code().await, 5);
    assert_eq!(app.stdout(), ["one", "two"]);
}

#[tokio::test]
async fn tail_follows_by_tag_and_by_type() {
    let system = System::start().await;
    let tail = tail(&system, "app", &["--type", "log"]).await;
    let mut by_tag = logweir(["tail", "--json", "--tag", "space=prod"]);
    by_tag.env("LOGWEIR_DATA_DIR", system.data.path());
    let by_tag = Process::start(by_tag);
    eventually("the tagged line arrives", async || {
        for (source, space) in [("one", "prod"), ("two", "test")] {
            let tag = format!("space={space}");
            let mut emit = verb(&system, &["emit", "--source-id", source, "--tag", &tag]);
            emit.write(b"hello\n").await;
            assert_eq!(emit.exit_code().await, 0);
        }
        (!by_tag.stdout().is_empty()).then_some(())
    })
    .await;
    assert!(
        by_tag
            .stdout()
            .iter()
            .all(|line| line.contains("\"source_id\":\"one\""))
    );

    let mut counter = verb(&system, &["emit", "--source-id", "app", "--counter", "n=1"]);
    assert_eq!(counter.exit_code().await, 0);
    let mut line = verb(&system, &["emit", "--source-id", "app"]);
    line.write(b"hello\n").await;
    assert_eq!(line.exit_code().await, 0);
    envelope(&tail, "the line after the counter", |one| {
        one["log"]["payload"] == HELLO
    })
    .await;
    assert!(tail.stdout().iter().all(|line| line.contains("\"log\"")));
}

#[tokio::test]
async fn verbs_without_a_system_say_so() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["tail", "app"][..], &["emit", "--source-id", "app"]] {
        let mut command = logweir(arguments);
        command.env("LOGWEIR_DATA_DIR", directory.path());
        let mut process = Process::start(command);
        assert_eq!(
            process.exit_code().await,
            69,
            "{arguments:?}: {:?}",
            process.stderr()
        );
        let said = process.stderr().join("\n");
        assert!(said.contains("no running logweir found"), "{said}");
    }
}

#[tokio::test]
async fn certs_makes_a_fleet_and_overwrites_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = || {
        let mut command = logweir(["certs", "--dir"]);
        command.arg(directory.path());
        Process::start(command)
    };
    assert_eq!(run().exit_code().await, 0);
    let ca = std::fs::read(directory.path().join("ca.crt")).expect("an authority");
    for role in ["doppler", "metron", "reverselogproxy", "client"] {
        for ending in ["crt", "key"] {
            assert!(
                directory.path().join(format!("{role}.{ending}")).is_file(),
                "{role}.{ending}"
            );
        }
    }
    run().exit_code().await;
    assert_eq!(
        std::fs::read(directory.path().join("ca.crt")).expect("still there"),
        ca
    );
}

#[tokio::test]
async fn version_and_help_are_there() {
    let mut version = Process::start(logweir(["version"]));
    assert_eq!(version.exit_code().await, 0);
    assert!(
        version.stdout()[0].contains(env!("CARGO_PKG_VERSION")),
        "{:?}",
        version.stdout()
    );
    for verb in ["run", "exec", "emit", "tail", "certs"] {
        let mut help = Process::start(logweir([verb, "--help"]));
        assert_eq!(help.exit_code().await, 0);
        let text = help.stdout().join("\n");
        assert!(
            text.contains("Examples:") || text.contains("Example:"),
            "{verb}: {text}"
        );
    }
    let mut wrong = Process::start(logweir(["no-such-verb"]));
    assert_eq!(wrong.exit_code().await, 2);
}

#[tokio::test]
async fn recent_lines_are_shown_as_cf_shows_them() {
    let system = System::start().await;
    let arguments = ["emit", "--source-id", "shop", "--instance", "0"];
    let mut emit = verb(
        &system,
        &[&arguments[..], &["--tag", "source_type=APP"]].concat(),
    );
    emit.write(b"one\ntwo\nthree\n").await;
    emit.close_stdin();
    assert_eq!(emit.exit_code().await, 0, "{:?}", emit.stderr());
    let lines = eventually("the lines are remembered", async || {
        let arguments = ["recent", "shop", "-n", "2", "--format", "cf"];
        let mut recent = verb(&system, &arguments);
        assert_eq!(recent.exit_code().await, 0, "{:?}", recent.stderr());
        let lines = recent.stdout();
        lines.last()?.ends_with(" three").then_some(lines)
    })
    .await;
    // Three spaces, 27 characters of time, and the rest as it is.
    let rest: Vec<_> = lines.iter().map(|line| &line[30..]).collect();
    assert_eq!(rest, [" [APP/0] OUT two", " [APP/0] OUT three"]);
    let mut nobody = verb(&system, &["recent", "nobody", "--json"]);
    assert_eq!(nobody.exit_code().await, 0, "{:?}", nobody.stderr());
    assert!(nobody.stdout().is_empty());
}

#[tokio::test]
async fn what_is_remembered_can_be_searched_counted_and_followed() {
    let system = System::start().await;
    let say = async |lines: &str| {
        let mut emit = verb(&system, &["emit", "--source-id", "shop"]);
        emit.write(lines.as_bytes()).await;
        emit.close_stdin();
        assert_eq!(emit.exit_code().await, 0, "{:?}", emit.stderr());
    };
    let many: String = (0..1500).map(|number| format!("line {number}\n")).collect();
    say(&many).await;
    let printed = async |arguments: &[&str]| {
        let mut run = verb(&system, arguments);
        assert_eq!(run.exit_code().await, 0, "{:?}", run.stderr());
        run.stdout()
    };
    eventually("all are remembered", async || {
        let sources = printed(&["sources"]).await;
        assert!(sources[0].starts_with("Source ID  "), "{sources:?}");
        let shop = sources.iter().find(|row| row.starts_with("shop"))?;
        (shop.split_whitespace().nth(1) == Some("1500")).then_some(())
    })
    .await;
    let ends = |lines: &[String], with: &[&str]| {
        lines.len() == with.len()
            && lines
                .iter()
                .zip(with)
                .all(|(line, end)| line.ends_with(end))
    };
    let found = printed(&["recent", "shop", "--grep", "line 14.7$", "-n", "3"]).await;
    assert!(
        ends(&found, &[" line 1477", " line 1487", " line 1497"]),
        "{found:?}"
    );
    let all = printed(&["recent", "shop", "-n", "5000", "--since", "1h"]).await;
    assert_eq!(all.len(), 1500, "more than a page");
    assert!(all[0].ends_with(" line 0") && all[1499].ends_with(" line 1499"));
    let mut wrong = verb(&system, &["recent", "shop", "--grep", "["]);
    assert_eq!(wrong.exit_code().await, 1);
    assert!(
        wrong.stderr()[0].contains("missing closing ]"),
        "{:?}",
        wrong.stderr()
    );

    let tail = verb(&system, &["tail", "shop", "-n", "2"]);
    eventually("history", async || (tail.stdout().len() == 2).then_some(())).await;
    say("live\n").await;
    eventually("what comes", async || {
        (tail.stdout().len() >= 3).then_some(())
    })
    .await;
    let lines = tail.stdout();
    assert!(
        ends(&lines, &[" line 1498", " line 1499", " live"]),
        "{lines:?}"
    );
    let fresh = verb(&system, &["tail", "shop", "-n", "0"]);
    eventually("only what comes", async || {
        say("again\n").await;
        fresh
            .stdout()
            .first()
            .map(|line| assert!(line.ends_with(" again"), "{line}"))
    })
    .await;
}
