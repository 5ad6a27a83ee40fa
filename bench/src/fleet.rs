//! The roles of one implementation, wired to each other.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    identity::{self, Identities},
    process::Process,
};

/// The binaries of one implementation under the peers' names.
pub(crate) struct Implementation {
    /// Name in the report.
    pub(crate) name: String,
    directory: PathBuf,
    _links: Option<TempDir>,
}

/// Names that tell a binary which role to play.
const NAMES: [&str; 8] = [
    "doppler",
    "rlp",
    "loggregator-agent",
    "trafficcontroller",
    "syslog-agent",
    "log-cache",
    "log-cache-gateway",
    "logweir",
];

/// Where a syslog agent has its drains from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound<'a> {
    /// One drain of all sources to this URL.
    All(&'a str),
    /// The binding cache on this port.
    Cache(u16),
}

impl Implementation {
    /// Our binary, under each name by a symbolic link.
    pub(crate) fn ours(binary: &Path) -> Result<Self> {
        let binary = binary
            .canonicalize()
            .with_context(|| format!("{} is missing; build it first", binary.display()))?;
        let links = tempfile::tempdir()?;
        for name in NAMES {
            std::os::unix::fs::symlink(&binary, links.path().join(name))?;
        }
        Ok(Self {
            name: "logweir".into(),
            directory: links.path().to_owned(),
            _links: Some(links),
        })
    }

    /// Another implementation's binaries in `directory`.
    pub(crate) fn peer(directory: &Path) -> Result<Self> {
        anyhow::ensure!(
            directory.is_dir(),
            "{} is no directory",
            directory.display()
        );
        Ok(Self {
            name: "peer".into(),
            directory: directory.to_owned(),
            _links: None,
        })
    }

    fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        anyhow::ensure!(path.is_file(), "{} is missing", path.display());
        Ok(path)
    }

    /// Starts a router.
    pub(crate) async fn router(&self, ids: &Identities) -> Result<Process> {
        let mut env = ids.role(
            "doppler",
            "ROUTER_CERT_FILE",
            "ROUTER_KEY_FILE",
            "ROUTER_CA_FILE",
        );
        env.extend([
            ("ROUTER_PORT", "0".into()),
            ("ROUTER_CIPHER_SUITES", String::new()),
            ("INGRESS_BUFFER_SIZE", "10000".into()),
            ("EGRESS_BUFFER_SIZE", "1000".into()),
            ("ROUTER_PPROF_PORT", "0".into()),
            ("USE_RFC339", "false".into()),
            // Nobody there: self-metrics are no part of the load.
            ("AGENT_GRPC_ADDRESS", "127.0.0.1:0".into()),
            ("ROUTER_METRIC_BATCH_INTERVAL_MILLISECONDS", "5000".into()),
            ("ROUTER_METRIC_SOURCE_ID", String::new()),
        ]);
        Process::start("router", &self.program("doppler")?, env, &["grpc", "pprof"]).await
    }

    /// Starts a reverse log proxy over the router at `router`.
    pub(crate) async fn rlp(&self, ids: &Identities, router: u16) -> Result<Process> {
        let mut env = ids.role(
            "reverselogproxy",
            "RLP_CERT_FILE",
            "RLP_KEY_FILE",
            "RLP_CA_FILE",
        );
        env.extend([
            ("RLP_PORT", "0".into()),
            ("RLP_CIPHER_SUITES", String::new()),
            ("ROUTER_ADDRS", format!("127.0.0.1:{router}")),
            ("MAX_EGRESS_STREAMS", "2000".into()),
            ("AGENT_ADDR", "127.0.0.1:0".into()),
            ("RLP_METRIC_EMITTER_INTERVAL", "1m".into()),
            ("RLP_METRIC_SOURCE_ID", String::new()),
            ("RLP_PPROF_PORT", "0".into()),
            ("USE_RFC339", "false".into()),
        ]);
        Process::start("rlp", &self.program("rlp")?, env, &["grpc", "pprof"]).await
    }

    /// Starts an agent that sends to the router at `router`; its third door is UDP, if it
    /// shall have one.
    pub(crate) async fn agent(&self, ids: &Identities, router: u16, udp: bool) -> Result<Process> {
        let mut env = ids.role(
            "metron",
            "AGENT_CERT_FILE",
            "AGENT_KEY_FILE",
            "AGENT_CA_FILE",
        );
        env.extend(ids.role(
            "metron",
            "METRICS_CERT_FILE_PATH",
            "METRICS_KEY_FILE_PATH",
            "METRICS_CA_FILE_PATH",
        ));
        env.extend([
            ("AGENT_PORT", "0".into()),
            ("AGENT_CIPHER_SUITES", String::new()),
            ("AGENT_DEPLOYMENT", "cf".into()),
            ("AGENT_JOB", "diego-cell".into()),
            ("AGENT_INDEX", "42".into()),
            ("AGENT_IP", "10.0.16.9".into()),
            ("AGENT_ZONE", "z1".into()),
            (
                "AGENT_TAGS",
                "deployment:cf,job:diego-cell,index:42,ip:10.0.16.9".into(),
            ),
            ("AGENT_DISABLE_UDP", (!udp).to_string()),
            ("AGENT_INCOMING_UDP_PORT", "0".into()),
            ("LOGS_DISABLED", "false".into()),
            ("AGENT_METRIC_BATCH_INTERVAL_MILLISECONDS", "60000".into()),
            ("AGENT_METRIC_SOURCE_ID", String::new()),
            ("ROUTER_ADDR", format!("127.0.0.1:{router}")),
            ("ROUTER_ADDR_WITH_AZ", String::new()),
            ("USE_RFC3339", "false".into()),
            ("DEBUG_METRICS", "false".into()),
            ("METRICS_PORT", "0".into()),
            ("PPROF_PORT", "0".into()),
        ]);
        Process::start(
            "agent",
            &self.program("loggregator-agent")?,
            env,
            if udp {
                &["grpc", "metrics", "udp"]
            } else {
                &["grpc", "metrics"]
            },
        )
        .await
    }

    /// Starts a syslog agent with these drains.
    pub(crate) async fn syslog_agent(&self, ids: &Identities, bound: Bound<'_>) -> Result<Process> {
        let files = |prefix: [&'static str; 3]| ids.role("metron", prefix[0], prefix[1], prefix[2]);
        let mut env = files([
            "AGENT_CERT_FILE_PATH",
            "AGENT_KEY_FILE_PATH",
            "AGENT_CA_FILE_PATH",
        ]);
        env.extend(files([
            "METRICS_CERT_FILE_PATH",
            "METRICS_KEY_FILE_PATH",
            "METRICS_CA_FILE_PATH",
        ]));
        env.extend([
            ("AGENT_PORT", "0".into()),
            ("AGENT_CIPHER_SUITES", String::new()),
            // Nobody there: what apps are told is no part of the load.
            ("LOGGREGATOR_AGENT_ADDR", "127.0.0.1:0".into()),
            ("DRAIN_SKIP_CERT_VERIFY", "false".into()),
            (
                "DRAIN_TRUSTED_CA_FILE",
                ids.ca().to_string_lossy().into_owned(),
            ),
            ("METRICS_PORT", "0".into()),
            ("PPROF_PORT", "0".into()),
            ("DEBUG_METRICS", "false".into()),
            ("USE_RFC3339", "false".into()),
        ]);
        match bound {
            Bound::All(url) => env.push(("AGGREGATE_DRAIN_URLS", url.to_owned())),
            Bound::Cache(port) => {
                env.extend(files([
                    "CACHE_CERT_FILE_PATH",
                    "CACHE_KEY_FILE_PATH",
                    "CACHE_CA_FILE_PATH",
                ]));
                env.extend([
                    ("CACHE_URL", format!("https://127.0.0.1:{port}")),
                    ("CACHE_COMMON_NAME", identity::CACHE.to_owned()),
                    ("CACHE_POLLING_INTERVAL", "15s".into()),
                ]);
            }
        }
        let program = self.program("syslog-agent")?;
        Process::start("syslog agent", &program, env, &["grpc"]).await
    }

    /// Starts a node of a log cache that keeps all in memory.
    pub(crate) async fn log_cache(&self, ids: &Identities, port: u16) -> Result<Process> {
        let mut env = ids.role(identity::LOG_CACHE, "CERT_PATH", "KEY_PATH", "CA_PATH");
        env.extend([
            ("ADDR", format!("127.0.0.1:{port}")),
            ("MEMORY_LIMIT_PERCENT", "50".into()),
            ("METRICS_PORT", "0".into()),
        ]);
        let program = self.program("log-cache")?;
        Process::start("log cache", &program, env, &[]).await
    }

    /// Starts its gateway, with plain HTTP on the port `door`.
    pub(crate) async fn log_cache_gateway(
        &self,
        ids: &Identities,
        node: u16,
        door: u16,
    ) -> Result<Process> {
        let mut env = ids.role(identity::LOG_CACHE, "CERT_PATH", "KEY_PATH", "CA_PATH");
        env.extend([
            ("ADDR", format!("127.0.0.1:{door}")),
            ("LOG_CACHE_ADDR", format!("127.0.0.1:{node}")),
            ("METRICS_PORT", "0".into()),
        ]);
        let program = self.program("log-cache-gateway")?;
        Process::start("log cache gateway", &program, env, &[]).await
    }

    /// Starts a node of ours that keeps its segments in `data`; peers have none.
    pub(crate) async fn log_cache_on_disk(
        &self,
        ids: &Identities,
        port: u16,
        data: &Path,
    ) -> Result<Process> {
        let mut env = ids.role(
            identity::LOG_CACHE,
            "LOGWEIR_LOG_CACHE_TLS_CERT",
            "LOGWEIR_LOG_CACHE_TLS_KEY",
            "LOGWEIR_LOG_CACHE_TLS_CA",
        );
        env.extend([
            ("LOGWEIR_DATA_DIR", data.to_string_lossy().into_owned()),
            ("LOGWEIR_LOG_CACHE_LISTEN", format!("127.0.0.1:{port}")),
            // More than is ever sent.
            ("LOGWEIR_LOG_CACHE_STORE_BYTES", (8_u64 << 30).to_string()),
        ]);
        let program = self.program("logweir")?;
        Process::start_with("log cache", &program, &["log-cache"], env, &[]).await
    }

    /// Starts all roles of ours in one process, with its data in `data` and a log cache of so
    /// many bytes; peers have none.
    pub(crate) async fn everything(
        &self,
        data: &Path,
        store: u64,
        settings: &[(&'static str, String)],
    ) -> Result<Process> {
        let mut env = vec![("LOGWEIR_LOG_CACHE_STORE_BYTES", store.to_string())];
        env.extend(settings.iter().cloned());
        let program = self.program("logweir")?;
        let data = data.to_string_lossy();
        let arguments = ["run", "--ephemeral", "--data-dir", &data];
        Process::start_with("run", &program, &arguments, env, &[]).await
    }

    /// Starts a traffic controller over the router at `router`, which asks nobody who may
    /// read.
    pub(crate) async fn traffic_controller(
        &self,
        ids: &Identities,
        router: u16,
    ) -> Result<Process> {
        let role = "trafficcontroller";
        let mut env = ids.role(
            role,
            "ROUTER_CERT_FILE",
            "ROUTER_KEY_FILE",
            "ROUTER_CA_FILE",
        );
        env.extend(ids.role(role, "CC_CERT_FILE", "CC_KEY_FILE", "CC_CA_FILE"));
        env.extend(ids.role(
            role,
            "TRAFFIC_CONTROLLER_OUTGOING_CERT_FILE",
            "TRAFFIC_CONTROLLER_OUTGOING_KEY_FILE",
            "TRAFFIC_CONTROLLER_UAA_CA_CERT",
        ));
        env.extend([
            ("ROUTER_ADDRS", format!("127.0.0.1:{router}")),
            ("TRAFFIC_CONTROLLER_IP", "127.0.0.1".into()),
            (
                "TRAFFIC_CONTROLLER_API_HOST",
                "https://127.0.0.1:65530".into(),
            ),
            (
                "TRAFFIC_CONTROLLER_UAA_HOST",
                "https://127.0.0.1:65531".into(),
            ),
            ("TRAFFIC_CONTROLLER_UAA_CLIENT", "doppler".into()),
            ("TRAFFIC_CONTROLLER_UAA_CLIENT_SECRET", "secret".into()),
            ("TRAFFIC_CONTROLLER_SYSTEM_DOMAIN", "bench.example".into()),
            ("TRAFFIC_CONTROLLER_SKIP_CERT_VERIFY", "false".into()),
            ("TRAFFIC_CONTROLLER_DISABLE_ACCESS_CONTROL", "true".into()),
            ("TRAFFIC_CONTROLLER_OUTGOING_DROPSONDE_PORT", "0".into()),
            ("TRAFFIC_CONTROLLER_SECURITY_EVENT_LOG", String::new()),
            ("TRAFFIC_CONTROLLER_PPROF_PORT", "0".into()),
            ("TRAFFIC_CONTROLLER_METRIC_EMITTER_INTERVAL", "1m".into()),
            ("CC_SERVER_NAME", "cloud-controller".into()),
            ("AGENT_GRPC_ADDRESS", "127.0.0.1:0".into()),
            ("USE_RFC339", "false".into()),
        ]);
        Process::start(
            "traffic controller",
            &self.program("trafficcontroller")?,
            env,
            &["ws", "pprof"],
        )
        .await
    }
}
