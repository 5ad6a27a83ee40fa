//! What bodies hold.

use logweir_blackbox::logplex::{Logplex, frames, request};

use super::{STRICT, TYPE, five, five_shown, gzip, message, one_channel, shown};

#[tokio::test]
async fn b063_five_frames_with_structured_data() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let line =
        |n| format!("<134>1 2012-12-10T03:00:48Z h {token} web.{n} - [a b=\"c\\]\"][d] line {n}\n");
    let body = frames((1..=5).map(line));
    let headers = [("Authorization", &*who), TYPE];
    let answer = request(&logplex.input, "POST", "/logs/", &headers, body.as_bytes()).await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let expected: Vec<_> = (1..=5)
        .map(|n| format!("2012-12-10T03:00:48Z app[web.{n}]: line {n}"))
        .collect();
    assert_eq!(logplex.lines_once(&channel, 5).await, expected);
}

#[tokio::test]
async fn b064_gzip_and_b074_chunks() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let packed = gzip(frames(five(&token)).as_bytes());
    let more = [("Content-Encoding", "gzip"), ("Logplex-Msg-Count", "5")];
    let answer = logplex.post_as(&who, &more, &packed).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&channel, 5).await, five_shown("app"));

    let body = frames(five(&token));
    let mut chunks = Vec::new();
    for part in body.as_bytes().chunks(100) {
        chunks.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        chunks.extend_from_slice(part);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let more = [("Transfer-Encoding", "chunked")];
    let answer = logplex.post_as(&who, &more, &chunks).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(logplex.lines_once(&channel, 10).await.len(), 10);
}

#[tokio::test]
async fn b066_b067_b068_what_the_strict_refuse() {
    let logplex = Logplex::in_run(STRICT).await;
    let (channel, token, who) = one_channel(&logplex).await;
    let good = frames([message(&token, "kept")]);
    let long = |length: usize| {
        let head = message(&token, "");
        frames([format!("{head}{}", "x".repeat(length - head.len()))])
    };
    let mismatch = "Message count mismatch";
    let malformed = "Malformed log messages";
    for (body, count, refused) in [
        (good.clone(), Some("1"), None),
        (good.clone(), None, None),
        (good.clone(), Some("2"), Some(mismatch)),
        (good.clone(), Some("one"), Some(mismatch)),
        (good.clone(), Some("-1"), Some(mismatch)),
        (good.clone() + " 1", Some("1"), None),
        (good.clone() + " 1\n", Some("1"), Some(malformed)),
        (good.clone() + "\n", Some("1"), Some(malformed)),
        ("\n".into(), None, Some(malformed)),
        (long(10_240), Some("1"), None),
        (long(10_241) + "\n", None, Some(malformed)),
        (format!("{good}0 x\n"), None, Some(malformed)),
        (format!("{good}999999999999 x\n"), None, Some(malformed)),
    ] {
        let more: Vec<_> = count
            .iter()
            .map(|count| ("Logplex-Msg-Count", *count))
            .collect();
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        match refused {
            None => assert_eq!((answer.status, &*answer.body), (204, ""), "{body:?}"),
            Some(text) => {
                assert_eq!((answer.status, &*answer.reason), (400, text), "{body:?}");
                assert_eq!(answer.body, text);
                assert_eq!(answer.header("content-type"), Some("text/plain"));
                let realm = Some("Basic realm=Logplex");
                assert_eq!(answer.header("www-authenticate"), realm);
            }
        }
    }
    let lines = logplex.lines_once(&channel, 4).await;
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[..3], vec![shown("app", "kept"); 3]);
}

#[tokio::test]
async fn one_bad_frame_loses_itself_and_not_its_batch() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, who) = one_channel(&logplex).await;
    let one = |content: &str| frames([message(&token, content)]);
    let head = message(&token, "");
    let long = format!("{head}{}", "x".repeat(12_000 - head.len()));
    for (body, count, kept) in [
        (one("a"), "2", vec!["a".to_owned()]),
        (one("b"), "many", vec!["b".into()]),
        (
            one("c") + "\n" + &one("d") + "\n",
            "2",
            vec!["c".into(), "d".into()],
        ),
        (
            one("e") + "junk\n" + &one("f"),
            "3",
            vec!["e".into(), "f".into()],
        ),
        (
            one("g") + "0 x\n99999999999 y\n" + &one("h"),
            "4",
            vec!["g".into(), "h".into()],
        ),
        // A line that is too long for Logplex keeps its start.
        (
            frames([&*long]) + &one("j"),
            "2",
            vec!["x".repeat(10_240 - head.len()), "j".into()],
        ),
        // The last frame is not all there.
        (one("k") + "100 <1", "2", vec!["k".into()]),
        // README's own example counts two bytes too few.
        (
            format!(
                "{} {}",
                message(&token, "l 1").len() - 2,
                message(&token, "l 1")
            ),
            "1",
            vec!["l".into()],
        ),
    ] {
        let before = logplex.lines(&channel).await.len();
        let more = [("Logplex-Msg-Count", count)];
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{body:?}");
        let lines = logplex.lines_once(&channel, before + kept.len()).await;
        let kept: Vec<_> = kept.iter().map(|content| shown("app", content)).collect();
        assert_eq!(lines[before..], kept, "{body:?}");
    }
    let malformed = ["outcome=\"malformed\""];
    logplex
        .metric_is("logweir_logplex_messages", &malformed, 3.0)
        .await;
    logplex
        .metric_is("logweir_logplex_oddities", &["what=\"cut\""], 1.0)
        .await;
    let mismatches = ["what=\"count_mismatch\""];
    logplex
        .metric_is("logweir_logplex_oddities", &mismatches, 5.0)
        .await;

    // Where nothing is a message, the sender is told.
    for (body, count, text) in [
        ("junk\n", None, "Malformed log messages"),
        ("119 <134>1 too short", Some("1"), "Message count mismatch"),
        ("", Some("1"), "Message count mismatch"),
    ] {
        let more: Vec<_> = count
            .iter()
            .map(|count| ("Logplex-Msg-Count", *count))
            .collect();
        let answer = logplex.post_as(&who, &more, body.as_bytes()).await;
        assert_eq!((answer.status, &*answer.reason), (400, text), "{body:?}");
    }
}

#[tokio::test]
async fn b091_b092_b094_what_comes_in_is_what_is_shown() {
    let logplex = Logplex::in_run("").await;
    let (channel, token, _) = one_channel(&logplex).await;
    let cases = [
        ("- Logsplat test message 1", "Logsplat test message 1"),
        ("- ", ""),
        ("[a b=\"c\\]\"] escaped", "escaped"),
        ("[a b=\"c\\] \"] and a space", "and a space"),
        ("[a b=\"c\"][d e=\"f\"] two", "two"),
        (
            "[a b=\"c\"][d e=\"\\]\"] two with an escape",
            "two with an escape",
        ),
        ("- \"q\" [b] a=1 => {x}", "\"q\" [b] a=1 => {x}"),
        // Logplex hides it.
        ("no structured data", "no structured data"),
        ("- \u{feff}bom", "\u{feff}bom"),
    ];
    let head = format!("<134>1 2012-12-10T03:00:48Z+00:00 erlang {token} console.1 - ");
    let messages = cases.map(|(rest, _)| format!("{head}{rest}"));
    logplex.post(&token, &messages).await;
    let expected =
        cases.map(|(_, content)| format!("2012-12-10T03:00:48Z+00:00 app[console.1]: {content}"));
    assert_eq!(logplex.lines_once(&channel, cases.len()).await, expected);
}
