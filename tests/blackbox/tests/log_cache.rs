//! The log cache of `logweir run`: its pages, its services, and what strangers ask.

use std::collections::HashSet;

use ::http::HeaderMap;
use bytes::Bytes;
use logweir_blackbox::{
    cache::{lines, send},
    cache_pages::{Followed, numbered, page, payloads},
    envelopes::{batch, log, raw_batch},
    http,
    patience::{eventually, within},
    stream::Producer,
    system::System,
};
use logweir_net::grpc;
use logweir_proto::{logcache::SendRequest, service, v2};
use prost::Message;

#[tokio::test]
async fn malformed_questions_are_refused_and_nothing_else() {
    let system = System::start().await;
    for (path, status, told) in [
        (
            "read/app?limit=1001",
            400,
            "limit (1001) must be 1000 or less",
        ),
        (
            "read/app?limit=-1",
            400,
            "limit (-1) must be greater than zero",
        ),
        (
            "read/app?limit=1e3",
            400,
            "strconv.ParseInt: parsing \\\"1e3\\\": invalid syntax",
        ),
        (
            "read/app?limit=1&limit=1",
            400,
            "too many values for field \\\"limit\\\": 1, 1",
        ),
        (
            "read/app?limit.x=1",
            400,
            "invalid path: \\\"limit\\\" is not a message",
        ),
        (
            "read/app?start_time=9&end_time=8",
            400,
            "StartTime (9) must be before EndTime (8)",
        ),
        (
            "read/app?start_time=9223372036854775808",
            400,
            "value out of range",
        ),
        (
            "read/app?envelope_types=LOG,GAUGE",
            400,
            "\\\"LOG,GAUGE\\\" is not a valid value",
        ),
        (
            "read/app?envelope_types=6",
            400,
            "\\\"6\\\" is not a valid value",
        ),
        (
            "read/app?descending=yes",
            400,
            "strconv.ParseBool: parsing \\\"yes\\\"",
        ),
        ("read/app?name_filter=%28", 400, "missing closing ): `(`"),
        ("read/app?a=%zz", 400, "invalid URL escape \\\"%zz\\\""),
        (
            "read/app?a=1;b=2",
            400,
            "invalid semicolon separator in query",
        ),
        ("read/%zz", 400, "invalid URL escape \\\"%zz\\\""),
        (
            "search/app?after=yesterday",
            400,
            "is no place that an answer named",
        ),
        ("search/app?pattern=%5B", 400, "missing closing ]: `[`"),
        (
            "search/app?pattern=((a%7B99%7D)%7B99%7D)%7B99%7D",
            400,
            "expression too large",
        ),
        (
            "search/app?pattern=a&text=b",
            400,
            "pattern and text exclude each other",
        ),
        ("follow/", 400, "follow needs a source id"),
        (
            "follow/app?history=10001",
            400,
            "history (10001) must be 10000 or less",
        ),
        ("follow/app?history=-1", 400, "history (-1) must be between"),
        ("nothing", 404, "Not Found"),
        ("meta/", 404, "Not Found"),
        ("meta?local_only=maybe", 400, "strconv.ParseBool"),
    ] {
        let (got, body) = http::get(system.door("http"), &format!("/api/v1/{path}")).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(told), "{path}: {body}");
        assert!(
            body.starts_with("{\"code\":") && body.ends_with(",\"details\":[]}\n"),
            "{body}"
        );
    }
    let request = b"DELETE /api/v1/read/app HTTP/1.0\r\n\r\n";
    let answer = http::send(system.door("http"), request).await;
    assert!(answer.starts_with("HTTP/1.0 501 "), "{answer}");
    // A form that is posted is a question; a field in both places is one too many.
    for (query, field, status) in [("", "limit=1", "200"), ("?limit=2", "limit=1", "400")] {
        let length = field.len();
        let request = format!(
            "POST /api/v1/read/app{query} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\
             \r\nContent-Length: {length}\r\n\r\n{field}"
        );
        let answer = http::send(system.door("http"), request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{answer}"
        );
    }
    let past = "/api/v1/read/app?start_time=-6795364578871345152&unknown=1&source_id=x";
    assert_eq!(payloads(&page(&system, past).await), [""; 0]);
}

