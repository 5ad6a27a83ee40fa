//! `logweir exec`: runs an app, passes its output through, and ships it as logs.
//!
//! The app's pipes are read by two threads that know nothing of the network: they
//! write what they read to our own stdout and stderr, and put lines into the
//! emitter's queue, which never waits. Whatever happens to Logweir, the app does
//! not notice.

mod child;
mod pump;
mod signals;

use std::{ffi::OsString, time::Duration};

use clap::Args;
use logweir_client::{ConnectionState, EmitOptions, Emitter};

use self::pump::Pump;
use crate::{
    exit,
    locate::{Connection, Door},
    pairs::pair,
};

/// How long the end waits for the last logs to be handed over.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// The same while Logweir cannot be reached: enough for one more try on this machine.
const LAST_TRY: Duration = Duration::from_millis(200);

/// Arguments of `logweir exec`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir exec --source-id my-app -- ./server --port 8000
  logweir exec --source-id my-app --instance 2 --tag space=dev -- python app.py

What CMD writes to stdout and stderr is passed through unchanged, and each line is
shipped as an OUT or ERR log. Signals are passed on to CMD. Logweir being away never
stops or slows CMD: what cannot be kept is dropped, and the log says so later.

The exit code is CMD's own; 128 + n when signal n ended it, 127 when it was not
found, 126 when it cannot be executed. Output of background processes that outlive
CMD is read until they are silent.")]
pub struct ExecArgs {
    /// Whose logs: an app's guid or a component's name
    #[arg(long, value_name = "APP")]
    pub source_id: String,
    /// Which instance of it
    #[arg(long, value_name = "N", default_value = "0")]
    pub instance: String,
    /// Adds a tag to every log; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Say at the end on stderr what was shipped and what was lost
    #[arg(long)]
    pub verbose: bool,
    /// Where to send to: an agent's gRPC address
    #[arg(long, env = "LOGWEIR_INGRESS_ADDR", value_name = "HOST:PORT")]
    pub ingress_addr: Option<String>,
    /// The command and its arguments
    #[arg(
        required = true,
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

/// Runs the command to its end. Returns the exit code.
pub async fn run(args: ExecArgs) -> u8 {
    // Signals are caught before there is a child, so that none goes astray.
    let mut signals = match signals::Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            exit::say(&format!("cannot catch signals: {error}"));
            return exit::FAILED;
        }
    };
    let mut child = match child::Child::spawn(&args.command) {
        Ok(child) => child,
        Err(failure) => {
            exit::say(&failure.message);
            return failure.code;
        }
    };
    let emitter = {
        let (connection, address) = (args.connection.clone(), args.ingress_addr.clone());
        // Asked before each connection: Logweir may be started, or move, later.
        let find = move || connection.endpoint(Door::Ingress, address.as_deref());
        Emitter::locate(find, EmitOptions::default())
    };
    let mut source = emitter.source(&args.source_id).instance(&args.instance);
    for (name, value) in &args.tags {
        source = source.tag(name, value);
    }
    let (out, err) = (source.clone(), source);
    let pumps = [
        Pump::start(child.stdout.take(), std::io::stdout(), move |line| {
            out.log(line)
        }),
        Pump::start(child.stderr.take(), std::io::stderr(), move |line| {
            err.log_err(line)
        }),
    ];
    let code = loop {
        tokio::select! {
            code = child.wait() => break code,
            signal = signals.next() => child.send(signal),
        }
    };
    pump::drained(&pumps).await;
    finish(&emitter, args.verbose).await;
    code
}

async fn finish(emitter: &Emitter, verbose: bool) {
    let patience = match emitter.state() {
        ConnectionState::Waiting(_) => LAST_TRY,
        ConnectionState::Connecting | ConnectionState::Connected(_) => LAST_FLUSH,
    };
    let closed = emitter.close(patience).await;
    if verbose {
        let stats = emitter.stats();
        let mut words = format!("shipped {} of {} lines", stats.sent, stats.emitted);
        for (cause, count) in &stats.dropped {
            words.push_str(&format!(", lost {count} ({cause})"));
        }
        if let Err(error) = closed {
            words.push_str(&format!(": {}", error.connection));
        }
        exit::say(&words);
    }
}
