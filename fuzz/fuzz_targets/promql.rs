//! Queries: no text may panic, spin or use more than its limits, in either mode. What is
//! read can be written, and reads as the same again.

#![no_main]

use std::cell::Cell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use logweir_cache::promql::series::STALE;
use logweir_cache::promql::{Interrupt, Labels, Limits, Mode, Query, Sample, Series, Span};

const LIMITS: Limits = Limits {
    samples: 20_000,
    steps: 50,
    bytes: 4 << 20,
};
/// How often a query may ask whether to go on before it is told to end.
const PATIENCE: u32 = 20;

static DATA: LazyLock<Vec<Series>> = LazyLock::new(|| {
    let series = |labels: &[(&str, &str)], values: &[f64]| {
        let samples = values.iter().enumerate();
        let samples = samples.map(|(at, value)| Sample {
            at: i64::try_from(at).unwrap_or_default() * 15_000,
            value: *value,
        });
        Series {
            labels: Labels::new(labels.iter().copied()),
            samples: samples.collect(),
        }
    };
    let odd = [
        1.0,
        f64::NAN,
        f64::INFINITY,
        -0.0,
        STALE,
        1e308,
        -1e308,
        f64::NEG_INFINITY,
    ];
    let counter = [0.0, 5.0, 9.0, 2.0, 4.0, 4.0, 100.0, 1.0];
    vec![
        series(
            &[("__name__", "x"), ("source_id", "a"), ("index", "0")],
            &counter,
        ),
        series(
            &[("__name__", "x"), ("source_id", "b"), ("index", "1")],
            &odd,
        ),
        series(&[("__name__", "y"), ("source_id", "a")], &[3.0; 30]),
        series(&[("__name__", "h_bucket"), ("le", "1")], &counter),
        series(&[("__name__", "h_bucket"), ("le", "+Inf")], &odd),
        series(
            &[
                ("__name__", "target_info"),
                ("instance", "i"),
                ("job", "j"),
                ("v", "1"),
            ],
            &[1.0; 9],
        ),
        series(
            &[("__name__", "z"), ("instance", "i"), ("job", "j")],
            &counter,
        ),
    ]
});

fuzz_target!(|data: &[u8]| {
    let Some((how, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let mode = match how & 1 {
        0 => Mode::LogCache,
        _ => Mode::Modern,
    };
    let query = match Query::parse(text, mode) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    if mode == Mode::Modern {
        let written = query.expr().to_string();
        let read = Query::parse(&written, mode);
        let again = read.map(|query| query.expr().to_string());
        assert_eq!(again.as_deref(), Ok(written.as_str()), "of {text:?}");
    }
    let span = match how & 2 {
        0 => Span::Instant(i64::from(*how) * 1000),
        _ => Span::Range {
            start: 0,
            end: i64::from(*how) * 1000,
            step: 7_000,
        },
    };
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        assert!(asked.get() <= PATIENCE, "goes on after it was told to end");
        (asked.get() == PATIENCE).then_some(Interrupt::Timeout)
    };
    let _ = query.evaluate(&*DATA, span, LIMITS, &interrupt);
});
