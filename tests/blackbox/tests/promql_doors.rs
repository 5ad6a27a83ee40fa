//! The doors of PromQL: what their pages and calls answer, to whom, and within which bounds.

use http::HeaderMap;
use logweir_blackbox::{
    cache::{send, unary},
    cache_nodes::Nodes,
    envelopes::log,
    fleet::Fleet,
    http as web, measured,
    patience::eventually,
    system::System,
};
use logweir_proto::{
    logcache::prom_ql::{
        InstantQueryRequest, InstantQueryResult, RangeQueryRequest, RangeQueryResult,
        instant_query_result::Result as Instant, range_query_result::Result as Range,
    },
    service,
    v2::{self, envelope::Message},
};
use serde_json::{Value, json};

/// Status and JSON of a page, for the bearer of a token; an empty one is none.
async fn ask(door: &str, path: &str, token: &str) -> (u16, Value) {
    let path = path
        .replace(' ', "%20")
        .replace('{', "%7B")
        .replace('}', "%7D");
    let path = path
        .replace('"', "%22")
        .replace('|', "%7C")
        .replace('+', "%2B");
    let credential = match token {
        "" => String::new(),
        token => format!("Authorization: bearer {token}\r\n"),
    };
    let request = format!("GET {path} HTTP/1.0\r\nHost: {door}\r\n{credential}\r\n");
    read(&web::send(door, request.as_bytes()).await)
}

fn read(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    (status.expect("a status"), body)
}

async fn data(system: &System, path: &str) -> Value {
    let (status, body) = ask(system.door("http"), path, "").await;
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("success")),
        "{path}: {body}"
    );
    body["data"].clone()
}

