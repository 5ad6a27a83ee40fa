//! What the operating system asks of the process.

use std::io;

use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A wish, by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGTERM or SIGINT: end in order.
    Stop,
    /// SIGHUP: read configuration and certificates again.
    Reload,
    /// SIGUSR1: write tasks, queues and depths to standard error.
    Inspect,
}

/// Listens from its creation on, so that no signal of the start-up is lost.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    inspect: Signal,
    /// A file that reached the process's limit: whoever writes it is told, and that is enough.
    _too_large: Signal,
}

impl Signals {
    /// Takes over these signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            inspect: signal(SignalKind::user_defined1())?,
            _too_large: signal(SignalKind::from_raw(Number::SIGXFSZ as i32))?,
        })
    }

    /// The next wish.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.inspect.recv() => Wish::Inspect,
        }
    }
}
