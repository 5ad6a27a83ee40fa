//! The HTTP API of Prometheus, as far as it makes sense here.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header, request::Parts};
use logweir_cache::promql::{Matcher, Mode, parse_duration_ms};
use logweir_net::body::Body;
use tonic::Code;

use super::{
    ask::{Asked, Instant, Range},
    browse,
    fault::Fault,
    json::{Json, answer as answer_json, failure, refusal},
    scope::Scope,
};
use crate::{
    auth::Authorizer,
    grpc::unix_nanos,
    log_cache::{
        Upstream,
        api::{fields, form_fields, json, nothing_here, unescaped},
    },
};

/// A page of PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// `query`
    Instant,
    /// `query_range`
    Range,
    /// `labels`
    Labels,
    /// `label/NAME/values`
    Values(String),
    /// `series`
    Series,
    /// `metadata`
    Metadata,
    /// `format_query`
    Format,
    /// `status/buildinfo`
    BuildInfo,
}

/// Where queries are those of Prometheus 3.
const MODERN: &str = "/prometheus";

impl Page {
    /// The page of a path, and whose behaviour it has.
    pub(crate) fn of(path: &str) -> Option<(Mode, Self)> {
        let (mode, path) = match path.strip_prefix(MODERN) {
            Some(rest) => (Mode::Modern, rest),
            None => (Mode::LogCache, path),
        };
        let page = match path.strip_prefix("/api/v1/")? {
            "query" => Self::Instant,
            "query_range" => Self::Range,
            "labels" => Self::Labels,
            "series" => Self::Series,
            "metadata" => Self::Metadata,
            "format_query" => Self::Format,
            "status/buildinfo" => Self::BuildInfo,
            other => {
                let name = other.strip_prefix("label/")?.strip_suffix("/values")?;
                let name = unescaped(name, false).ok()?;
                (!name.contains('/')).then(|| Self::Values(browse::label_name(&name)))?
            }
        };
        Some((mode, page))
    }

    /// Whether a path can only be one of these.
    pub(crate) fn takes(path: &str) -> bool {
        path.strip_prefix(MODERN)
            .is_some_and(|rest| rest.starts_with("/api/v1/"))
    }
}

pub(super) type Fields = Vec<(String, String)>;

/// Who asks, and from where the answer comes.
pub(super) struct Caller<'a> {
    pub(super) upstream: &'a Upstream,
    authorizer: &'a Authorizer,
    headers: &'a HeaderMap,
}

impl Caller<'_> {
    /// What may be read; `None` if there is nothing here.
    pub(super) async fn scope(&self, selectors: &[&[Matcher]], mode: Mode) -> Option<Scope> {
        let authorization = self.headers.get(header::AUTHORIZATION);
        Scope::of(self.authorizer, authorization, selectors, mode).await
    }
}

/// Answers a request for one of the pages.
pub(crate) async fn answer(
    upstream: &Upstream,
    authorizer: &Authorizer,
    (mode, page): (Mode, Page),
    request: &Parts,
    body: Body,
) -> Response<Body> {
    let fields = match mode {
        Mode::LogCache => fields(request, body).await,
        Mode::Modern => form_fields(request, body).await,
    };
    let fields = match fields {
        Ok(fields) => fields,
        Err(status) if status.code() == Code::Unimplemented => {
            let status = match mode {
                Mode::LogCache => StatusCode::NOT_IMPLEMENTED,
                Mode::Modern => StatusCode::METHOD_NOT_ALLOWED,
            };
            return refusal("internal", "Method Not Allowed", status);
        }
        Err(status) => return failure(&status.into(), mode),
    };
    let caller = Caller {
        upstream,
        authorizer,
        headers: &request.headers,
    };
    let answered = match page {
        Page::Instant => query(&caller, mode, instant(fields, mode)).await,
        Page::Range => query(&caller, mode, range(fields, mode)).await,
        Page::Labels => browse::labels(&caller, fields).await,
        Page::Values(name) => browse::values(&caller, &name, fields).await,
        Page::Series => browse::series(&caller, fields).await,
        Page::Metadata => browse::metadata(&caller, fields).await,
        Page::Format => format(fields),
        Page::BuildInfo => Ok(Some(build_info(mode))),
    };
    match answered {
        Ok(Some(response)) => response,
        Ok(None) => nothing_here(),
        Err(fault) => failure(&fault, mode),
    }
}

/// A response, or nothing for those who may not read.
pub(super) type Answered = Result<Option<Response<Body>>, Fault>;

async fn query(caller: &Caller<'_>, mode: Mode, asked: Result<Asked, Fault>) -> Answered {
    let engine = caller.upstream.engine();
    let asked = match asked {
        Ok(asked) => asked,
        Err(fault) => {
            engine.count_fault(mode, Some(&fault));
            return Err(fault);
        }
    };
    let Some(scope) = caller.scope(&asked.selectors(), mode).await else {
        return Ok(None);
    };
    let most = engine.config().bytes;
    let written = engine.evaluate(
        caller.upstream.clone(),
        asked,
        scope,
        move |asked, found| answer_json(asked, &found, most),
    );
    Ok(Some(json(StatusCode::OK, written.await?)))
}

