//! What is asked: the text of a query and the times at which it is evaluated.

use std::time::Duration;

use logweir_cache::promql::{
    Matcher, Mode, Query, Span, ast::ValueType, parse_duration_ms, sources,
};
use logweir_wire::syslog::parse::rfc3339;

use super::super::api::quoted;
use super::fault::Fault;

/// A query that was read, and when it is evaluated.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The query.
    pub(crate) query: Query,
    /// Whose behaviour it has.
    pub(crate) mode: Mode,
    /// When.
    pub(crate) span: Span,
    /// Less time than the settings give, if the caller says so.
    pub(crate) timeout: Option<Duration>,
    /// Most series of the answer; `0`: all of them.
    pub(crate) most_series: usize,
}

/// The texts of an instant query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instant {
    /// PromQL.
    pub(crate) query: String,
    /// Seconds or RFC 3339; empty is now.
    pub(crate) time: String,
}

/// The texts of a range query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// PromQL.
    pub(crate) query: String,
    /// As [`Instant::time`], but needed.
    pub(crate) start: String,
    /// The same.
    pub(crate) end: String,
    /// Seconds or a duration.
    pub(crate) step: String,
}

const STEP: &str =
    "zero or negative query resolution step widths are not accepted. Try a positive integer";
const BACKWARDS: &str = "end timestamp must not be before start time";

impl Asked {
    /// A query at one instant. `now` is in nanoseconds since 1970.
    ///
    /// # Errors
    /// What is wrong, in the words of the mode.
    pub(crate) fn instant(asked: &Instant, mode: Mode, now: i64) -> Result<Self, Fault> {
        let at = match (&*asked.time, mode) {
            ("", Mode::LogCache) => now.div_euclid(1_000_000_000) * 1000,
            ("", Mode::Modern) => now / 1_000_000,
            (text, mode) => time(text, mode).map_err(|why| named("time", mode, &why))?,
        };
        Self::new(&asked.query, mode, Span::Instant(at))
    }

    /// A query at the steps of a range.
    ///
    /// # Errors
    /// As [`Asked::instant`].
    pub(crate) fn range(asked: &Range, mode: Mode) -> Result<Self, Fault> {
        let parse_step = || step(&asked.step, mode).map_err(|why| named("step", mode, &why));
        let point =
            |name: &str, text: &str| time(text, mode).map_err(|why| named(name, mode, &why));
        let both = || Ok::<_, Fault>((point("start", &asked.start)?, point("end", &asked.end)?));
        // Each reads another one first.
        let (step, (start, end)) = match mode {
            Mode::LogCache => (parse_step()?, both()?),
            Mode::Modern => {
                let both = both()?;
                (parse_step()?, both)
            }
        };
        let wrong = |name: &str, why: &str| match mode {
            Mode::LogCache => Fault::Question(why.to_owned()),
            Mode::Modern => named(name, mode, why),
        };
        if end < start {
            return Err(wrong("end", BACKWARDS));
        }
        if step <= 0 {
            return Err(wrong("step", STEP));
        }
        Self::new(&asked.query, mode, Span::Range { start, end, step })
    }

    fn new(text: &str, mode: Mode, span: Span) -> Result<Self, Fault> {
        let query = Query::parse(text, mode).map_err(|error| match mode {
            Mode::LogCache => Fault::Question(error.to_string()),
            Mode::Modern => named("query", mode, &error.to_string()),
        })?;
        let type_of = query.expr().value_type();
        let wrong = match (span, type_of, mode) {
            (Span::Range { .. }, ValueType::Matrix | ValueType::String, _) => {
                let name = type_of.name();
                Some(format!(
                    "invalid expression type \"{name}\" for range query, must be Scalar or instant Vector"
                ))
            }
            (Span::Instant(_), ValueType::String, Mode::LogCache) => {
                Some("unhandled expression of type: *promql.StringLiteral".to_owned())
            }
            _ => None,
        };
        match (wrong, mode) {
            (Some(why), Mode::Modern) => return Err(named("query", mode, &why)),
            (Some(why), Mode::LogCache) => return Err(Fault::Question(why)),
            (None, Mode::LogCache) => needs_sources(&query)?,
            (None, Mode::Modern) => {}
        }
        Ok(Self {
            query,
            mode,
            span,
            timeout: None,
            most_series: 0,
        })
    }

