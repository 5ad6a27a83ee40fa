//! What there is to ask for: labels, their values, series, metrics. Names of metrics are
//! labels here in both modes, as tools that ask want them to be.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use http::Response;
use logweir_cache::{
    Types,
    promql::{Matcher, Mode, Query, ast::ExprKind, envelopes::View, series::Selection},
};
use logweir_net::body::Body;

use super::{
    ask::time,
    engine::Turn,
    fault::Fault,
    json::Json,
    pages::{Answered, Caller, Fields, Form},
    reading::{Found, Reading},
};
use crate::grpc::unix_nanos;

/// How far back is looked where the question does not say.
const LOOK_BACK_MS: i64 = 3_600_000;
/// What a series takes, in samples: there are none here.
const SAMPLE_BYTES: usize = 16;

/// What is looked for, and when.
struct Wanted {
    /// Any of these; all there is where there are none.
    selectors: Vec<Vec<Matcher>>,
    start: i64,
    end: i64,
    limit: usize,
}

impl Wanted {
    fn of(fields: Fields) -> Result<Self, Fault> {
        let mut form = Form(fields);
        let selectors = form.all("match[]").into_iter().map(|text| selector(&text));
        let selectors = selectors.collect::<Result<_, _>>()?;
        let limit = form.limit()?;
        let mut at = |name: &str, otherwise: i64| {
            let text = form.take(name)?;
            match text.is_empty() {
                true => Ok(otherwise),
                false => time(&text, Mode::Modern)
                    .map_err(|why| Fault::Question(format!("invalid parameter \"{name}\": {why}"))),
            }
        };
        let end = at("end", unix_nanos() / 1_000_000)?;
        let start = at("start", end.saturating_sub(LOOK_BACK_MS))?;
        if end < start {
            return Err(Fault::Question(
                "invalid parameter \"end\": end timestamp must not be before start time".into(),
            ));
        }
        Ok(Self {
            selectors,
            start,
            end,
            limit,
        })
    }
}

fn selector(text: &str) -> Result<Vec<Matcher>, Fault> {
    let wrong = |why: String| Fault::Question(format!("invalid parameter \"match[]\": {why}"));
    let query = Query::parse(text, Mode::Modern).map_err(|error| wrong(error.to_string()))?;
    match &query.expr().kind {
        ExprKind::Selector(selector) => Ok(selector.matchers.clone()),
        _ => Err(wrong(format!("{text} selects no series"))),
    }
}

/// What any of the selectors finds; `None` for those who may not read.
async fn find(caller: &Caller<'_>, mut wanted: Wanted) -> Result<Option<Found>, Fault> {
    if wanted.selectors.is_empty() {
        wanted.selectors.push(Vec::new());
    }
    let selectors: Vec<&[Matcher]> = wanted.selectors.iter().map(Vec::as_slice).collect();
    let Some(scope) = caller.scope(&selectors, Mode::Modern).await else {
        return Ok(None);
    };
    let engine = caller.upstream.engine();
    let upstream = caller.upstream.clone();
    let most_samples = engine.config().bytes / SAMPLE_BYTES;
    let found = engine.work(Turn::Query, None, move |work| {
        let reading = Reading {
            upstream: &upstream,
            scope: &scope,
            view: View {
                mode: Mode::Modern,
                before: i64::MAX,
                only_labels: true,
            },
            work,
            local_only: false,
            failed: RefCell::default(),
        };
        let mut all = Found::default();
        for matchers in &wanted.selectors {
            let found = reading.gather(Selection {
                matchers,
                start_ms: wanted.start,
                end_ms: wanted.end,
                most_samples,
                only_newest: false,
            });
            all.merge(found.map_err(|error| reading.fault(error))?);
        }
        Ok(all)
    });
    found.await.map(Some)
}

/// `labels`
pub(super) async fn labels(caller: &Caller<'_>, fields: Fields) -> Answered {
    let wanted = Wanted::of(fields)?;
    let limit = wanted.limit;
    let Some(found) = find(caller, wanted).await? else {
        return Ok(None);
    };
    let names = found.series.iter().flat_map(|series| series.labels.iter());
    let names: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    Ok(Some(texts(names, limit, &found.warnings)))
}

