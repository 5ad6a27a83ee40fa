//! Runs recorded answers of the original implementation through our code.
//!
//! A file of cases is known by its name ([`formats`]); what may differ, and how, is
//! listed by rule ([`exceptions`]).

mod bytes_field;
mod cache_door;
pub mod exceptions;
mod exchange;
pub mod formats;
mod gateway;
mod https_drain;
mod report;
mod v1;
mod verdict;

pub use report::{FileReport, Report, run};
pub use verdict::Verdict;
