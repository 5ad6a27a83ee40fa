//! Queries in PromQL (log-cache specification, §1.5, §4).
//!
//! | file | holds |
//! |---|---|
//! | `ask` | texts of a question, read |
//! | `scope` | which sources its caller may read |
//! | `engine` | turns, deadlines, threads that may block |
//! | `reading` | series from this process and from other nodes |
//! | `remote` | series of another node, ours or a peer's |
//! | `pages` | `/api/v1/…`, `/prometheus/api/v1/…` |
//! | `browse` | what there is to ask for: labels, series, metrics |
//! | `calls` | `PromQLQuerier`, and series for other nodes |
//!
//! A query is evaluated where it is asked. Below `/api/v1` and over gRPC it has the behaviours
//! that users of the peers know ([`Mode::LogCache`](logweir_cache::promql::Mode)), below
//! `/prometheus/api/v1` those of Prometheus 3.

mod ask;
mod browse;
mod calls;
mod config;
mod engine;
mod fault;
mod json;
mod pages;
mod reading;
mod remote;
mod scope;

pub(super) use calls::{instant, range, series};
pub use config::PromqlConfig;
pub use engine::Engine;
pub(super) use pages::{Page, answer};