    /// The last instant that is evaluated, in milliseconds since 1970.
    pub(crate) fn end(&self) -> i64 {
        match self.span {
            Span::Instant(at) => at,
            Span::Range { end, .. } => end,
        }
    }

    /// The matchers of each selector.
    pub(crate) fn selectors(&self) -> Vec<&[Matcher]> {
        let selectors = self.query.selectors().into_iter();
        selectors.map(|selector| &*selector.matchers).collect()
    }
}

/// The peers' log cache reads no source that was not asked for.
fn needs_sources(query: &Query) -> Result<(), Fault> {
    for selector in query.selectors() {
        if !sources::asks_for_sources(&selector.matchers) {
            let mut names = selector.matchers.iter();
            let name = names.find(|matcher| &*matcher.name == "__name__");
            let name = name.map_or("", |matcher| &matcher.value);
            return Err(Fault::Question(format!(
                "metric '{name}' does not have a 'source_id' label"
            )));
        }
    }
    Ok(())
}

fn named(name: &str, mode: Mode, why: &str) -> Fault {
    Fault::Question(match (mode, name) {
        (Mode::Modern, _) => format!("invalid parameter \"{name}\": {why}"),
        (Mode::LogCache, "time") => why.to_owned(),
        (Mode::LogCache, _) => format!("couldn't parse {name}: {why}"),
    })
}

/// Milliseconds since 1970 of seconds or RFC 3339.
pub(super) fn time(text: &str, mode: Mode) -> Result<i64, String> {
    let seconds = text.parse::<f64>().ok();
    let found = match seconds {
        Some(seconds) => milliseconds(seconds),
        None => zoned(text).map(|nanos| nanos.div_euclid(1_000_000)),
    };
    found.ok_or_else(|| match mode {
        Mode::LogCache => format!(
            "cannot parse {} to a valid Unix or RFC3339 timestamp",
            quoted(text)
        ),
        Mode::Modern => format!("cannot parse {} to a valid timestamp", quoted(text)),
    })
}

/// A time of RFC 3339 with its zone.
fn zoned(text: &str) -> Option<i64> {
    let zone = text.len().checked_sub(6).and_then(|at| text.get(at..));
    let zone = zone.is_some_and(|zone| zone.starts_with(['+', '-']));
    match zone || text.ends_with('Z') {
        true => rfc3339(text.as_bytes()),
        false => None,
    }
}

fn step(text: &str, mode: Mode) -> Result<i64, String> {
    let (what, shown) = match mode {
        Mode::LogCache => ("step", quoted(text)),
        Mode::Modern => ("duration", quoted(text)),
    };
    match text.parse::<f64>() {
        Ok(seconds) => milliseconds(seconds)
            .ok_or_else(|| format!("cannot parse {shown} to a valid {what}. It overflows int64")),
        Err(_) => {
            parse_duration_ms(text).ok_or_else(|| format!("cannot parse {shown} to a valid {what}"))
        }
    }
}

