//! Turns, deadlines and threads: a query may take long and must not hold anything up.

use std::{cell::RefCell, sync::Arc, time::Duration};

use http::StatusCode;
use logweir_cache::promql::{Evaluation, Mode, Span, envelopes::View};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    PromqlConfig,
    ask::Asked,
    fault::Fault,
    reading::{Reading, Work},
    scope::Scope,
};
use crate::{
    log_cache::Upstream,
    metrics::{Gauge, Registry},
};

/// Evaluates queries, so many at a time. Clones are the same.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: PromqlConfig,
    /// Queries that are evaluated here.
    turns: Arc<Semaphore>,
    /// Reads for queries that are evaluated elsewhere: nodes that wait for each other have
    /// turns of both kinds.
    reads: Arc<Semaphore>,
    registry: Registry,
    instant: Gauge,
    range: Gauge,
}

/// Of which kind a turn is.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Query,
    Read,
}

impl Engine {
    /// An engine with these bounds, whose figures are in `registry`.
    pub fn new(config: &PromqlConfig, registry: &Registry) -> Self {
        let took = |kind: &str| {
            let name = format!("log_cache_promql_{kind}_query_time");
            let help = format!("How long the last {kind} query took.");
            registry.gauge(&name, &help, "milliseconds", &[])
        };
        registry.counter(TIMEOUTS.0, TIMEOUTS.1, &[]);
        let turns = || Arc::new(Semaphore::new(config.concurrent.max(1)));
        Self(Arc::new(Inner {
            config: config.clone(),
            turns: turns(),
            reads: turns(),
            registry: registry.clone(),
            instant: took("instant"),
            range: took("range"),
        }))
    }

    /// The settings.
    pub(super) fn config(&self) -> &PromqlConfig {
        &self.0.config
    }

    /// Evaluates a query and makes something of its answer, on a thread that may block.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn evaluate<T: Send + 'static>(
        &self,
        upstream: Upstream,
        asked: Asked,
        scope: Scope,
        make: impl FnOnce(&Asked, Evaluation) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let limits = self.0.config.limits(asked.mode);
        let (timeout, mode, span) = (asked.timeout, asked.mode, asked.span);
        let since = Instant::now();
        let done = self.work(Turn::Query, timeout, move |work| {
            let reading = Reading {
                upstream: &upstream,
                scope: &scope,
                view: View::of_query(asked.mode, asked.end()),
                work,
                local_only: false,
                failed: RefCell::default(),
            };
            let evaluation = asked
                .query
                .evaluate(&reading, asked.span, limits, &|| work.interrupt());
            let evaluation = evaluation.map_err(|error| reading.fault(error))?;
            make(&asked, evaluation)
        });
        let done = done.await;
        self.count(mode, span, since.elapsed(), done.as_ref().err());
        done
    }

    /// Does what may block, when its turn comes.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        turn: Turn,
        timeout: Option<Duration>,
        what: impl FnOnce(&Work) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let most = self.0.config.timeout;
        let deadline = Instant::now() + timeout.map_or(most, |wanted| wanted.min(most));
        let turns = match turn {
            Turn::Query => &self.0.turns,
            Turn::Read => &self.0.reads,
        };
        // Never closed.
        let turn = timeout_at(deadline, Arc::clone(turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Fault::Queue)?;
        let gone = CancellationToken::new();
        let work = Work {
            runtime: Handle::current(),
            deadline,
            gone: gone.clone(),
        };
        let _gone = gone.drop_guard();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            what(&work)
        });
        let done = done.await;
        done.unwrap_or_else(|error| Err(Fault::Internal(format!("the query failed: {error}"))))
    }

    fn count(&self, mode: Mode, span: Span, took: Duration, fault: Option<&Fault>) {
        let gauge = match span {
            Span::Instant(_) => &self.0.instant,
            Span::Range { .. } => &self.0.range,
        };
        gauge.set(took.as_secs_f64() * 1000.0);
        self.count_fault(mode, fault);
    }

    /// Counts how a query ended.
    pub(super) fn count_fault(&self, mode: Mode, fault: Option<&Fault>) {
        let mode = match mode {
            Mode::LogCache => "log-cache",
            Mode::Modern => "modern",
        };
        let registry = &self.0.registry;
        let result = fault.map_or("success", |fault| fault.kind(Mode::Modern).0);
        let labels = [("mode", mode), ("result", result)];
        let help = "Queries in PromQL, by how they ended.";
        registry
            .counter("logweir_promql_queries", help, &labels)
            .add(1);
        // The peers count what could not be read, too.
        let unread = |fault: &Fault| {
            fault.is_late() || fault.kind(Mode::Modern).1 == StatusCode::SERVICE_UNAVAILABLE
        };
        if fault.is_some_and(unread) {
            registry.counter(TIMEOUTS.0, TIMEOUTS.1, &[]).add(1);
        }
    }
}

/// Name and help.
const TIMEOUTS: (&str, &str) = (
    "log_cache_promql_timeout",
    "Queries that took too long, or whose data could not be read.",
);
