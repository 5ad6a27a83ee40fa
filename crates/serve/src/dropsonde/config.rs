//! Settings of the UDP doors.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use logweir_route::notice_v1::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The UDP doors: of the agent (`agent.udp`), of the UDP forwarder, and of
/// `logweir run` (`run.dropsonde`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct DropsondeConfig {
    /// Deployment of the envelopes that name none.
    pub deployment: String,
    /// Job of the envelopes that name none.
    pub job: String,
    /// Index, or instance id, of the envelopes that name none.
    pub index: String,
    /// IP address of the envelopes that name none.
    pub ip: String,
    /// Bytes that the kernel may hold for a door until they are read. It grants
    /// `net.core.rmem_max` at most, unless the process has `CAP_NET_ADMIN`.
    pub receive_buffer: usize,
    /// Most counters whose totals are remembered; the least recently used goes.
    pub counters: usize,
    /// The door of 2013: a `LogMessage` or signed `LogEnvelope` a datagram; none when
    /// absent.
    pub legacy: Option<LegacyConfig>,
}

/// The UDP door of 2013.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LegacyConfig {
    /// UDP address to listen on.
    pub listen: SocketAddr,
    /// Shared secret. With it only `LogEnvelope`s that are signed with it are taken;
    /// empty: signatures are not looked at.
    #[schemars(extend("x-secret" = true))]
    pub secret: String,
}

impl DropsondeConfig {
    /// Where the process runs, as far as its envelopes say it.
    pub(crate) fn place(&self) -> Arc<Place> {
        Arc::new(Place {
            deployment: self.deployment.as_str().into(),
            job: self.job.as_str().into(),
            index: self.index.as_str().into(),
            ip: self.ip.as_str().into(),
        })
    }
}

impl Default for DropsondeConfig {
    fn default() -> Self {
        Self {
            deployment: String::new(),
            job: String::new(),
            index: String::new(),
            ip: String::new(),
            receive_buffer: 16 << 20,
            counters: 10_000,
            legacy: None,
        }
    }
}

impl Default for LegacyConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3456)),
            secret: String::new(),
        }
    }
}

/// Without the secret: settings end up in logs.
impl fmt::Debug for LegacyConfig {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("LegacyConfig")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
