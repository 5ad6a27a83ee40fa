//! `logweir tail`: follows logs and metrics live.

mod cf;
mod clock;
pub(crate) mod human;
pub(crate) mod output;
mod sources;

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, ValueEnum};
use logweir_client::{Event, Kind, ReadError, ReadRequest, selector, v2};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use self::{
    output::{Format, Output},
    sources::Sources,
};
use crate::{
    exit::{self, Failure},
    locate::{Connection, Door},
    pairs::pair,
};

/// How long the end waits for what is still to be printed.
const LAST_PRINT: Duration = Duration::from_millis(500);

/// Arguments of `logweir tail`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir tail                                      everything
  logweir tail my-app other-app --type log          the logs of two apps
  logweir tail my-app -n 100                        what was logged last, and what comes
  logweir tail --tag space=dev                      a whole space
  logweir tail my-app --json | jq .log.payload      one envelope a line
  logweir tail my-app --format cf                   the logs as `cf logs` prints them
  logweir tail --shard-id archive --json >> part    one of several that share the stream

A source that is named begins with what is remembered of it. Lines read: time [source/instance] OUT|ERR text. Lines that report a loss are
envelopes like any other, and are shown whatever tags are asked for. Connections
made and lost are told on stderr. The exit code is 0 after Ctrl-C or when the reader
of the output is gone, 69 when no logweir was found.")]
pub struct TailArgs {
    /// Sources to follow; none: every source
    #[arg(value_name = "SOURCE_ID")]
    pub source_ids: Vec<String>,
    /// Only envelopes that carry this tag; may be repeated, then all are needed
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Only envelopes of this kind; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_enum, value_delimiter = ',')]
    pub kinds: Vec<KindArg>,
    /// Print the gateway's JSON, one envelope a line
    #[arg(long)]
    pub json: bool,
    /// Print logs, and nothing else, to the space as another program does
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["json", "kinds"])]
    pub format: Option<FormatArg>,
    /// Begin with the newest N that are remembered of each source; 0: with none
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub history: u32,
    /// Share the stream with all who give the same id: each envelope goes to one
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub shard_id: String,
    /// Where to read from: a reverse log proxy's gRPC address
    #[arg(long, env = "LOGWEIR_GRPC_ADDR", value_name = "HOST:PORT")]
    pub grpc_addr: Option<String>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

/// Whose lines are copied, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// `cf logs` of version 7 and later: local time, source type and instance
    Cf,
    /// `cf logs` of version 6: the same in columns
    Cf6,
}

/// A kind of envelope, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Lines of output
    Log,
    /// Counts that only grow
    Counter,
    /// Readings
    Gauge,
    /// Spans of time
    Timer,
    /// Things worth telling people
    Event,
}

impl KindArg {
    fn kind(self) -> Kind {
        match self {
            KindArg::Log => Kind::Log,
            KindArg::Counter => Kind::Counter,
            KindArg::Gauge => Kind::Gauge,
            KindArg::Timer => Kind::Timer,
            KindArg::Event => Kind::Event,
        }
    }
}

impl TailArgs {
    /// The kinds that are asked for.
    fn kinds(&self) -> &[KindArg] {
        match (self.format, &self.kinds[..]) {
            (Some(FormatArg::Cf | FormatArg::Cf6), _) => &[KindArg::Log],
            (None, []) => KindArg::value_variants(),
            (None, kinds) => kinds,
        }
    }

    /// One selector for each source and kind.
    fn request(&self) -> ReadRequest {
        let every = [String::new()];
        let sources = if self.source_ids.is_empty() {
            &every[..]
        } else {
            &self.source_ids
        };
        let kinds = self.kinds();
        let selectors = sources
            .iter()
            .flat_map(|source| kinds.iter().map(move |kind| selector(source, kind.kind())))
            .collect();
        ReadRequest {
            shard_id: self.shard_id.clone(),
            ..ReadRequest::new(selectors)
        }
    }
}

/// Follows until a signal, a closed pipe, or a refusal.
pub async fn run(args: TailArgs) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot catch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let endpoint = args
        .connection
        .endpoint(Door::Grpc, args.grpc_addr.as_deref())?;
    let mut output = Output::start(Format::chosen(args.format, args.json));
    let wanted: BTreeMap<String, String> = args.tags.iter().cloned().collect();
    let mut sources = Sources::open(endpoint, args)?;
    let follow = follow(&mut sources, &output, &wanted);
    let result = tokio::select! {
        result = follow => result,
        failure = output.closed() => return match failure {
            None => Ok(()),
            Some(error) => Err(Failure::new(format!("cannot write the output: {error}"))),
        },
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    let _ = timeout(LAST_PRINT, output.finish()).await;
    result
}

async fn follow(
    sources: &mut Sources,
    output: &Output,
    wanted: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let mut was_connected = false;
    while let Some((first, event)) = sources.next().await {
        match event {
            // One voice for all of them.
            Ok(Event::Connected { .. } | Event::Disconnected { .. }) if !first => {}
            Ok(Event::Connected { address, again }) => {
                was_connected = true;
                let word = if again { "reconnected" } else { "connected" };
                exit::say(&format!("{word} to {address}"));
            }
            Ok(Event::Disconnected { cause, .. }) if !was_connected => {
                return Err(Failure::unavailable(format!(
                    "{cause}; is it running? start one with `logweir run`, or give --grpc-addr"
                )));
            }
            Ok(Event::Disconnected { cause, retry_in }) => {
                let pause = retry_in.as_secs_f64();
                exit::say(&format!(
                    "connection lost: {cause}; trying again in {pause:.1} s"
                ));
            }
            Ok(Event::Batch(mut batch)) => {
                batch.batch.retain(|envelope| shown(envelope, wanted));
                if !batch.batch.is_empty() {
                    output.print(batch.batch).await;
                }
            }
            Err(ReadError::Malformed(error)) => {
                exit::say(&format!("a batch was unreadable and is left out: {error}"));
            }
            Err(ReadError::Endpoint(error)) => return Err(error.into()),
            Err(error) => return Err(Failure::new(error)),
        }
    }
    Ok(())
}

/// Whether an envelope carries every wanted tag, or tells of a loss.
fn shown(envelope: &v2::Envelope, wanted: &BTreeMap<String, String>) -> bool {
    is_notice(envelope)
        || wanted
            .iter()
            .all(|(name, value)| envelope.tags.get(name) == Some(value))
}

/// Whether an envelope is the router's own word about a loss: a log of its own, or
/// a counter for readers that take no logs.
fn is_notice(envelope: &v2::Envelope) -> bool {
    let tag = |name: &str| envelope.tags.get(name).map(String::as_str);
    match &envelope.message {
        Some(v2::envelope::Message::Log(_)) => {
            tag("source_type") == Some("LGR") && tag("dropped").is_some()
        }
        Some(v2::envelope::Message::Counter(counter)) => {
            counter.name == "dropped" && tag("hop").is_some() && tag("cause").is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
