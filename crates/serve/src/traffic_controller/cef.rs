//! The security log in Common Event Format.

use http::request::Parts;

use super::handler::TrafficController;

/// Notes one request, before anything is checked.
pub(super) fn note(_: &TrafficController, _: &Parts) {}
