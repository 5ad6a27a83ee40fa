//! From text to tree.
//!
//! The parser is our own, by precedence over tokens. The crate `promql-parser` 0.11 was tried
//! first. It gives no places, which the messages of both modes and all annotations name; it
//! accepts in `log-cache` mode what 2.13.1 refuses and does not know its `holt_winters`; it
//! does not read duration arithmetic, `anchored` and `smoothed`; it panics on `x[1e300]`, and
//! its error recovery may take half a second. Where it reads an expression of Prometheus's
//! test scripts (2,263 of 2,568) it builds the tree that this parser builds, but for two
//! strings that are not UTF-8.

mod cursor;
mod duration;
mod durations;
mod lexer;
mod modifiers;
mod numbers;
mod operators;
mod parser;
mod selectors;
mod strings;
mod types;

pub(crate) use duration::milliseconds;
pub use durations::parse_duration_ms;
pub(crate) use parser::parse;

#[cfg(test)]
mod tests;