#[tokio::test]
async fn both_behaviours_are_answered_side_by_side() {
    let system = System::start().await;
    let last = measured::send(&system).await;
    let cpu = "cpu{source_id=\"shop\",instance_id=\"1\"}";
    // The log cache does not see what is stamped with the end.
    let found = data(&system, &format!("/api/v1/query?query={cpu}&time={last}")).await;
    let labels = json!({ "az": "z1", "instance_id": "1", "source_id": "shop" });
    assert_eq!(found["result"][0]["metric"], labels);
    assert_eq!(found["result"][0]["value"][1], "29.5");
    let found = data(
        &system,
        &format!("/prometheus/api/v1/query?query={cpu}&time={last}"),
    )
    .await;
    assert_eq!(found["result"][0]["metric"]["__name__"], "cpu");
    assert_eq!(found["result"][0]["value"], json!([last, "29.75"]));
    // A minute of samples every 15 s, with both of its ends and without the far one.
    let counted = format!(
        "count_over_time({cpu}[1m])&start={}&end={last}&step=60",
        last - 120
    );
    for (root, counts) in [("", ["5", "5", "4"]), ("/prometheus", ["4", "4", "4"])] {
        let path = format!("{root}/api/v1/query_range?query={counted}");
        let values = data(&system, &path).await["result"][0]["values"].clone();
        let values = values.as_array().expect("values").iter();
        let values: Vec<_> = values.map(|point| point[1].clone()).collect();
        assert_eq!(values, counts, "{root}");
    }
    let form = format!("query=sum(cpu{{source_id=~\"s.*p\"}})&time={last}");
    for root in ["", "/prometheus"] {
        let answer = web::send(
            system.door("http"),
            format!(
                "POST {root}/api/v1/query HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{form}",
                form.len()
            )
            .as_bytes(),
        )
        .await;
        let (status, body) = read(&answer);
        assert_eq!(
            (status, &body["data"]["resultType"]),
            (200, &json!("vector")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn tools_find_out_what_there_is() {
    let system = System::start().await;
    let last = measured::send(&system).await;
    let window = format!("start={}&end={last}", last - 600);
    for root in ["/api/v1", "/prometheus/api/v1"] {
        for (path, expected) in [
            (
                format!("labels?{window}"),
                json!(["__name__", "az", "instance_id", "source_id"]),
            ),
            (
                format!("label/__name__/values?{window}"),
                json!(["cpu", "http_requests"]),
            ),
            (
                format!("label/__name__/values?{window}&limit=1"),
                json!(["cpu"]),
            ),
            (
                format!("label/source_id/values?{window}&match[]=cpu"),
                json!(["shop"]),
            ),
            (
                format!("label/source_id/values?{window}&match[]=none"),
                json!([]),
            ),
            (
                format!("series?{window}&match[]=cpu{{instance_id=\"1\"}}"),
                json!([{ "__name__": "cpu", "az": "z1", "instance_id": "1", "source_id": "shop" }]),
            ),
            (
                "metadata?metric=cpu".into(),
                json!({ "cpu": [{ "type": "gauge", "help": "", "unit": "percentage" }] }),
            ),
            (
                "format_query?query=sum(x)by(a)".into(),
                json!("sum by (a) (x)"),
            ),
        ] {
            assert_eq!(
                data(&system, &format!("{root}/{path}")).await,
                expected,
                "{path}"
            );
        }
    }
    let built = data(&system, "/prometheus/api/v1/status/buildinfo").await;
    assert_eq!(built["version"], "3.0.0");
}

#[tokio::test]
async fn wrong_questions_are_told_so_and_nothing_else_happens() {
    let system = System::start().await;
    measured::send(&system).await;
    let deep = "(".repeat(5000);
    let long = "1+".repeat(200_000);
    for (path, status, kind, told) in [
        (
            "query?query=cpu",
            400,
            "bad_data",
            "metric 'cpu' does not have a 'source_id' label",
        ),
        (
            "query?query=cpu{",
            400,
            "bad_data",
            "parse error at char 5: unexpected end of input",
        ),
        (
            "query",
            400,
            "bad_data",
            "parse error at char 1: no expression found in input",
        ),
        (
            "query?query=1&time=x",
            400,
            "bad_data",
            "cannot parse \"x\" to a valid Unix",
        ),
        (
            "query?query=1&time=NaN",
            400,
            "bad_data",
            "cannot parse \"NaN\"",
        ),
        (
            "query?query=1&query=2",
            400,
            "bad_data",
            "too many values for field \"query\": 1, 2",
        ),
        (
            "query?query=%zz",
            400,
            "bad_data",
            "invalid URL escape \"%zz\"",
        ),
        (
            "query?query=1&timeout=-1",
            400,
            "bad_data",
            "invalid parameter \"timeout\"",
        ),
        (
            "query?query=1&limit=-1",
            400,
            "bad_data",
            "invalid parameter \"limit\"",
        ),
        (
            "query_range?query=1&start=1&end=2&step=0",
            400,
            "bad_data",
            "zero or negative",
        ),
        (
            "query_range?query=1&start=1&end=2&step=-9e9",
            400,
            "bad_data",
            "zero or negative",
        ),
        (
            "query_range?query=1&start=2&end=1&step=1",
            400,
            "bad_data",
            "end timestamp must not",
        ),
        (
            "query_range?query=1&start=1&end=2",
            400,
            "bad_data",
            "couldn't parse step",
        ),
        (
            "query_range?query=cpu{source_id=\"shop\"}[1m]&start=1&end=2&step=1",
            400,
            "bad_data",
            "invalid expression type \"range vector\"",
        ),
        (
            "query_range?query=1&start=-9e9&end=9e9&step=0.001",
            400,
            "bad_data",
            "exceeded maximum resolution",
        ),
        (
            "query?query=sum_over_time(vector(1)[9000d:1s])&time=1",
            500,
            "execution",
            "query processing would load too many samples",
        ),
        (
            "query?query={source_id=\"shop\"} * on (az) {source_id=\"shop\"}",
            500,
            "execution",
            "many-to-many",
        ),
        (
            &format!("query?query={deep}"),
            400,
            "bad_data",
            "parse error",
        ),
        (&format!("query?query={long}1"), 400, "bad_data", ""),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]=sum(x)",
            400,
            "bad_data",
            "selects no series",
        ),
        (
            "labels?start=2&end=1",
            400,
            "bad_data",
            "end timestamp must not be before",
        ),
        (
            "labels?match[]=x{",
            400,
            "bad_data",
            "invalid parameter \"match[]\"",
        ),
        ("format_query?query=sum(", 400, "bad_data", "parse error"),
    ] {
        let (got, body) = ask(system.door("http"), &format!("/api/v1/{path}"), "").await;
        // Not even a request of that size is read.
        if path.len() > 100_000 && got != 400 {
            assert!((400..500).contains(&got), "{got}: {body}");
            continue;
        }
        let shown = path.get(..60).unwrap_or(path);
        assert_eq!(
            (got, &body["errorType"]),
            (status, &json!(kind)),
            "{shown}: {body}"
        );
        let error = body["error"].as_str().unwrap_or_default();
        assert!(error.contains(told), "{shown}: {error}");
    }
    // Prometheus has other statuses for some.
    for (path, status, kind) in [
        ("query?query=x{", 400, "bad_data"),
        (
            "query_range?query=1&start=0&end=11000&step=1",
            400,
            "bad_data",
        ),
        (
            "query?query=sum_over_time(vector(1)[9000d:1s])&time=1",
            422,
            "execution",
        ),
        (
            "query?query=sum_over_time(vector(1)[30d:1s])&time=1&timeout=1ms",
            503,
            "timeout",
        ),
    ] {
        let path = format!("/prometheus/api/v1/{path}");
        let (got, body) = ask(system.door("http"), &path, "").await;
        assert_eq!(
            (got, &body["errorType"]),
            (status, &json!(kind)),
            "{path}: {body}"
        );
    }
    for root in ["/api/v1", "/prometheus/api/v1"] {
        let request = format!("DELETE {root}/query?query=1 HTTP/1.0\r\n\r\n");
        let (status, body) = read(&web::send(system.door("http"), request.as_bytes()).await);
        let expected = if root == "/api/v1" { 501 } else { 405 };
        assert_eq!(
            (status, &body["error"]),
            (expected, &json!("Method Not Allowed")),
            "{root}"
        );
    }
    assert_eq!(
        ask(system.door("http"), "/prometheus/api/v1/nothing", "")
            .await
            .0,
        404
    );
    assert_eq!(
        data(&system, "/api/v1/query?query=6*7").await["result"][1],
        "42"
    );
    let (_, metrics) = web::get(system.door("http"), "/metrics").await;
    assert!(web::sum(&metrics, "logweir_promql_queries", &["result=\"bad_data\""]) > 15.0);
    assert_eq!(web::sum(&metrics, "log_cache_promql_timeout", &[]), 1.0);
}

/// SHA-256 of "all" and of "one".
const TOKENS: &str = "[[auth.tokens]]\nname = \"all\"\nread = [\"*\"]\n\
    sha256 = \"5ef5ef0364b6939c4ca61f34b393f7b368d1be8619647aaf83d5b395919ab629\"\n\
    [[auth.tokens]]\nname = \"one\"\nread = [\"a\"]\n\
    sha256 = \"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\"\n";

fn counter(source: &str, at: i64, total: u64) -> v2::Envelope {
    let counter = v2::Counter {
        name: "x".into(),
        total,
        ..v2::Counter::default()
    };
    v2::Envelope {
        timestamp: at,
        message: Some(Message::Counter(counter)),
        ..log(source, "")
    }
}

/// A time at which something is recent.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_nanos()).expect("before 2262") - 5_000_000_000
}

#[tokio::test]
async fn nobody_learns_of_sources_that_are_not_theirs() {
    let system = System::start_with(TOKENS).await;
    let door = system.door("http");
    let node = system.dial("grpc").await;
    let sources = ["a", "b"].map(|source| counter(source, now(), 7));
    send(&node, &sources, false).await;
    let found = async |path: &str, token: &str| {
        let (status, body) = ask(door, path, token).await;
        let result = body["data"]["result"].as_array();
        let results = result.or(body["data"].as_array()).map_or(0, Vec::len);
        (status, results)
    };
    let query = "/api/v1/query?query=";
    eventually("both are there", async || {
        let path = format!("{query}x{{source_id=~\"a|b\"}}");
        (found(&path, "all").await == (200, 2)).then_some(())
    })
    .await;
    for (path, all, one) in [
        ("/api/v1/query?query=x{source_id=\"a\"}", (200, 1), (200, 1)),
        ("/api/v1/query?query=x{source_id=\"b\"}", (200, 1), (404, 0)),
        (
            "/api/v1/query?query=x{source_id=~\"a|b\"}",
            (200, 2),
            (404, 0),
        ),
        (
            "/api/v1/query?query=x{source_id=~\"a|c\"}",
            (200, 1),
            (404, 0),
        ),
        (
            "/api/v1/query?query=x{source_id=~\".*\"}",
            (200, 2),
            (404, 0),
        ),
        (
            "/api/v1/query?query=x{source_id=~\"a.*\"}",
            (200, 1),
            (404, 0),
        ),
        (
            "/api/v1/query?query=x{source_id=\"a\"} or x{source_id=\"b\"}",
            (200, 2),
            (404, 0),
        ),
        ("/api/v1/query?query=vector(1)", (200, 1), (200, 1)),
        ("/prometheus/api/v1/query?query=x", (200, 2), (200, 1)),
        (
            "/prometheus/api/v1/query?query=x{source_id=~\"a|b\"}",
            (200, 2),
            (404, 0),
        ),
        (
            "/prometheus/api/v1/query?query=x{source_id=~\".*\"}",
            (200, 2),
            (200, 1),
        ),
        (
            "/prometheus/api/v1/query?query=x{source_id!=\"a\"}",
            (200, 1),
            (200, 0),
        ),
        (
            "/prometheus/api/v1/query?query=x{source_id=\"a\",source_id=\"b\"}",
            (200, 0),
            (200, 0),
        ),
        ("/api/v1/label/source_id/values", (200, 2), (200, 1)),
        ("/api/v1/series?match[]=x", (200, 2), (200, 1)),
        (
            "/api/v1/series?match[]=x{source_id=\"b\"}",
            (200, 1),
            (404, 0),
        ),
        (
            "/prometheus/api/v1/label/source_id/values",
            (200, 2),
            (200, 1),
        ),
    ] {
        assert_eq!(found(path, "all").await, all, "{path}");
        assert_eq!(found(path, "one").await, one, "{path}");
        assert_eq!(found(path, "").await, (404, 0), "{path}");
        assert_eq!(found(path, "wrong").await, (404, 0), "{path}");
    }
}

#[tokio::test]
async fn queries_read_from_every_node_and_tell_of_lost_ones() {
    let fleet = Fleet::new();
    let mut nodes = Nodes::start(&fleet).await;
    let sources: Vec<_> = (0..40).map(|number| format!("source-{number}")).collect();
    let at = now();
    let counters: Vec<_> = sources
        .iter()
        .map(|source| counter(source, at, 1))
        .collect();
    send(&nodes.doors[0], &counters, false).await;
    let gateway = format!(
        "[log_cache_gateway]\nlisten = \"127.0.0.1:0\"\nlog_cache = \"{}\"\n{}",
        nodes.names[1],
        fleet.tls("log_cache_gateway.log_cache_tls", "gateway")
    );
    let gateway = fleet.start("log-cache-gateway", &gateway).await;
    let door = gateway.door("http").await;
    let everything = "/prometheus/api/v1/query?query=count(x{source_id=~\".*\"})";
    eventually("all are there", async || {
        let (_, body) = ask(&door, everything, "").await;
        (body["data"]["result"][0]["value"][1] == "40").then_some(())
    })
    .await;
    let (_, body) = ask(&door, "/api/v1/label/source_id/values", "").await;
    assert_eq!(body["data"].as_array().map(Vec::len), Some(40), "{body}");

    let instant = |query: &str| InstantQueryRequest {
        query: query.to_owned(),
        time: String::new(),
    };
    let named = instant("sum(x{source_id=~\"source-0|source-1|source-2|source-3\"})");
    let path = service::CACHE_INSTANT_QUERY;
    let asked = unary(&nodes.doors[2], path, &named, HeaderMap::new()).await;
    let (_, found): (_, InstantQueryResult) = asked.expect("an answer");
    let Some(Instant::Vector(vector)) = found.result else {
        panic!("{found:?}")
    };
    assert_eq!(
        vector.samples[0].point.as_ref().map(|point| point.value),
        Some(4.0)
    );
    let range = RangeQueryRequest {
        query: "x{source_id=\"source-7\"}".into(),
        start: (at / 1_000_000_000).to_string(),
        end: (at / 1_000_000_000 + 2).to_string(),
        step: "1s".into(),
    };
    let path = service::CACHE_RANGE_QUERY;
    let asked = unary(&nodes.doors[0], path, &range, HeaderMap::new()).await;
    let (_, found): (_, RangeQueryResult) = asked.expect("an answer");
    let Some(Range::Matrix(matrix)) = found.result else {
        panic!("{found:?}")
    };
    assert_eq!(matrix.series[0].metric["source_id"], "source-7");
    assert!(
        matrix.series[0].points[0].time.ends_with(".000"),
        "{matrix:?}"
    );
    let path = service::CACHE_INSTANT_QUERY;
    let asked = unary(&nodes.doors[0], path, &instant("x"), HeaderMap::new()).await;
    let refused = asked
        .map(|(_, found): (_, InstantQueryResult)| found)
        .unwrap_err();
    assert_eq!(
        refused.message(),
        "metric 'x' does not have a 'source_id' label"
    );

    nodes.members.remove(2).kill().await;
    let warned = eventually("the loss is told", async || {
        let (status, body) = ask(&door, everything, "").await;
        assert_eq!(status, 200, "{body}");
        let warning = body["warnings"][0].as_str()?.to_owned();
        let count = body["data"]["result"][0]["value"][1]
            .as_str()?
            .parse::<u32>();
        assert!((1..40).contains(&count.expect("a number")), "{body}");
        Some(warning)
    })
    .await;
    assert!(warned.contains(&nodes.names[2]), "{warned}");
    let path = service::CACHE_INSTANT_QUERY;
    let all = instant("count(x{source_id=~\".*\"})");
    let asked = unary(&nodes.doors[0], path, &all, HeaderMap::new()).await;
    let (head, _): (_, InstantQueryResult) = asked.expect("an answer");
    let told = head
        .get("logweir-warnings")
        .and_then(|told| told.to_str().ok());
    assert!(
        told.is_some_and(|told| told.contains(&nodes.names[2])),
        "{told:?}"
    );

    // Without its node a gateway has nothing to say.
    nodes.members.remove(1).kill().await;
    eventually("the node is missed", async || {
        let (status, body) = ask(&door, "/api/v1/query?query=x{source_id=\"source-1\"}", "").await;
        (status == 503 && body["errorType"] == "unavailable").then_some(())
    })
    .await;
}
