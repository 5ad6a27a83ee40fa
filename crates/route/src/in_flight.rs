//! Publications that began before somebody subscribed, and are still under way.
//!
//! A publisher holds the index that it began with until it is through. Who subscribes
//! meanwhile is not in that index: its envelopes are neither in that reader's queue nor,
//! for a moment, anywhere else. Who wants to read what was before without a gap waits for
//! that moment to pass.

use std::sync::{Arc, Weak};

use crate::index::Index;

/// Indexes that were replaced and may still be held.
#[derive(Debug, Default)]
pub(crate) struct Replaced(Vec<Weak<Index>>);

impl Replaced {
    /// Notes an index that nobody can begin with any more.
    pub(crate) fn add(&mut self, index: &Arc<Index>) {
        self.0.retain(|index| index.strong_count() > 0);
        self.0.push(Arc::downgrade(index));
    }

    /// Those that are held now.
    pub(crate) fn held(&mut self) -> InFlight {
        self.0.retain(|index| index.strong_count() > 0);
        InFlight(self.0.clone())
    }
}

/// Publications that were under way at one moment with an index that had been replaced
/// by then. They take microseconds: nobody waits while publishing.
#[derive(Debug)]
pub struct InFlight(Vec<Weak<Index>>);

impl InFlight {
    /// Whether all of them are through.
    pub fn is_over(&self) -> bool {
        self.0.iter().all(|index| index.strong_count() == 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Exchange, ExchangeLimits, QueueLimits, SubscribeV1};

    #[test]
    fn it_is_over_when_those_who_hold_an_older_index_are_through() {
        let exchange = Exchange::new(ExchangeLimits {
            queue: QueueLimits {
                bytes: 1 << 20,
                envelopes: 100,
                frame: 1 << 20,
            },
            total_bytes: 1 << 20,
        });
        let subscribe = || {
            exchange.subscribe_v1(SubscribeV1 {
                app: None,
                class: None,
                shard: String::new(),
                frame: None,
            })
        };
        let publishing = exchange.index();
        assert!(exchange.in_flight().is_over(), "nobody came meanwhile");
        let first = subscribe();
        // Somebody publishes on, with an index that knows the first reader alone.
        let later = exchange.index();
        let second = subscribe();
        let before = exchange.in_flight();
        drop(later);
        assert!(!before.is_over());
        drop(publishing);
        assert!(before.is_over());
        let after = exchange.index();
        drop((first, second));
        assert!(before.is_over(), "what began later does not count");
        assert!(!exchange.in_flight().is_over());
        drop(after);
        assert!(exchange.in_flight().is_over());
    }
}
