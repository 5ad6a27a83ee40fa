//! Something that is tried again and again while it is down: the log tells when that begins and
//! why, when the reason is another one, and now and then that it still lasts.

use std::time::Duration;

use tokio::time::Instant;

/// While it lasts, the log is reminded this often.
const REMIND: Duration = Duration::from_secs(30);

/// Another reason is told no sooner than this after the last one: it may alternate.
const OTHER: Duration = Duration::from_secs(5);

/// What the log was told about one thing.
#[derive(Default)]
pub(crate) struct Outage {
    told: Option<(String, Instant)>,
    /// Attempts that failed since.
    untold: u64,
}

impl Outage {
    /// An attempt failed at `now`: logs it, unless the log knows. Whether it was logged.
    pub(crate) fn failed(&mut self, reason: &str, now: Instant) -> bool {
        let line = self.line(reason, now);
        if let Some(line) = &line {
            tracing::warn!("{line}");
        }
        line.is_some()
    }

    /// It is up: the next failure is told at once.
    pub(crate) fn over(&mut self) {
        *self = Self::default();
    }

    fn line(&mut self, reason: &str, now: Instant) -> Option<String> {
        if let Some((last, at)) = &self.told {
            let pause = if last == reason { REMIND } else { OTHER };
            if now - *at < pause {
                self.untold += 1;
                return None;
            }
        }
        self.told = Some((reason.to_owned(), now));
        Some(match std::mem::take(&mut self.untold) {
            0 => reason.to_owned(),
            untold => format!("{reason} ({untold} attempts more since this was last told)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_and_every_half_minute() {
        let begun = Instant::now();
        let mut outage = Outage::default();
        // Two attempts a second, for a minute and a second.
        let lines: Vec<_> = (0..122)
            .filter_map(|half| outage.line("refused", begun + Duration::from_millis(half * 500)))
            .collect();
        let again = "refused (59 attempts more since this was last told)";
        assert_eq!(lines, ["refused", again, again]);
        outage.over();
        assert_eq!(outage.line("refused", begun).as_deref(), Some("refused"));
    }

    #[test]
    fn another_reason_is_told_soon_but_not_each_time() {
        let begun = Instant::now();
        let mut outage = Outage::default();
        let lines: Vec<_> = (0..20)
            .filter_map(|half: u32| {
                let reason = ["refused", "timed out"][half as usize % 2];
                outage.line(reason, begun + Duration::from_millis(500) * half)
            })
            .collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with("timed out (10 attempts"), "{lines:?}");
    }
}
