//! Pure formats: proto JSON, server-sent events, the V1 and 2013 generations and what
//! they become in V2, multipart bodies. No I/O.

pub mod convert;
pub mod dropsonde;
pub mod json;
pub mod legacy;
pub mod multipart;
pub mod sse;
pub mod syslog;
