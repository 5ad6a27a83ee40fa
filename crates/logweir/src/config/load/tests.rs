use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use super::{Loaded, Sources, load};

fn from(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    load(&Sources {
        file: Some((PathBuf::from("weir.toml"), text.into())),
        variables,
    })
    .map_err(|error| error.to_string())
}

fn error(text: &str, variables: &[(&str, &str)]) -> String {
    from(text, variables).expect_err("refused")
}

#[test]
fn nothing_set_is_the_defaults() {
    let loaded = load(&Sources::default()).expect("defaults");
    assert_eq!(loaded.settings, super::Settings::default());
}

#[test]
fn the_environment_wins_over_the_file() {
    let text =
        "[run]\nhttp = \"127.0.0.1:1\"\ngrpc = \"127.0.0.1:2\"\n[agent.tags]\nzone = \"a\"\n";
    let loaded = from(
        text,
        &[
            ("LOGWEIR_RUN_HTTP", "127.0.0.1:3"),
            ("LOGWEIR_GATEWAY_STREAM_TIMEOUT", "1h30m"),
            ("LOGWEIR_AGENT_ROUTERS", "a:1, b:2"),
            ("LOGWEIR_AGENT_DROP_LOGS", "1"),
            ("LOGWEIR_AGENT_UDP", ""),
            ("LOGWEIR_TOKEN", "the command line's own"),
        ],
    )
    .expect("loads");
    let settings = &loaded.settings;
    assert_eq!(settings.run.http, SocketAddr::from(([127, 0, 0, 1], 3)));
    assert_eq!(settings.run.grpc, SocketAddr::from(([127, 0, 0, 1], 2)));
    assert_eq!(settings.gateway.stream.timeout, Duration::from_secs(5400));
    assert_eq!(settings.agent.routers, ["a:1", "b:2"]);
    assert!(settings.agent.drop_logs);
    assert_eq!(settings.agent.udp, None);
    assert_eq!(
        settings.agent.tags.get("zone").map(String::as_str),
        Some("a")
    );
}

#[test]
fn a_table_may_be_split_between_file_and_environment() {
    let text = "[auth.uaa]\nurl = \"https://uaa\"\nclient_id = \"weir\"\n";
    let secret = [("LOGWEIR_AUTH_UAA_CLIENT_SECRET", "s3cret")];
    let loaded = from(text, &secret).expect("loads");
    let uaa = loaded.settings.auth.uaa.expect("set");
    assert_eq!(uaa.client_secret, "s3cret");
    assert_eq!(
        error(text, &[]),
        "weir.toml:1: auth.uaa: missing field `client_secret`"
    );
}

#[test]
fn one_key_of_a_table_leaves_the_others_at_the_roles_defaults() {
    let loaded = from("[rlp.self_metrics]\nagent = \"127.0.0.1:3458\"\n", &[]).expect("loads");
    assert_eq!(
        loaded.settings.rlp.self_metrics.interval,
        Duration::from_secs(60)
    );
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_a_near_one() {
    assert_eq!(
        error("log_level = \"info\"\n\n[router.queue]\nbites = 3\n", &[]),
        "weir.toml:4: router.queue.bites: unknown key; did you mean `bytes`?"
    );
    assert_eq!(
        error("[rooter]\n", &[]),
        "weir.toml:1: rooter: unknown key; did you mean `router`?"
    );
    assert_eq!(
        error("[gateway]\nauth = 1\n", &[]),
        "weir.toml:2: gateway.auth: unknown key; docs/configuration.md lists them"
    );
}

#[test]
fn unknown_keys_in_a_list_of_tables_are_found() {
    let text = "[[auth.tokens]]\nname = \"a\"\nsha265 = \"\"\nread = []\n";
    assert_eq!(
        error(text, &[]),
        "weir.toml:1: auth.tokens[0].sha265: unknown key; did you mean `sha256`?"
    );
}

#[test]
fn further_problems_are_counted() {
    assert_eq!(
        error("[router]\na = 1\nb = 2\nc = 3\n", &[]),
        "weir.toml:2: router.a: unknown key; docs/configuration.md lists them \
         (and 2 more: logweir config check)"
    );
}

#[test]
fn a_bad_value_names_its_key_and_line() {
    let text = "[router]\nlisten = \"127.0.0.1:8082\"\n[router.queue]\nbytes = \"much\"\n";
    assert_eq!(
        error(text, &[]),
        "weir.toml:4: router.queue.bytes: invalid type: string \"much\", expected usize"
    );
    assert_eq!(
        error("[gateway.stream]\ntimeout = \"soon\"\n", &[]),
        "weir.toml:2: gateway.stream.timeout: `soon` is no duration; \
         write it as 250ms, 15s, 14m or 1h30m"
    );
}

#[test]
fn a_syntax_error_names_its_line() {
    let text = error("[run]\nhttp = \n", &[]);
    assert!(text.starts_with("weir.toml:2: "), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_bad_variable_is_named() {
    let wrong = [("LOGWEIR_ROUTER_QUEUE_BYTES", "much")];
    assert_eq!(
        error("", &wrong),
        "LOGWEIR_ROUTER_QUEUE_BYTES: router.queue.bytes: `much` is no whole number"
    );
    let wrong = [("LOGWEIR_RUN_HTTP", "localhost")];
    assert_eq!(
        error("[run]\nhttp = \"127.0.0.1:1\"\n", &wrong),
        "LOGWEIR_RUN_HTTP: run.http: invalid socket address syntax"
    );
}

#[test]
fn a_variable_that_looks_like_a_key_must_be_one() {
    assert_eq!(
        error("", &[("LOGWEIR_ROUTER_LISSTEN", "x")]),
        "LOGWEIR_ROUTER_LISSTEN: no key has this variable; did you mean LOGWEIR_ROUTER_LISTEN?"
    );
    assert_eq!(
        error("", &[("LOGWEIR_AUTH_COLOUR", "x")]),
        "LOGWEIR_AUTH_COLOUR: no key has this variable; docs/configuration.md lists them"
    );
    from("", &[("LOGWEIR_SOMETHING_ELSE", "x")]).expect("not a key's name");
}

#[test]
fn tables_come_from_the_environment_as_toml() {
    let tokens = r#"[{ name = "ops", sha256 = "00", read = ["*"] }]"#;
    let loaded = from("", &[("LOGWEIR_AUTH_TOKENS", tokens)]).expect("loads");
    assert_eq!(loaded.settings.auth.tokens[0].name, "ops");
    assert!(error("", &[("LOGWEIR_AUTH_TOKENS", "ops")]).starts_with("LOGWEIR_AUTH_TOKENS: "));
}
