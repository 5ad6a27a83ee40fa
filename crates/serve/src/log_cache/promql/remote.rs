//! Series of another node. Nodes of the peers know nothing of them: their envelopes are read
//! instead.

mod foreign;

use http::HeaderMap;
use logweir_cache::{
    Types,
    promql::{
        Labels, MatchOp, Matcher, Mode, Sample, Series,
        envelopes::{Metric, View},
        series::Selection,
    },
};
use logweir_proto::{
    cache::{
        SeriesRequest, SeriesResponse,
        series_request::{self, Op},
        series_response,
    },
    logcache::EnvelopeType,
    service,
};
use prost::Message;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use super::{reading::Found, scope::Scope};
use crate::log_cache::cluster::Node;

/// About so many samples are in one message.
const MESSAGE_SAMPLES: usize = 1 << 16;
/// And so many series at most.
const MESSAGE_SERIES: usize = 1 << 12;

/// What is asked of a node. No sources are all that match.
pub(super) fn request(
    selection: Selection<'_>,
    view: View,
    sources: Option<Vec<String>>,
) -> SeriesRequest {
    let matcher = |matcher: &Matcher| series_request::Matcher {
        name: matcher.name.to_string(),
        op: match matcher.op {
            MatchOp::Equal => Op::Equal,
            MatchOp::NotEqual => Op::NotEqual,
            MatchOp::Regex => Op::Regex,
            MatchOp::NotRegex => Op::NotRegex,
        }
        .into(),
        value: matcher.value.to_string(),
    };
    SeriesRequest {
        matchers: selection.matchers.iter().map(matcher).collect(),
        start_ms: selection.start_ms,
        end_ms: selection.end_ms,
        before: view.before,
        log_cache: view.mode == Mode::LogCache,
        most_samples: u64::try_from(selection.most_samples).unwrap_or(u64::MAX),
        only_labels: view.only_labels,
        only_newest: selection.only_newest,
        all_sources: sources.is_none(),
        sources: sources.unwrap_or_default(),
        local_only: false,
    }
}

/// The matchers of a request.
///
/// # Errors
/// `InvalidArgument` for an expression that is none.
pub(super) fn matchers(request: &SeriesRequest) -> Result<Vec<Matcher>, Status> {
    let matcher = |matcher: &series_request::Matcher| {
        let op = match matcher.op() {
            Op::Equal => MatchOp::Equal,
            Op::NotEqual => MatchOp::NotEqual,
            Op::Regex => MatchOp::Regex,
            Op::NotRegex => MatchOp::NotRegex,
        };
        Matcher::new(&*matcher.name, op, &*matcher.value)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    };
    request.matchers.iter().map(matcher).collect()
}

/// How the node is to see envelopes.
pub(super) fn view(request: &SeriesRequest) -> View {
    View {
        mode: match request.log_cache {
            true => Mode::LogCache,
            false => Mode::Modern,
        },
        before: request.before,
        only_labels: request.only_labels,
    }
}

/// What the node may read for it.
pub(super) fn scope(request: &SeriesRequest) -> Scope {
    match request.all_sources {
        true => Scope::Everything,
        false => Scope::These(request.sources.iter().cloned().collect()),
    }
}

/// What is read, with matchers of [`matchers`].
pub(super) fn selection<'a>(request: &SeriesRequest, matchers: &'a [Matcher]) -> Selection<'a> {
    Selection {
        matchers,
        start_ms: request.start_ms,
        end_ms: request.end_ms,
        most_samples: usize::try_from(request.most_samples).unwrap_or(usize::MAX),
        only_newest: request.only_newest,
    }
}

