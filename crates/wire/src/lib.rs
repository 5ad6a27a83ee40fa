//! Pure formats: proto JSON and server-sent events. No I/O.

pub mod json;
pub mod sse;
