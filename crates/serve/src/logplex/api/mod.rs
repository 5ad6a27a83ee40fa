//! The HTTP APIs: which request goes where, and what is read of it and answered.
//!
//! | | |
//! |---|---|
//! | [`legacy`] | v1 and v2, on 8001 |
//! | [`v3`] | v3, on 8002 |
//! | [`admin`] | `/api/logplex`: credentials, control rods, flags |

mod admin;
mod answer;
mod dispatch;
mod json;
mod legacy;
mod payload;
mod v3;

pub(super) use dispatch::answer;
