//! Where the drains' hosts are, remembered from poll to poll.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use logweir_drain::url::Host;
use logweir_net::resolve::{Resolver, Target};
use tokio::time::Instant;

/// A host that was not found is not looked for again for this long, as at the peers.
const FORGIVE: Duration = Duration::from_secs(120);

/// A host that was there is believed in for this long though its name servers fail: a
/// moment without DNS must not end every drain.
const TRUST: Duration = Duration::from_secs(600);

/// Lookups at a time.
const LOOKUPS: usize = 32;

/// What became of looking for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Its addresses, at least one.
    At(Vec<IpAddr>),
    /// It has none.
    Nowhere,
    /// It had none a short while ago.
    NotAgain,
}

/// The hosts of the last poll.
#[derive(Default)]
pub(super) struct Hosts {
    known: HashMap<String, Known>,
}

#[derive(Default)]
struct Known {
    addresses: Option<(Instant, Vec<IpAddr>)>,
    failed: Option<Instant>,
}

impl Hosts {
    /// Looks for all of these, several at a time, and forgets all others.
    pub(super) async fn find(
        &mut self,
        hosts: &BTreeMap<String, Host>,
        resolver: &Resolver,
    ) -> HashMap<String, Found> {
        self.known.retain(|name, _| hosts.contains_key(name));
        let now = Instant::now();
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for (name, host) in hosts {
            if let Host::Ip(ip) = host {
                found.insert(name.clone(), Found::At(vec![*ip]));
            } else if self.failed_lately(name, now) {
                found.insert(name.clone(), Found::NotAgain);
            } else {
                unknown.push((name.clone(), resolver.clone()));
            }
        }
        let lookups = unknown.into_iter().map(|(name, resolver)| async move {
            let target = Target::HostPort(name.clone(), 0);
            (name, resolver.resolve(&target).await.ok())
        });
        let mut lookups = stream::iter(lookups).buffer_unordered(LOOKUPS);
        while let Some((name, addresses)) = lookups.next().await {
            let addresses = addresses.map(|all| all.iter().map(|address| address.ip()).collect());
            let learnt = self.learn(&name, addresses, now);
            found.insert(name, learnt);
        }
        found
    }

    fn failed_lately(&self, name: &str, now: Instant) -> bool {
        let failed = self.known.get(name).and_then(|known| known.failed);
        failed.is_some_and(|at| now.duration_since(at) < FORGIVE)
    }

    fn learn(&mut self, name: &str, addresses: Option<Vec<IpAddr>>, now: Instant) -> Found {
        let known = self.known.entry(name.to_owned()).or_default();
        match (addresses, &known.addresses) {
            (Some(addresses), _) => {
                known.failed = None;
                known.addresses = Some((now, addresses.clone()));
                Found::At(addresses)
            }
            (None, Some((at, addresses))) if now.duration_since(*at) < TRUST => {
                Found::At(addresses.clone())
            }
            (None, _) => {
                known.addresses = None;
                known.failed = Some(now);
                Found::Nowhere
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_fails_is_trusted_for_a_while_then_left_alone() {
        let mut hosts = Hosts::default();
        let at: IpAddr = [10, 0, 0, 1].into();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(hosts.learn("h", Some(vec![at]), start), Found::At(vec![at]));
        assert_eq!(hosts.learn("h", None, after(599)), Found::At(vec![at]));
        assert!(!hosts.failed_lately("h", after(599)));
        assert_eq!(hosts.learn("h", None, after(600)), Found::Nowhere);
        assert!(hosts.failed_lately("h", after(719)));
        assert!(!hosts.failed_lately("h", after(720)));
        assert_eq!(
            hosts.learn("h", Some(vec![at]), after(720)),
            Found::At(vec![at])
        );
        assert!(!hosts.failed_lately("h", after(721)));
    }

    #[tokio::test]
    async fn addresses_need_no_lookup_and_other_hosts_are_forgotten() {
        let mut hosts = Hosts::default();
        hosts.learn("gone", None, Instant::now());
        let ip: IpAddr = "2001:db8::1".parse().expect("an address");
        let wanted = BTreeMap::from([(ip.to_string(), Host::Ip(ip))]);
        let found = hosts.find(&wanted, &Resolver::new()).await;
        assert_eq!(found[&ip.to_string()], Found::At(vec![ip]));
        assert!(hosts.known.is_empty());
    }
}
