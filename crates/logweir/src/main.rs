//! The binary: arguments, configuration, telemetry, wiring.

mod announce;
mod args;
mod certificates;
mod config;
mod config_verbs;
mod console;
mod data_dir;
mod failure;
mod logging;
mod peer;
mod role;
mod serving;
mod signals;
mod start;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::{
    args::{Args, Command},
    failure::Failure,
    role::Role,
    start::Flags,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Huge pages half of which is used are cleared and held whole: a log cache took a third more
    // memory and a quarter more time with them. A kernel that refuses leaves it at that.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    if let Some(name) = peer::of_program(&program) {
        let arguments: Vec<_> = arguments.collect();
        if name == peer::Name::StatsdInjector {
            return peer::play_with_flags(&arguments);
        }
        if arguments.is_empty() {
            return peer::play(name, &config::load::variables());
        }
    }
    match run(Args::parse().command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => start::run(args),
        Command::Agent(args) => start::role(Flags::open(Role::Agent, args)),
        Command::Router(args) => start::role(Flags::role(Role::Router, args)),
        Command::Rlp(args) => start::role(Flags::role(Role::Rlp, args)),
        Command::Gateway(args) => start::role(Flags::open(Role::Gateway, args)),
        Command::TrafficController(args) => start::role(Flags::open(Role::TrafficController, args)),
        Command::UdpForwarder(args) => start::role(Flags::open(Role::UdpForwarder, args)),
        Command::PromScraper(args) => start::role(Flags::role(Role::PromScraper, args)),
        Command::StatsdInjector(args) => start::role(Flags::open(Role::StatsdInjector, args)),
        Command::BindingCache(args) => start::role(Flags::role(Role::BindingCache, args)),
        Command::ForwarderAgent(args) => start::role(Flags::role(Role::ForwarderAgent, args)),
        Command::SyslogAgent(args) => start::role(Flags::role(Role::SyslogAgent, args)),
        Command::Nozzle(args) => start::role(Flags::role(Role::Nozzle, args)),
        Command::LogCache(args) => start::role(Flags::role(Role::LogCache, args)),
        Command::LogCacheGateway(args) => start::role(Flags::open(Role::LogCacheGateway, args)),
        Command::LogCacheAuthProxy(args) => start::role(Flags::role(Role::LogCacheAuthProxy, args)),
        Command::LogCacheSyslogServer(args) => {
            start::role(Flags::open(Role::LogCacheSyslogServer, args))
        }
        Command::Logplex(args) => start::role(Flags::open(Role::Logplex, args)),
        Command::Verb(verb) => Ok(ExitCode::from(verbs(*verb)?)),
        Command::Config(args) => config_verbs::run(args.command),
        Command::Version => {
            console::out(concat!("logweir ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The verbs for people need no more than a few threads' worth of waiting.
fn verbs(verb: logweir_cli::Verb) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime's threads")?;
    Ok(runtime.block_on(verb.run()))
}