#[tokio::test]
async fn any_source_id_is_one() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    let long = "l".repeat(10_000);
    for (id, path) in [
        ("a/b", "a%2Fb"),
        ("a/b", "a/b"),
        ("a//b", "a%2F%2Fb"),
        ("two\nlines", "two%0Alines"),
        ("a+b:c", "a+b:c"),
        ("50%", "50%25"),
        ("süß", "s%C3%BC%C3%9F"),
        (&*long, &*long),
        ("", ""),
    ] {
        let line = v2::Envelope {
            timestamp: 5,
            ..log(id, format!("of {path}"))
        };
        send(&node, &[line], false).await;
        let found = page(&system, &format!("/api/v1/read/{path}?descending=true")).await;
        assert!(
            payloads(&found).contains(&format!("of {path}")),
            "{path}: {found}"
        );
    }
    let meta = page(&system, "/api/v1/meta").await;
    assert_eq!(meta["meta"]["two\nlines"]["count"], "1", "{meta}");
    assert_eq!(meta["meta"][long]["newest_timestamp"], "5");
}

#[tokio::test]
async fn what_is_no_envelope_goes_alone() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    let sent = |request: Vec<u8>| {
        let node = node.clone();
        async move {
            let call = grpc::unary(
                &node,
                service::CACHE_SEND,
                &request,
                HeaderMap::new(),
                1 << 20,
            );
            within("an answer", call).await
        }
    };
    // What ends the process of the original.
    assert!(sent(SendRequest::default().encode_to_vec()).await.is_ok());
    let request = |envelopes: Bytes| {
        SendRequest {
            envelopes,
            local_only: false,
        }
        .encode_to_vec()
    };
    let good = log("mixed", "good").encode_to_vec();
    let none = raw_batch([good.clone(), vec![0xff; 9], good]);
    assert!(sent(request(none)).await.is_ok());
    assert!(sent(vec![0x0a, 0x7f]).await.is_err());
    let without_message = v2::Envelope {
        source_id: "mixed".into(),
        timestamp: 7,
        ..v2::Envelope::default()
    };
    assert!(sent(request(batch(&[without_message]))).await.is_ok());
    assert_eq!(
        lines(&node, "mixed").await.expect("an answer"),
        ["", "good", "good"]
    );
    let filtered = "/api/v1/read/mixed?envelope_types=LOG";
    assert_eq!(payloads(&page(&system, filtered).await), ["good", "good"]);
    let metrics = system.metrics().await;
    assert!(http::sum(&metrics, "logweir_log_cache_malformed", &[]) >= 1.0);
    let called = Producer::open_at(&node, "/logcache.v1.Orchestration/ListRanges");
    let status = called.finish().await.expect_err("unknown");
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn pages_go_on_past_a_thousand_also_within_a_timestamp() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    let mut all = numbered("paged", 0..1200);
    // Half of them have the same timestamp; the clock goes back for the rest.
    for line in &mut all[600..] {
        line.timestamp = 1_790_000_000_000_000_600;
    }
    for some in all.rchunks(100) {
        send(&node, some, false).await;
    }
    for direction in ["false", "true"] {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/search/paged?limit=100&descending={direction}{after}");
            let answer = page(&system, &path).await;
            found.extend(payloads(&answer));
            match answer["next"].as_str().expect("text") {
                "" => break,
                next => after = format!("&after={next}"),
            }
        }
        assert_eq!(found.len(), 1200);
        assert_eq!(
            found.iter().collect::<HashSet<_>>().len(),
            1200,
            "none comes twice"
        );
        if direction == "true" {
            found.reverse();
        }
        let expected: Vec<_> = (0..600).map(|number| format!("line {number}")).collect();
        assert_eq!(found[..600], expected, "in the order of time");
    }
    let plain = page(&system, "/api/v1/read/paged?limit=601").await;
    assert!(payloads(&plain).len() >= 601, "a timestamp is not divided");
}

#[tokio::test]
async fn logs_are_searched_by_text_and_by_expressions() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    let words = [
        "GET /a.b 200",
        "GET /axb 500",
        "POST /c 503",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    ];
    let said: Vec<_> = (0..)
        .zip(words)
        .map(|(at, word)| v2::Envelope {
            timestamp: 10 + at,
            ..log("web", word)
        })
        .collect();
    send(&node, &said, false).await;
    for (query, found) in [
        ("text=a.b", &words[..1]),
        ("pattern=a.b", &words[..2]),
        ("pattern=5%5Cd%5Cd%24", &words[1..3]),
        ("pattern=^post&limit=1", &[]),
        ("pattern=(?i)^post&limit=1", &words[2..3]),
        // Takes an age where expressions are tried out.
        ("pattern=^(a%2B)%2B%24", &[]),
        ("pattern=5&end_time=12", &words[1..2]),
    ] {
        let answer = page(&system, &format!("/api/v1/search/web?{query}")).await;
        assert_eq!(payloads(&answer), found, "{query}");
        assert_eq!(answer["next"], "", "{query}");
    }
}

