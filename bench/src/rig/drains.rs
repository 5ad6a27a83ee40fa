//! A syslog agent and its drains under load.

use std::sync::Arc;

use anyhow::Result;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use super::{Duration, QUIET, Rig};
use crate::{
    bindings::{BindingCache, binding},
    clock::Clock,
    ends::{Entry, PRODUCERS},
    fleet::{Bound, Implementation},
    identity::Identities,
    producer::whole,
    report::Row,
    sink::{self, Protocol},
    tally::Tally,
};

/// The drains of an agent, all to one receiver.
#[derive(Clone, Debug)]
pub(crate) struct Drains {
    /// What they speak.
    pub(crate) protocol: Protocol,
    /// Whose logs they are.
    pub(crate) of: Of,
}

/// Whose logs drains carry.
#[derive(Clone, Debug)]
pub(crate) enum Of {
    /// One drain of all sources.
    All,
    /// A drain for each of these apps.
    Each(Vec<String>),
    /// The same, but the last leads to a port that answers no connection.
    EachButLast(Vec<String>),
}

/// What lives as long as the rig.
pub(super) struct Held {
    _cache: Option<BindingCache>,
    _hole: Option<(Vec<TcpStream>, TcpListener)>,
}

impl Rig {
    /// Starts an agent with these drains and waits until each has delivered something, but
    /// only those of `sources`, which the load comes from.
    pub(crate) async fn drained(
        implementation: &Implementation,
        ids: &Identities,
        drains: &Drains,
        sources: Vec<String>,
        (capacity, loads): (u64, usize),
    ) -> Result<Self> {
        let clock = Clock::start();
        let tally = Arc::new(Tally::new(loads * PRODUCERS, capacity)?);
        let (port, reader) = sink::open(ids, drains.protocol, tally.clone(), clock).await?;
        let url = drains.protocol.url(port);
        let mut held = Held {
            _cache: None,
            _hole: None,
        };
        let (bindings, wanted) = match &drains.of {
            Of::All => (None, 1),
            Of::Each(apps) => (Some(vec![binding(&url, apps)]), sources.len()),
            Of::EachButLast(apps) => {
                let (port, waiting, listener) = sink::blackhole().await?;
                held._hole = Some((waiting, listener));
                let (good, last) = apps.split_at(apps.len().saturating_sub(1));
                let hole = drains.protocol.url(port);
                let bindings = vec![binding(&url, good), binding(&hole, last)];
                (Some(bindings), sources.len() - last.len())
            }
        };
        let agent = match bindings {
            None => implementation.syslog_agent(ids, Bound::All(&url)).await?,
            Some(bindings) => {
                let cache = BindingCache::start(ids, &bindings).await?;
                let port = cache.port;
                held._cache = Some(cache);
                implementation.syslog_agent(ids, Bound::Cache(port)).await?
            }
        };
        let entry = Entry::text(ids, (agent.port(0), "metron")).await?;
        let mut rig = Self {
            processes: vec![agent],
            entry,
            readers: vec![reader],
            idle: (Vec::new(), Arc::new(Tally::new(0, 0)?)),
            tallies: vec![tally],
            sources,
            clock,
            capacity,
            streams: 0,
            wanted,
            _held: Some(held),
        };
        rig.prime().await?;
        Ok(rig)
    }

    /// What the processes cost for `window` while nothing is sent: memory, and processor time
    /// in percent of a core.
    pub(crate) async fn rest(&self, window: Duration) -> Result<Row> {
        sleep(QUIET).await;
        let cpu = || {
            let each = self.processes.iter().map(|process| process.cpu_seconds());
            each.sum::<Result<f64>>()
        };
        let (before, begun) = (cpu()?, Instant::now());
        sleep(window).await;
        let percent = (cpu()? - before) / begun.elapsed().as_secs_f64() * 100.0;
        Ok(Row {
            idle_cpu_percent: Some(percent),
            memory: self.memory()?,
            ..Row::default()
        })
    }
}

/// Takes out of a row's losses what was sent for the last of `apps` apps, which cannot arrive.
/// Full batches hold as many envelopes of each.
pub(crate) fn without_last(row: &mut Row, apps: u64) {
    let unreachable = row.sent_total / apps;
    row.lost = row.lost.saturating_sub(unreachable);
    row.largest_gap = row.largest_gap.saturating_sub(1);
    // What can be delivered is what the others were sent.
    row.offered *= whole(apps - 1) / whole(apps);
    row.sent *= whole(apps - 1) / whole(apps);
}
