#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use proptest::prelude::*;

use super::*;

fn why(text: &str) -> String {
    check(text).unwrap_err().to_string()
}

#[test]
fn schemes_and_ports() {
    for (text, transport, port, shown) in [
        ("syslog://h", Transport::Tcp, 601, "syslog://h:601"),
        ("syslog://h:514/", Transport::Tcp, 514, "syslog://h:514/"),
        ("tcpsyslog://h", Transport::Tcp, 601, "tcpsyslog://h:601"),
        ("syslog+tcp://h", Transport::Tcp, 601, "syslog+tcp://h:601"),
        (
            "syslog+tls://h#insecure",
            Transport::Tls,
            6514,
            "syslog+tls://h:6514#insecure",
        ),
        ("udpsyslog://h:", Transport::Udp, 514, "udpsyslog://h:514"),
        (
            "syslog+udp://[::1]",
            Transport::Udp,
            514,
            "syslog+udp://[::1]:514",
        ),
        ("http://h", Transport::Http, 80, "http://h"),
        ("https://h/a?b=c", Transport::Https, 443, "https://h/a?b=c"),
        // What cannot be read is left out.
        ("http://h/a b", Transport::Http, 80, "http://h/a"),
        (" https://h/ \n", Transport::Https, 443, "https://h/"),
    ] {
        let url = check(text).unwrap();
        assert_eq!((url.transport(), url.port()), (transport, port), "{text}");
        assert_eq!(url.reveal(), shown);
    }
    assert!(check("syslog+tls://h#insecure").unwrap().insecure());
    assert!(!check("syslog+tls://h#secure").unwrap().insecure());
}

#[test]
fn reasons_are_the_peers() {
    for (text, reason) in [
        ("i am not a url", "invalid_uri"),
        ("", "invalid_uri"),
        ("1http://h", "invalid_uri"),
        ("ftp://x", "{unknown_scheme,\"ftp\"}"),
        ("HTTP://h", "{unknown_scheme,\"HTTP\"}"),
        ("http://", "invalid_http_uri"),
        ("http:///path", "invalid_http_uri"),
        ("https:h", "invalid_http_uri"),
        ("https://h i/", "invalid_http_uri"),
        ("https://h:0", "invalid_http_uri"),
        ("https://é/", "invalid_http_uri"),
        ("syslog://h:65536", "invalid_tcpsyslog_uri"),
        ("syslog://", "invalid_tcpsyslog_uri"),
        ("syslog+tls://:1", "invalid_tlssyslog_uri"),
        ("udpsyslog://", "invalid_udpsyslog_uri"),
        ("syslog+udp://[::1", "invalid_udpsyslog_uri"),
    ] {
        assert_eq!(why(text), reason, "{text}");
    }
}

#[test]
fn one_place_written_in_two_ways_is_one_drain() {
    let same = |a, b| check(a).unwrap() == check(b).unwrap();
    assert!(same("syslog://h", "syslog://H:601"));
    assert!(same("syslog://h", "tcpsyslog://h"));
    assert!(same("https://h", "https://h:443/"));
    assert!(!same("https://h", "http://h:443"));
    assert!(!same("https://h/?a", "https://h/?b"));
    assert!(!same("https://u:a@h/", "https://u:b@h/"));
    assert!(!same("syslog+tls://h", "syslog+tls://h#insecure"));
}

#[test]
fn requests() {
    let target = |text| check(text).unwrap().request_target().reveal().to_owned();
    assert_eq!(target("http://h"), "/");
    assert_eq!(target("http://h?a=b#c"), "/?a=b");
    assert_eq!(
        target("http://h/a%20/../b//?x=%2F&y"),
        "/a%20/../b//?x=%2F&y"
    );
    assert_eq!(target("http://h/a?logweir-spool=true"), "/a");
    assert_eq!(target("http://h?a&logweir-spool=true&b"), "/?a&b");
    assert!(check("syslog://h?logweir-spool=true").unwrap().spools());
    let host = |text| check(text).unwrap().host_header();
    assert_eq!(host("https://h:443"), "h");
    assert_eq!(host("https://h:80"), "h:80");
    assert_eq!(host("http://[::1]:8"), "[::1]:8");
}

#[test]
fn users() {
    let pair = |text| {
        let header = check(text).unwrap().authorization()?;
        let coded = header.reveal().strip_prefix("Basic ").unwrap().to_owned();
        let bytes = BASE64_STANDARD.decode(coded).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    };
    assert_eq!(pair("http://user:pass@h/").unwrap(), "user:pass");
    assert_eq!(pair("http://user@h/").unwrap(), "user:");
    assert_eq!(pair("http://:pass@h/").unwrap(), ":pass");
    assert_eq!(pair("http://a::b@h/").unwrap(), "a::b");
    assert_eq!(pair("http://a%3A:b%20c@h/").unwrap(), "a::b c");
    assert_eq!(pair("http://h/"), None);
    assert_eq!(pair("http://@h/"), None);
}

#[test]
fn nothing_secret_is_shown() {
    let url = check("https://user:pass@h/token?key=1").unwrap();
    assert_eq!(url.to_string(), "https://xxx:yyy@h:443/~e3e4c05a");
    let shown = format!("{url:?}");
    for secret in ["user", "pass", "token", "key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = check(&text);
    }

    /// What the API gives back is taken again, and is the same drain.
    #[test]
    fn what_is_given_back_is_the_same_drain(
        text in "(syslog|syslog\\+tls|udpsyslog|https?)://([a-z]{1,3}(:[a-z]{0,2})?@)?[a-z0-9.]{1,8}(:[0-9]{0,5})?(/[a-z/ ]{0,4})?(\\?[a-z=]{0,3})?(#insecure)?"
    ) {
        if let Ok(url) = check(&text) {
            let again = check(url.reveal()).unwrap();
            prop_assert_eq!(&again, &url);
            prop_assert_eq!(again.reveal(), url.reveal());
        }
    }
}
