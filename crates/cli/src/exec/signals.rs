//! The signals that are passed on to the app.

use std::io::IsTerminal;

use nix::{
    sys::signal::Signal,
    unistd::{getpgrp, tcgetpgrp},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

const PASSED_ON: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGQUIT,
];

/// Catches the signals that are to be passed on.
pub(super) struct Signals {
    caught: mpsc::Receiver<Signal>,
    /// Keeps the channel open when no signal is caught at all.
    _sender: mpsc::Sender<Signal>,
}

impl Signals {
    /// Starts to catch. A signal that we were told to ignore (`nohup`, a shell's
    /// background job) stays ignored, and the app inherits that.
    pub(super) fn catch() -> std::io::Result<Self> {
        let (sender, caught) = mpsc::channel(16);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored(&status);
        for passed in PASSED_ON {
            let number = passed as i32;
            if ignored & (1 << (number - 1)) != 0 {
                continue;
            }
            let mut signals = signal(SignalKind::from_raw(number))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send(passed).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            caught,
            _sender: sender,
        })
    }

    /// The next signal to pass on.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            match self.caught.recv().await {
                // The terminal sends these to every process of the group in its
                // foreground, so the app has it already; twice would mean "now!" to
                // many.
                Some(Signal::SIGINT | Signal::SIGQUIT | Signal::SIGWINCH)
                    if terminal_signals_all() => {}
                Some(signal) => return signal,
                None => std::future::pending().await,
            }
        }
    }
}

/// Whether our process group is in the foreground of a terminal that we hold.
fn terminal_signals_all() -> bool {
    let stdin = std::io::stdin();
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let foreground = if stdin.is_terminal() {
        tcgetpgrp(stdin)
    } else if stdout.is_terminal() {
        tcgetpgrp(stdout)
    } else if stderr.is_terminal() {
        tcgetpgrp(stderr)
    } else {
        return false;
    };
    foreground.is_ok_and(|group| group == getpgrp())
}

/// The mask of ignored signals in `/proc/self/status`; bit n - 1 is signal n.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t00\n";
        let mask = ignored(status);
        assert_ne!(mask & (1 << (Signal::SIGHUP as i32 - 1)), 0);
        assert_eq!(mask & (1 << (Signal::SIGTERM as i32 - 1)), 0);
        assert_eq!(ignored(""), 0);
    }
}
