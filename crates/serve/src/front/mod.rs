//! The HTTP front door: which path goes where, request ids, the access log.

pub mod access_log;
pub(crate) mod answer;
pub(crate) mod cef;
mod figures;
pub(crate) mod form;
mod path;
mod readiness;
mod request_id;
mod service;
mod status;

pub use access_log::AccessLog;
pub use figures::FigurePages;
pub use readiness::{Part, Readiness};
pub use service::Front;
pub use status::{MetricsAccess, StatusPages};
