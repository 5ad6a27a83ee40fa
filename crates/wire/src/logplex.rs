//! Logplex's lines: its framing ([`framing`]), its messages taken apart ([`line`]), as V2
//! envelopes and back ([`envelope`]), and what tails and drains are sent ([`text`]).
//!
//! | envelope | message |
//! |---|---|
//! | timestamp | TIMESTAMP, or the arrival if that is no time |
//! | source id | the channel's |
//! | instance id | PROCID |
//! | log type | ERR for the severities emerg, alert, crit and err |
//! | payload | the content, with the newline that it may end in |
//! | tag `source_type` | APP-NAME, which is the token's name |
//! | tags `pri`, `time`, `host`, `msgid`, `structured_data` | where the envelope does not say it by itself |
//! | tag `logplex` = `raw` | the payload is the whole message, since no other form gives it back |

pub mod envelope;
pub mod framing;
pub mod hops;
pub mod line;
pub mod text;
mod time;

pub use envelope::{LineView, frame_of, frame_renamed, message};
pub use time::Time;
