//! When a busy door rests before it reads again: datagrams that come one by one cost a
//! wake-up each, of this task and of all behind it; those that wait a moment in the kernel
//! are read, queued and sent together.

use tokio::time::{Duration, Instant};

/// A door with fewer datagrams a second is read at once, always.
const BUSY: f64 = 4_000.0;

/// How long a busy door rests: the shortest time that the runtime's clock knows.
const REST: Duration = Duration::from_millis(1);

/// What a rest may become when the machine is busy too.
const LONG_REST: f64 = 0.0025;

/// The part of the receive buffer that a rest may fill.
const PART: f64 = 0.125;

/// Bytes that the kernel keeps for each datagram besides its own, and how many for each of
/// these: memory comes in powers of two.
const OVERHEAD: (f64, f64) = (768.0, 2.0);

/// How fast the figure of a second follows what comes.
const WEIGHT: f64 = 0.25;

/// How busy one door is.
pub(super) struct Pace {
    /// Bytes of the kernel's that a rest may fill.
    room: f64,
    last: Option<Instant>,
    /// Datagrams, and bytes in the kernel, that come in a second.
    datagrams: f64,
    bytes: f64,
}

impl Pace {
    /// For a door whose kernel keeps `receive_buffer` bytes.
    pub(super) fn new(receive_buffer: usize) -> Self {
        Self {
            room: receive_buffer as f64 * PART,
            last: None,
            datagrams: 0.0,
            bytes: 0.0,
        }
    }

    /// Takes in what was read at `now`, and tells how long to rest before the next look.
    pub(super) fn after(&mut self, now: Instant, datagrams: u64, bytes: u64) -> Option<Duration> {
        let last = self.last.replace(now)?;
        // Two looks in one tick of the clock are no reason to divide by nothing.
        let seconds = (now - last).as_secs_f64().max(1e-6);
        let (datagrams, bytes) = (datagrams as f64, bytes as f64);
        let kept = datagrams * OVERHEAD.0 + bytes * OVERHEAD.1;
        self.datagrams += (datagrams / seconds - self.datagrams) * WEIGHT;
        self.bytes += (kept / seconds - self.bytes) * WEIGHT;
        let fits = self.bytes * LONG_REST <= self.room;
        (self.datagrams >= BUSY && fits).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a door rests that is read `times` times, every `every`, and finds this many
    /// datagrams of 1 KiB each time.
    fn rests(receive_buffer: usize, times: u32, every: Duration, datagrams: u64) -> bool {
        let mut pace = Pace::new(receive_buffer);
        let start = Instant::now();
        let mut rest = None;
        for look in 0..times {
            rest = pace.after(start + every * look, datagrams, datagrams << 10);
        }
        rest.is_some()
    }

    #[test]
    fn a_busy_door_rests_and_a_quiet_one_does_not() {
        let every = Duration::from_millis(1);
        assert!(rests(16 << 20, 50, every, 50));
        assert!(!rests(16 << 20, 50, every, 1));
        assert!(!rests(16 << 20, 50, 100 * every, 50), "bursts with pauses");
    }

    #[test]
    fn a_burst_after_silence_is_read_at_once() {
        assert!(!rests(16 << 20, 2, Duration::from_secs(1), 1_000));
    }

    #[test]
    fn a_door_with_a_small_buffer_never_rests_longer_than_it_can() {
        let every = Duration::from_millis(1);
        assert!(!rests(416 << 10, 50, every, 50));
        assert!(rests(416 << 10, 50, every, 5));
    }
}