/// Whole milliseconds of seconds; `None` beyond the nanoseconds of an `i64`.
fn milliseconds(seconds: f64) -> Option<i64> {
    // `i64::MAX` nanoseconds, as the peers keep times.
    const MOST: f64 = 9_223_372_036.0;
    let fits = seconds.abs() <= MOST;
    #[expect(clippy::cast_possible_truncation, reason = "far within an i64")]
    fits.then_some((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(query: &str, time: &str, mode: Mode) -> Result<Asked, String> {
        let (query, time) = (query.to_owned(), time.to_owned());
        let asked = Asked::instant(&Instant { query, time }, mode, 1_500_000_000_999_000_000);
        asked.map_err(|fault| fault.to_string())
    }

    fn range(start: &str, end: &str, step: &str, mode: Mode) -> Result<Span, String> {
        let asked = Range {
            query: "1".into(),
            start: start.into(),
            end: end.into(),
            step: step.into(),
        };
        let asked = Asked::range(&asked, mode);
        asked
            .map(|asked| asked.span)
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn times_are_seconds_or_rfc3339() {
        for (text, at) in [
            ("", 1_500_000_000_000),
            ("1500000140.5", 1_500_000_140_500),
            ("-1", -1000),
            ("1e9", 1_000_000_000_000),
            ("2017-07-14T02:42:20Z", 1_500_000_140_000),
            ("2017-07-14T04:42:20.25+02:00", 1_500_000_140_250),
        ] {
            let asked = instant("1", text, Mode::LogCache).unwrap();
            assert_eq!(asked.span, Span::Instant(at), "{text}");
        }
        let now = instant("1", "", Mode::Modern).unwrap();
        assert_eq!(now.span, Span::Instant(1_500_000_000_999));
        for text in ["bogus", "1e10", "NaN", "inf", "2017-07-14T02:42:20", "1 "] {
            let told = format!("cannot parse \"{text}\" to a valid Unix or RFC3339 timestamp");
            assert_eq!(instant("1", text, Mode::LogCache).unwrap_err(), told);
        }
        let told = instant("1", "x", Mode::Modern).unwrap_err();
        assert_eq!(
            told,
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp"
        );
    }

    #[test]
    fn ranges_go_forward_by_steps() {
        let both = range("1", "2.5", "100ms", Mode::LogCache);
        let span = Span::Range {
            start: 1000,
            end: 2500,
            step: 100,
        };
        assert_eq!(both, Ok(span));
        let told = |start: &str, end: &str, step: &str| {
            range(start, end, step, Mode::LogCache).unwrap_err()
        };
        assert_eq!(
            told("", "1", "1"),
            "couldn't parse start: cannot parse \"\" to a valid Unix or RFC3339 timestamp"
        );
        assert_eq!(
            told("x", "1", "x"),
            "couldn't parse step: cannot parse \"x\" to a valid step"
        );
        assert_eq!(
            told("0", "1", "1e10"),
            "couldn't parse step: cannot parse \"1e10\" to a valid step. It overflows int64"
        );
        for step in ["0", "0.0001", "-5", "0s"] {
            assert_eq!(told("1", "9", step), STEP, "{step}");
        }
        assert_eq!(told("9", "1", "1"), BACKWARDS);
        assert_eq!(
            range("9", "1", "1", Mode::Modern).unwrap_err(),
            format!("invalid parameter \"end\": {BACKWARDS}")
        );
    }

    #[test]
    fn the_log_cache_wants_to_know_the_sources() {
        for text in ["cpu", "1 + rate(cpu{source_id!=\"a\"}[1m])"] {
            let told = instant(text, "1", Mode::LogCache).unwrap_err();
            assert_eq!(told, "metric 'cpu' does not have a 'source_id' label");
            assert!(instant(text, "1", Mode::Modern).is_ok());
        }
        for text in ["7 * 9", "cpu{source_id=~\"a.*\"}", "cpu{source_id=\"a\"}"] {
            assert!(instant(text, "1", Mode::LogCache).is_ok(), "{text}");
        }
        let told = instant("", "1", Mode::LogCache).unwrap_err();
        assert_eq!(told, "parse error at char 1: no expression found in input");
        let told = instant("\"text\"", "1", Mode::LogCache).unwrap_err();
        assert_eq!(told, "unhandled expression of type: *promql.StringLiteral");
        assert!(instant("\"text\"", "1", Mode::Modern).is_ok());
    }
}