#[tokio::test]
async fn following_has_no_gap_and_nothing_twice() {
    let system = System::start().await;
    let ingress = Producer::open(&system.dial("ingress").await);
    let node = system.dial("grpc").await;
    const LAST: i64 = 4000;
    let producing = async {
        for start in (0..=LAST).step_by(10) {
            let some = numbered("busy", start..start + 10);
            // By both ways in: past the exchange and through it.
            match start % 100 {
                0 => send(&node, &some, false).await,
                _ => ingress.send(&batch(&some)).await,
            }
        }
    };
    let follow = async |history: usize| {
        // Wait for some to be there.
        eventually("lines come", async || {
            let meta = page(&system, "/api/v1/meta").await;
            meta["meta"]["busy"]["count"].as_str().and_then(|count| {
                (count.parse::<usize>().expect("a number") > history).then_some(())
            })
        })
        .await;
        let mut stream = Followed::open(&system, &format!("busy?history={history}")).await;
        let mut numbers: Vec<i64> = Vec::new();
        let first = loop {
            let lines = stream.next().await;
            let number = |line: &String| line.trim_start_matches("line ").parse::<i64>();
            numbers.extend(lines.iter().map(|line| number(line).expect("a number")));
            // By two ways they may overtake each other.
            let least = *numbers.iter().min().expect("some");
            if i64::try_from(numbers.len()) == Ok(LAST + 10 - least) {
                break numbers[0];
            }
        };
        numbers.sort_unstable();
        let least = numbers[0];
        assert!(first - least < 200, "history comes first: {first}, {least}");
        let gap = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]);
        assert_eq!(gap, None, "with {history} of history");
        assert_eq!(numbers.last(), Some(&(LAST + 9)));
        least
    };
    // Much more than may be overtaken, so that what came before is before in number too.
    let (_, first, second) = tokio::join!(producing, follow(500), follow(1000));
    assert!(first > 0 && second > 0, "history is what was asked for");
}

#[tokio::test]
async fn following_can_look_for_something() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    let say = async |from, to| send(&node, &numbered("app", from..to), false).await;
    say(0, 20).await;
    let mut stream = Followed::open(&system, "app?history=2&pattern=5%24").await;
    assert_eq!(stream.next().await, ["line 5", "line 15"]);
    say(20, 30).await;
    assert_eq!(stream.next().await, ["line 25"]);
    let none = Followed::open(&system, "app?history=5&envelope_types=GAUGE").await;
    drop(none);
}

#[tokio::test]
async fn a_hundred_thousand_sources_keep_to_their_room() {
    let room = 16 << 20;
    let system = System::start_with(&format!("[log_cache.store]\nbytes = {room}\n")).await;
    let node = system.dial("grpc").await;
    for start in (0..100_000).step_by(1000) {
        let some: Vec<_> = (start..start + 1000)
            .map(|number| log(&format!("source-{number}"), "hello"))
            .collect();
        send(&node, &some, false).await;
    }
    let metrics = system.metrics().await;
    let used = http::sum(&metrics, "log_cache_heap_in_use_memory", &[]);
    assert!(used > 0.0 && used <= f64::from(room), "{used}");
    let kept = http::sum(&metrics, "log_cache_store_size", &[]);
    let gone = http::sum(&metrics, "log_cache_expired", &[]);
    // With what the process says of itself.
    assert!(kept + gone >= 100_000.0, "{kept} are kept");
    assert_eq!(
        lines(&node, "source-99999").await.expect("an answer"),
        ["hello"]
    );
}

#[tokio::test]
async fn one_timestamp_of_many_does_not_make_a_page_of_all() {
    let system = System::start().await;
    let node = system.dial("grpc").await;
    for _ in 0..20 {
        let some: Vec<_> = (0..1000)
            .map(|number| log("coarse", format!("{number}")))
            .collect();
        send(&node, &some, false).await;
    }
    let meta = page(&system, "/api/v1/meta").await;
    assert_eq!(meta["meta"]["coarse"]["count"], "20000");
    for direction in ["true", "false"] {
        let path = format!("/api/v1/read/coarse?limit=10&descending={direction}");
        let found = payloads(&page(&system, &path).await).len();
        assert!((10..=4010).contains(&found), "{found}");
    }
}
