//! Load generator and benchmark driver: starts the roles as processes through the
//! peers' environment contract, sends and reads over mutual TLS, and reports cost,
//! loss, latency and memory. `cargo xtask bench --help`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a tool for people

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

mod bindings;
mod capacity;
mod case;
mod clock;
mod datagram;
mod ends;
mod fleet;
mod identity;
mod kernel;
mod line;
mod link;
mod load;
mod process;
mod producer;
mod reader;
mod report;
mod rig;
mod samples;
mod sink;
mod status;
mod tally;
mod usage;
mod websocket;
mod words;

use case::{Case, Effort};
use fleet::Implementation;
use identity::Identities;

#[derive(Parser)]
#[command(
    name = "bench",
    about = "Measure the roles as processes, alone or beside another implementation",
    after_help = "Examples:\n  cargo xtask bench router rlp\n  cargo xtask bench chain --peer-dir ~/peers --runs 1"
)]
struct Args {
    /// What to measure; everything when none is named.
    cases: Vec<Case>,
    /// Directory with another implementation's `doppler`, `rlp`, `loggregator-agent`,
    /// `trafficcontroller`, `syslog-agent`, `log-cache` and `log-cache-gateway` (those that the cases need), measured in turn with ours.
    #[arg(long, value_name = "DIR")]
    peer_dir: Option<PathBuf>,
    /// Measure the peer alone.
    #[arg(long, requires = "peer_dir")]
    peer_only: bool,
    /// Our binary.
    #[arg(long, value_name = "FILE", env = "LOGWEIR_BIN", default_value_os_t = in_checkout("../target/release/logweir"))]
    binary: PathBuf,
    /// Length of a measured window.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Runs of each case; the table shows medians (of losses the worst).
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// Envelopes a second of the cost cases, for ours.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rate: u32,
    /// The same for the peer, which cannot carry ours.
    #[arg(long, value_name = "N", default_value_t = 6_000)]
    peer_rate: u32,
    /// Where the figures go as JSON.
    #[arg(long, value_name = "FILE", default_value_os_t = in_checkout("results/latest.json"))]
    out: PathBuf,
}

/// A file of this package or of the checkout around it.
fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The command as it can be shown: without this machine's directories.
fn command(args: &Args) -> String {
    let mut text = String::from("cargo xtask bench");
    for case in &args.cases {
        if let Some(value) = case.to_possible_value() {
            text.push(' ');
            text.push_str(value.get_name());
        }
    }
    if args.peer_dir.is_some() {
        text.push_str(" --peer-dir DIR");
    }
    if args.peer_only {
        text.push_str(" --peer-only");
    }
    text.push_str(&format!(
        " --seconds {} --runs {} --rate {} --peer-rate {}",
        args.seconds, args.runs, args.rate, args.peer_rate
    ));
    text
}

fn main() -> Result<()> {
    let args = Args::parse();
    tokio::runtime::Runtime::new()?.block_on(bench(&args))
}

async fn bench(args: &Args) -> Result<()> {
    let ids = Identities::create()?;
    let window = Duration::from_secs(args.seconds);
    let mut measured = Vec::new();
    if !args.peer_only {
        let effort = Effort {
            window,
            rate: args.rate.into(),
        };
        measured.push((Implementation::ours(&args.binary)?, effort));
    }
    if let Some(directory) = &args.peer_dir {
        let effort = Effort {
            window,
            rate: args.peer_rate.into(),
        };
        measured.push((Implementation::peer(directory)?, effort));
    }
    let cases = if args.cases.is_empty() {
        Case::value_variants()
    } else {
        &args.cases
    };
    let mut runs = Vec::new();
    for case in cases {
        for _ in 0..args.runs {
            for (implementation, effort) in &measured {
                let rows = case
                    .run(implementation, &ids, *effort)
                    .await
                    .with_context(|| format!("{case:?} of {}", implementation.name))?;
                // Progress: the whole takes minutes.
                eprint!("{}", report::table(&rows));
                runs.extend(rows);
            }
        }
    }
    let finished = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let report = report::Report {
        command: command(args),
        finished,
        machine: usage::machine(),
        envelope_bytes: load::Template::new(&["7f0c3d0f-93cb-4d0e-a1cb-000000000000".into()], 0)?
            .envelope_bytes(),
        medians: report::medians(&runs),
        runs,
    };
    print!("{}", report::table(&report.medians));
    report::write(&report, &args.out)
}
