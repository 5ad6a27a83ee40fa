//! Bad configuration: said in one line that names the thing, exit code 78, no port bound.

use std::{fs, net::TcpListener};

use logweir_blackbox::process::{Process, logweir};

/// Exit code and standard error of the binary with this configuration file.
async fn with_config(arguments: &[&str], config: &str) -> (i32, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("logweir.toml");
    fs::write(&file, config).expect("written");
    let mut command = logweir(arguments);
    command
        .arg("--config")
        .arg(&file)
        .env("HOME", directory.path());
    let mut process = Process::start(command);
    let code = process.exit_code().await;
    (code, process.stderr().join("\n"))
}

#[tokio::test]
async fn unknown_keys_are_named_with_their_path() {
    for (config, name) in [
        ("nonsense = 1\n", "nonsense"),
        ("[router.queue]\nbites = 5\n", "router.queue.bites"),
        (
            "[gateway.stream]\nheart_beat = \"1s\"\n",
            "gateway.stream.heart_beat",
        ),
    ] {
        for arguments in [&["config", "check"][..], &["run", "--ephemeral"]] {
            let (code, said) = with_config(arguments, config).await;
            assert_eq!(code, 78, "{arguments:?} {config:?}: {said}");
            assert!(
                said.contains(name),
                "{arguments:?}: {said:?} does not name {name}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

#[tokio::test]
async fn wrong_values_are_named_too() {
    for (config, name) in [
        ("[run]\nhttp = \"nowhere\"\n", "run.http"),
        (
            "[gateway.stream]\nheartbeat = \"15\"\n",
            "gateway.stream.heartbeat",
        ),
        ("this is no toml\n", "logweir.toml"),
    ] {
        let (code, said) = with_config(&["config", "check"], config).await;
        assert_eq!(code, 78, "{config:?}: {said}");
        assert!(said.contains(name), "{said:?} does not name {name}");
    }
}

#[tokio::test]
async fn unknown_variables_are_refused() {
    let mut command = logweir(["config", "check"]);
    command.env("LOGWEIR_ROUTER_LISSEN", "127.0.0.1:1");
    let mut process = Process::start(command);
    assert_eq!(process.exit_code().await, 78);
    let said = process.stderr().join("\n");
    assert!(said.contains("LOGWEIR_ROUTER_LISSEN"), "{said}");
}

#[tokio::test]
async fn a_good_configuration_passes_and_is_shown() {
    let config = "[router.queue]\nenvelopes = 4321\n";
    let (code, said) = with_config(&["config", "check"], config).await;
    assert_eq!(code, 0, "{said}");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("logweir.toml");
    fs::write(&file, config).expect("written");
    let mut command = logweir(["config", "show", "--config"]);
    command.arg(&file);
    let mut process = Process::start(command);
    assert_eq!(process.exit_code().await, 0);
    assert!(
        process
            .stdout()
            .iter()
            .any(|line| line == "envelopes = 4321")
    );
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let datagrams = ["dropsonde", "syslog_udp", "statsd"];
    let streams = [
        "http",
        "grpc",
        "ingress",
        "syslog",
        "otlp_grpc",
        "otlp_http",
    ];
    for door in streams {
        let others: String = streams
            .iter()
            .chain(&datagrams)
            .map(|name| match *name == door {
                true => format!("{name} = {address:?}\n"),
                false => format!("{name} = \"127.0.0.1:0\"\n"),
            })
            .collect();
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().to_str().expect("text").to_owned();
        let arguments = ["run", "--data-dir", &data];
        let (code, said) = with_config(&arguments, &format!("[run]\n{others}")).await;
        assert_eq!(code, 1, "{door}: {said}");
        assert!(
            said.contains(&address),
            "{door}: {said:?} does not name {address}"
        );
        assert!(!directory.path().join("endpoints.json").exists());
    }
}
