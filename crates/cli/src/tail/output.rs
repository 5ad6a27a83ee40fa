//! Prints envelopes on a thread of its own, so that a stuck reader of our output
//! holds up neither signals nor the connection.

use std::{
    fs::File,
    io::{ErrorKind, IsTerminal, Write},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, OnceLock},
};

use chrono::Local;
use logweir_client::v2;
use logweir_wire::json;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    FormatArg,
    cf::{self, Era},
    human::{self, Style},
};

/// Batches that wait to be printed; behind them the router's queue fills.
const BATCHES: usize = 16;

/// How envelopes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The gateway's JSON, one envelope a line.
    Json,
    /// One line for people.
    Human(Style),
    /// A log as `cf logs` prints it; other envelopes not at all.
    Cf(Era, Style),
}

impl Format {
    /// What the arguments ask for, as our stdout allows.
    pub(crate) fn chosen(format: Option<FormatArg>, json: bool) -> Self {
        match format {
            Some(FormatArg::Cf) => Self::Cf(Era::Seven, Self::style()),
            Some(FormatArg::Cf6) => Self::Cf(Era::Six, Self::style()),
            None if json => Self::Json,
            None => Self::Human(Self::style()),
        }
    }

    /// What our stdout allows.
    pub(crate) fn style() -> Style {
        let terminal = std::io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style {
            escape: terminal,
            colour: terminal && !set("NO_COLOR") && !dumb,
        }
    }

    /// Appends an envelope.
    pub(crate) fn write(self, envelope: &v2::Envelope, out: &mut Vec<u8>) {
        match self {
            Format::Json => {
                json::envelope(envelope, out);
                out.push(b'\n');
            }
            Format::Human(style) => human::line(envelope, style, out),
            Format::Cf(era, style) => cf::lines(envelope, era, style, &Local, out),
        }
    }
}

/// The printing thread.
pub(super) struct Output {
    batches: Option<mpsc::Sender<Vec<v2::Envelope>>>,
    /// Nothing can be printed any more.
    closed: CancellationToken,
    /// Why not, unless the reader is just gone.
    failure: Arc<OnceLock<std::io::Error>>,
    /// Everything is printed.
    done: CancellationToken,
}

impl Output {
    /// Prints to stdout.
    pub(super) fn start(format: Format) -> Self {
        let to = std::io::stdout().as_fd().try_clone_to_owned().ok();
        Self::to(to, format)
    }

    fn to(to: Option<OwnedFd>, format: Format) -> Self {
        let (batches, receiver) = mpsc::channel(BATCHES);
        let output = Self {
            batches: Some(batches),
            closed: CancellationToken::new(),
            failure: Arc::default(),
            done: CancellationToken::new(),
        };
        let (closed, done) = (output.closed.clone(), output.done.clone());
        let failure = output.failure.clone();
        let Some(to) = to else {
            closed.cancel();
            return output;
        };
        if let Ok(watched) = to.try_clone() {
            let closed = closed.clone();
            std::thread::spawn(move || {
                wait_until_closed(&watched);
                closed.cancel();
            });
        }
        std::thread::spawn(move || {
            if let Err(error) = print(receiver, &mut File::from(to), format) {
                if error.kind() != ErrorKind::BrokenPipe {
                    let _ = failure.set(error);
                }
                closed.cancel();
            }
            done.cancel();
        });
        output
    }

    /// Prints envelopes, in order. Waits while the output is stuck.
    pub(super) async fn print(&self, envelopes: Vec<v2::Envelope>) {
        if let Some(batches) = &self.batches {
            // It fails only when the output is closed, which `closed` tells.
            let _ = batches.send(envelopes).await;
        }
    }

    /// Resolves when nothing can be printed any more: an error, or `None` if the
    /// reader of our output is gone.
    pub(super) async fn closed(&self) -> Option<&std::io::Error> {
        self.closed.cancelled().await;
        self.failure.get()
    }

    /// Resolves when everything is printed.
    pub(super) async fn finish(&mut self) {
        self.batches = None;
        self.done.cancelled().await;
    }
}

fn print(
    mut batches: mpsc::Receiver<Vec<v2::Envelope>>,
    to: &mut File,
    format: Format,
) -> std::io::Result<()> {
    let mut out = Vec::new();
    while let Some(batch) = batches.blocking_recv() {
        for envelope in &batch {
            format.write(envelope, &mut out);
        }
        write_all(to, &out)?;
        out.clear();
    }
    Ok(())
}

/// Like `write_all`, and waits where the descriptor does not.
fn write_all(to: &mut File, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(
                    &mut [PollFd::new(to.as_fd(), PollFlags::POLLOUT)],
                    PollTimeout::NONE,
                )?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns when the other end of a pipe or socket is closed; never for files.
fn wait_until_closed(fd: &OwnedFd) {
    loop {
        let mut watched = [PollFd::new(fd.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Err(nix::Error::EINTR) => {}
            Err(_) => std::thread::park(),
            Ok(_) => {
                let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
                if watched[0]
                    .revents()
                    .is_some_and(|events| events.intersects(gone))
                {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, time::Duration};

    use nix::unistd::pipe;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_closed_pipe_is_noticed_without_a_write() {
        let (reader, writer) = pipe().unwrap();
        let output = Output::to(Some(writer), Format::Json);
        drop(reader);
        let failure = timeout(PATIENCE, output.closed()).await.unwrap();
        assert!(failure.is_none());
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_not_a_clean_end() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = Output::to(Some(full.into()), Format::Json);
        output.print(vec![v2::Envelope::default()]).await;
        assert!(timeout(PATIENCE, output.closed()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn json_is_one_envelope_a_line_and_the_end_waits_for_it() {
        let (reader, writer) = pipe().unwrap();
        let mut output = Output::to(Some(writer), Format::Json);
        let one = v2::Envelope {
            source_id: "a\nb".into(),
            ..v2::Envelope::default()
        };
        output.print(vec![one.clone(), one]).await;
        timeout(PATIENCE, output.finish()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = File::from(reader).read(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(json["source_id"], "a\nb");
        }
    }
}
