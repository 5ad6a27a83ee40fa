//! Full method paths of the `loggregator.v2` services, as gRPC sends them in `:path`.

/// Client stream of single envelopes, agent and router.
pub const SENDER: &str = "/loggregator.v2.Ingress/Sender";
/// Client stream of envelope batches, agent and router.
pub const BATCH_SENDER: &str = "/loggregator.v2.Ingress/BatchSender";
/// One batch, answered once. Go's client sends events this way.
pub const SEND: &str = "/loggregator.v2.Ingress/Send";
/// Server stream of single envelopes, reverse log proxy.
pub const RECEIVER: &str = "/loggregator.v2.Egress/Receiver";
/// Server stream of envelope batches, router and reverse log proxy.
pub const BATCHED_RECEIVER: &str = "/loggregator.v2.Egress/BatchedReceiver";
