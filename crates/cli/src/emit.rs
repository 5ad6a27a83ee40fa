//! `logweir emit`: log lines from standard input, or metrics from arguments.

mod metrics;

use std::{io::Read, time::Duration};

use clap::Args;
use logweir_client::{EmitOptions, Emitter, Source};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::timeout,
};

use self::metrics::{CounterArg, GaugeArg, TimerArg};
use crate::{
    exit::Failure,
    lines::Lines,
    locate::{Connection, Door},
    pairs::pair,
};

/// Arguments of `logweir emit`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  echo 'deploy started' | logweir emit --source-id deploys
  tail -f /var/log/app.log | logweir emit --source-id my-app --instance 3 --tag space=dev
  logweir emit --source-id my-app --counter requests=1 --gauge memory=52428800:bytes
  logweir emit --source-id my-app --timer http=1700000000000000000,1700000000250000000
  logweir emit --source-id deploys --event 'deploy done=version 1.4 is live'

Without a metric, each line of standard input becomes one log. The exit code is 0
when everything was handed over, 1 when not, 69 when no logweir was found.")]
pub struct EmitArgs {
    /// Whose envelopes: an app's guid or a component's name
    #[arg(long, value_name = "APP")]
    pub source_id: String,
    /// Which instance of it
    #[arg(long, value_name = "N", default_value = "0")]
    pub instance: String,
    /// Logs are lines of standard error
    #[arg(long)]
    pub err: bool,
    /// Adds a tag; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Adds to a counter; may be repeated
    #[arg(long = "counter", value_name = "NAME=DELTA")]
    pub counters: Vec<CounterArg>,
    /// A reading; may be repeated
    #[arg(
        long = "gauge",
        value_name = "NAME=VALUE[:UNIT]",
        allow_hyphen_values = true
    )]
    pub gauges: Vec<GaugeArg>,
    /// A span of time in Unix nanoseconds; may be repeated
    #[arg(long = "timer", value_name = "NAME=START,STOP")]
    pub timers: Vec<TimerArg>,
    /// Something worth telling people; may be repeated
    #[arg(long = "event", value_name = "TITLE=BODY", value_parser = pair)]
    pub events: Vec<(String, String)>,
    /// How long to wait for delivery
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Where to send to: an agent's gRPC address
    #[arg(long, env = "LOGWEIR_INGRESS_ADDR", value_name = "HOST:PORT")]
    pub ingress_addr: Option<String>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

impl EmitArgs {
    fn has_metrics(&self) -> bool {
        !(self.counters.is_empty()
            && self.gauges.is_empty()
            && self.timers.is_empty()
            && self.events.is_empty())
    }
}

/// Emits, and waits until all is handed over.
pub async fn run(args: EmitArgs) -> Result<(), Failure> {
    let endpoint = args
        .connection
        .endpoint(Door::Ingress, args.ingress_addr.as_deref())?;
    let emitter = Emitter::connect(endpoint, EmitOptions::default())?;
    let mut source = emitter.source(&args.source_id).instance(&args.instance);
    for (name, value) in &args.tags {
        source = source.tag(name, value);
    }
    let patience = Duration::from_secs(args.timeout);
    if args.has_metrics() {
        metrics::emit(&args, &source);
    } else {
        read_lines(&emitter, &source, args.err, patience).await?;
    }
    let closed = emitter.close(patience).await;
    let stats = emitter.stats();
    let lost = stats.dropped_total();
    if lost == 0 {
        return Ok(());
    }
    let why = match closed {
        Err(error) => error.connection,
        Ok(()) => {
            let causes: Vec<_> = stats
                .dropped
                .iter()
                .map(|(cause, count)| format!("{count} {cause}"))
                .collect();
            causes.join(", ")
        }
    };
    Err(Failure::new(format!(
        "{lost} of {} envelopes were not handed over: {why}; is `logweir run` or an agent there?",
        stats.emitted
    )))
}

/// Sends one log for each line of standard input, until it ends or a signal comes.
async fn read_lines(
    emitter: &Emitter,
    source: &Source,
    err: bool,
    patience: Duration,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot catch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut input = stdin();
    let mut lines = Lines::default();
    let line = |payload: &[u8]| {
        let payload = bytes::Bytes::copy_from_slice(payload);
        if err {
            source.log_err(payload)
        } else {
            source.log(payload)
        }
    };
    let mut wait = patience;
    loop {
        let piece = tokio::select! {
            piece = input.recv() => piece,
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        match piece {
            None => break,
            Some(Err(error)) => {
                return Err(Failure::new(format!("cannot read standard input: {error}")));
            }
            Some(Ok(piece)) => lines.push(&piece, line),
        }
        // A file is read no faster than it is sent. But a program that writes to us
        // must not stop for long because of us: after one long wait, none.
        wait = match timeout(wait, emitter.room()).await {
            Ok(()) => patience,
            Err(_) => Duration::ZERO,
        };
    }
    lines.finish(line);
    Ok(())
}

/// Standard input in pieces. Read by a thread of its own, which may stay in its
/// read for ever without holding up the end of the process.
fn stdin() -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(2);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let piece = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = piece.is_err();
            if sender.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    receiver
}
