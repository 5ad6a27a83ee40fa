//! Metrics as arguments: `NAME=DELTA`, `NAME=VALUE[:UNIT]`, `NAME=START,STOP`.

use std::str::FromStr;

use logweir_client::Source;

use super::EmitArgs;
use crate::pairs::pair;

/// `NAME=DELTA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterArg {
    name: String,
    delta: u64,
}

/// `NAME=VALUE[:UNIT]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GaugeArg {
    name: String,
    value: f64,
    unit: String,
}

/// `NAME=START,STOP`, in Unix nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerArg {
    name: String,
    start: i64,
    stop: i64,
}

impl FromStr for CounterArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| "write it as NAME=DELTA, such as requests=1".to_owned();
        let (name, delta) = pair(text).map_err(wrong)?;
        let delta = delta.parse().map_err(|_| {
            format!("`{delta}` is no whole number from 0 on; write it as NAME=DELTA")
        })?;
        Ok(Self { name, delta })
    }
}

impl FromStr for GaugeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| "write it as NAME=VALUE:UNIT, such as memory=1024:bytes".to_owned();
        let (name, rest) = pair(text).map_err(wrong)?;
        let (value, unit) = rest.split_once(':').unwrap_or((&rest, ""));
        let value = value
            .parse()
            .map_err(|_| format!("`{value}` is no number; write it as NAME=VALUE:UNIT"))?;
        Ok(Self {
            name,
            value,
            unit: unit.into(),
        })
    }
}

impl FromStr for TimerArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it as NAME=START,STOP, both in Unix nanoseconds".to_owned();
        let (name, span) = pair(text).map_err(|_| wrong())?;
        let (start, stop) = span.split_once(',').ok_or_else(wrong)?;
        let start = start.parse().map_err(|_| wrong())?;
        let stop = stop.parse().map_err(|_| wrong())?;
        if stop < start {
            return Err("STOP is before START".into());
        }
        Ok(Self { name, start, stop })
    }
}

/// Emits every metric of the arguments, one envelope each.
pub(super) fn emit(args: &EmitArgs, source: &Source) {
    for counter in &args.counters {
        source.counter(&counter.name, counter.delta);
    }
    for gauge in &args.gauges {
        source.gauge([(gauge.name.as_str(), gauge.value, gauge.unit.as_str())]);
    }
    for timer in &args.timers {
        source.timer(&timer.name, timer.start, timer.stop);
    }
    for (title, body) in &args.events {
        source.event(title, body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_whole_numbers() {
        let counter = CounterArg {
            name: "requests".into(),
            delta: 3,
        };
        assert_eq!("requests=3".parse(), Ok(counter));
        for wrong in ["requests", "=3", "requests=-1", "requests=1.5", "requests="] {
            assert!(wrong.parse::<CounterArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn gauges_may_have_a_unit() {
        let gauge = |value, unit: &str| {
            Ok(GaugeArg {
                name: "g".into(),
                value,
                unit: unit.into(),
            })
        };
        assert_eq!("g=0.5".parse(), gauge(0.5, ""));
        assert_eq!("g=-1e3:bytes/s".parse(), gauge(-1000.0, "bytes/s"));
        assert_eq!("g=1:a:b".parse(), gauge(1.0, "a:b"));
        for wrong in ["g", "g=", "g=x", "g=:bytes", "=1"] {
            assert!(wrong.parse::<GaugeArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn timers_run_forward() {
        let timer = TimerArg {
            name: "http".into(),
            start: 5,
            stop: 9,
        };
        assert_eq!("http=5,9".parse(), Ok(timer));
        for wrong in ["http=5", "http=9,5", "http=a,b", "=5,9"] {
            assert!(wrong.parse::<TimerArg>().is_err(), "{wrong}");
        }
    }
}
