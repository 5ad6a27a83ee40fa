//! Series from wherever they are kept: this process, the other nodes of its cluster, or a
//! node in front of which this process stands.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use futures_util::future::join_all;
use logweir_cache::promql::{
    Interrupt, Labels, Sample, Series, SeriesReader,
    envelopes::{Metric, StoreSeries, View},
    series::{ReadError, Selected, Selection},
};
use tokio::{runtime::Handle, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{fault::Fault, remote, scope::Scope};
use crate::log_cache::{Cache, Upstream, cluster::Node};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) series: Vec<Series>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) warnings: Vec<String>,
}

impl Found {
    pub(super) fn samples(&self) -> usize {
        self.series.iter().map(|series| series.samples.len()).sum()
    }

    /// Takes in what another node found. Both have a series only if it moved.
    pub(super) fn merge(&mut self, other: Found) {
        self.warnings.extend(other.warnings);
        for metric in other.metrics {
            if !self.metrics.iter().any(|known| known.name == metric.name) {
                self.metrics.push(metric);
            }
        }
        let known = self.series.iter().enumerate();
        let mut known: HashMap<Labels, usize> = known
            .map(|(at, series)| (series.labels.clone(), at))
            .collect();
        for series in other.series {
            match known.entry(series.labels.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(self.series.len());
                    self.series.push(series);
                }
                Entry::Occupied(at) => {
                    if let Some(both) = self.series.get_mut(*at.get()) {
                        both.samples = merged(&both.samples, &series.samples);
                    }
                }
            }
        }
    }
}

fn merged(one: &[Sample], other: &[Sample]) -> Arc<[Sample]> {
    let mut both = [one, other].concat();
    both.sort_by_key(|sample| sample.at);
    both.dedup_by_key(|sample| sample.at);
    both.into()
}

/// What it takes to work for somebody on a thread that may block.
pub(crate) struct Work {
    pub(super) runtime: Handle,
    pub(super) deadline: Instant,
    /// Nobody waits any more.
    pub(super) gone: CancellationToken,
}

impl Work {
    /// Whether to end early.
    pub(super) fn interrupt(&self) -> Option<Interrupt> {
        if self.gone.is_cancelled() {
            return Some(Interrupt::Canceled);
        }
        (Instant::now() >= self.deadline).then_some(Interrupt::Timeout)
    }

    /// Waits for others.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, ReadError> {
        let waited = async {
            tokio::select! {
                done = future => Ok(done),
                () = self.gone.cancelled() => Err(Interrupt::Canceled),
                () = tokio::time::sleep_until(self.deadline) => Err(Interrupt::Timeout),
            }
        };
        self.runtime
            .block_on(waited)
            .map_err(ReadError::Interrupted)
    }
}

/// Reads for one query.
pub(crate) struct Reading<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) scope: &'a Scope,
    pub(super) view: View,
    pub(super) work: &'a Work,
    /// Answered from what this process keeps.
    pub(super) local_only: bool,
    /// Why there is no answer at all, if it is not the query.
    pub(super) failed: RefCell<Option<Status>>,
}

