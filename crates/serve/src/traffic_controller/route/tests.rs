use super::*;

fn is(path: &str, expected: Option<Route>) {
    assert_eq!(Route::of(path), expected, "{path}");
}

#[test]
fn segments_of_the_decoded_path_decide() {
    let app = || "f47ac10b-58cc-4372-a567-0e02b2c3d479".to_owned();
    is(
        "/apps/f47ac10b-58cc-4372-a567-0e02b2c3d479/stream",
        Some(Route::Stream(app())),
    );
    is(
        "/apps/a%20b/recentlogs",
        Some(Route::RecentLogs("a b".into())),
    );
    is(
        "/apps/x/containermetrics",
        Some(Route::ContainerMetrics("x".into())),
    );
    is(
        "/firehose/my-nozzle",
        Some(Route::Firehose("my-nozzle".into())),
    );
    is("/firehose/%C3%BC+", Some(Route::Firehose("ü+".into())));
    is("/set-cookie", Some(Route::SetCookie));
    is("/tail/", Some(Route::Legacy(Page::Tail)));
    is("/dump/", Some(Route::Legacy(Page::Dump)));
    is("/recent", Some(Route::Legacy(Page::Recent)));
}

#[test]
fn what_is_no_path_of_v1_is_somebody_elses() {
    for path in [
        "/",
        "/apps",
        "/apps/",
        "/apps//stream",
        "/apps/x",
        "/apps/x/",
        "/apps/x/stream/",
        "/apps/x/y/stream",
        "/apps/x%2Fy/stream",
        "/firehose",
        "/firehose/",
        "/firehose/x/",
        "/firehose/a%2Fb",
        "/firehose/%2e%2e",
        "/firehose/%ff",
        "/Firehose/x",
        "/set-cookie/",
        "/recent/",
        "/v2/read",
        "/metrics",
    ] {
        is(path, None);
    }
}
