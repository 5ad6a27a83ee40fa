//! Logplex under its peer's name (spec logplex §0.2).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use logweir_serve::{
    drains::DeliveryConfig,
    logplex::{
        FirehoseConfig, LogplexClusterConfig, LogplexConfig, RedisConfig,
        model::{ApiStatus, Rods},
    },
};

use super::{Peer, every_interface};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// Without these the peer does not start.
const REQUIRED: [&str; 4] = [
    "LOGPLEX_AUTH_KEY",
    "LOGPLEX_COOKIE",
    "INSTANCE_NAME",
    "LOCAL_IP",
];

/// Where nodes find each other, beside the peer's own four ports.
const NODES: u16 = 8602;

/// What only the Erlang process could do; whoever sets it is told.
const UNUSED: [(&str, &str); 4] = [
    (
        "LOGPLEX_TLS_PINNED_CERTFILE",
        "certificates are not pinned; name their authority in LOGPLEX_TLS_CACERTFILE",
    ),
    (
        "LOGPLEX_TLS_PINNED_CERTS",
        "certificates are not pinned; name their authority in LOGPLEX_TLS_CACERTFILE",
    ),
    ("PAGERDUTY", "nobody is paged; watch /metrics"),
    (
        "ENABLE_BATCH_REDIS",
        "lines are always written to Redis in batches",
    ),
];

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let find = |name: &str| {
        let value = variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    };
    let missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| find(name).is_none())
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        return Err(format!("missing required environment variables: {names}"));
    }
    let text = |name: &str, default: &str| find(name).unwrap_or(default).to_owned();
    let list = |name: &str| -> Vec<String> {
        let words = find(name).unwrap_or_default().split(',').map(str::trim);
        words
            .filter(|word| !word.is_empty())
            .map(Into::into)
            .collect()
    };
    let address: IpAddr = text("LOCAL_IP", "")
        .parse()
        .map_err(|_| "LOCAL_IP is no IP address".to_owned())?;
    let nodes = SocketAddr::from((address, NODES));
    let domain = text("LOGPLEX_CLOUD_NAME", "development");
    let redis = text("LOGPLEX_CONFIG_REDIS_URL", "redis://localhost:6379");
    let shown = [
        ("api_status", "API_STATUS"),
        ("legacy_api_status", "LEGACY_API_STATUS"),
    ];
    let mut told: Vec<String> = UNUSED
        .into_iter()
        .filter(|(name, _)| find(name).is_some_and(|value| value != "0" && value != "false"))
        .map(|(name, why)| format!("{name} has no effect: {why}"))
        .collect();
    let mut statuses = shown.into_iter().map(|(key, name)| {
        let value = text(name, "normal");
        ApiStatus::parse(&value).unwrap_or_else(|| {
            told.push(format!("{key} is `{value}`, which is taken for normal"));
            ApiStatus::Normal
        })
    });
    let (api, legacy_api) = (statuses.next(), statuses.next());
    drop(statuses);
    let set = |name: &str| find(name) == Some("true");
    let rods = Rods {
        api: api.unwrap_or_default(),
        legacy_api: legacy_api.unwrap_or_default(),
        deny_redis_buffers: set("DENY_REDIS_BUFFERS"),
        deny_tail_sessions: set("DENY_TAIL_SESSIONS"),
        deny_drain_forwarding: set("DENY_DRAIN_FORWARDING") || set("DISABLE_DRAIN_FORWARDING"),
        deny_logs_ingress: set("DENY_LOGS_INGRESS"),
        disable_firehose: set("DISABLE_FIREHOSE"),
        log_api_user: set("LOG_API_USER"),
        tail_kills: 0,
    };
    let config = LogplexConfig {
        listen: every_interface(8001),
        v3: every_interface(8002),
        input: every_interface(8601),
        syslog: every_interface(6001),
        auth_key: text("LOGPLEX_AUTH_KEY", ""),
        api_url: text("LOGPLEX_API_ENDPOINT_URL", "http://localhost:8001"),
        v3_url: text("LOGPLEX_HTTP_V3_URL", "http://localhost:8002"),
        metrics_channel: text("METRICS_CHANNEL_ID", ""),
        firehose: FirehoseConfig {
            channels: list("FIREHOSE_CHANNEL_IDS"),
            tokens: list("FIREHOSE_FILTER_TOKENS"),
        },
        redis: RedisConfig {
            history: true,
            shards: list("LOGPLEX_SHARD_URLS"),
            url: redis,
            ..LogplexConfig::default().redis
        },
        cluster: LogplexClusterConfig {
            listen: nodes,
            advertise: nodes.to_string(),
            domain: text("HEROKU_DOMAIN", &domain),
            redis_url: text("LOGPLEX_REDGRID_REDIS_URL", ""),
            // As the peer's nodes among themselves: their network is to be trusted.
            plaintext: true,
            ..LogplexClusterConfig::default()
        },
        status: Some(SocketAddr::from(([127, 0, 0, 1], 5565))),
        rods,
        delivery: DeliveryConfig {
            skip_cert_verify: find("LOGPLEX_TLS_MODE") == Some("insecure"),
            trusted_ca: text("LOGPLEX_TLS_CACERTFILE", "").into(),
            ..DeliveryConfig::default()
        },
        ..LogplexConfig::default()
    };
    Ok(Peer {
        format: Format::Rfc3339,
        report: None,
        starting: told,
        drains: Vec::new(),
        // Its doors ask for credentials themselves. Open, they would give operators' pages, which
        // the peer has not, to whoever reaches them.
        open: false,
        config: RoleConfig::Logplex(Box::new(config)),
    })
}

#[cfg(test)]
mod tests;
