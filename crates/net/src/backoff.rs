//! Waiting longer after each failure, and not in step with everybody else.

use std::time::Duration;

/// The delays between attempts: doubling bounds from `min` up to `max`, each delay
/// drawn evenly from `min` to the bound of its attempt. The random draw keeps
/// hundreds of clients of a restarted router from coming back in the same instant.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    /// Delays from `min` to `max`. The first one lies between `min` and twice `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        let max = max.max(min);
        Self {
            min,
            max,
            bound: min,
        }
    }

    /// How long to wait before the next attempt.
    #[expect(
        clippy::should_implement_trait,
        reason = "a backoff never ends, so an Option around each delay would only be noise"
    )]
    pub fn next(&mut self) -> Duration {
        self.draw(fastrand::f64())
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.bound = self.min;
    }

    fn draw(&mut self, share: f64) -> Duration {
        self.bound = self.bound.saturating_mul(2).min(self.max);
        self.min + (self.bound - self.min).mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(10);
    const MAX: Duration = Duration::from_millis(100);

    #[test]
    fn bounds_double_up_to_the_maximum_and_start_over() {
        let mut backoff = Backoff::new(MIN, MAX);
        let delays: Vec<u128> = (0..5).map(|_| backoff.draw(1.0).as_millis()).collect();
        assert_eq!(delays, [20, 40, 80, 100, 100]);
        assert_eq!(backoff.draw(0.0), MIN);
        backoff.reset();
        assert_eq!(backoff.draw(1.0), 2 * MIN);
    }

    #[test]
    fn delays_differ_and_stay_between_the_bounds() {
        let mut backoff = Backoff::new(MIN, MAX);
        let delays: Vec<Duration> = (0..100).map(|_| backoff.next()).collect();
        assert!(delays.iter().all(|delay| (MIN..=MAX).contains(delay)));
        assert!(delays.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn huge_and_swapped_bounds_are_no_trap() {
        assert_eq!(
            Backoff::new(MAX, MIN).next(),
            MAX,
            "a maximum below the minimum counts as the minimum"
        );
        let mut long = Backoff::new(Duration::from_secs(1), Duration::MAX);
        for _ in 0..200 {
            assert!(long.draw(0.5) >= Duration::from_secs(1));
        }
    }
}
