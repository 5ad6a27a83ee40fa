//! `/apps/{id}/recentlogs` and `/apps/{id}/containermetrics`.

use http::{Response, StatusCode, request::Parts};
use logweir_net::body::Body;

use super::handler::TrafficController;
use crate::front::answer::plain;

/// Answers `/apps/{id}/recentlogs` for a caller who may read the app.
pub(super) async fn recent_logs(_: &TrafficController, _: &Parts, _: &str) -> Response<Body> {
    plain(StatusCode::NOT_IMPLEMENTED, "")
}

/// Answers `/apps/{id}/containermetrics` for a caller who may read the app.
pub(super) async fn container_metrics(_: &TrafficController, _: &Parts, _: &str) -> Response<Body> {
    plain(StatusCode::NOT_IMPLEMENTED, "")
}
