//! Selectors, index, shard groups, chunk queues, loss ledger: publish and subscribe that drops. No I/O.