impl Reading<'_> {
    /// The series, and what is known of their metrics.
    pub(crate) fn gather(&self, selection: Selection<'_>) -> Result<Found, ReadError> {
        let sources = self.scope.sources(selection.matchers);
        if sources.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Found::default());
        }
        match self.upstream {
            Upstream::Here(cache) if !self.local_only && cache.cluster().is_some() => {
                self.everywhere(cache, sources, selection)
            }
            Upstream::Here(cache) => self.here(cache, sources, selection),
            Upstream::Node(node) => {
                let request = remote::request(selection, self.view, sources);
                let found = remote::series(node.node(), request, self.work.deadline);
                self.work.wait(found)?.map_err(|status| self.fail(status))
            }
        }
    }

    fn fail(&self, status: Status) -> ReadError {
        if status.code() == Code::ResourceExhausted {
            return ReadError::TooManySamples;
        }
        let told = ReadError::Failed(status.message().to_owned());
        self.failed.replace(Some(status));
        told
    }

    fn here(
        &self,
        cache: &Cache,
        sources: Option<Vec<String>>,
        selection: Selection<'_>,
    ) -> Result<Found, ReadError> {
        let scope: Option<BTreeSet<String>> = sources.map(|sources| sources.into_iter().collect());
        let reader = StoreSeries {
            store: cache.local().store(),
            view: self.view,
            scope: scope.as_ref(),
            interrupt: &|| self.work.interrupt(),
        };
        let (selected, metrics) = reader.gather(selection)?;
        Ok(Found {
            series: selected.series,
            metrics,
            warnings: selected.warnings,
        })
    }

    /// Each node is asked for what it keeps; one that is lost is told of.
    fn everywhere(
        &self,
        cache: &Arc<Cache>,
        sources: Option<Vec<String>>,
        selection: Selection<'_>,
    ) -> Result<Found, ReadError> {
        let Parts { here, there } = parts(cache, sources);
        let deadline = self.work.deadline;
        let asked = there.into_iter().map(|(node, sources)| {
            let mut request = remote::request(selection, self.view, sources);
            request.local_only = true;
            async move {
                let found = remote::series(&node, request, deadline).await;
                (node, found)
            }
        });
        // They answer while this one looks into its own.
        let others = self.work.runtime.spawn(join_all(asked.collect::<Vec<_>>()));
        let mut found = match here {
            Some(sources) => self.here(cache, sources, selection)?,
            None => Found::default(),
        };
        let others = self.work.wait(others)?;
        for (node, other) in others.unwrap_or_default() {
            match other {
                Ok(other) => found.merge(other),
                Err(status) if status.code() == Code::ResourceExhausted => {
                    return Err(ReadError::TooManySamples);
                }
                Err(status) => {
                    let (name, why) = (node.name(), status.message());
                    let warning = format!("what the log cache node {name} keeps is missing: {why}");
                    found.warnings.push(warning);
                }
            }
            if found.samples() > selection.most_samples {
                return Err(ReadError::TooManySamples);
            }
        }
        Ok(found)
    }
}

impl SeriesReader for Reading<'_> {
    fn select(&self, selection: Selection<'_>) -> Result<Selected, ReadError> {
        let found = self.gather(selection)?;
        Ok(Selected {
            series: found.series,
            warnings: found.warnings,
        })
    }
}

impl Reading<'_> {
    /// What to tell when a query failed.
    pub(super) fn fault(&self, otherwise: impl Into<Fault>) -> Fault {
        match self.failed.take() {
            Some(status) => status.into(),
            None => otherwise.into(),
        }
    }
}

/// Who is asked for which sources; `None`: for all that match.
struct Parts {
    /// Asked of this process.
    here: Option<Option<Vec<String>>>,
    there: Vec<(Arc<Node>, Option<Vec<String>>)>,
}

fn parts(cache: &Cache, sources: Option<Vec<String>>) -> Parts {
    let mut parts = Parts {
        here: None,
        there: Vec::new(),
    };
    let Some(sources) = sources else {
        parts.here = Some(None);
        let others = cache.cluster().map(|cluster| cluster.others());
        let others = others.into_iter().flatten();
        parts.there = others.map(|node| (node, None)).collect();
        return parts;
    };
    for source in sources {
        let asked = match cache.elsewhere(&source) {
            None => parts.here.get_or_insert_default(),
            Some(node) => {
                let there = &mut parts.there;
                let known = there
                    .iter()
                    .position(|(known, _)| Arc::ptr_eq(known, &node));
                let at = known.unwrap_or_else(|| {
                    there.push((node, None));
                    there.len() - 1
                });
                &mut there[at].1
            }
        };
        asked.get_or_insert_default().push(source);
    }
    parts
}
