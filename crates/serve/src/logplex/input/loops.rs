//! Channels whose drains lead to each other: a line would go round for ever.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use crate::logplex::{model::Drain, registry::Registry};

/// Drains whose channels are remembered. Who makes more of them than that, each into a channel
/// of its own system, has no way to close a loop by chance.
const DRAINS: usize = 10_000;
/// Channels that are looked at to find a way back.
const STEPS: usize = 100;

/// Where the drains of this system were seen to lead.
#[derive(Default)]
pub(super) struct Loops(Mutex<HashMap<Arc<str>, BTreeSet<Arc<str>>>>);

impl Loops {
    /// Whether lines that a drain brings to `channel` come back to the drain's own, by the
    /// drains of that channel and those after it.
    pub(super) fn leads_back(
        &self,
        registry: &Registry,
        drain: &Drain,
        channel: &Arc<str>,
    ) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= DRAINS && !seen.contains_key(&drain.token) {
            seen.retain(|token, _| registry.drain_of_token(token).is_some());
        }
        let mut ahead = vec![Arc::clone(channel)];
        let mut known: BTreeSet<_> = ahead.iter().cloned().collect();
        while let Some(channel) = ahead.pop() {
            if channel == drain.channel {
                return true;
            }
            for drain in registry.drains_of(&channel) {
                for next in seen.get(&drain.token).into_iter().flatten() {
                    if known.len() < STEPS && known.insert(Arc::clone(next)) {
                        ahead.push(Arc::clone(next));
                    }
                }
            }
        }
        // A way that was refused is none, and breaks no loop by itself.
        if seen.len() < DRAINS {
            let ways = seen.entry(Arc::clone(&drain.token)).or_default();
            if ways.len() < STEPS {
                ways.insert(Arc::clone(channel));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logplex::change::Change;

    #[test]
    fn the_drain_that_closes_a_loop_is_found() {
        let registry = Registry::default();
        let drains: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(1..)
            .map(|(channel, id)| {
                Arc::new(Drain {
                    id,
                    token: format!("d.{channel}").into(),
                    channel: channel.into(),
                    url: None,
                })
            })
            .collect();
        let put: Vec<_> = drains.iter().cloned().map(Change::Drain).collect();
        registry.apply(&put);
        let loops = Loops::default();
        let leads_back =
            |from: usize, to: &str| loops.leads_back(&registry, &drains[from], &to.into());
        assert!(leads_back(0, "a"));
        for _ in 0..2 {
            assert!(!leads_back(0, "b"));
            assert!(!leads_back(1, "c"));
            assert!(leads_back(2, "a"));
            assert!(leads_back(2, "b"));
            assert!(!leads_back(2, "d"));
        }
        // Without the drain from b to c there is a way back no more.
        registry.apply(&[Change::NoDrain(2)]);
        assert!(!leads_back(2, "a"));
    }
}
