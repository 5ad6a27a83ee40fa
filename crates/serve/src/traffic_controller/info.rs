//! `/v2/info` and `/`, for installations without a cloud controller.

use http::{Response, request::Parts};
use logweir_net::body::Body;

use super::handler::TrafficController;

/// Answers `/v2/info` and `/` where the settings ask for it.
pub(super) fn answer(_: &TrafficController, _: &Parts) -> Option<Response<Body>> {
    None
}
