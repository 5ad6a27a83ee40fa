//! Series of a node of the peers: what it keeps of each source is read page by page, as their
//! own engine does, but only what has the name of the metric.

use futures_util::{StreamExt, stream};
use http::HeaderMap;
use logweir_cache::{
    Passing,
    promql::{
        MatchOp, Matcher,
        envelopes::Gathering,
        series::ReadError,
        sources::{is_wanted, named_sources},
    },
};
use logweir_proto::{
    cache::SeriesRequest,
    frames::frames,
    logcache::{EnvelopeType, MetaRequest, MetaResponse, ReadRequest, ReadResponse},
    peek::peek,
    service,
};
use prost::Message;
use std::time::Duration;
use tonic::Status;

use super::{Found, matchers, selection, view};
use crate::log_cache::cluster::Node;

/// Envelopes on a page: as many as the peers give.
const PAGE: i64 = 1000;
/// Sources that are read at a time.
const AT_A_TIME: usize = 8;
/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An envelope with one sample has at least so many bytes.
const ENVELOPE_BYTES: usize = 16;

pub(super) async fn series(node: &Node, request: &SeriesRequest) -> Result<Found, Status> {
    let matchers = matchers(request)?;
    let selection = selection(request, &matchers);
    let mut gathering = Gathering::new(selection, view(request));
    let (start, end) = gathering.window();
    let sources = sources(node, request, &matchers).await?;
    let name_filter = name_filter(&matchers);
    let most = selection.most_samples.saturating_mul(ENVELOPE_BYTES * 8);
    let pages = sources.into_iter().map(|source_id| {
        let first = ReadRequest {
            source_id: source_id.clone(),
            start_time: start,
            end_time: end,
            limit: PAGE,
            envelope_types: [
                EnvelopeType::Counter,
                EnvelopeType::Gauge,
                EnvelopeType::Timer,
            ]
            .map(i32::from)
            .to_vec(),
            descending: false,
            name_filter: name_filter.clone(),
        };
        async move { (source_id, all(node, first, most).await) }
    });
    let mut pages = stream::iter(pages).buffered(AT_A_TIME);
    while let Some((source, batches)) = pages.next().await {
        gathering.source(&source);
        for batch in batches? {
            for frame in frames(&batch) {
                // A node is trusted to hold envelopes; what is none goes alone.
                let Ok(frame) = frame else { break };
                let Ok(seen) = peek(frame.envelope) else {
                    continue;
                };
                let added = gathering.add(Passing {
                    timestamp: seen.timestamp,
                    start: frame.envelope,
                    end: &[],
                    same_end: false,
                });
                added.map_err(|error| match error {
                    ReadError::TooManySamples => Status::resource_exhausted(error.to_string()),
                    error => Status::internal(error.to_string()),
                })?;
            }
        }
    }
    let (selected, metrics) = gathering.finish();
    Ok(Found {
        series: selected.series,
        metrics,
        warnings: selected.warnings,
    })
}

/// The sources that the node is to be asked for.
async fn sources(
    node: &Node,
    request: &SeriesRequest,
    matchers: &[Matcher],
) -> Result<Vec<String>, Status> {
    if !request.all_sources {
        return Ok(request.sources.clone());
    }
    if let Some(named) = named_sources(matchers) {
        return Ok(named.into_iter().map(str::to_owned).collect());
    }
    let local_only = request.local_only;
    let known: MetaResponse = call(node, service::CACHE_META, &MetaRequest { local_only }).await?;
    let known = known.meta.into_keys();
    Ok(known.filter(|id| is_wanted(matchers, id)).collect())
}

/// All pages of a source, as batches.
async fn all(
    node: &Node,
    mut request: ReadRequest,
    most: usize,
) -> Result<Vec<bytes::Bytes>, Status> {
    let mut batches = Vec::new();
    let mut bytes = 0_usize;
    while request.start_time < request.end_time {
        let page: ReadResponse = call(node, service::CACHE_READ, &request).await?;
        let mut last = None;
        let mut count = 0_i64;
        for frame in frames(&page.envelopes).map_while(Result::ok) {
            count += 1;
            last = peek(frame.envelope)
                .ok()
                .map(|seen| seen.timestamp)
                .max(last);
        }
        bytes = bytes.saturating_add(page.envelopes.len());
        if bytes > most {
            return Err(Status::resource_exhausted("more samples than asked for"));
        }
        batches.push(page.envelopes);
        match last {
            Some(last) if count >= PAGE && last >= request.start_time => {
                request.start_time = last.saturating_add(1);
            }
            _ => break,
        }
    }
    Ok(batches)
}

async fn call<A: Message + Default>(
    node: &Node,
    path: &str,
    request: &impl Message,
) -> Result<A, Status> {
    let request = request.encode_to_vec().into();
    let answer = node.call(path, request, HeaderMap::new(), PATIENCE).await?;
    A::decode(answer).map_err(|error| {
        Status::internal(format!("a log cache node answered what is none: {error}"))
    })
}

/// An expression for the names that become the one that is asked for; empty where there is
/// not just one.
fn name_filter(matchers: &[Matcher]) -> String {
    let name = matchers
        .iter()
        .find(|one| &*one.name == "__name__" && one.op == MatchOp::Equal);
    let Some(name) = name.map(|matcher| &*matcher.value) else {
        return String::new();
    };
    if name.is_empty() {
        return String::new();
    }
    let letters = name.char_indices().map(|(at, letter)| match (letter, at) {
        ('_', 0) => "[^a-zA-Z]".to_owned(),
        ('_', _) => "[^a-zA-Z0-9]".to_owned(),
        (letter, _) => regex::escape(&letter.to_string()),
    });
    format!("^{}$", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filtered_as_they_were_before_they_were_made_fit() {
        let filter = |name: &str| name_filter(&[Matcher::equal("__name__", name)]);
        let filtered = filter("_a_b1");
        assert_eq!(filtered, "^[^a-zA-Z]a[^a-zA-Z0-9]b1$");
        let expression = regex::Regex::new(&filtered).unwrap();
        for (raw, same) in [
            ("9a.b1", true),
            ("_a\nb1", true),
            ("xa.b1", false),
            ("_a.b1x", false),
        ] {
            assert_eq!(expression.is_match(raw), same, "{raw:?}");
            let fit = logweir_cache::promql::envelopes::metric_name(raw);
            assert_eq!(fit == "_a_b1", same, "{raw:?}");
        }
        assert_eq!(name_filter(&[]), "");
    }
}
