//! Syslog over TCP and TLS, and other lines over TCP: messages one after the other, as many in one write as wait.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    DrainState, Failure, Settings,
    channel::l10,
    courier::Courier,
    dial::{Dial, Receiver},
    line::Line,
};
use crate::drain::Scope;

/// One write is filled up to this many bytes, if there is enough.
const WRITE: usize = 128 << 10;

/// A connection that wrote within the last moment waits this long for more: under load many
/// small batches become one write, and a line that comes alone still leaves at once.
const GATHER: Duration = Duration::from_millis(10);

/// … unless this many bytes wait.
const GATHERED: u64 = 32 << 10;

/// Opens a connection and writes to it until it is too old, nothing was to be sent for long,
/// or the drain ends.
pub(super) async fn session(courier: &mut Courier, to: Receiver) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let dial = Dial {
        to: &to,
        with: &courier.with,
    };
    let mut line = Line::open(dial.connect().await?, courier.is_dubious()).await?;
    let opened = Instant::now();
    courier.connected(opened);
    let settings = &courier.with.settings;
    let (idle, patience) = (settings.idle, settings.write_timeout);
    let old = opened + max_age(settings, &to);
    let mut written = opened.checked_sub(GATHER).unwrap_or(opened);
    loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if courier.batch.is_empty() {
            let gathered = written + GATHER;
            if now < gathered && courier.load() < GATHERED && !courier.is_ending() {
                wait(courier, &mut line, GATHERED, gathered).await?;
            }
            courier.fill(WRITE).await;
        }
        if courier.batch.is_empty() {
            let end = old.min(written + idle);
            if courier.is_over() || now >= end {
                line.close().await;
                return Ok(());
            }
            courier.batch.release();
            wait(courier, &mut line, 1, end).await?;
            continue;
        }
        if let Receiver::Channel(drain) = &to
            && let Some(loss) = courier.owes()
        {
            // What left of it alone is said again.
            line.write(&l10(drain, loss), patience).await.1?;
            courier.told(loss);
        }
        let (left, result) = line.write(courier.batch.unsent(), patience).await;
        courier.sent_bytes(left);
        result?;
        written = Instant::now();
        if written >= old {
            line.close().await;
            return Ok(());
        }
    }
}

/// Waits for so many bytes in the queue until `end`, or for the receiver to leave.
async fn wait(
    courier: &mut Courier,
    line: &mut Line,
    bytes: u64,
    end: Instant,
) -> Result<(), Failure> {
    let wake = courier.tell_due().map_or(end, |due| due.min(end));
    tokio::select! {
        biased;
        failure = line.gone() => Err(failure),
        () = courier.until_filled(bytes) => Ok(()),
        () = pin!(sleep_until(wake)) => Ok(()),
    }
}

/// When a connection is replaced: not all of them in the same moment.
fn max_age(settings: &Settings, to: &Receiver) -> Duration {
    let age = match to {
        Receiver::Drain(drain) if drain.scope == Scope::Aggregate => settings.max_age_aggregate,
        Receiver::Drain(_) | Receiver::Channel(_) | Receiver::Open(_) | Receiver::Tls(..) => {
            settings.max_age
        }
    };
    age.mul_f64(0.8 + 0.4 * fastrand::f64())
}
