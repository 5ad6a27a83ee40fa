//! Names of apps, where envelopes lack them.

use std::path::Path;

use logweir_blackbox::{
    certificates::Authority,
    cloud::Cloud,
    drains::{Declared, config as declared, lost},
    envelopes::log,
    http,
    nozzles::{into_file, send, written},
    patience::eventually,
    syslog_sink::SyslogSink,
    system::System,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::has_written;

const SHOP: &str = "b3015d69-09cd-476d-aace-ad2d824d5ab7";
const CART: &str = "c3015d69-09cd-476d-aace-ad2d824d5ab7";

/// Envelopes by the name of their app, and those without.
fn by_app(path: &Path) -> Vec<(String, Option<String>)> {
    let all = written(path);
    let read = |one: &Value| {
        let source = one["source_id"].as_str().unwrap_or_default().to_owned();
        (source, one["tags"]["app_name"].as_str().map(str::to_owned))
    };
    all.iter().map(read).collect()
}

#[tokio::test]
async fn names_are_filled_in_and_an_api_that_fails_costs_but_the_names() {
    let authority = Authority::create();
    let cloud = Cloud::start(&authority).await;
    cloud.app(SHOP, "shop");
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("all.jsonl");
    let config = cloud.settings() + &into_file("all", &path, "");
    let system = System::start_with(&config).await;
    let mut named = log(SHOP, "has names");
    for name in ["app_name", "space_name", "organization_name"] {
        named.tags.insert(name.to_owned(), "own".to_owned());
    }
    let all = [log(SHOP, "1"), named, log("gorouter", "2"), log(CART, "3")];
    send(&system, &all).await;
    has_written(&system, "nozzle-all", 4).await;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        by_app(&path),
        [
            (SHOP.to_owned(), text("shop")),
            (SHOP.to_owned(), text("own")),
            ("gorouter".to_owned(), None),
            (CART.to_owned(), None),
        ]
    );
    let first = &written(&path)[0]["tags"];
    for (name, value) in [
        ("app_id", SHOP),
        ("space_id", "space-1"),
        ("space_name", "dev"),
        ("organization_id", "org-1"),
        ("organization_name", "acme"),
    ] {
        assert_eq!(first[name], value, "{first:#}");
    }
    let asked = cloud.asked();
    let question = format!("/v3/apps?guids={SHOP},{CART}&include=space.organization&per_page=50");
    assert_eq!(
        asked,
        ["/oauth/token?".to_owned(), question],
        "both at once, and once"
    );

    // Without answers, what is known stays, and the rest goes as it is.
    cloud.fail(true);
    let other = "d3015d69-09cd-476d-aace-ad2d824d5ab7";
    let unknown: Vec<_> = (0..200).map(|_| log(other, "4")).collect();
    send(&system, &unknown).await;
    send(&system, &[log(SHOP, "5")]).await;
    let page = has_written(&system, "nozzle-all", 205).await;
    assert_eq!(lost(&page), 0, "{page:#}");
    let all = by_app(&path);
    assert!(all[4..204].iter().all(|(_, name)| name.is_none()));
    assert_eq!(all[204], (SHOP.to_owned(), text("shop")));
    let (_, metrics) = http::get(system.door("http"), "/metrics").await;
    let failed = |line: &&str| {
        line.starts_with("logweir_names_lookups") && line.contains("result=\"failed\"")
    };
    let line = metrics.lines().find(failed).unwrap_or("0");
    assert!(!line.ends_with('0'), "{line}");
    assert!(!metrics.contains("a-token-of-the-test"));

    // It is back, and the app is known there by now.
    cloud.app(other, "late");
    cloud.fail(false);
    eventually("the name is there", async || {
        send(&system, &[log(other, "6")]).await;
        let all = by_app(&path);
        let named = all
            .iter()
            .any(|one| *one == (other.to_owned(), text("late")));
        named.then_some(())
    })
    .await;
    let said = system.process.stderr().join("\n");
    assert!(!said.contains("a-secret-of-the-test") && !said.contains("a-token-of-the-test"));
}

#[tokio::test]
async fn drains_get_names_where_that_is_asked_for() {
    let authority = Authority::create();
    let cloud = Cloud::start(&authority).await;
    cloud.app(SHOP, "shop");
    let sink = SyslogSink::start().await;
    let config = cloud.settings() + "drains = true\n";
    let drain = Declared::new(&format!("syslog://{}", sink.address)).of(SHOP);
    let system = System::start_with(&declared(&config, &[drain])).await;
    send(&system, &[log(SHOP, "hello")]).await;
    let message = sink.receives("hello").await;
    let host = message.split(' ').nth(2);
    assert_eq!(host, Some("acme.dev.shop"), "{message}");
    assert!(message.contains("organization_id=\"org-1\""), "{message}");
}
