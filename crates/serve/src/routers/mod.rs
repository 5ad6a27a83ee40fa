//! Every router, found by name, connected to and read from on behalf of each reader:
//! what the reverse log proxy and the traffic controller have in common.

mod ask;
mod link;
mod stream;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_net::{
    backoff::Backoff,
    dial::Dialer,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

pub use ask::Answers;
pub use stream::{Call, Reading};

use link::{Link, State};

/// Routers that stand and fall together.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name in the settings; empty where there is only one.
    pub name: String,
    /// Names and addresses of its routers.
    pub targets: Vec<Target>,
}

/// How routers are found and dialled.
pub struct RoutersOptions {
    /// Every zone. All are read and asked.
    pub zones: Vec<Zone>,
    /// How often the names are looked up again.
    pub resolve_interval: Duration,
    /// Connections to each router, shared by all readers.
    pub connections: usize,
    /// Largest message read from a router, in bytes.
    pub message_bytes: usize,
}

/// How a zone does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneState {
    /// Its name in the settings.
    pub name: String,
    /// Routers that were found by its names.
    pub known: usize,
    /// Those of them that are connected.
    pub connected: usize,
}

type Links = BTreeMap<SocketAddr, Arc<Link>>;

/// The routers that exist now. Readers follow the list as it changes.
pub struct Routers {
    dialer: Dialer,
    options: RoutersOptions,
    links: watch::Sender<Arc<Links>>,
    zones: watch::Sender<Vec<ZoneState>>,
    figures: Figures,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Figures {
    connects: AtomicU64,
    disconnects: AtomicU64,
}

impl Routers {
    /// Starts to look routers up and keeps the list current until the shutdown.
    pub fn start(
        dialer: Dialer,
        resolver: Resolver,
        options: RoutersOptions,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let zone = |zone: &Zone| ZoneState {
            name: zone.name.clone(),
            known: 0,
            connected: 0,
        };
        let zones = options.zones.iter().map(zone).collect();
        let routers = Arc::new(Self {
            dialer,
            options,
            links: watch::Sender::default(),
            zones: watch::Sender::new(zones),
            figures: Figures::default(),
            shutdown: shutdown.clone(),
        });
        let task = Arc::clone(&routers);
        shutdown.tracker.spawn(async move {
            let stop = task.shutdown.stop.clone();
            stop.run_until_cancelled(task.follow(resolver)).await;
        });
        routers
    }

    /// Streams to routers opened, and streams that ended, since the start.
    pub fn connects(&self) -> (u64, u64) {
        let figures = &self.figures;
        (
            figures.connects.load(Ordering::Relaxed),
            figures.disconnects.load(Ordering::Relaxed),
        )
    }

    /// How each zone does, in the order of the settings, and every change of it.
    pub fn zones(&self) -> watch::Receiver<Vec<ZoneState>> {
        self.zones.subscribe()
    }

    async fn follow(self: &Arc<Self>, resolver: Resolver) {
        let interval = self.options.resolve_interval;
        let mut wait = Backoff::new(Duration::from_millis(100), interval);
        let mut kept: BTreeMap<SocketAddr, DropGuard> = BTreeMap::new();
        loop {
            let complete = self.look_up(&resolver).await;
            let links = Arc::clone(&self.links.borrow());
            kept.retain(|address, _| links.contains_key(address));
            for (address, link) in links.iter() {
                kept.entry(*address).or_insert_with(|| self.keep_up(link));
            }
            self.count();
            if complete {
                wait.reset();
                tokio::time::sleep(interval).await;
            } else {
                tokio::time::sleep(wait.next()).await;
            }
        }
    }

    fn keep_up(self: &Arc<Self>, link: &Arc<Link>) -> DropGuard {
        let cancel = self.shutdown.stop.child_token();
        let (routers, link, until) = (Arc::clone(self), Arc::clone(link), cancel.clone());
        self.shutdown.tracker.spawn(async move {
            let keeping = link.keep_up(&routers.dialer, || routers.count());
            until.run_until_cancelled(keeping).await;
        });
        cancel.drop_guard()
    }

    /// Looks every target up. A name that cannot be resolved keeps the routers that
    /// are known: a broken DNS must not cut streams that work.
    async fn look_up(&self, resolver: &Resolver) -> bool {
        let mut found: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        let mut complete = true;
        for (zone, Zone { targets, .. }) in self.options.zones.iter().enumerate() {
            for target in targets {
                match resolver.resolve(target).await {
                    // A router that two zones name belongs to the first.
                    Ok(addresses) => addresses.into_iter().for_each(|address| {
                        found.entry(address).or_insert(zone);
                    }),
                    Err(error) => {
                        complete = false;
                        tracing::warn!("cannot look up the router {target}: {error}");
                    }
                }
            }
        }
        if !complete {
            for (address, link) in self.links.borrow().iter() {
                found.entry(*address).or_insert(link.zone);
            }
        }
        self.links.send_if_modified(|links| {
            if links.keys().eq(found.keys()) {
                return false;
            }
            let connections = self.options.connections;
            let link = |(address, zone)| match links.get(&address) {
                Some(link) => (address, Arc::clone(link)),
                None => (address, Arc::new(Link::new(address, zone, connections))),
            };
            let changed: Links = found.into_iter().map(link).collect();
            tracing::info!("routers: {:?}", changed.keys().collect::<Vec<_>>());
            *links = Arc::new(changed);
            true
        });
        complete
    }

    /// Counts the routers of each zone again, and says which zone was lost or is back.
    fn count(&self) {
        let links = Arc::clone(&self.links.borrow());
        self.zones.send_if_modified(|zones| {
            let before = zones.clone();
            for (position, zone) in zones.iter_mut().enumerate() {
                let of_zone = links.values().filter(|link| link.zone == position);
                zone.known = of_zone.clone().count();
                let up = |link: &&Arc<Link>| *link.state.borrow() == State::Up;
                zone.connected = of_zone.filter(up).count();
            }
            for (zone, before) in zones.iter().zip(&before) {
                let name = &zone.name;
                match (before.connected, zone.connected) {
                    _ if name.is_empty() => {}
                    (1.., 0) => tracing::warn!("zone {name}: no router can be reached"),
                    (0, 1..) => tracing::info!("zone {name}: connected"),
                    _ => {}
                }
            }
            *zones != before
        });
    }
}
