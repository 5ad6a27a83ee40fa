//! Queries over gRPC: those of the peers' clients, and series for nodes that evaluate one.

use std::{cell::RefCell, sync::Arc};

use logweir_cache::promql::{Answer, Evaluation, Labels, Mode, Sample};
use logweir_proto::{
    cache::{SeriesRequest, SeriesResponse},
    logcache::prom_ql::{
        InstantQueryRequest, InstantQueryResult, Matrix, Point, RangeQueryRequest,
        RangeQueryResult, Scalar, Series, Vector, instant_query_result, range_query_result,
    },
};
use std::collections::BTreeMap;
use tonic::Status;

use super::{
    ask::{Asked, Instant, Range},
    engine::Turn,
    fault::Fault,
    reading::Reading,
    remote,
    scope::Scope,
};
use crate::{
    grpc::unix_nanos,
    log_cache::{Cache, Upstream},
};

/// What a client of the peers may have, with what the user should know.
pub(crate) type Answered<T> = Result<(T, Vec<String>), Status>;

/// `InstantQuery`
pub(crate) async fn instant(
    cache: &Arc<Cache>,
    request: InstantQueryRequest,
) -> Answered<InstantQueryResult> {
    let asked = Instant {
        query: request.query,
        time: request.time,
    };
    let asked = Asked::instant(&asked, Mode::LogCache, unix_nanos());
    query(cache, asked, |asked, found| {
        let time = seconds(asked.end());
        let result = match found.answer {
            Answer::Scalar(value) => instant_query_result::Result::Scalar(Scalar { time, value }),
            Answer::Vector(samples) => {
                let samples = samples.into_iter().map(|sample| {
                    let point = Point {
                        time: time.clone(),
                        value: sample.value,
                    };
                    logweir_proto::logcache::prom_ql::Sample {
                        metric: metric(&sample.labels),
                        point: Some(point),
                    }
                });
                instant_query_result::Result::Vector(Vector {
                    samples: samples.collect(),
                })
            }
            Answer::Matrix(series) => instant_query_result::Result::Matrix(matrix(&series)),
            Answer::Text(_) => return Err(Fault::Internal("a text is no result".into())),
        };
        Ok(InstantQueryResult {
            result: Some(result),
        })
    })
    .await
}

/// `RangeQuery`
pub(crate) async fn range(
    cache: &Arc<Cache>,
    request: RangeQueryRequest,
) -> Answered<RangeQueryResult> {
    let asked = Range {
        query: request.query,
        start: request.start,
        end: request.end,
        step: request.step,
    };
    let asked = Asked::range(&asked, Mode::LogCache);
    query(cache, asked, |_, found| match found.answer {
        Answer::Matrix(series) => Ok(RangeQueryResult {
            result: Some(range_query_result::Result::Matrix(matrix(&series))),
        }),
        _ => Err(Fault::Internal("a range query has a matrix".into())),
    })
    .await
}

async fn query<T: Send + 'static>(
    cache: &Arc<Cache>,
    asked: Result<Asked, Fault>,
    make: impl FnOnce(&Asked, Evaluation) -> Result<T, Fault> + Send + 'static,
) -> Answered<T> {
    let engine = cache.engine();
    let asked = asked.map_err(|fault| {
        engine.count_fault(Mode::LogCache, Some(&fault));
        fault.status()
    })?;
    let upstream = Upstream::Here(Arc::clone(cache));
    // Whoever has a certificate for this door reads everything.
    let done = engine.evaluate(upstream, asked, Scope::Everything, |asked, mut found| {
        let warnings = std::mem::take(&mut found.annotations.warnings);
        Ok((make(asked, found)?, warnings))
    });
    done.await.map_err(|fault| fault.status())
}

fn metric(labels: &Labels) -> BTreeMap<String, String> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    labels.iter().map(owned).collect()
}

fn matrix(series: &[logweir_cache::promql::Series]) -> Matrix {
    let point = |sample: &Sample| Point {
        time: seconds(sample.at),
        value: sample.value,
    };
    let series = series.iter().map(|series| Series {
        metric: metric(&series.labels),
        points: series.samples.iter().map(point).collect(),
    });
    Matrix {
        series: series.collect(),
    }
}

/// Seconds with three decimals.
fn seconds(at: i64) -> String {
    let sign = if at < 0 { "-" } else { "" };
    let at = at.unsigned_abs();
    format!("{sign}{}.{:03}", at / 1000, at % 1000)
}

/// `Series`, as messages.
pub(crate) async fn series(
    cache: &Arc<Cache>,
    request: SeriesRequest,
) -> Result<Vec<SeriesResponse>, Status> {
    let engine = cache.engine();
    let upstream = Upstream::Here(Arc::clone(cache));
    let done = engine.work(Turn::Read, None, move |work| {
        let matchers = remote::matchers(&request)?;
        let scope = remote::scope(&request);
        let reading = Reading {
            upstream: &upstream,
            scope: &scope,
            view: remote::view(&request),
            work,
            local_only: request.local_only,
            failed: RefCell::default(),
        };
        let found = reading.gather(remote::selection(&request, &matchers));
        let found = found.map_err(|error| reading.fault(error))?;
        Ok(remote::messages(found))
    });
    done.await.map_err(|fault| match fault {
        Fault::Evaluation(logweir_cache::promql::EvalError::TooManySamples) => {
            Status::resource_exhausted(fault.to_string())
        }
        fault if fault.is_late() => Status::deadline_exceeded(fault.to_string()),
        fault => fault.status(),
    })
}
