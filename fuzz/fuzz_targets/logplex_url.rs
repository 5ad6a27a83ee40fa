//! Any text is refused or makes a channel's drain whose requests can be written down, which
//! shows neither its user nor its query, and which is the same drain when it is read again from
//! what the API gives back.

#![no_main]

use http::{HeaderValue, uri::PathAndQuery};
use libfuzzer_sys::fuzz_target;
use logweir_drain::logplex_url::check;

fuzz_target!(|text: &str| {
    let url = match check(text) {
        Ok(url) => url,
        Err(why) => {
            drop(why.to_string());
            return;
        }
    };
    assert!(url.port() > 0);
    let again = check(url.reveal()).expect("a URL that was taken before");
    assert_eq!(again, url);
    assert_eq!(again.reveal(), url.reveal());
    assert_eq!(again.anonymous(), url.anonymous());
    let target = url.request_target().reveal();
    assert!(target.starts_with('/') && !target.contains('#'));
    if url.transport().is_http() {
        PathAndQuery::try_from(target).expect("a request target");
        HeaderValue::try_from(url.host_header()).expect("a host header");
    }
    if let Some(authorization) = url.authorization() {
        HeaderValue::try_from(authorization.reveal()).expect("an authorization header");
    }
    let shown = url.anonymous().replacen("xxx:yyy@", "", 1);
    assert!(!shown.contains(['?', '@', '#']));
});
