//! Passes one of the app's streams through, and cuts it into lines on the way.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{sync::watch, time::sleep};

use crate::lines::Lines;

const READ_BYTES: usize = 64 << 10;
/// After the app has ended, a pipe that others still hold open is read until it has
/// been silent for so long.
const SILENCE: Duration = Duration::from_millis(300);

/// A thread that copies one stream.
pub(super) struct Pump {
    ended: watch::Receiver<bool>,
    /// Even while it waits for input, odd while it works on some.
    activity: Arc<AtomicU64>,
}

impl Pump {
    /// Copies `from` to `to` as it comes, and gives each line to `line`, which must
    /// not wait.
    pub(super) fn start(
        from: Option<impl Into<OwnedFd>>,
        to: impl AsFd,
        line: impl Fn(Bytes) + Send + 'static,
    ) -> Self {
        let (sender, ended) = watch::channel(false);
        let activity = Arc::new(AtomicU64::new(0));
        let pump = Self {
            ended,
            activity: activity.clone(),
        };
        // Without std's own buffer, which would hold back a line's beginning.
        let to = to.as_fd().try_clone_to_owned().map(File::from).ok();
        if let Some(from) = from {
            let from = File::from(from.into());
            std::thread::spawn(move || {
                copy(from, to, &activity, line);
                sender.send_replace(true);
            });
        } else {
            sender.send_replace(true);
        }
        pump
    }
}

fn copy(mut from: File, mut to: Option<File>, activity: &AtomicU64, line: impl Fn(Bytes)) {
    let mut lines = Lines::default();
    let ship = |payload: &[u8]| line(Bytes::copy_from_slice(payload));
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        activity.fetch_add(1, Ordering::Relaxed);
        // First the logs: they must not wait for whoever reads our output.
        lines.push(&buffer[..length], ship);
        let broken = to.as_mut().is_some_and(|to| pass_on(to, &buffer[..length]));
        activity.fetch_add(1, Ordering::Relaxed);
        if broken {
            // Closing the pipe shows the app what it would have seen without us.
            break;
        }
    }
    lines.finish(ship);
}

/// Writes all of it. True if nobody reads there any more; any other error (a full
/// disk) costs these bytes, not the app.
fn pass_on(to: &mut File, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return false,
            Ok(written) => bytes = &bytes[written..],
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => {
                    let mut wanted = [PollFd::new(to.as_fd(), PollFlags::POLLOUT)];
                    if poll(&mut wanted, PollTimeout::NONE).is_err_and(|e| e != nix::Error::EINTR) {
                        return false;
                    }
                }
                ErrorKind::BrokenPipe => return true,
                _ => return false,
            },
        }
    }
    false
}

/// Waits, after the app has ended, until its streams have ended or fallen silent.
pub(super) async fn drained(pumps: &[Pump]) {
    for pump in pumps {
        let mut ended = pump.ended.clone();
        loop {
            let before = pump.activity.load(Ordering::Relaxed);
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => break,
                () = sleep(SILENCE) => {}
            }
            let silent = before % 2 == 0 && pump.activity.load(Ordering::Relaxed) == before;
            if silent {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