fn instant(fields: Fields, mode: Mode) -> Result<Asked, Fault> {
    let mut form = Form(fields);
    let asked = Instant {
        query: form.take("query")?,
        time: form.take("time")?,
    };
    form.more(Asked::instant(&asked, mode, unix_nanos())?)
}

fn range(fields: Fields, mode: Mode) -> Result<Asked, Fault> {
    let mut form = Form(fields);
    let asked = Range {
        query: form.take("query")?,
        start: form.take("start")?,
        end: form.take("end")?,
        step: form.take("step")?,
    };
    form.more(Asked::range(&asked, mode)?)
}

/// The fields of a question.
pub(super) struct Form(pub(super) Fields);

impl Form {
    /// The only value of a field; empty if it has none. The sources of a query may have been
    /// looked at elsewhere, so that it must be clear which query it is.
    pub(super) fn take(&mut self, name: &str) -> Result<String, Fault> {
        let values = self.all(name);
        match &values[..] {
            [] => Ok(String::new()),
            [value] => Ok(value.clone()),
            several => Err(Fault::Question(format!(
                "too many values for field \"{name}\": {}",
                several.join(", ")
            ))),
        }
    }

    /// All values of a field.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        let (found, rest) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(known, _)| known == name);
        self.0 = rest;
        let found: Fields = found;
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// A number of things; `0` is all of them.
    pub(super) fn limit(&mut self) -> Result<usize, Fault> {
        let text = self.take("limit")?;
        match text.is_empty() {
            true => Ok(0),
            false => text.parse().map_err(|_| {
                Fault::Question("invalid parameter \"limit\": it must be a whole number".into())
            }),
        }
    }

    /// Adds what may be given with any query.
    fn more(&mut self, mut asked: Asked) -> Result<Asked, Fault> {
        asked.most_series = self.limit()?;
        let timeout = self.take("timeout")?;
        if !timeout.is_empty() {
            let wrong = || {
                Fault::Question(
                    "invalid parameter \"timeout\": it must be seconds or a duration".into(),
                )
            };
            let given = match timeout.parse::<f64>() {
                Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
                Err(_) => parse_duration_ms(&timeout)
                    .and_then(|millis| u64::try_from(millis).ok())
                    .map(Duration::from_millis),
            };
            asked.timeout = Some(given.ok_or_else(wrong)?);
        }
        Ok(asked)
    }
}

/// The query in the form in which Prometheus would write it.
fn format(fields: Fields) -> Answered {
    let text = Form(fields).take("query")?;
    let query = logweir_cache::promql::Query::parse(&text, Mode::Modern)
        .map_err(|error| Fault::Question(format!("invalid parameter \"query\": {error}")))?;
    let mut json = Json::new(Mode::Modern);
    json.raw("{\"status\":\"success\",\"data\":");
    json.text(&query.pretty());
    json.raw("}");
    Ok(Some(json.page()))
}

/// The version is that of the Prometheus whose behaviour the pages have: clients choose by it
/// what they ask.
fn build_info(mode: Mode) -> Response<Body> {
    let version = match mode {
        Mode::LogCache => "2.13.1",
        Mode::Modern => "3.0.0",
    };
    let mut json = Json::new(mode);
    json.raw("{\"status\":\"success\",\"data\":{\"version\":");
    json.text(version);
    json.raw(",\"revision\":\"\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\",\"logweir\":");
    json.text(env!("CARGO_PKG_VERSION"));
    json.raw("}}");
    json.page()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_which_page_and_whose_behaviour() {
        let values = |name: &str| Page::Values(name.to_owned());
        for (path, page) in [
            ("/api/v1/query", Some((Mode::LogCache, Page::Instant))),
            (
                "/prometheus/api/v1/query_range",
                Some((Mode::Modern, Page::Range)),
            ),
            ("/api/v1/labels", Some((Mode::LogCache, Page::Labels))),
            (
                "/prometheus/api/v1/label/a%2Eb/values",
                Some((Mode::Modern, values("a.b"))),
            ),
            (
                "/prometheus/api/v1/label/U__a_2e_b__c/values",
                Some((Mode::Modern, values("a.b_c"))),
            ),
            ("/api/v1/label//values", Some((Mode::LogCache, values("")))),
            ("/api/v1/label/a/b/values", None),
            ("/api/v1/query/", None),
            ("/api/v1/queryX", None),
            ("/prometheus/query", None),
            ("/query", None),
        ] {
            assert_eq!(Page::of(path), page, "{path}");
        }
        assert!(Page::takes("/prometheus/api/v1/x") && !Page::takes("/prometheusapi/v1/x"));
    }

    #[test]
    fn it_must_be_clear_which_query_is_meant() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = vec![field("query", "1"), field("time", "1"), field("query", "2")];
        let fault = instant(fields, Mode::LogCache).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "too many values for field \"query\": 1, 2"
        );
        let fields = vec![
            field("query", "1"),
            field("timeout", "2s"),
            field("limit", "7"),
        ];
        let asked = instant(fields, Mode::Modern).unwrap();
        assert_eq!(
            (asked.timeout, asked.most_series),
            (Some(Duration::from_secs(2)), 7)
        );
    }
}
