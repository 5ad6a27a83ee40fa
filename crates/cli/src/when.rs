//! Spans and moments, as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;

/// A moment, perhaps counted back from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Unix seconds.
    At(f64),
    /// So long before now.
    Ago(Duration),
}

impl Moment {
    /// Unix seconds.
    pub(crate) fn seconds(self, now: SystemTime) -> f64 {
        match self {
            Self::At(seconds) => seconds,
            Self::Ago(span) => {
                let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                now.as_secs_f64() - span.as_secs_f64()
            }
        }
    }
}

/// `now`, `10m` (ago), `1763719200`, `2026-11-21T10:00:00Z`.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    if text == "now" {
        return Ok(Moment::Ago(Duration::ZERO));
    }
    if let Ok(span) = duration(text) {
        return Ok(Moment::Ago(span));
    }
    if let Some(seconds) = text.parse::<f64>().ok().filter(|n| n.is_finite()) {
        return Ok(Moment::At(seconds));
    }
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
        format!(
            "`{text}` is no time; write it as now, 10m (ago), 2026-11-21T10:00:00Z or Unix seconds"
        )
    })?;
    let micros = Duration::from_micros(time.timestamp_micros().unsigned_abs()).as_secs_f64();
    let sign = if time.timestamp_micros() < 0 {
        -1.0
    } else {
        1.0
    };
    Ok(Moment::At(sign * micros))
}

/// `90s`, `10m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write it as 90s, 10m or 1h30m");
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let (unit, more) = rest[digits..].split_at_checked(1).ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let part = amount.checked_mul(seconds).map(Duration::from_secs);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = more;
    }
    if total.is_zero() {
        Err(wrong())
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in [
            "",
            "10",
            "m",
            "1x",
            "1.5h",
            "0s",
            "99999999999999999d",
            "1ü",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_absolute_or_ago() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        for (text, seconds) in [
            ("now", 1000.0),
            ("10m", 400.0),
            ("17.5", 17.5),
            ("-5", -5.0),
            ("1970-01-01T00:01:00.5Z", 60.5),
            ("1970-01-01T01:00:00+02:00", -3600.0),
        ] {
            let moment = moment(text).map(|moment| moment.seconds(now));
            assert_eq!(moment, Ok(seconds), "{text}");
        }
        for wrong in ["", "yesterday", "NaN", "inf", "2026-11-21", "10:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
