use http::Request;

use super::*;

fn noted(uri: &str, headers: &[(&str, &[u8])]) -> String {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(Peer {
        addr: ([192, 0, 2, 7], 4711).into(),
        names: Vec::new(),
    });
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500_000_000_123);
    let product = "loggregator_trafficcontroller";
    line(&request, now, product, ([10, 0, 0, 1], 8081).into())
}

#[test]
fn a_line_has_the_form_of_the_reference() {
    let uri = "/firehose/x?filter-type=logs";
    assert_eq!(
        noted(uri, &[("x-vcap-request-id", b"id-1")]),
        "CEF:0|cloud_foundry|loggregator_trafficcontroller|1.0|GET \
         /firehose/x?filter-type=logs|GET /firehose/x?filter-type=logs|0|rt=1500000000123 \
         cs1Label=userAuthenticationMechanism cs1=oauth-access-token cs2Label=vcapRequestId \
         cs2=id-1 request=/firehose/x?filter-type\\=logs requestMethod=GET src=192.0.2.7 \
         spt=4711 dst=10.0.0.1 dpt=8081\n"
    );
}

#[test]
fn nothing_that_a_client_sends_ends_a_line_or_forges_a_field() {
    let line = noted(
        "/apps/%0ACEF:0|x/stream?a|b=c%0d%0A",
        &[
            ("x-vcap-request-id", b"1 dst=6.6.6.6\\ \xff"),
            ("x-forwarded-for", b"1.2.3.4 spt=9 x=\tz, 5.6.7.8"),
        ],
    );
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    assert!(line.ends_with('\n') && !line.contains('\r'), "{line}");
    // The bars of one event's head. In an extension a bar is a letter like others.
    let (head, extension) = line.split_once("|0|rt=").unwrap();
    assert_eq!(head.replace("\\|", "").matches('|').count(), 5, "{line}");
    assert!(
        head.ends_with("|GET /apps/%0ACEF:0\\|x/stream?a\\|b=c%0d%0A"),
        "{line}"
    );
    assert!(
        extension.contains(" cs2=1 dst\\=6.6.6.6\\\\ %FF request="),
        "{line}"
    );
    assert!(
        extension.contains(" src=1.2.3.4 spt\\=9 x\\=%09z spt= dst=10.0.0.1 "),
        "{line}"
    );
}

#[test]
fn the_client_is_the_first_of_those_who_are_forwarded() {
    let peer = Some(([192, 0, 2, 7], 4711).into());
    let origin = |forwarded: &str| {
        let (address, port) = super::origin(forwarded.as_bytes(), peer);
        format!("{address} {port}")
    };
    assert_eq!(origin(""), "192.0.2.7 4711");
    assert_eq!(origin("198.51.100.1, 10.0.0.9"), "198.51.100.1 ");
    assert_eq!(origin("198.51.100.1:99"), "198.51.100.1 99");
    assert_eq!(origin("2001:db8::1"), "2001:db8::1 ");
    assert_eq!(origin("[2001:db8::1]:443"), "2001:db8::1 443");
    assert_eq!(origin("unknown"), "unknown ");
}

#[test]
fn secrets_in_the_query_are_left_out() {
    let line = noted("/tail/?app=x&authorization=bearer%20abc", &[]);
    assert!(!line.contains("abc"), "{line}");
}
