//! A file of JSON lines: what is taken from the queue is appended, and is on the disk as soon
//! as the settings want it. A disk that is full or gone is a receiver that is down.

mod aside;
mod writer;

#[cfg(test)]
mod tests;

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};

use super::{DrainState, Failure, courier::Courier};
use crate::nozzle::FileSettings;
use writer::{Appended, Writer};

/// One write is filled up to this many bytes, if there is enough.
const WRITE: usize = 256 << 10;

/// A file that was written within the last moment waits this long for more: under load many small
/// batches become one write, and a line that comes alone is still there at once.
const GATHER: Duration = Duration::from_millis(10);

/// … unless this many bytes wait.
const GATHERED: u64 = 32 << 10;

/// The open file, and the work on those that were put aside.
struct Session {
    settings: FileSettings,
    /// Away while a thread works on it.
    writer: Option<Writer>,
    tidying: Option<JoinHandle<()>>,
}

/// Appends until nothing was to be written for long, or the nozzle ends.
pub(super) async fn session(courier: &mut Courier, settings: FileSettings) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let mut session = Session::open(settings).await?;
    let mut used = Instant::now();
    let mut written = used.checked_sub(GATHER).unwrap_or(used);
    courier.connected(used);
    let result = loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if courier.batch.is_empty() {
            let gathered = written + GATHER;
            if now < gathered && courier.load() < GATHERED && !courier.is_ending() {
                tokio::select! {
                    () = courier.until_filled(GATHERED) => {}
                    () = sleep_until(gathered) => {}
                }
            }
            courier.fill(WRITE).await;
        }
        if courier.batch.is_empty() {
            let end = used + courier.with.settings.idle;
            if courier.is_over() || now >= end {
                break session.settle().await;
            }
            courier.batch.release();
            let due = session.due().map_or(end, |due| due.min(end));
            let wake = courier.tell_due().map_or(due, |told| told.min(due));
            tokio::select! {
                () = courier.until_filled(1) => {}
                () = sleep_until(wake) => if let Err(failure) = session.tend().await {
                    break Err(failure);
                }
            }
            continue;
        }
        let lines = courier.batch.body(0, courier.batch.left());
        let (appended, result) = session.append(lines).await;
        courier.sent_bytes(appended);
        if appended > 0 {
            courier.delivered();
        }
        if result.is_err() {
            break result;
        }
        used = Instant::now();
        written = used;
    };
    session.close().await;
    result
}

impl Session {
    async fn open(settings: FileSettings) -> Result<Self, Failure> {
        let own = settings.clone();
        let writer = blocking(move || Writer::open(own)).await;
        let writer = writer.map_err(|error| failure(&settings, &error))?;
        let mut session = Self {
            settings,
            writer: Some(writer),
            tidying: None,
        };
        // What an earlier run put aside may still have to be compressed.
        session.tidy();
        Ok(session)
    }

    /// Appends whole lines. Returns how many bytes of them are in the file, and why not all.
    async fn append(&mut self, lines: Bytes) -> (usize, Result<(), Failure>) {
        let Some(mut writer) = self.writer.take() else {
            return (0, Err(Failure::Closed));
        };
        let done = blocking(move || {
            let appended = writer.append(&lines);
            Ok((writer, appended))
        });
        match done.await {
            Err(error) => (0, Err(failure(&self.settings, &error))),
            Ok((
                writer,
                Appended {
                    bytes,
                    rotated,
                    error,
                },
            )) => {
                self.writer = Some(writer);
                if rotated {
                    self.tidy();
                }
                let result = error.map_or(Ok(()), |error| Err(failure(&self.settings, &error)));
                (bytes, result)
            }
        }
    }

    /// When [`Session::tend`] has something to do.
    fn due(&self) -> Option<Instant> {
        self.writer.as_ref().and_then(Writer::due)
    }

    /// Writes through what is to be on the disk by now, and puts aside a file that is old.
    async fn tend(&mut self) -> Result<(), Failure> {
        self.work(Writer::tend).await
    }

    /// Before the file is closed in order.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.work(|writer| writer.settle().map(|()| false)).await
    }

    /// `work` says whether a file was put aside.
    async fn work(
        &mut self,
        work: impl FnOnce(&mut Writer) -> io::Result<bool> + Send + 'static,
    ) -> Result<(), Failure> {
        let Some(mut writer) = self.writer.take() else {
            return Err(Failure::Closed);
        };
        let done = blocking(move || {
            let rotated = work(&mut writer);
            Ok((writer, rotated))
        });
        let (writer, rotated) = done
            .await
            .map_err(|error| failure(&self.settings, &error))?;
        self.writer = Some(writer);
        if rotated.map_err(|error| failure(&self.settings, &error))? {
            self.tidy();
        }
        Ok(())
    }

    /// Has a thread compress and remove files that were put aside; one at a time.
    fn tidy(&mut self) {
        if self
            .tidying
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return;
        }
        let settings = self.settings.clone();
        self.tidying = Some(spawn_blocking(move || aside::tidy(&settings)));
    }

    /// No two threads tidy after one nozzle.
    async fn close(self) {
        drop(self.writer);
        if let Some(tidying) = self.tidying {
            let _ = tidying.await;
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn failure(settings: &FileSettings, error: &io::Error) -> Failure {
    Failure::File {
        path: settings.path.clone(),
        reason: error.to_string(),
    }
}
