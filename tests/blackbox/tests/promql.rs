//! Queries in PromQL, by those who ask them.

use logweir_blackbox::{
    measured,
    process::{Process, logweir},
    system::System,
    targets,
};
use serde_json::Value;

/// What `logweir query` prints, and its exit code.
async fn query(system: &System, arguments: &[&str]) -> (Vec<String>, Vec<String>, i32) {
    let mut command = logweir([&["query"], arguments].concat());
    command
        .env("LOGWEIR_DATA_DIR", system.data.path())
        .env("PATH", "/usr/bin:/bin");
    let mut process = Process::start(command);
    let code = process.exit_code().await;
    (process.stdout(), process.stderr(), code)
}

#[tokio::test]
async fn prometheus_api_client_of_python_reads_what_was_sent() {
    let system = System::start().await;
    let last = measured::send(&system).await;
    let url = format!("http://{}/prometheus", system.door("http"));
    let mut reader = targets::prometheus_reader(&url, last);
    let code = reader.exit_code().await;
    let said = (reader.stdout(), reader.stderr());
    assert_eq!(
        (code, said.0.as_slice()),
        (0, &["as expected".to_owned()][..]),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_person_asks_for_a_moment() {
    let system = System::start().await;
    let last = measured::send(&system).await.to_string();
    let at = ["--time", last.as_str()];
    let ask = async |expression: &str| query(&system, &[&[expression], &at[..]].concat()).await;
    let (table, _, code) = ask("sum by (instance_id, source_id) (rate(http_requests[5m]))").await;
    let rows = [
        "all: {source_id=\"shop\"}",
        "instance_id  Value",
        "0            1",
        "1            2",
    ];
    assert_eq!((code, table), (0, rows.map(str::to_owned).to_vec()));
    let (scalar, _, code) = ask("6 * 7").await;
    assert_eq!((code, scalar), (0, vec!["42".to_owned()]));
    let (nothing, told, code) = ask("no_such_metric").await;
    assert_eq!((code, nothing), (0, Vec::new()));
    assert!(told[0].contains("no metric matches"), "{told:?}");
    let json = query(&system, &["vector(1)", "--json"]).await;
    let json: Value = serde_json::from_str(&json.0[0]).expect("JSON");
    assert_eq!(json["data"]["resultType"], "vector");
}

#[tokio::test]
async fn a_person_sees_a_chart_of_a_range() {
    let system = System::start().await;
    let last = measured::send(&system).await;
    let (start, end) = ((last - 1800).to_string(), last.to_string());
    let window = ["--start", &start, "--end", &end];
    let (chart, _, code) = query(
        &system,
        &[&["cpu{instance_id=\"1\"}"], &window[..]].concat(),
    )
    .await;
    assert_eq!(code, 0, "{chart:?}");
    assert!(
        chart[0].starts_with("cpu{") && chart[0].contains("instance_id=\"1\""),
        "{chart:?}"
    );
    assert!(chart[1].trim_start().starts_with("29.75┤"), "{chart:?}");
    assert!(chart[11].trim_start().starts_with("0┤"), "{chart:?}");
    let (rows, _, code) = query(
        &system,
        &[&["cpu"], &window[..], &["--step", "15s"]].concat(),
    )
    .await;
    assert_eq!(code, 0, "{rows:?}");
    assert!(rows[1].starts_with("instance_id  "), "{rows:?}");
    for row in &rows[2..4] {
        assert!(row.contains("▁") && row.contains("█"), "{rows:?}");
        assert!(row.ends_with("0    29.75  29.75"), "{rows:?}");
    }
    assert!(rows[4].contains("every 15 s; from 0 to 29.75"), "{rows:?}");
}

#[tokio::test]
async fn a_query_that_cannot_be_answered_says_why() {
    let system = System::start().await;
    for (expression, words) in [
        ("sum(", "parse error"),
        ("cpu[1m", "parse error"),
        ("", "query"),
        (
            "label_replace(vector(1), \"x\", \"$1\", \"y\", \"(\")",
            "regular expression",
        ),
    ] {
        let (printed, told, code) = query(&system, &[expression]).await;
        assert_eq!((code, printed), (1, Vec::new()), "{expression}");
        assert!(
            told.len() == 1 && told[0].contains(words),
            "{expression}: {told:?}"
        );
    }
    let (_, told, code) = query(&system, &["1", "--start", "now", "--end", "1h"]).await;
    assert!(
        code == 1 && told[0].contains("--end lies before --start"),
        "{told:?}"
    );
    let (_, told, code) = query(&system, &["1", "--url", "http://127.0.0.1:1"]).await;
    assert!(code == 69 && told[0].contains("logweir run"), "{told:?}");
}
