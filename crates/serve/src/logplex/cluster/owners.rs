//! Which channels live here.
//!
//! When the nodes change, whoever gets a channel begins its drains before the lines come to
//! it, and whoever had it ends them a while after: lines that are under way find one or the
//! other.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{sync::watch, time::timeout};

use crate::log_cache::cluster::{Cluster, ClusterNodes, owner::Rule};

/// What had a channel keeps its drains for this long after it lost it.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// Drains have begun within this time, or lines come without them.
const PREPARED_WITHIN: Duration = Duration::from_secs(1);

/// Says what this node owns. Clones are the same.
#[derive(Clone)]
pub struct Owners(Arc<Inner>);

struct Inner {
    /// None where there are no others.
    several: Option<Several>,
    changes: watch::Sender<u64>,
    /// The change that drains were last seen to.
    heeded: watch::Sender<u64>,
}

struct Several {
    cluster: Arc<Cluster>,
    name: String,
    views: ArcSwap<Views>,
}

/// Who the nodes were, are and will be.
#[derive(Clone, Default)]
struct Views {
    now: Option<View>,
    next: Option<View>,
    before: Option<View>,
}

#[derive(Clone)]
struct View {
    nodes: ClusterNodes,
    rule: Arc<Rule>,
}

impl View {
    fn new(nodes: &ClusterNodes) -> Self {
        Self {
            nodes: nodes.clone(),
            rule: Arc::new(Rule::rendezvous(nodes.nodes.iter())),
        }
    }

    fn is_ours(&self, source_id: &str) -> bool {
        self.rule.place(source_id) == self.nodes.index
    }
}

impl Owners {
    /// Of a process without others: everything lives here.
    pub(crate) fn alone() -> Self {
        Self::new(None)
    }

    /// Of the node `name`, which is among the others once they are known.
    pub(super) fn of_cluster(cluster: &Arc<Cluster>, name: &str) -> Self {
        Self::new(Some(Several {
            cluster: Arc::clone(cluster),
            name: name.to_owned(),
            views: ArcSwap::default(),
        }))
    }

    fn new(several: Option<Several>) -> Self {
        Self(Arc::new(Inner {
            several,
            changes: watch::Sender::new(0),
            heeded: watch::Sender::new(0),
        }))
    }

    /// Whether this node owns the source of a channel.
    pub fn here(&self, source_id: &str) -> bool {
        let Some(several) = &self.0.several else {
            return true;
        };
        let views = several.views.load();
        views.now.as_ref().is_some_and(|now| now.is_ours(source_id))
    }

    /// The address of the node that owns the source of a channel; none without others.
    pub(crate) fn owner(&self, source_id: &str) -> Option<String> {
        let views = self.0.several.as_ref()?.views.load();
        let now = views.now.as_ref()?;
        now.nodes.nodes.get(now.rule.place(source_id)).cloned()
    }

    /// Whether there are others, or may be.
    pub(crate) fn are_several(&self) -> bool {
        self.0.several.is_some()
    }

    /// Whether the drains of a channel run here: while this node owns it, a moment before
    /// and a while after.
    pub fn drains_here(&self, source_id: &str) -> bool {
        let Some(several) = &self.0.several else {
            return true;
        };
        let views = several.views.load();
        [&views.now, &views.next, &views.before]
            .into_iter()
            .flatten()
            .any(|view| view.is_ours(source_id))
    }

    /// Changes whenever an answer of [`Owners::here`] or [`Owners::drains_here`] may have
    /// changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The drains are as [`Owners::drains_here`] said after this change.
    pub fn heeded(&self, change: u64) {
        self.0.heeded.send_replace(change);
    }

    /// The addresses of the nodes, this one among them; none without others.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let now = self.0.several.as_ref().map(|several| several.views.load());
        let now = now.and_then(|views| views.now.as_ref().map(|now| now.nodes.nodes.clone()));
        now.unwrap_or_default()
    }

    /// Takes up who the nodes are: drains first, then lines.
    pub(super) async fn turn(&self, mut names: Vec<String>) {
        let Some(several) = &self.0.several else {
            return;
        };
        names.sort();
        names.dedup();
        let index = names.iter().position(|name| *name == several.name);
        let nodes = ClusterNodes {
            index: index.unwrap_or_default(),
            nodes: names,
        };
        let views = several.views.load_full();
        if index.is_none() || views.now.as_ref().is_some_and(|now| now.nodes == nodes) {
            return;
        }
        let fresh = View::new(&nodes);
        several.views.store(Arc::new(Views {
            next: Some(fresh.clone()),
            ..Views::clone(&views)
        }));
        self.prepared(self.changed()).await;
        if let Err(error) = several.cluster.apply(&nodes) {
            tracing::error!("the list of logplex nodes is not taken: {error}");
        }
        several.views.store(Arc::new(Views {
            now: Some(fresh),
            next: None,
            before: views.now.clone(),
        }));
        self.changed();
        self.forget_later();
    }

    /// Waits until drains are as they are to be.
    async fn prepared(&self, change: u64) {
        let mut heeded = self.0.heeded.subscribe();
        let done = heeded.wait_for(|heeded| *heeded >= change);
        let done = timeout(PREPARED_WITHIN, done).await;
        if done.is_err() {
            tracing::warn!("drains take long to begin; lines may come before them");
        }
    }

    fn changed(&self) -> u64 {
        let mut change = 0;
        self.0.changes.send_modify(|changes| {
            *changes += 1;
            change = *changes;
        });
        change
    }

    fn forget_later(&self) {
        let owners = self.clone();
        let change = *self.0.changes.borrow();
        tokio::spawn(async move {
            tokio::time::sleep(AFTERWARDS).await;
            // Another turn remembers what was before it, and forgets that itself.
            if let Some(several) = &owners.0.several
                && *owners.0.changes.borrow() == change
            {
                several.views.rcu(|views| Views {
                    before: None,
                    ..Views::clone(views)
                });
                owners.changed();
            }
        });
    }
}
