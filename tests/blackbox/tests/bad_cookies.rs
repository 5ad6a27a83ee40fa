//! Credentials with odd bytes: they open nothing, and harm nobody.

use logweir_blackbox::{system::System, websocket::WebSocket};

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
/// `open sesame`, and its SHA-256.
const TOKENS: &str = "[[auth.tokens]]\nname = \"operator\"\nread = [\"*\"]\n\
    sha256 = \"41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb\"\n";

/// The status of a request with these header lines.
async fn status(system: &System, path: &str, lines: &str) -> u16 {
    match WebSocket::open(system.door("http"), path, lines).await {
        Ok(_) => 101,
        Err(answer) => answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no HTTP: {answer}")),
    }
}

#[tokio::test]
async fn a_good_cookie_opens_whatever_is_around_it() {
    let system = System::start_with(TOKENS).await;
    for cookie in [
        "Cookie: authorization=bearer%20open%20sesame",
        "Cookie: authorization=bearer+open+sesame",
        "Cookie: authorization=\"bearer%20open%20sesame\"",
        "Cookie: a=b; authorization=bearer%20open%20sesame; c=d",
        "Cookie: a=b\r\nCookie: authorization=bearer%20open%20sesame",
        "Cookie: authorization=BEARER%20open%20sesame; authorization=wrong",
        "Cookie: broken; =; ==; \u{e9}=\u{e9}; authorization=bearer%20open%20sesame",
        "Authorization: \r\nCookie: authorization=bearer%20open%20sesame",
    ] {
        let lines = format!("{cookie}\r\n");
        for path in ["/firehose/x", &format!("/apps/{APP}/stream")] {
            assert_eq!(status(&system, path, &lines).await, 101, "{path} {cookie}");
        }
    }
}

#[tokio::test]
async fn nothing_else_opens() {
    let system = System::start_with(TOKENS).await;
    let long = format!("Cookie: authorization={}", "a".repeat(6000));
    for lines in [
        "",
        "Cookie:",
        "Cookie: authorization",
        "Cookie: authorization=",
        "Cookie: authorization=\"\"",
        "Cookie: authorization=%",
        "Cookie: authorization=%zz",
        "Cookie: authorization=bearer%20open%20sesame%",
        "Cookie: authorization=bearer%20open%20sesame%00",
        "Cookie: authorization=bearer%0d%0aX-Admin:%20yes",
        "Cookie: authorization=%ff%fe%00",
        "Cookie: authorization=\"bearer%20open%20sesame",
        "Cookie: Authorization=bearer%20open%20sesame",
        "Cookie: xauthorization=bearer%20open%20sesame",
        "Cookie: authorization=wrong; authorization=bearer%20open%20sesame",
        "Cookie: authorization=\u{e9}\u{2603}",
        "Authorization: bearer wrong\r\nCookie: authorization=bearer%20open%20sesame",
        "Authorization: bearer",
        "Authorization: bearer \u{e9}",
        "Authorization: Basic b3BlbjpzZXNhbWU=",
        &long,
    ] {
        let lines = match lines {
            "" => String::new(),
            lines => format!("{lines}\r\n"),
        };
        for path in ["/firehose/x", &format!("/apps/{APP}/stream")] {
            assert_eq!(status(&system, path, &lines).await, 401, "{path} {lines:?}");
        }
    }
    // Not even a question of ours gets through.
    let sesame = "Authorization: bearer open sesame\r\n";
    assert_eq!(status(&system, "/firehose/x", sesame).await, 101);
}

#[tokio::test]
async fn an_operator_reads_ids_that_are_no_guids() {
    let system = System::start_with(TOKENS).await;
    let sesame = "Authorization: bearer open sesame\r\n";
    for (path, expected) in [
        ("/apps/gorouter/stream", 101),
        ("/apps/%E2%98%83/stream", 101),
        ("/apps/a%2Fb/stream", 404),
        ("/apps//stream", 301),
        ("/apps/../stream", 301),
        ("/apps/x/stream/", 404),
        ("/apps/%zz/stream", 404),
        ("/apps/%ff/stream", 404),
    ] {
        assert_eq!(status(&system, path, sesame).await, expected, "{path}");
    }
    assert_eq!(status(&system, "/apps/gorouter/stream", "").await, 401);
}
