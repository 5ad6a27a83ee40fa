//! Runs cases and holds what they give against what is expected.

use anyhow::Result;
use logweir_cache::promql::{
    Annotations, Answer, Labels, Limits, Mode, Query, Sample, Series, Span, VectorSample,
};

use crate::{
    points::Point,
    script::{self, Case, Command, Told},
    store::{Beyond, Store},
};

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as expected.
    Passed,
    /// It is not, and how.
    Failed(String),
    /// It needs what we do not carry.
    OutOfScope(&'static str),
}

/// A case and what came of it.
#[derive(Debug)]
pub struct Verdict {
    /// Its line in the script.
    pub line: usize,
    /// The query.
    pub query: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// Runs a script.
///
/// # Errors
/// A script that is not understood.
pub fn run_script(text: &str, mode: Mode) -> Result<Vec<Verdict>> {
    let mut store = Store::default();
    let mut verdicts = Vec::new();
    for command in script::parse(text)? {
        match command {
            Command::Clear => store.clear(),
            Command::Load {
                interval,
                custom_buckets,
                series,
            } => {
                for description in &series {
                    store.load(description, interval, custom_buckets)?;
                }
            }
            Command::Eval(case) => {
                let outcome = run(&case, &store, mode);
                verdicts.push(Verdict {
                    line: case.line,
                    query: case.query,
                    outcome,
                });
            }
        }
    }
    Ok(verdicts)
}

fn run(case: &Case, store: &Store, mode: Mode) -> Outcome {
    store.forget();
    let native = case
        .series
        .iter()
        .any(|(_, points)| points.contains(&Point::Native));
    let result = check(case, store, mode).and_then(|()| check_as_range(case, store, mode));
    match (store.seen(), result) {
        (Some(Beyond::NativeHistograms), _) => Outcome::OutOfScope("native histograms"),
        _ if native => Outcome::OutOfScope("native histograms"),
        (_, Ok(())) => Outcome::Passed,
        (Some(Beyond::StartTimestamps), Err(_)) => Outcome::OutOfScope("start timestamps"),
        (None, Err(why)) => Outcome::Failed(why),
    }
}

fn evaluate(
    query: &str,
    span: Span,
    store: &Store,
    mode: Mode,
) -> Result<(Answer, Annotations), String> {
    let query = Query::parse(query, mode).map_err(|error| error.to_string())?;
    let found = query.evaluate(store, span, Limits::default(), &|| None);
    found
        .map(|found| (found.answer, found.annotations))
        .map_err(|error| error.to_string())
}

fn check(case: &Case, store: &Store, mode: Mode) -> Result<(), String> {
    let result = evaluate(&case.query, case.span, store, mode);
    let (answer, annotations) = match (&case.fails, result) {
        (Some(message), Err(error)) if message.fits(&error) => return Ok(()),
        (Some(message), Err(error)) => {
            return Err(format!("fails with {error:?}, not with {message:?}"));
        }
        (Some(_), Ok(_)) => return Err("does not fail".to_owned()),
        (None, Err(error)) => return Err(error),
        (None, Ok(found)) => found,
    };
    told(&case.warnings, &annotations.warnings)?;
    told(&case.infos, &annotations.infos)?;
    compare(case, answer)
}

fn told(expected: &Told, found: &[String]) -> Result<(), String> {
    if expected.none && !found.is_empty() {
        return Err(format!("tells {found:?}"));
    }
    for message in &expected.some {
        if !found.iter().any(|text| message.fits(text)) {
            return Err(format!("tells {found:?}, not {message:?}"));
        }
    }
    Ok(())
}

fn compare(case: &Case, answer: Answer) -> Result<(), String> {
    match answer {
        Answer::Text(text) => match case.text.as_deref() {
            Some(expected) if expected == text => Ok(()),
            expected => Err(format!("is {text:?}, not {expected:?}")),
        },
        Answer::Scalar(value) => match case.scalar {
            Some(expected) if almost_equal(expected, value) => Ok(()),
            expected => Err(format!("is {value}, not {expected:?}")),
        },
        Answer::Vector(found) => compare_vector(case, &found),
        Answer::Matrix(found) => {
            let (start, step) = match (case.samples_at, case.span) {
                (Some(at), _) => at,
                (None, Span::Range { start, step, .. }) => (start, step),
                (None, Span::Instant(_)) => return Err("is a range vector".to_owned()),
            };
            compare_matrix(&case.series, found, start, step)
        }
    }
}

fn compare_vector(case: &Case, found: &[VectorSample]) -> Result<(), String> {
    if case.scalar.is_some() || case.text.is_some() {
        return Err("is a vector".to_owned());
    }
    if found.len() != case.series.len() {
        return Err(format!(
            "has {} series, not {}: {found:?}",
            found.len(),
            case.series.len()
        ));
    }
    for (index, VectorSample { labels, value }) in found.iter().enumerate() {
        let place = case
            .series
            .iter()
            .position(|(expected, _)| expected == labels);
        let expected = place.and_then(|place| case.series.get(place));
        let Some((_, points)) = expected else {
            return Err(format!("has unexpected {labels} {value}"));
        };
        if case.ordered && place != Some(index) {
            return Err(format!("has {labels} at place {index}"));
        }
        match points.first() {
            Some(Point::Value(expected)) if almost_equal(*expected, *value) => {}
            expected => return Err(format!("{labels} is {value}, not {expected:?}")),
        }
    }
    Ok(())
}

fn compare_matrix(
    expected: &[(Labels, Vec<Point>)],
    found: Vec<Series>,
    start: i64,
    step: i64,
) -> Result<(), String> {
    let with_points = |points: &[Point]| points.iter().any(|point| *point != Point::Gap);
    let expected: Vec<_> = expected
        .iter()
        .filter(|(_, points)| with_points(points))
        .collect();
    if found.len() != expected.len() {
        return Err(format!(
            "has {} series, not {}: {found:?}",
            found.len(),
            expected.len()
        ));
    }
    for Series { labels, samples } in found {
        let Some((_, points)) = expected.iter().find(|(expected, _)| *expected == labels) else {
            return Err(format!("has unexpected {labels}"));
        };
        let mut samples = samples.iter().peekable();
        let mut at = start;
        for point in points {
            let sample = samples.next_if(|sample| sample.at == at);
            let fits = match (point, sample) {
                (Point::Gap, None) => true,
                (Point::Value(expected), Some(Sample { value, .. })) => {
                    almost_equal(*expected, *value)
                }
                _ => false,
            };
            if !fits {
                return Err(format!("{labels} is {sample:?} at {at}, not {point:?}"));
            }
            at += step;
        }
        if let Some(more) = samples.next() {
            return Err(format!("{labels} goes on with {more:?}"));
        }
    }
    Ok(())
}

/// Around an instant a range query must give at its middle what the instant query gave.
fn check_as_range(case: &Case, store: &Store, mode: Mode) -> Result<(), String> {
    let Span::Instant(at) = case.span else {
        return Ok(());
    };
    let comparable = case.fails.is_none()
        && !case.ordered
        && case.text.is_none()
        && case.samples_at.is_none()
        // These tell of the query, not of the instant.
        && !["step()", "range()", "start()", "end()"].iter().any(|call| case.query.contains(call));
    if !comparable {
        return Ok(());
    }
    let span = Span::Range {
        start: at - 60_000,
        end: at + 60_000,
        step: 60_000,
    };
    let (answer, _) =
        evaluate(&case.query, span, store, mode).map_err(|error| format!("as a range: {error}"))?;
    let Answer::Matrix(series) = answer else {
        return Err("is no matrix as a range".to_owned());
    };
    let middle: Vec<VectorSample> = series
        .into_iter()
        .filter_map(|series| {
            let sample = series.samples.iter().find(|sample| sample.at == at)?;
            Some(VectorSample {
                labels: series.labels,
                value: sample.value,
            })
        })
        .collect();
    match case.scalar {
        None => compare_vector(case, &middle).map_err(|why| format!("as a range: {why}")),
        Some(expected) => match middle.first() {
            Some(found) if almost_equal(expected, found.value) => Ok(()),
            found => Err(format!("as a range: is {found:?}, not {expected}")),
        },
    }
}

/// Equal but for a millionth, or both NaN.
fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < 1e-6 * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < 1e-6
}
