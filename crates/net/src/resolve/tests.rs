use super::*;

#[test]
fn targets_are_read_and_written() {
    for text in [
        "router.internal:8082",
        "10.0.0.1:1",
        "[::1]:8082",
        "srv:_grpc._tcp.routers",
    ] {
        let target: Target = text.parse().unwrap();
        assert_eq!(target.to_string(), text);
    }
    assert_eq!(
        "[::1]:80".parse(),
        Ok(Target::HostPort("::1".into(), 80)),
        "brackets belong to the port, not to the address"
    );
    for text in [
        "",
        "host",
        ":80",
        "host:",
        "host:99999",
        "::1:80",
        "[::1:80",
        "srv:",
    ] {
        let error = text.parse::<Target>().unwrap_err();
        assert!(error.to_string().contains("write host:port"), "{text}");
    }
}

async fn addresses(text: &str) -> Result<Vec<String>, ResolveError> {
    let target = text.parse().unwrap();
    let found = Resolver::new().resolve(&target).await?;
    Ok(found.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn literals_and_localhost_need_no_dns() {
    assert_eq!(addresses("192.0.2.7:80").await.unwrap(), ["192.0.2.7:80"]);
    assert_eq!(
        addresses("[2001:db8::1]:80").await.unwrap(),
        ["[2001:db8::1]:80"]
    );
    assert_eq!(addresses("LocalHost:80").await.unwrap(), ["127.0.0.1:80"]);
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails_fast() {
    let begun = std::time::Instant::now();
    for text in [
        "no-such-host.invalid:80",
        "srv:_grpc._tcp.no-such-host.invalid",
        "a..b:80",
    ] {
        let error = addresses(text).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot resolve {text}: ")),
            "{error}"
        );
    }
    assert!(begun.elapsed() < 3 * PATIENCE + Duration::from_secs(1));
}

/// A name server that answers what the tests ask, on a port of its own.
mod name_server;

#[tokio::test]
async fn addresses_and_services_come_from_the_name_server() {
    let resolver = name_server::start().await;
    let resolve = async |text: &str| {
        let found = resolver.resolve(&text.parse().unwrap()).await;
        found.map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let mut both = resolve("routers.test:8082").await.unwrap();
    both.sort();
    assert_eq!(both, ["192.0.2.1:8082", "192.0.2.2:8082"]);
    assert_eq!(resolve("six.test:1").await.unwrap(), ["[2001:db8::6]:1"]);
    let services = resolve("srv:_grpc._tcp.routers.test").await.unwrap();
    assert_eq!(
        services,
        ["[2001:db8::6]:7002", "192.0.2.9:7001"],
        "the lower priority first; a host that is gone hides nobody"
    );
    assert!(resolve("unknown.test:1").await.is_err());
}

#[tokio::test]
async fn a_silent_name_server_costs_two_seconds_at_most() {
    let resolver = name_server::silent().await;
    let begun = std::time::Instant::now();
    resolver
        .resolve(&"routers.test:1".parse().unwrap())
        .await
        .unwrap_err();
    assert!(begun.elapsed() < PATIENCE + Duration::from_secs(1));
}
