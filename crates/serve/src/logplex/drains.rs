//! The drains of channels: which of them run here, by what the registry, the cluster and the
//! control rods say.

mod firehose;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use logweir_drain::{ChannelDrain, Exit, logplex_url::check};
use tokio::{sync::watch, time::timeout};

use super::{
    Logplex, Owners,
    model::{Channel, Drain},
    registry::Registry,
};
use crate::{
    context::{ServeContext, Started},
    drains::{Drains, Origin},
    metrics,
};
use firehose::Firehose;

/// Changes that come fast are taken up together: after a look at all drains, this many times as
/// long as it took passes before the next.
const REST: u32 = 3;

/// A request that changes drains waits no longer than this for the change to be taken up.
const SETTLED: Duration = Duration::from_secs(1);

/// The drains of channels while they run.
pub(crate) struct ChannelDrains {
    /// Those of channels are of [`Origin::Channel`].
    pub(crate) drains: Arc<Drains>,
    registry: watch::Receiver<u64>,
    seen: watch::Receiver<u64>,
}

impl ChannelDrains {
    /// Waits until the drains are what the registry says now, so that a line that comes next
    /// finds them.
    pub(crate) async fn settled(&self) {
        let wanted = *self.registry.borrow();
        let mut seen = self.seen.clone();
        let _ = timeout(SETTLED, seen.wait_for(|seen| *seen >= wanted)).await;
    }
}

struct Follow {
    registry: Arc<Registry>,
    owners: Owners,
    drains: Arc<Drains>,
    firehose: Firehose,
    strict: bool,
    /// What was made of each drain, and of what: URLs are read once.
    made: HashMap<u64, Made>,
}

struct Made {
    drain: Arc<Drain>,
    channel: Arc<Channel>,
    /// None if the URL names no drain.
    exit: Option<Arc<ChannelDrain>>,
}

/// Where this process listens, for drains that would lead back into it: to be said once its
/// doors are bound. `doors` are those where drains are named.
pub(crate) fn bound(drains: &Drains, started: &Started, doors: &[&str]) {
    let all = started.doors();
    let named = all.iter().filter(|(name, _)| doors.contains(name));
    let local = named.map(|door| door.1.ip()).all(|ip| ip.is_loopback());
    let all = all.iter().map(|door| door.1).collect();
    drains.reach().set_doors(all, local);
}

/// Runs the drains of the channels of this node from now on.
pub(crate) fn follow(
    logplex: &Logplex,
    drains: &Arc<Drains>,
    metrics: &metrics::Registry,
    context: &ServeContext,
) {
    let registry = Arc::clone(logplex.book.registry());
    let (mut generation, mut owners) = (registry.generation(), logplex.owners.changes());
    let (seen, watching) = watch::channel(0);
    let running = ChannelDrains {
        drains: Arc::clone(drains),
        registry: generation.clone(),
        seen: watching,
    };
    // There is but one.
    let _ = logplex.drains.set(running);
    let firehose = Firehose::new(&logplex.config.firehose, &logplex.exchange, &registry);
    firehose.collect(metrics);
    let mut follow = Follow {
        registry,
        owners: logplex.owners.clone(),
        drains: Arc::clone(drains),
        firehose,
        strict: logplex.config.strict,
        made: HashMap::new(),
    };
    let (stop, tracker) = (&context.shutdown.stop, &context.shutdown.tracker);
    follow.firehose.start(stop, tracker);
    let following = async move {
        loop {
            let now = *generation.borrow_and_update();
            let change = *owners.borrow_and_update();
            let begun = Instant::now();
            follow.apply();
            let took = begun.elapsed();
            seen.send_replace(now);
            follow.owners.heeded(change);
            tokio::time::sleep(took * REST).await;
            tokio::select! {
                changed = generation.changed() => if changed.is_err() { return },
                changed = owners.changed() => if changed.is_err() { return },
            }
        }
    };
    let stop = stop.clone();
    tracker.spawn(async move { stop.run_until_cancelled(following).await });
}

impl Follow {
    fn apply(&mut self) {
        let rods = self.registry.rods();
        let mut exits: Vec<Exit> = Vec::new();
        let mut hoses = Vec::new();
        let before = std::mem::take(&mut self.made);
        if !rods.deny_drain_forwarding {
            for drain in self.registry.drains() {
                let Some(channel) = self.registry.channel(&drain.channel) else {
                    continue;
                };
                let same = |made: &&Made| made.drain == drain && made.channel == channel;
                let exit = match before.get(&drain.id).filter(same) {
                    Some(made) => made.exit.clone(),
                    None => exit(&drain, &channel, self.strict),
                };
                if let Some(exit) = &exit {
                    if self.owners.drains_here(&exit.source) {
                        exits.push(Exit::from(Arc::clone(exit)));
                    }
                    if !rods.disable_firehose && self.firehose.leads_to(&channel.id) {
                        let hose = Arc::new(of_firehose(exit));
                        hoses.push(Arc::clone(&hose));
                        exits.push(Exit::from(hose));
                    }
                }
                let made = Made {
                    drain,
                    channel,
                    exit,
                };
                self.made.insert(made.drain.id, made);
            }
        }
        self.drains.set(Origin::Channel, exits);
        self.firehose.set(&hoses, &self.drains);
    }
}

fn exit(drain: &Drain, channel: &Channel, strict: bool) -> Option<Arc<ChannelDrain>> {
    // Without one it is only reserved.
    let url = drain.url.as_deref()?;
    match check(url) {
        Ok(url) => Some(Arc::new(ChannelDrain {
            id: format!("channel-drain-{}", drain.id),
            number: drain.id,
            channel: Arc::clone(&channel.id),
            source: Arc::clone(channel.source_id()),
            token: Arc::clone(&drain.token),
            url,
            strict,
            firehose: false,
        })),
        Err(why) => {
            tracing::warn!(
                drain_id = drain.id,
                channel_id = %channel.id,
                "the drain does not run, its URL is none: {why}"
            );
            None
        }
    }
}

/// What leads lines of other channels to the same receiver.
fn of_firehose(exit: &ChannelDrain) -> ChannelDrain {
    ChannelDrain {
        id: format!("{}-firehose", exit.id),
        firehose: true,
        ..exit.clone()
    }
}
