//! What a query may use, and the account that it keeps of that.

use std::cell::Cell;

use super::error::EvalError;

/// The most that one query may use at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples in memory: those read and those computed.
    pub samples: usize,
    /// Steps of a range query.
    pub steps: usize,
    /// Bytes of samples and labels.
    pub bytes: usize,
}

impl Default for Limits {
    /// Prometheus's 50,000,000 samples and 11,000 steps, and 512 MiB.
    fn default() -> Self {
        Self {
            samples: 50_000_000,
            steps: 11_000,
            bytes: 512 << 20,
        }
    }
}

/// Why an evaluation must end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// It took too long.
    Timeout,
    /// Nobody waits for it any more.
    Canceled,
}

/// How much work may pass between two looks at the clock.
const WORK_UNSEEN: u64 = 1 << 14;
/// What a sample costs that was read: its time and its value.
const SAMPLE_BYTES: usize = 16;
/// What a series costs beside its samples, roughly: its labels are mostly shared.
const SERIES_BYTES: usize = 256;

/// What of the limits is in use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Use {
    samples: usize,
    bytes: usize,
}

impl Use {
    /// Computed values of series.
    pub(crate) fn values(series: usize, values: usize) -> Self {
        let bytes = series
            .saturating_mul(SERIES_BYTES)
            .saturating_add(values.saturating_mul(8));
        Self {
            samples: values,
            bytes,
        }
    }

    /// Samples that were read, each with its time.
    pub(crate) fn samples(samples: usize) -> Self {
        Self {
            samples,
            bytes: SERIES_BYTES.saturating_add(samples.saturating_mul(SAMPLE_BYTES)),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_add(other.samples),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The account of one evaluation.
pub(crate) struct Budget<'a> {
    limits: Limits,
    live: Cell<Use>,
    work: Cell<u64>,
    interrupt: &'a dyn Fn() -> Option<Interrupt>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: Limits, interrupt: &'a dyn Fn() -> Option<Interrupt>) -> Self {
        Self {
            limits,
            live: Cell::default(),
            work: Cell::new(0),
            interrupt,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes more, before it is allocated.
    pub(crate) fn charge(&self, more: Use) -> Result<(), EvalError> {
        let live = self.live.get().plus(more);
        if live.samples > self.limits.samples || live.bytes > self.limits.bytes {
            return Err(EvalError::TooManySamples);
        }
        self.live.set(live);
        Ok(())
    }

    /// How many samples may still be read.
    pub(crate) fn room(&self) -> usize {
        let live = self.live.get();
        let bytes = self.limits.bytes.saturating_sub(live.bytes);
        self.limits
            .samples
            .saturating_sub(live.samples)
            .min(bytes / SAMPLE_BYTES)
    }

    /// What is in use now, for [`Self::settle`].
    pub(crate) fn live(&self) -> Use {
        self.live.get()
    }

    /// After an operation: what was in use before it, and its result, are all that is left.
    pub(crate) fn settle(&self, before: Use, result: Use) {
        self.live.set(before.plus(result));
    }

    /// Counts work and, every so often, looks whether it must end.
    pub(crate) fn work(&self, units: usize) -> Result<(), EvalError> {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        let done = self.work.get().saturating_add(units.max(1));
        if done < WORK_UNSEEN {
            self.work.set(done);
            return Ok(());
        }
        self.work.set(0);
        match (self.interrupt)() {
            None => Ok(()),
            Some(Interrupt::Timeout) => Err(EvalError::Timeout),
            Some(Interrupt::Canceled) => Err(EvalError::Canceled),
        }
    }
}
