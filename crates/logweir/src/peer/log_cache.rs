//! A log cache node and its gateway under their peers' names (spec log-cache §8).

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use logweir_serve::{
    gateway::HttpsFiles,
    log_cache::{
        LogCacheConfig, LogCacheGatewayConfig, PromqlConfig, StoreConfig, cluster::ClusterConfig,
    },
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Peer,
    envstruct::{Environment, field},
    gateway::go_address,
    local, port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the errors of the peers begin with.
pub(crate) const REFUSED: &str = "invalid configuration: ";

/// Reads the environment of a node.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let listen = env.text(field("Config.Addr", "ADDR").required().shown(), ":8080");
    let query = field("Config.QueryTimeout", "QUERY_TIMEOUT").shown();
    let timeout = env.duration(query, Duration::from_secs(10));
    // The rest is of Go's heap, and of buffers that are queues with bounds of their own here.
    let percent = field("Config.MemoryLimitPercent", "MEMORY_LIMIT_PERCENT").shown();
    let percent = env.unsigned(percent, "uint", 64, 50);
    let bytes = field("Config.MemoryLimitBytes", "MEMORY_LIMIT_BYTES").shown();
    let bytes = env.unsigned(bytes, "uint64", 64, 0);
    let per_source = field("Config.MaxPerSource", "MAX_PER_SOURCE").shown();
    let per_source = env.signed(per_source, "int", 100_000);
    let truncation = field("Config.TruncationInterval", "TRUNCATION_INTERVAL").shown();
    env.duration(truncation, Duration::from_secs(1));
    env.signed(
        field("Config.PrunesPerGC", "PRUNES_PER_GC").shown(),
        "int64",
        3,
    );
    let index = env.signed(field("Config.NodeIndex", "NODE_INDEX").shown(), "int", 0);
    let nodes = env.list(field("Config.NodeAddrs", "NODE_ADDRS").shown());
    for (name, variable, default) in [
        ("Config.IngressBufferSize", "INGRESS_BUFFER_SIZE", 10_000),
        (
            "Config.IngressBufferReadBatchSize",
            "INGRESS_BUFFER_READ_BATCH_SIZE",
            100,
        ),
        (
            "Config.IngressBufferReadBatchInterval",
            "INGRESS_BUFFER_READ_BATCH_INTERVAL",
            250,
        ),
    ] {
        env.signed(field(name, variable).shown(), "int", default);
    }
    let tls = node_tls(&mut env);
    let doors = MetricsDoors::read(&mut env, 6060);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let rows = env.finish()?;
    let both = variables
        .get("MEMORY_LIMIT_PERCENT")
        .is_some_and(|text| !text.is_empty());
    let bytes = room(bytes, percent, both);
    let (metrics, status) = doors.settings()?;
    let nodes: Vec<String> = nodes.into_iter().filter(|node| !node.is_empty()).collect();
    let config = LogCacheConfig {
        listen: go_address("ADDR", &listen)?,
        plaintext: is_plain(&tls),
        tls,
        store: StoreConfig {
            bytes,
            per_source: u64::try_from(per_source).unwrap_or(0),
            ..StoreConfig::default()
        },
        cluster: ClusterConfig {
            nodes,
            index: usize::try_from(index).unwrap_or(usize::MAX),
            ..ClusterConfig::default()
        },
        promql: PromqlConfig {
            timeout,
            ..PromqlConfig::default()
        },
        metrics,
        status,
        ..LogCacheConfig::default()
    };
    let config = RoleConfig::LogCache(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

/// Reads the environment of a gateway. It asks nobody who they are, as its peer, which
/// stands behind the auth proxy.
pub(crate) fn load_gateway(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let listen = field("Config.Addr", "ADDR").required().shown();
    let listen = env.text(listen, ":8081");
    let node = field("Config.LogCacheAddr", "LOG_CACHE_ADDR").required();
    let node = env.text(node.shown(), "localhost:8080");
    let mut path =
        |name, variable| -> PathBuf { env.text(field(name, variable).shown(), "").into() };
    let cert = path("Config.ProxyCertPath", "PROXY_CERT_PATH");
    let key = path("Config.ProxyKeyPath", "PROXY_KEY_PATH");
    let tls = node_tls(&mut env);
    let doors = MetricsDoors::read(&mut env, 6063);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let rows = env.finish()?;
    let (metrics, status) = doors.settings()?;
    let plain = cert.as_os_str().is_empty() && key.as_os_str().is_empty();
    let config = LogCacheGatewayConfig {
        listen: go_address("ADDR", &listen)?,
        https: (!plain).then_some(HttpsFiles { cert, key }),
        log_cache: node,
        plaintext: is_plain(&tls),
        log_cache_tls: tls,
        metrics,
        status,
        ..LogCacheGatewayConfig::default()
    };
    let config = RoleConfig::LogCacheGateway(Box::new(config));
    Ok(Peer {
        open: true,
        ..Peer::new(Format::Seconds, rfc3339, &rows, config)
    })
}

/// Identity of a node and towards nodes: the same three variables in every process.
pub(super) fn node_tls(env: &mut Environment<'_>) -> TlsFiles {
    let mut path = |name, variable| env.text(field(name, variable).shown(), "").into();
    TlsFiles {
        ca: path("TLS.CAPath", "CA_PATH"),
        cert: path("TLS.CertPath", "CERT_PATH"),
        key: path("TLS.KeyPath", "KEY_PATH"),
    }
}

/// Without any of the files there is no TLS.
pub(super) fn is_plain(tls: &TlsFiles) -> bool {
    *tls == TlsFiles::default()
}

/// The metrics of every process of the peers.
pub(super) struct MetricsDoors {
    port: u64,
    pprof: u64,
    debug: bool,
    tls: TlsFiles,
}

impl MetricsDoors {
    pub(super) fn read(env: &mut Environment<'_>, default: u64) -> Self {
        let name = "MetricsServer.Port";
        let port = env.unsigned(field(name, "METRICS_PORT").shown(), "uint16", 16, default);
        let mut path = |name, variable| env.text(field(name, variable).shown(), "").into();
        let tls = TlsFiles {
            ca: path("MetricsServer.CAFile", "METRICS_CA_FILE_PATH"),
            cert: path("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH"),
            key: path("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH"),
        };
        let debug = field("MetricsServer.DebugMetrics", "DEBUG_METRICS").shown();
        let debug = env.flag(debug, false);
        let name = "MetricsServer.PprofPort";
        let pprof = env.unsigned(field(name, "PPROF_PORT").shown(), "uint16", 16, 0);
        Self {
            port,
            pprof,
            debug,
            tls,
        }
    }

    /// With an authority, metrics are behind certificates, and the status page is where
    /// the peers have their profiles. Without one metrics are the status page, on this
    /// machine: the peers show them to the whole network.
    pub(super) fn settings(
        self,
    ) -> Result<(Option<MetricsDoor>, Option<std::net::SocketAddr>), String> {
        let at = local(port(self.port)?);
        if self.tls.ca.as_os_str().is_empty() {
            return Ok((None, Some(at)));
        }
        let door = MetricsDoor {
            listen: at,
            tls: self.tls,
        };
        let page = local(port(self.pprof)?);
        Ok((Some(door), self.debug.then_some(page)))
    }
}

/// Bytes of the store. The peers keep to `percent` of `bytes` even where they say that
/// `bytes` is the limit: so it is where nothing but `bytes` is set.
fn room(bytes: u64, percent: u64, both: bool) -> usize {
    let all = match bytes {
        0 => machine_memory(),
        bytes if !both => return usize::try_from(bytes).unwrap_or(usize::MAX),
        bytes => bytes,
    };
    let share = u128::from(all) * u128::from(percent.min(100)) / 100;
    usize::try_from(share).unwrap_or(usize::MAX)
}

/// Bytes of memory of the machine or, where that is less, of the control group.
fn machine_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok())
        .map_or(1 << 30, |kilobytes| kilobytes << 10);
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default();
    group.trim().parse().map_or(total, |group| total.min(group))
}

#[cfg(test)]
mod tests;
