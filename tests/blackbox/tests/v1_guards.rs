//! The cookie that browsers get, and the log of who asked for what.

use std::{fs, path::Path};

use logweir_blackbox::{events::APP, multipart::Answer, patience::eventually, system::System};
use nix::sys::signal::Signal;

/// `open sesame`, and its SHA-256.
const TOKENS: &str = "[[auth.tokens]]\nname = \"operator\"\nread = [\"*\"]\n\
    sha256 = \"41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb\"\n";

#[tokio::test]
async fn a_browser_reads_with_the_cookie_that_it_was_given() {
    let cookie = "[traffic_controller.cookie]\nsame_site = \"none\"\n";
    let system = System::start_with(&format!("{TOKENS}{cookie}")).await;
    let door = system.door("http");
    let form = "CookieName=authorization&CookieValue=bearer%2520open%2520sesame";
    let lines = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: https://a.example\r\n";
    let answer = Answer::ask(door, "POST /set-cookie", lines, form).await;
    assert_eq!(answer.status(), 200, "{}", answer.head);
    assert_eq!(
        answer.header("set-cookie").as_deref(),
        Some("authorization=bearer%20open%20sesame; HttpOnly; Secure; SameSite=None")
    );
    let origin = answer.header("access-control-allow-origin");
    assert_eq!(origin.as_deref(), Some("https://a.example"));
    let path = format!("/apps/{APP}/recentlogs");
    assert_eq!(Answer::get(door, &path, "").await.status(), 401);
    let pair = "Cookie: authorization=bearer%20open%20sesame\r\n";
    assert_eq!(Answer::get(door, &path, pair).await.status(), 200);
    let preflight = Answer::ask(door, "OPTIONS /set-cookie", lines, "").await;
    assert_eq!(preflight.status(), 204);
    // A form that is too long, or for another cookie.
    let long = format!("{form}{}", "x".repeat(5000));
    for form in [&long, "CookieName=session&CookieValue=x", "CookieName=%zz"] {
        let answer = Answer::ask(door, "POST /set-cookie", lines, form).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

/// The lines of a file once there are this many.
async fn lines(path: &Path, count: usize) -> Vec<String> {
    let what = format!("{count} lines in {}", path.display());
    eventually(&what, async || {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn each_request_is_one_line_of_the_security_log_whatever_it_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("security.log");
    let config = format!("[traffic_controller]\nsecurity_log = {log:?}\n");
    let system = System::start_with(&config).await;
    let door = system.door("http");
    let line = "CEF:0|cloud_foundry|loggregator_trafficcontroller|1.0|GET /x|GET /x|0|rt=1";
    let forged = format!("/apps/x%0A{}/stream?a|b=c", line.replace(' ', "%20"));
    let headers =
        "X-Vcap-Request-Id: 1 dst=6.6.6.6\\\r\nX-Forwarded-For: 198.51.100.7:99, 10.1.1.1\r\n";
    let requests: [(&str, &str); 5] = [
        (&forged, headers),
        ("/firehose/%0d%0A%00%ff", ""),
        ("/recent?app=x&authorization=bearer%20very%20secret", ""),
        ("/set-cookie", ""),
        // Answered with 301 to the clean path.
        ("//apps/./x/stream", ""),
    ];
    for (path, headers) in requests {
        Answer::get(door, path, headers).await;
    }
    let noted = lines(&log, 5).await;
    assert_eq!(noted.len(), 5, "{noted:#?}");
    for line in &noted {
        assert!(line.starts_with("CEF:0|cloud_foundry|"), "{line}");
        let (head, _) = line.split_once("|0|rt=").expect("the end of the head");
        assert_eq!(head.replace("\\|", "").matches('|').count(), 5, "{line}");
    }
    assert!(
        noted[0].contains(" cs2=1 dst\\=6.6.6.6\\\\ request=")
            && noted[0].contains(" src=198.51.100.7 spt=99 "),
        "{}",
        noted[0]
    );
    assert!(!noted[2].contains("secret"), "{}", noted[2]);
    assert!(noted[4].contains("|GET //apps/./x/stream|"), "{}", noted[4]);

    // Who rotates the file says so.
    let old = directory.path().join("security.log.1");
    fs::rename(&log, &old).expect("renamed");
    system.process.signal(Signal::SIGHUP);
    eventually("the file is opened again", async || {
        log.exists().then_some(())
    })
    .await;
    Answer::get(door, "/firehose/after", "").await;
    let noted = lines(&log, 1).await;
    assert!(noted[0].contains("/firehose/after"), "{}", noted[0]);
    assert_eq!(lines(&old, 5).await.len(), 5);
}

#[tokio::test]
async fn info_names_this_door_where_it_is_asked_to() {
    let system = System::start_with("[traffic_controller]\ninfo = true\n").await;
    let door = system.door("http");
    let answer = Answer::get(door, "/v2/info", "").await;
    assert_eq!(answer.status(), 200);
    let info: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(info["doppler_logging_endpoint"], format!("ws://{door}"));
    let system = System::start().await;
    for path in ["/v2/info", "/"] {
        let answer = Answer::get(system.door("http"), path, "").await;
        assert_eq!(answer.status(), 404, "{path}");
    }
}
