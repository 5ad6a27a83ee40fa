//! The formats that are known, by the names of their files.

use crate::verdict::Verdict;

mod agent_tagger;
mod counter_aggregation;
mod counter_aggregation_v1;
mod deterministic_names;
mod drain_filter;
mod drain_url_params;
mod gateway_selectors;
mod gateway_sse;
mod logcache_hash;
mod logcache_hash_replicas;
mod logcache_promql_json;
mod logcache_promql_labels;
mod logcache_read_json;
mod rlp_tags;
mod selectors;
mod syslog_https;
mod syslog_https_batch;
mod syslog_in;
mod syslog_rfc5424;
mod udp_agent_v1;
mod udp_forwarder;
mod v1_to_v2;
mod v2_to_v1;

/// A kind of cases.
pub struct Format {
    /// The file's name without `.jsonl`.
    pub name: &'static str,
    /// Judges the lines of a file, each a case.
    pub judge: fn(&[&str]) -> Vec<Verdict>,
}

/// All of them.
pub const FORMATS: &[Format] = &[
    Format {
        name: "agent_tagger",
        judge: agent_tagger::judge,
    },
    Format {
        name: "counter_aggregation",
        judge: counter_aggregation::judge,
    },
    Format {
        name: "counter_aggregation_v1",
        judge: counter_aggregation_v1::judge,
    },
    Format {
        name: "deterministic_names",
        judge: deterministic_names::judge,
    },
    Format {
        name: "drain_filter",
        judge: drain_filter::judge,
    },
    Format {
        name: "drain_url_params",
        judge: drain_url_params::judge,
    },
    Format {
        name: "gateway_selectors",
        judge: gateway_selectors::judge,
    },
    Format {
        name: "gateway_sse",
        judge: gateway_sse::judge,
    },
    Format {
        name: "logcache_hash",
        judge: logcache_hash::judge,
    },
    Format {
        name: "logcache_hash_replicas",
        judge: logcache_hash_replicas::judge,
    },
    Format {
        name: "logcache_promql_json",
        judge: logcache_promql_json::judge,
    },
    Format {
        name: "logcache_promql_labels",
        judge: logcache_promql_labels::judge,
    },
    Format {
        name: "logcache_read_json",
        judge: logcache_read_json::judge,
    },
    Format {
        name: "rlp_tags",
        judge: rlp_tags::judge,
    },
    Format {
        name: "selectors",
        judge: selectors::judge,
    },
    Format {
        name: "syslog_https",
        judge: syslog_https::judge,
    },
    Format {
        name: "syslog_https_batch",
        judge: syslog_https_batch::judge,
    },
    Format {
        name: "syslog_in",
        judge: syslog_in::judge,
    },
    Format {
        name: "syslog_rfc5424",
        judge: syslog_rfc5424::judge,
    },
    Format {
        name: "udp_agent_v1",
        judge: udp_agent_v1::judge,
    },
    Format {
        name: "udp_forwarder",
        judge: udp_forwarder::judge,
    },
    Format {
        name: "v1_to_v2",
        judge: v1_to_v2::judge,
    },
    Format {
        name: "v2_to_v1",
        judge: v2_to_v1::judge,
    },
];