/// `label/NAME/values`
pub(super) async fn values(caller: &Caller<'_>, name: &str, fields: Fields) -> Answered {
    let wanted = Wanted::of(fields)?;
    let limit = wanted.limit;
    let Some(found) = find(caller, wanted).await? else {
        return Ok(None);
    };
    let values = found.series.iter().map(|series| series.labels.get(name));
    let values: BTreeSet<&str> = values.filter(|value| !value.is_empty()).collect();
    Ok(Some(texts(values, limit, &found.warnings)))
}

/// `series`
pub(super) async fn series(caller: &Caller<'_>, fields: Fields) -> Answered {
    let wanted = Wanted::of(fields)?;
    if wanted.selectors.is_empty() {
        return Err(Fault::Question("no match[] parameter provided".into()));
    }
    let limit = wanted.limit;
    let Some(mut found) = find(caller, wanted).await? else {
        return Ok(None);
    };
    found
        .series
        .sort_by(|one, other| one.labels.cmp(&other.labels));
    let series = found.series.iter().map(|series| &series.labels);
    Ok(Some(listed(
        series,
        limit,
        &found.warnings,
        |json, labels| {
            json.labels(labels);
        },
    )))
}

/// `metadata`
pub(super) async fn metadata(caller: &Caller<'_>, fields: Fields) -> Answered {
    let mut form = Form(fields);
    let metric = form.take("metric")?;
    let limit = form.limit()?;
    let mut wanted = Wanted::of(Fields::new())?;
    if !metric.is_empty() {
        wanted
            .selectors
            .push(vec![Matcher::equal("__name__", metric)]);
    }
    let Some(found) = find(caller, wanted).await? else {
        return Ok(None);
    };
    // A name that nobody's series has says nothing to the caller.
    let named: BTreeSet<&str> = found
        .series
        .iter()
        .map(|one| one.labels.metric_name())
        .collect();
    let metrics = found
        .metrics
        .iter()
        .filter(|metric| named.contains(&*metric.name));
    let metrics: BTreeMap<&str, _> = metrics.map(|metric| (&*metric.name, metric)).collect();
    let most = if limit == 0 { usize::MAX } else { limit };
    let mut json = Json::new(Mode::Modern);
    json.raw("{\"status\":\"success\",\"data\":{");
    json.list(metrics.into_iter().take(most), |json, (name, metric)| {
        json.text(name);
        json.raw(":[{\"type\":");
        json.text(match metric.types {
            Types::COUNTER => "counter",
            _ => "gauge",
        });
        json.raw(",\"help\":\"\",\"unit\":");
        json.text(&metric.unit);
        json.raw("}]");
    });
    json.raw("}");
    json.notes("warnings", &found.warnings);
    json.raw("}");
    Ok(Some(json.page()))
}

fn texts(texts: BTreeSet<&str>, limit: usize, warnings: &[String]) -> Response<Body> {
    listed(texts, limit, warnings, Json::text)
}

fn listed<T>(
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    limit: usize,
    warnings: &[String],
    each: impl FnMut(&mut Json, T),
) -> Response<Body> {
    let items = items.into_iter();
    let cut = limit > 0 && items.len() > limit;
    let most = if limit == 0 { usize::MAX } else { limit };
    let mut json = Json::new(Mode::Modern);
    json.raw("{\"status\":\"success\",\"data\":[");
    json.list(items.take(most), each);
    json.raw("]");
    let mut warnings = warnings.to_vec();
    if cut {
        warnings.push("results truncated due to limit".to_owned());
    }
    json.notes("warnings", &warnings);
    json.raw("}");
    json.page()
}

/// A label's name as paths hold it: after `U__`, what a path of Prometheus 2 could not hold is
/// between underscores by its number, and underscores are doubled.
pub(super) fn label_name(text: &str) -> String {
    let Some(mut rest) = text.strip_prefix("U__") else {
        return text.to_owned();
    };
    let mut name = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let number = rest.split_once('_').and_then(|(number, after)| {
            let number = u32::from_str_radix(number, 16).ok()?;
            Some((char::from_u32(number)?, after))
        });
        let Some((letter, after)) = number else {
            // It is none of those.
            return text.to_owned();
        };
        name.push(letter);
        rest = after;
    }
    name.push_str(rest);
    name
}
