#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use http::uri::PathAndQuery;
use proptest::prelude::*;

use super::*;
use crate::filter::SourceTypes;

fn parse(text: &str) -> Result<DrainUrl, UrlError> {
    DrainUrl::parse(text, &UrlDefaults::default())
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn ports_that_are_not_written() {
    for (text, port) in [
        ("syslog://h:514", 514),
        ("syslog-tls://h", 6514),
        ("syslog-tls://h:", 6514),
        ("syslog-udp://h", 514),
        ("https://h", 443),
        ("https-batch://h:8443/x", 8443),
        ("HTTPS://h", 443),
    ] {
        assert_eq!(parse(text).unwrap().port(), port, "{text}");
    }
    assert_eq!(
        refused("syslog://h/x?token=1"),
        "No port found in syslog drain url syslog://h/~b3d1db31"
    );
    for text in [
        "syslog://h:0",
        "syslog://h:65536",
        "syslog://h:+1",
        "https://h:1:2",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn hosts() {
    let host = |text| parse(text).unwrap().host().clone();
    assert_eq!(
        host("syslog://[2001:db8::1]:514"),
        Host::Ip("2001:db8::1".parse().unwrap())
    );
    assert_eq!(
        host("syslog://10.0.0.1:514"),
        Host::Ip("10.0.0.1".parse().unwrap())
    );
    assert_eq!(
        host("https://Logs.Example.COM/"),
        Host::Name("logs.example.com".into())
    );
    assert_eq!(parse("https://[::1]:1/").unwrap().host_header(), "[::1]:1");
    assert_eq!(
        parse("https://H.example").unwrap().host_header(),
        "h.example"
    );
    for text in [
        "syslog://[::1:514",
        "syslog://[::1]514",
        "https://[fe80::1%25eth0]/",
        "https://[h]/",
    ] {
        assert_eq!(refused(text), "Cannot parse syslog drain URL.", "{text}");
    }
}

#[test]
fn refusals_in_the_words_of_the_peers() {
    for (text, told) in [
        ("://x", "Cannot parse syslog drain URL."),
        (" https://h", "Cannot parse syslog drain URL."),
        ("https://h/%zz", "Cannot parse syslog drain URL."),
        ("https://a b/", "Cannot parse syslog drain URL."),
        ("https://us er@h/", "Cannot parse syslog drain URL."),
        (
            "http://user:secret@h:80/?token=1",
            "Invalid Scheme http for syslog drain url http://h:80/",
        ),
        (
            "syslog+tls://h:1",
            "Invalid Scheme syslog+tls for syslog drain url syslog+tls://h:1",
        ),
        ("", "Invalid Scheme  for syslog drain url "),
        (
            "not a url",
            "Invalid Scheme  for syslog drain url /~d8b5bf9b",
        ),
        ("syslog://", "No hostname found in syslog drain url syslog:"),
        (
            "syslog://:514/",
            "No hostname found in syslog drain url syslog://:514/",
        ),
        (
            "syslog:h:514",
            "No hostname found in syslog drain url syslog:",
        ),
        (
            "https://h?include-log-types=app&exclude-source-types=rtr",
            "include-log-types and exclude-log-types cannot be used at the same time in syslog \
             drain url https://h",
        ),
        (
            "https://h?exclude-log-types=app,,x",
            "Unknown source types ', x' in source type filter in syslog drain url https://h",
        ),
    ] {
        assert_eq!(refused(text), told, "{text}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let text = "https-batch://admin:sesame@h:8443/v1/token-in-path?key=in-query\
                &logweir-header=x-key:in-header#fragment";
    let url = parse(text).unwrap();
    let shown = format!("{url} {url:?} {:?}", url.params());
    assert!(shown.starts_with("https-batch://h:8443/~"), "{shown}");
    for secret in ["admin", "sesame", "token", "in-", "fragment"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let other = parse("https-batch://h:8443/v1/other").unwrap();
    assert_ne!(url.anonymous(), other.anonymous());
    assert_eq!(url.reveal(), text);
}

#[test]
fn filters_in_every_spelling() {
    for (query, wanted, not) in [
        ("include-log-types=app,RTR", "APP/PROC/WEB", "SSH"),
        ("include-log-source-types=App%2cRtr", "RTR", "STG"),
        ("include-source-types=app", "APP", "RTR"),
        ("exclude-log-types=rtr,cell", "APP", "RTR"),
        ("exclude-log-source-types=rtr", "unheard-of", "RTR/1"),
        (
            "exclude-source-types=health,proxy,sys,stats",
            "APP",
            "HEALTH",
        ),
        ("include-log-types=", "APP", ""),
    ] {
        let url = parse(&format!("https://h?{query}")).unwrap();
        let types = url.params().types;
        assert!(types.wants(Some(wanted)), "{query}");
        assert!(not.is_empty() || !types.wants(Some(not)), "{query}");
    }
    let empty = parse("https://h?include-log-types=&exclude-log-types=").unwrap();
    assert_eq!(empty.params().types, SourceTypes::Every);
}

#[test]
fn our_own_parameters_are_not_sent() {
    let url = parse(
        "https-batch://h/services/collector/raw?a=b&logweir-gzip=true&c\
         &logweir-header=Authorization:%20Splunk%20abc&logweir-header=X-Two:2&&d=e",
    );
    let url = url.unwrap();
    assert!(url.params().gzip);
    let headers: Vec<_> = url
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(headers, [("authorization", "Splunk abc"), ("x-two", "2")]);
    assert!(url.headers().iter().all(|(_, value)| value.is_sensitive()));
    assert_eq!(
        url.request_target().reveal(),
        "/services/collector/raw?a=b&c&&d=e"
    );
    let url = parse("https://h?logweir-gzip=1&drain-data=all").unwrap();
    assert!(!url.params().gzip);
    assert_eq!(url.request_target().reveal(), "/?drain-data=all");

    for header in [
        "Host:%20x",
        "content-length:1",
        "x",
        "a%0ab:1",
        "a:b%0d%0ac",
        ":x",
    ] {
        let told = refused(&format!("https://h?logweir-header={header}"));
        assert!(told.starts_with("Invalid header"), "{told}");
    }
    // What has no colon may be a token that was put in the wrong place.
    assert_eq!(
        refused("https://h?logweir-header=Splunk%20secret"),
        "Invalid header  for syslog drain url https://h"
    );
}

#[test]
fn request_targets() {
    for (rest, target) in [
        ("", "/"),
        ("/", "/"),
        ("?x=1", "/?x=1"),
        ("/drain/a%20b?x=1&y=%C3%BC", "/drain/a%20b?x=1&y=%C3%BC"),
        ("/a/../b//c/./d", "/b/c/d"),
        ("/a//b/../c%2cd", "/a/c,d"),
        ("/a%2Fb", "/a/b"),
        ("/ü?q=ü b", "/%C3%BC?q=%C3%BC%20b"),
        ("/a+b?q=a+b%20c", "/a+b?q=a+b%20c"),
        ("/../../x", "/x"),
        ("/x/..", "/"),
        ("/x/y/..", "/x/"),
        ("/x/y/", "/x/y/"),
        ("/a?", "/a"),
    ] {
        let url = parse(&format!("https://h{rest}")).unwrap();
        assert_eq!(url.request_target().reveal(), target, "{rest}");
    }
}

#[test]
fn users_become_credentials_as_at_the_peers() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    for (user, sent) in [
        ("user:p%40ss%3aw", Some("user:p%40ss%3Aw")),
        ("user", Some("user:")),
        ("user:", Some("user:")),
        (":pw", None),
        ("user:a:b", Some("user:a%3Ab")),
        ("u%24er:$&+,;=!", Some("u$er:$&+,;=%21")),
    ] {
        let sent = sent.map(|pair| format!("Basic {}", BASE64_STANDARD.encode(pair)));
        let url = parse(&format!("https://{user}@h/")).unwrap();
        let own = url.authorization().map(|value| value.reveal().to_owned());
        assert_eq!(own, sent, "{user}");
    }
    let url = parse("https://user:p%40ss%3aw@h/?logweir-decode-user=true").unwrap();
    let expected = format!("Basic {}", BASE64_STANDARD.encode("user:p@ss:w"));
    assert_eq!(url.authorization().unwrap().reveal(), expected);
}

proptest! {
    #[test]
    fn any_text_is_refused_or_makes_a_request(text in "(https|https-batch)://(u:p@)?h[ -~ü]{0,40}") {
        if let Ok(url) = parse(&text) {
            let target = url.request_target();
            prop_assert!(target.reveal().starts_with('/'));
            prop_assert!(PathAndQuery::try_from(target.reveal()).is_ok(), "{}", target.reveal());
            prop_assert!(http::HeaderValue::try_from(url.host_header()).is_ok());
            prop_assert_eq!(parse(&text), Ok(url));
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}") {
        let _ = (parse(&text), params(&text, &UrlDefaults { metadata: false }));
    }
}
