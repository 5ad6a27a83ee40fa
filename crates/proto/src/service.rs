//! Full method paths of the services, as gRPC sends them in `:path`.

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

/// V1: client stream of single envelopes from agents, router.
pub const PUSHER: &str = "/plumbing.DopplerIngestor/Pusher";
/// V1: server stream of single envelopes, router.
pub const SUBSCRIBE: &str = "/plumbing.Doppler/Subscribe";
/// V1: server stream of batches, router.
pub const BATCH_SUBSCRIBE: &str = "/plumbing.Doppler/BatchSubscribe";
/// V1: an app's latest log lines, router. Gone upstream since 2019.
pub const RECENT_LOGS: &str = "/plumbing.Doppler/RecentLogs";
/// V1: the latest metrics of an app's containers, router. Gone upstream since 2019.
pub const CONTAINER_METRICS: &str = "/plumbing.Doppler/ContainerMetrics";

/// Log Cache: takes envelopes in.
pub const CACHE_SEND: &str = "/logcache.v1.Ingress/Send";
/// Log Cache: envelopes of one source.
pub const CACHE_READ: &str = "/logcache.v1.Egress/Read";
/// Log Cache: which sources there are.
pub const CACHE_META: &str = "/logcache.v1.Egress/Meta";
/// Our own: pages by cursor, and search in logs.
pub const CACHE_SEARCH: &str = "/logweir.cache.v1.Reader/Search";
/// Our own: server stream of what is remembered of a source and then of what comes.
pub const CACHE_FOLLOW: &str = "/logweir.cache.v1.Reader/Follow";
/// Log Cache node, ours alone: the series that a query reads.
pub const CACHE_SERIES: &str = "/logweir.cache.v1.Reader/Series";
/// Log Cache node: a query in PromQL at one instant.
pub const CACHE_INSTANT_QUERY: &str = "/logcache.v1.PromQLQuerier/InstantQuery";
/// Log Cache node: a query in PromQL over a range.
pub const CACHE_RANGE_QUERY: &str = "/logcache.v1.PromQLQuerier/RangeQuery";
