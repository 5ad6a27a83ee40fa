//! Names to addresses: literals and `localhost` at once, the rest by hosts file and DNS.

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::RData,
};

/// A lookup that takes longer has failed: who asks has other addresses to try.
const PATIENCE: Duration = Duration::from_secs(2);

/// For one question to one name server. Two of them fit into [`PATIENCE`].
const QUESTION: Duration = Duration::from_millis(900);

/// A name that was unknown is asked for again after this long, whatever the zone says:
/// new routers are announced by their name coming to life.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);

/// What is to be resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A name or literal address, and a port.
    HostPort(String, u16),
    /// A name whose SRV records name hosts and ports (RFC 2782).
    Srv(String),
}

/// Why a text is no [`Target`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no address; write host:port, [ipv6]:port or srv:NAME")]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        if let Some(name) = text.strip_prefix("srv:") {
            return match name {
                "" => Err(wrong()),
                name => Ok(Self::Srv(name.to_owned())),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host.strip_prefix('[') {
            Some(literal) => literal.strip_suffix(']').ok_or_else(wrong)?,
            None if host.contains(':') => return Err(wrong()),
            None => host,
        };
        match host {
            "" => Err(wrong()),
            host => Ok(Self::HostPort(host.to_owned(), port)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostPort(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::HostPort(host, port) => write!(f, "{host}:{port}"),
            Self::Srv(name) => write!(f, "srv:{name}"),
        }
    }
}

/// Why a name has no address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot resolve {target}: {reason}")]
pub struct ResolveError {
    target: Target,
    reason: String,
}

/// Asks the system's name servers. Clones share a cache that keeps answers for as long
/// as their zones say.
#[derive(Clone)]
pub struct Resolver {
    dns: Result<TokioResolver, String>,
}

impl Resolver {
    /// Reads the system's settings. Where there are none (no `/etc/resolv.conf`), the
    /// hosts file still counts.
    pub fn new() -> Self {
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::debug!("no DNS settings of the system: {error}");
            TokioResolver::builder_with_config(
                ResolverConfig::default(),
                TokioRuntimeProvider::default(),
            )
        });
        Self::build(builder)
    }

    fn build(mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>) -> Self {
        let options = builder.options_mut();
        options.timeout = QUESTION;
        options.attempts = 1;
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        options.negative_max_ttl = Some(NEGATIVE_TTL);
        Self {
            dns: builder.build().map_err(|error| error.to_string()),
        }
    }

    /// All addresses of a target, at least one, each once; those of SRV records with
    /// the lower priority number first. `localhost` is 127.0.0.1.
    ///
    /// # Errors
    /// Within two seconds if nothing is found.
    pub async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, ResolveError> {
        let found = match tokio::time::timeout(PATIENCE, self.look_up(target)).await {
            Ok(found) => found,
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        };
        let mut seen = HashSet::new();
        let addresses = found.map(|mut addresses| {
            addresses.retain(|address| seen.insert(*address));
            addresses
        });
        match addresses {
            Ok(addresses) if addresses.is_empty() => Err("it has no address".to_owned()),
            other => other,
        }
        .map_err(|reason| ResolveError {
            target: target.clone(),
            reason,
        })
    }

    async fn look_up(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        match target {
            Target::HostPort(host, port) => self.host(host, *port).await,
            Target::Srv(name) => self.srv(name).await,
        }
    }

    async fn host(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![(ip, port).into()]);
        }
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]);
        }
        let found = self.dns()?.lookup_ip(host).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.iter().map(|ip| (ip, port).into()).collect())
    }

    async fn srv(&self, name: &str) -> Result<Vec<SocketAddr>, String> {
        let found = self.dns()?.srv_lookup(name).await;
        let found = found.map_err(|error| error.to_string())?;
        let mut records: Vec<_> = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(srv),
                _ => None,
            })
            .collect();
        records.sort_by_key(|srv| srv.priority);
        let hosts = records
            .iter()
            .map(|srv| async { self.host(&srv.target.to_utf8(), srv.port).await });
        let mut addresses = Vec::new();
        let mut failure = None;
        for host in futures_util::future::join_all(hosts).await {
            match host {
                Ok(found) => addresses.extend(found),
                Err(reason) => failure = Some(reason),
            }
        }
        // One host that is gone must not hide the others.
        match failure {
            Some(reason) if addresses.is_empty() => Err(reason),
            _ => Ok(addresses),
        }
    }

    fn dns(&self) -> Result<&TokioResolver, String> {
        self.dns.as_ref().map_err(Clone::clone)
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
