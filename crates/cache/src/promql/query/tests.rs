use std::cell::Cell;

use super::*;
use crate::promql::{ReadError, Selected, Selection, labels::METRIC_NAME};

fn series(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Series {
    let pairs = labels.iter().copied().chain([(METRIC_NAME, name)]);
    let samples = samples.iter().map(|(at, value)| Sample {
        at: at * 1000,
        value: *value,
    });
    Series {
        labels: Labels::new(pairs),
        samples: samples.collect(),
    }
}

/// A sample every 15 s from 0 to 300 s, whose value is its time.
fn regular() -> Vec<Series> {
    let samples: Vec<_> = (0..=20).map(|n| (n * 15, (n * 15) as f64)).collect();
    vec![series("x", &[], &samples)]
}

fn run(text: &str, data: &Vec<Series>, mode: Mode, span: Span) -> Result<Answer, EvalError> {
    let query = Query::parse(text, mode).unwrap();
    query
        .evaluate(data, span, Limits::default(), &|| None)
        .map(|found| found.answer)
}

fn instant(text: &str, data: &Vec<Series>, mode: Mode, at: i64) -> Result<Answer, EvalError> {
    run(text, data, mode, Span::Instant(at * 1000))
}

fn values(answer: Answer) -> Vec<f64> {
    match answer {
        Answer::Vector(found) => found.into_iter().map(|sample| sample.value).collect(),
        Answer::Matrix(found) => found
            .iter()
            .flat_map(|series| series.samples.iter().map(|s| s.value))
            .collect(),
        Answer::Scalar(value) => vec![value],
        Answer::Text(_) => Vec::new(),
    }
}

#[test]
fn ranges_are_closed_in_2_13_and_open_on_the_left_in_3() {
    // Log-cache specification, 4.1.
    let of = |mode| values(instant("count_over_time(x[1m])", &regular(), mode, 120).unwrap());
    assert_eq!(of(Mode::LogCache), [5.0]);
    assert_eq!(of(Mode::Modern), [4.0]);
}

#[test]
fn the_look_back_is_closed_in_2_13_too() {
    let data = vec![series("x", &[], &[(0, 1.0)])];
    let seen = |mode, at| values(instant("x", &data, mode, at).unwrap()).len();
    assert_eq!(
        [seen(Mode::LogCache, 300), seen(Mode::LogCache, 301)],
        [1, 0]
    );
    assert_eq!([seen(Mode::Modern, 299), seen(Mode::Modern, 300)], [1, 0]);
}

#[test]
fn matchers_work_on_every_label() {
    let data = vec![
        series("x", &[("source_id", "a"), ("index", "0")], &[(0, 1.0)]),
        series("x", &[("source_id", "b"), ("index", "1")], &[(0, 2.0)]),
        series("x", &[("source_id", "c")], &[(0, 3.0)]),
    ];
    let of = |text| values(instant(text, &data, Mode::LogCache, 0).unwrap());
    assert_eq!(of(r#"x{source_id=~"a|b"}"#), [1.0, 2.0]);
    assert_eq!(of(r#"x{source_id="a",index!="1"}"#), [1.0]);
    assert_eq!(of(r#"x{index!~"0"}"#), [2.0, 3.0]);
    assert_eq!(of(r#"x{index=""}"#), [3.0]);
}

#[test]
fn a_subquery_without_a_step_takes_one_minute() {
    // 2.13.1 divided by zero here (log-cache specification, 4.2).
    let found = instant("count_over_time(x[5m:])", &regular(), Mode::LogCache, 300);
    assert_eq!(values(found.unwrap()), [6.0]);
}

#[test]
fn steps_that_lead_nowhere_are_refused() {
    let of = |start, end, step| {
        run(
            "1",
            &Vec::new(),
            Mode::LogCache,
            Span::Range { start, end, step },
        )
        .unwrap_err()
    };
    assert!(matches!(of(0, 0, 0), EvalError::Range(_)));
    assert!(matches!(of(0, 1, -1), EvalError::Range(_)));
    assert!(matches!(of(1, 0, 1), EvalError::Range(_)));
    assert!(matches!(of(i64::MIN, i64::MAX, 1), EvalError::Range(_)));
    assert_eq!(of(0, 11_000, 1), EvalError::TooManySteps { limit: 11_000 });
}

#[test]
fn a_query_ends_at_its_deadline() {
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        (asked.get() > 2).then_some(Interrupt::Timeout)
    };
    let query = Query::parse("sum_over_time(vector(1)[100d:1s])", Mode::Modern).unwrap();
    let found = query.evaluate(&Vec::new(), Span::Instant(0), Limits::default(), &interrupt);
    assert_eq!(found.unwrap_err(), EvalError::Timeout);
    assert_eq!(asked.get(), 3);
}

#[test]
fn samples_and_bytes_are_bounded() {
    let bounded = |text: &str, limits| {
        let query = Query::parse(text, Mode::Modern).unwrap();
        query
            .evaluate(&regular(), Span::Instant(300_000), limits, &|| None)
            .map(drop)
    };
    let few = Limits {
        samples: 20,
        ..Limits::default()
    };
    assert_eq!(
        bounded("sum_over_time(x[10m])", few),
        Err(EvalError::TooManySamples)
    );
    assert_eq!(bounded("sum_over_time(x[1m])", few), Ok(()));
    let small = Limits {
        bytes: 500,
        ..Limits::default()
    };
    assert_eq!(
        bounded("sum_over_time(x[10m])", small),
        Err(EvalError::TooManySamples)
    );
    let default = Limits::default();
    let subquery = bounded("vector(1)[10000000d:1ms]", default);
    assert_eq!(subquery, Err(EvalError::TooManySamples));
}

#[test]
fn what_one_operator_used_is_free_for_the_next() {
    let terms = vec!["sum_over_time(x[10m])"; 20].join(" + ");
    let query = Query::parse(&terms, Mode::Modern).unwrap();
    let limits = Limits {
        samples: 60,
        ..Limits::default()
    };
    assert!(
        query
            .evaluate(&regular(), Span::Instant(300_000), limits, &|| None)
            .is_ok()
    );
}

#[test]
fn a_string_has_an_answer_in_3_only() {
    let of = |mode| instant("'a'", &Vec::new(), mode, 0);
    assert!(matches!(of(Mode::Modern), Ok(Answer::Text(text)) if text == "a"));
    let error = of(Mode::LogCache).unwrap_err().to_string();
    assert_eq!(error, "unhandled expression of type: *promql.StringLiteral");
}

#[test]
fn a_range_query_wants_a_scalar_or_a_vector() {
    let span = Span::Range {
        start: 0,
        end: 0,
        step: 1,
    };
    let error = run("x[1m]", &Vec::new(), Mode::LogCache, span)
        .unwrap_err()
        .to_string();
    let expected = "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector";
    assert_eq!(error, expected);
}

#[test]
fn an_instant_query_may_want_ranges() {
    let found = instant("x[30s]", &regular(), Mode::Modern, 300).unwrap();
    assert_eq!(values(found), [285.0, 300.0]);
}

struct Failing;

impl SeriesReader for Failing {
    fn select(&self, _: Selection<'_>) -> Result<Selected, ReadError> {
        Err(ReadError::Failed(
            "metric 'x' does not have a 'source_id' label".to_owned(),
        ))
    }
}

#[test]
fn what_the_reader_says_is_the_error() {
    let query = Query::parse("sum(x)", Mode::LogCache).unwrap();
    let found = query.evaluate(&Failing, Span::Instant(0), Limits::default(), &|| None);
    let error = found.unwrap_err().to_string();
    assert_eq!(error, "metric 'x' does not have a 'source_id' label");
}

struct Partial;

impl SeriesReader for Partial {
    fn select(&self, _: Selection<'_>) -> Result<Selected, ReadError> {
        Ok(Selected {
            series: Vec::new(),
            warnings: vec!["a node is away".to_owned()],
        })
    }
}

#[test]
fn partial_data_is_told_once() {
    let query = Query::parse("x + x", Mode::Modern).unwrap();
    let found = query.evaluate(&Partial, Span::Instant(0), Limits::default(), &|| None);
    assert_eq!(found.unwrap().annotations.warnings, ["a node is away"]);
}

#[test]
fn annotations_tell_their_place() {
    let query = Query::parse("quantile_over_time(2, x[1m])", Mode::Modern).unwrap();
    let found = query
        .evaluate(&regular(), Span::Instant(0), Limits::default(), &|| None)
        .unwrap();
    let expected = "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)";
    assert_eq!(found.annotations.warnings, [expected]);
}

#[test]
fn the_rate_of_a_gauge_is_told_in_3() {
    let infos = |text, mode| {
        let query = Query::parse(text, mode).unwrap();
        let span = Span::Instant(60_000);
        let found = query
            .evaluate(&regular(), span, Limits::default(), &|| None)
            .unwrap();
        found.annotations.infos
    };
    let expected = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\" (1:6)";
    assert_eq!(infos("rate(x[1m])", Mode::Modern), [expected]);
    assert_eq!(infos("rate(x[1m])", Mode::LogCache), [""; 0]);
    assert_eq!(infos("deriv(x[1m])", Mode::Modern), [""; 0]);
}

#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let nested = format!("{}x{}", "abs(".repeat(95), ")".repeat(95));
    let chain = vec!["x"; 95].join(" * ");
    let signs = format!("{}x", "-".repeat(95));
    let evaluate = move || {
        for text in [nested, chain, signs] {
            for mode in [Mode::LogCache, Mode::Modern] {
                assert!(instant(&text, &regular(), mode, 0).is_ok());
            }
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(evaluate)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn a_query_names_its_selectors() {
    let text = "sum(rate(a[1m])) / on () (b or abs(c)[5m:] offset 1m) + info(d, {e=\"f\"})";
    let text = text.replace(
        "abs(c)[5m:] offset 1m",
        "max_over_time(abs(c)[5m:] offset 1m)",
    );
    let query = Query::parse(&text, Mode::Modern).unwrap();
    let names: Vec<_> = query
        .selectors()
        .iter()
        .map(|found| found.name.as_deref())
        .collect();
    assert_eq!(names, [Some("a"), Some("b"), Some("c"), Some("d"), None]);
}

#[test]
fn quantiles_that_change_have_series_of_their_own() {
    let bucket = |bound, count| series("h_bucket", &[("le", bound)], &[(0, count), (60, count)]);
    let data = vec![bucket("1", 4.0), bucket("+Inf", 4.0)];
    let span = Span::Range {
        start: 0,
        end: 60_000,
        step: 60_000,
    };
    let text = "histogram_quantiles(h_bucket, \"q\", scalar(vector(0.25 + time() / 240)))";
    let Answer::Matrix(found) = run(text, &data, Mode::Modern, span).unwrap() else {
        panic!()
    };
    let labels: Vec<_> = found
        .iter()
        .map(|series| series.labels.get("q").to_owned())
        .collect();
    assert_eq!(labels, ["0.25", "0.5"]);
    assert_eq!(
        found
            .iter()
            .map(|series| series.samples.len())
            .collect::<Vec<_>>(),
        [1, 1]
    );
}
