//! The verbs for people: exec, emit, tail, recent, query, sources, drain, certs.
//!
//! The binary flattens [`Verb`] into its own command line and ends with the code
//! that [`Verb::run`] returns.

mod cache;
pub mod certs;
pub mod drain;
pub mod emit;
pub mod exec;
pub mod exit;
pub mod front;
mod lines;
pub mod locate;
mod pairs;
pub mod query;
pub mod recent;
pub mod sources;
pub mod tail;
mod when;

use clap::Subcommand;

/// What a person can do with a running system.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run an app, and ship its output as logs
    Exec(exec::ExecArgs),
    /// Send log lines from standard input, or metrics from arguments
    Emit(emit::EmitArgs),
    /// Follow logs and metrics live
    Tail(tail::TailArgs),
    /// Show the last lines of a source
    Recent(recent::RecentArgs),
    /// Ask for metrics in PromQL
    Query(query::QueryArgs),
    /// Show of which sources something is remembered
    Sources(sources::SourcesArgs),
    /// Add, list, try and remove drains
    Drain(drain::DrainArgs),
    /// Make certificates for a fleet
    Certs(certs::CertsArgs),
}

impl Verb {
    /// Runs to the end, and says what went wrong on stderr. Returns the process's
    /// exit code; see [`exit`].
    pub async fn run(self) -> u8 {
        let result = match self {
            Verb::Exec(args) => return exec::run(args).await,
            Verb::Emit(args) => emit::run(args).await,
            Verb::Tail(args) => tail::run(args).await,
            Verb::Recent(args) => recent::run(args).await,
            Verb::Query(args) => query::run(args).await,
            Verb::Sources(args) => sources::run(args).await,
            Verb::Drain(args) => drain::run(args).await,
            Verb::Certs(args) => certs::run(&args),
        };
        match result {
            Ok(()) => exit::OK,
            Err(failure) => {
                exit::say(&failure.message);
                failure.code
            }
        }
    }
}
