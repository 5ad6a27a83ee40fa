//! `/set-cookie`: a token in a cookie, for browsers.

use http::{Response, StatusCode, request::Parts};
use logweir_net::body::Body;

use super::handler::TrafficController;
use crate::front::answer::plain;

/// Answers `/set-cookie`, whatever the method. The body is the request's own.
pub(super) async fn answer(_: &TrafficController, _: &Parts, _: Body) -> Response<Body> {
    plain(StatusCode::NOT_IMPLEMENTED, "")
}