/// Asks a node.
///
/// # Errors
/// `ResourceExhausted` where there are more samples than were asked for, `Unavailable` or
/// `DeadlineExceeded` if it cannot be reached.
pub(super) async fn series(
    node: &Node,
    request: SeriesRequest,
    deadline: Instant,
) -> Result<Found, Status> {
    let late = || {
        let name = node.name();
        Status::deadline_exceeded(format!("the log cache node {name} did not answer in time"))
    };
    let asked = timeout_at(deadline, ours(node, &request)).await;
    match asked.unwrap_or_else(|_| Err(late())) {
        Err(status) if status.code() == Code::Unimplemented => {
            let read = timeout_at(deadline, foreign::series(node, &request));
            read.await.unwrap_or_else(|_| Err(late()))
        }
        answered => answered,
    }
}

async fn ours(node: &Node, request: &SeriesRequest) -> Result<Found, Status> {
    let (path, asked) = (service::CACHE_SERIES, request.encode_to_vec());
    let mut messages = node.stream(path, asked.into(), HeaderMap::new()).await?;
    let mut found = Found::default();
    let mut samples = 0;
    while let Some(message) = messages.next().await? {
        let message = SeriesResponse::decode(message).map_err(|error| {
            Status::internal(format!("a log cache node answered what is none: {error}"))
        })?;
        samples += message
            .series
            .iter()
            .map(|one| one.times.len() as u64)
            .sum::<u64>();
        if samples > request.most_samples {
            return Err(Status::resource_exhausted("more samples than asked for"));
        }
        found.series.extend(message.series.into_iter().map(read));
        found.warnings.extend(message.warnings);
        found
            .metrics
            .extend(message.metrics.into_iter().map(metric));
    }
    Ok(found)
}

fn read(series: series_response::Series) -> Series {
    let mut texts = series.labels.into_iter();
    let pairs = std::iter::from_fn(|| Some((texts.next()?, texts.next()?)));
    let mut at = 0_i64;
    let times = series.times.into_iter().map(|since| {
        at = at.wrapping_add(since);
        at
    });
    let samples = times.zip(series.values);
    Series {
        labels: Labels::new(pairs),
        samples: samples.map(|(at, value)| Sample { at, value }).collect(),
    }
}

fn metric(metric: series_response::Metric) -> Metric {
    Metric {
        name: metric.name.into(),
        types: match EnvelopeType::try_from(metric.envelope_type) {
            Ok(EnvelopeType::Counter) => Types::COUNTER,
            Ok(EnvelopeType::Timer) => Types::TIMER,
            _ => Types::GAUGE,
        },
        unit: metric.unit,
    }
}

/// The same as messages.
pub(super) fn messages(found: Found) -> Vec<SeriesResponse> {
    let metrics = found
        .metrics
        .into_iter()
        .map(|metric| series_response::Metric {
            name: metric.name.to_string(),
            envelope_type: match metric.types {
                Types::COUNTER => EnvelopeType::Counter,
                Types::TIMER => EnvelopeType::Timer,
                _ => EnvelopeType::Gauge,
            }
            .into(),
            unit: metric.unit,
        });
    let mut messages = vec![SeriesResponse {
        series: Vec::new(),
        warnings: found.warnings,
        metrics: metrics.collect(),
    }];
    let mut samples = 0;
    for series in found.series {
        let full = |last: &SeriesResponse| last.series.len() >= MESSAGE_SERIES;
        if samples >= MESSAGE_SAMPLES || messages.last().is_some_and(full) {
            messages.push(SeriesResponse::default());
            samples = 0;
        }
        samples += series.samples.len();
        if let Some(last) = messages.last_mut() {
            last.series.push(written(&series));
        }
    }
    messages
}

fn written(series: &Series) -> series_response::Series {
    let labels = series.labels.iter();
    let labels = labels.flat_map(|(name, value)| [name.to_owned(), value.to_owned()]);
    let mut before = 0_i64;
    let times = series.samples.iter().map(|sample| {
        let since = sample.at.wrapping_sub(before);
        before = sample.at;
        since
    });
    series_response::Series {
        labels: labels.collect(),
        times: times.collect(),
        values: series.samples.iter().map(|sample| sample.value).collect(),
    }
}
