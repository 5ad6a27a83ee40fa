//! The paths of 2013: `/tail/`, `/dump/`, `/recent`.

use http::{Response, StatusCode, request::Parts};
use logweir_net::body::Body;

use super::handler::TrafficController;
use crate::front::answer::plain;

/// Which path of 2013.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Tail,
    Dump,
    Recent,
}

/// Answers a path of 2013. The app is in the query; access is checked here, by
/// [`TrafficController::may_read`].
pub(super) async fn answer(_: &TrafficController, _: &mut Parts, _: Page) -> Response<Body> {
    plain(StatusCode::NOT_IMPLEMENTED, "")
}
