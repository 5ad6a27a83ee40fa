#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use super::*;

const PAGE: &str = r#"{"results":[
  {"url":"syslog-tls://h:6514?drain-data=all","credentials":[
    {"cert":"C","key":"K","ca":"","apps":[{"hostname":"o.s.a","app_id":"one"}]},
    {"cert":"","key":"","ca":"","apps":[{"hostname":"o.s.b","app_id":"two"},{"hostname":"o.s.c","app_id":"three"}]}]},
  {"url":"https://h","credentials":null,"unknown":7}],
 "next_id":1000}"#;

#[test]
fn a_page_of_today_is_read_and_written() {
    let page = page(PAGE.as_bytes()).unwrap();
    assert_eq!(page.next, Some(1000));
    assert_eq!(page.bindings.len(), 2);
    assert_eq!(page.bindings[0].credentials[0].pem.key.reveal(), "K");
    assert_eq!(page.bindings[0].credentials[1].apps[1].app_id, "three");
    assert!(page.bindings[1].credentials.is_empty());

    let json = serde_json::to_string(&page.bindings).unwrap();
    assert_eq!(
        json,
        "[{\"url\":\"syslog-tls://h:6514?drain-data=all\",\"credentials\":[\
         {\"cert\":\"C\",\"key\":\"K\",\"ca\":\"\",\"apps\":[{\"hostname\":\"o.s.a\",\"app_id\":\"one\"}]},\
         {\"cert\":\"\",\"key\":\"\",\"ca\":\"\",\"apps\":[{\"hostname\":\"o.s.b\",\"app_id\":\"two\"},\
         {\"hostname\":\"o.s.c\",\"app_id\":\"three\"}]}]},\
         {\"url\":\"https://h\",\"credentials\":[]}]"
    );
    assert_eq!(bindings(json.as_bytes()).unwrap(), page.bindings);
}

#[test]
fn the_last_page_has_no_next() {
    for json in [
        r#"{"results":[],"next_id":null}"#,
        r#"{"results":[],"next_id":0}"#,
        r#"{"results":null}"#,
        "{}",
    ] {
        assert_eq!(page(json.as_bytes()).unwrap(), Page::default(), "{json}");
    }
}

#[test]
fn a_page_of_v4_is_grouped_by_url() {
    let json = r#"{"results":{
      "one":{"drains":["syslog://a:1","https://b"],"hostname":"o.s.a"},
      "two":{"drains":["syslog://a:1"],"hostname":"o.s.b","credentials":[{"cert":"C","key":"K"}]}},
      "next_id":50}"#;
    let page = page(json.as_bytes()).unwrap();
    assert_eq!(page.next, Some(50));
    let urls: Vec<_> = page
        .bindings
        .iter()
        .map(|binding| binding.url.reveal())
        .collect();
    assert_eq!(urls, ["https://b", "syslog://a:1"]);
    let apps = |at: usize| -> Vec<_> {
        let credentials = page.bindings[at].credentials.iter();
        credentials
            .map(|one| (one.pem.cert.reveal(), one.apps[0].app_id.as_str()))
            .collect()
    };
    assert_eq!(apps(0), [("", "one")]);
    assert_eq!(apps(1), [("", "one"), ("C", "two")]);
}

#[test]
fn the_legacy_lists_go_both_ways() {
    let page = page(PAGE.as_bytes()).unwrap();
    let list = legacy::of_bindings(&page.bindings);
    let json = serde_json::to_string(&list).unwrap();
    // The drain with a client certificate cannot be used without it.
    assert_eq!(
        json,
        "[{\"app_id\":\"three\",\"drains\":[\"syslog-tls://h:6514?drain-data=all\"],\
         \"hostname\":\"o.s.c\",\"v2_available\":true},\
         {\"app_id\":\"two\",\"drains\":[\"syslog-tls://h:6514?drain-data=all\"],\
         \"hostname\":\"o.s.b\",\"v2_available\":true}]"
    );
    let read = bindings(json.as_bytes()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].credentials[0].apps.len(), 2);

    let aggregate = legacy::of_aggregate(&[Binding {
        url: "syslog://all:1".to_owned().into(),
        ..Binding::default()
    }]);
    let json = serde_json::to_string(&aggregate).unwrap();
    let read = bindings(json.as_bytes()).unwrap();
    assert_eq!(read[0].url.reveal(), "syslog://all:1");
    assert!(read[0].credentials[0].apps.is_empty());
}

#[test]
fn what_go_writes_for_nothing_is_read() {
    assert_eq!(bindings(b"null").unwrap(), []);
    assert_eq!(bindings(b"[]\n").unwrap(), []);
    let aggregate =
        br#"[{"url":"syslog://a:1","credentials":[{"cert":"","key":"","ca":"","apps":null}]}]"#;
    assert_eq!(bindings(aggregate).unwrap()[0].credentials.len(), 1);
}

#[test]
fn headers_are_read_where_they_may_stand() {
    let json = br#"[{"url":"https://h","headers":{"a":"1"},
        "credentials":[{"apps":[],"headers":{"b":"2"}}]}]"#;
    let read = bindings(json).unwrap();
    assert_eq!(read[0].headers["a"].reveal(), "1");
    assert_eq!(read[0].credentials[0].headers["b"].reveal(), "2");
}

#[test]
fn errors_and_debug_show_no_secret() {
    let text = r#"[{"url":"https://u:sesame@h","credentials":[{"key":"sesame","apps":"sesame"}]}]"#;
    let error = bindings(text.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("not a list of bindings"), "{error}");
    assert!(!error.contains("sesame"), "{error}");
    let page = page(PAGE.as_bytes()).unwrap();
    let shown = format!("{page:?}");
    assert!(
        !shown.contains("6514") && !shown.contains("\"K\""),
        "{shown}"
    );
    let yaml = aggregate_yaml("- url: sesame\n  key: [sesame]\n").unwrap_err();
    let yaml = format!("{yaml} {yaml:?}");
    assert!(
        yaml.contains("line 2") && !yaml.contains("sesame"),
        "{yaml}"
    );
}

#[test]
fn a_file_of_aggregate_drains_is_yaml() {
    let yaml = "---\n- url: syslog-tls://log-cache:6067?include-metrics-deprecated=true\n  \
                cert: |\n    CERT\n  key: KEY\n  CA: ROOT\n- url: \"syslog://b:1\"\n  cert: null\n";
    let read = aggregate_yaml(yaml).unwrap();
    assert_eq!(read.len(), 2);
    let pem = &read[0].credentials[0].pem;
    assert_eq!(
        (pem.cert.reveal(), pem.key.reveal(), pem.ca.reveal()),
        ("CERT\n", "KEY", "ROOT")
    );
    assert_eq!(read[1].url.reveal(), "syslog://b:1");
    for empty in ["", "---\n", "[]", "~"] {
        assert_eq!(aggregate_yaml(empty).unwrap(), [], "{empty:?}");
    }
    assert!(aggregate_yaml("url: x").is_err());
}
