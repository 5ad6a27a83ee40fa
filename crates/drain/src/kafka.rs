//! The part of Kafka's protocol that a producer needs, as bytes: no connection, no clock.
//!
//! Versions are those that every broker since Kafka 2.1 has, 4.x included. Why this is not a
//! library: `docs/adr/0008-kafka-library.md`.
//!
//! | to do this | look at |
//! |---|---|
//! | ask a broker something | [`request`] |
//! | read what it answers | [`answer`], [`error_code`] |
//! | make a record of an envelope | [`draft`] |
//! | put records into a batch | [`records`] |
//! | choose a record's partition | [`partition`] |
//! | authenticate without sending the password | [`scram`] |

pub mod answer;
pub mod draft;
pub mod error_code;
pub mod partition;
pub mod records;
pub mod request;
pub mod scram;

#[cfg(test)]
mod tests;
