use super::*;

fn sent(status: u16, location: Option<&str>) -> Option<String> {
    let mut answer = Response::builder().status(status);
    if let Some(location) = location {
        answer = answer.header(LOCATION, location);
    }
    let answer = answer.body(Bytes::new()).expect("an answer");
    elsewhere("http://127.0.0.1:9100/metrics", &answer)
}

#[test]
fn redirects_stay_on_the_server() {
    for (location, to) in [
        ("/metrics/", Some("http://127.0.0.1:9100/metrics/")),
        ("all?x=1", Some("http://127.0.0.1:9100/all?x=1")),
        ("http://127.0.0.1:9100/b", Some("http://127.0.0.1:9100/b")),
        ("http://127.0.0.1:9101/b", None),
        ("https://127.0.0.1:9100/b", None),
        ("//elsewhere/b", None),
        ("http://[", None),
    ] {
        assert_eq!(sent(302, Some(location)).as_deref(), to, "{location}");
    }
    assert_eq!(sent(302, None), None);
    assert_eq!(sent(200, Some("/metrics/")), None);
}
