//! Any URL is refused or makes a drain whose requests can be written down, and which shows
//! neither its user nor its query.

#![no_main]

use http::{HeaderValue, uri::PathAndQuery};
use libfuzzer_sys::fuzz_target;
use logweir_drain::url::{DrainUrl, UrlDefaults, params};

fuzz_target!(|text: &str| {
    let defaults = UrlDefaults::default();
    let read = params(text, &defaults);
    let url = match DrainUrl::parse(text, &defaults) {
        Ok(url) => url,
        Err(error) => {
            drop(error.to_string());
            return;
        }
    };
    assert_eq!(read.as_ref(), Ok(url.params()));
    assert_eq!(DrainUrl::parse(text, &defaults).as_ref(), Ok(&url));
    assert!(url.port() > 0);
    let target = url.request_target();
    assert!(target.reveal().starts_with('/'));
    let target = PathAndQuery::try_from(target.reveal()).expect("a request target");
    let mut pairs = target.query().unwrap_or_default().split('&');
    assert!(pairs.all(|pair| pair != "logweir-gzip=true"));
    HeaderValue::try_from(url.host_header()).expect("a host header");
    if let Some(authorization) = url.authorization() {
        HeaderValue::try_from(authorization.reveal()).expect("an authorization header");
    }
    assert!(!url.anonymous().contains(['?', '@', '#']));
    // What is shown is a URL itself, and shows the same place.
    let shown = params(url.anonymous(), &defaults).expect("a URL");
    assert!(shown.filter().takes(logweir_proto::peek::Kind::Log));
});
