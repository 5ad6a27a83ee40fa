//! `logweir logs`: the lines of a channel, as `heroku logs` prints them.

mod colours;

use std::io::{ErrorKind, Write};

use clap::Args;
use http_body_util::BodyExt;

use super::{
    Api,
    session::{self, Wanted},
};
use crate::{exit::Failure, front::Where, tail::output::Format};
use colours::Colours;

/// A line that never ends is printed when it has so many bytes.
const LONGEST: usize = 1 << 20;

/// Arguments of `logweir logs`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir logs --channel 1                        the last 100 lines
  logweir logs --channel 1 -n 20 --tail           the last 20, and what comes
  logweir logs --channel 1 -s heroku -p router    of one source and process
  logweir logs --channel 1 --url http://ID:PASSWORD@logplex.example:8001")]
pub struct LogsArgs {
    /// Id of the channel
    #[arg(short, long, value_name = "CHANNEL")]
    pub channel: String,
    /// Which lines.
    #[command(flatten)]
    pub wanted: Wanted,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Prints lines until there are no more.
pub async fn run(args: LogsArgs) -> Result<(), Failure> {
    let api = Api::new(&args.place)?;
    let url = session::create(&api, &args.channel, &args.wanted).await?;
    // The door that made it has it: its name for itself may not be ours for it.
    let path = path(&url).ok_or_else(|| Failure::new(format!("`{url}` is no session's URL")))?;
    let mut body = api.0.open(path).await?;
    let mut colours = Colours::new(Format::style());
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::unavailable("the server ended the lines"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        rest.extend_from_slice(&data);
        let whole = match rest.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if rest.len() > LONGEST => rest.len(),
            None => continue,
        };
        let mut out = Vec::with_capacity(2 * whole);
        for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            colours.line(line, &mut out);
        }
        rest.drain(..whole);
        if !printed(&out)? {
            return Ok(());
        }
    }
    let mut out = Vec::new();
    colours.line(&rest, &mut out);
    printed(&out).map(|_| ())
}

/// False if whoever reads our output has enough of it.
fn printed(text: &[u8]) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("cannot write the output: {error}"))),
    }
}

/// The path and the query of an absolute URL.
fn path(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.find('/').map(|at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_session_is_found_at_our_own_door() {
        assert_eq!(
            path("http://localhost:8001/sessions/a?srv=1"),
            Some("/sessions/a?srv=1")
        );
        assert_eq!(path("http://localhost"), None);
        assert_eq!(path("/sessions/a"), None);
    }
}
