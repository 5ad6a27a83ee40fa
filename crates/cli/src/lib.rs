//! The verbs for people: exec, emit, tail, recent, query, sources, drain, those of Logplex,
//! certs.
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
pub mod logplex;
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
    /// Make channels: where the lines of one app go, as Logplex has them
    Channel(logplex::channel::ChannelArgs),
    /// Make tokens: the rights to write to a channel
    Token(logplex::token::TokenArgs),
    /// Make sessions: URLs that show the lines of a channel
    Session(logplex::session::SessionArgs),
    /// Show the lines of a channel, as `heroku logs` does
    Logs(logplex::logs::LogsArgs),
    /// Make credentials of Logplex
    Cred(logplex::cred::CredArgs),
    /// Switch parts of Logplex off and on
    Rod(logplex::rod::RodArgs),
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
            Verb::Channel(args) => logplex::channel::run(args).await,
            Verb::Token(args) => logplex::token::run(args).await,
            Verb::Session(args) => logplex::session::run(args).await,
            Verb::Logs(args) => logplex::logs::run(args).await,
            Verb::Cred(args) => logplex::cred::run(args).await,
            Verb::Rod(args) => logplex::rod::run(args).await,
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        _verb: super::Verb,
    }

    #[test]
    fn the_arguments_of_all_verbs_are_sound() {
        Cli::command().debug_assert();
    }
}
