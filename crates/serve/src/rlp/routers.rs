//! Every router, found by name and read from on behalf of each reader.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_proto::{service, v2};
use logweir_route::{Feeder, Subscription};
use prost::Message;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use crate::grpc::MAX_MESSAGE_HEADER;

/// Pause before a stream is opened again, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// Pause before a router that could not be reached is dialled again.
const DIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How routers are found and dialled.
pub struct RoutersOptions {
    /// Names and addresses of the routers.
    pub targets: Vec<Target>,
    /// How often the names are looked up again.
    pub resolve_interval: Duration,
    /// Connections to each router, shared by all readers.
    pub connections: usize,
    /// Largest message read from a router, in bytes.
    pub message_bytes: usize,
}

/// The routers that exist now. Readers follow the list as it changes.
pub struct Routers {
    dialer: Dialer,
    options: RoutersOptions,
    links: watch::Sender<Arc<BTreeMap<SocketAddr, Arc<Link>>>>,
    figures: Figures,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Figures {
    connects: AtomicU64,
    disconnects: AtomicU64,
    open: AtomicUsize,
}

impl Routers {
    /// Starts to look routers up and keeps the list current until the shutdown.
    pub fn start(
        dialer: Dialer,
        resolver: Resolver,
        options: RoutersOptions,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let routers = Arc::new(Self {
            dialer,
            options,
            links: watch::Sender::default(),
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

    /// Routers that are known, and streams to them that are open.
    pub fn known_and_open(&self) -> (usize, usize) {
        (
            self.links.borrow().len(),
            self.figures.open.load(Ordering::Relaxed),
        )
    }

    /// Whether at least one router was found.
    pub fn any(&self) -> bool {
        !self.links.borrow().is_empty()
    }

    async fn follow(&self, resolver: Resolver) {
        let mut wait = Backoff::new(Duration::from_millis(100), self.options.resolve_interval);
        loop {
            let complete = self.look_up(&resolver).await;
            if complete {
                wait.reset();
                tokio::time::sleep(self.options.resolve_interval).await;
            } else {
                tokio::time::sleep(wait.next()).await;
            }
        }
    }

    /// Looks every target up. A name that cannot be resolved keeps the routers that
    /// are known: a broken DNS must not cut streams that work.
    async fn look_up(&self, resolver: &Resolver) -> bool {
        let mut found = BTreeSet::new();
        let mut complete = true;
        for target in &self.options.targets {
            match resolver.resolve(target).await {
                Ok(addresses) => found.extend(addresses),
                Err(error) => {
                    complete = false;
                    tracing::warn!("cannot look up the router {target}: {error}");
                }
            }
        }
        if !complete {
            found.extend(self.links.borrow().keys());
        }
        self.links.send_if_modified(|links| {
            if links.keys().eq(&found) {
                return false;
            }
            let link = |address| match links.get(&address) {
                Some(link) => (address, Arc::clone(link)),
                None => (
                    address,
                    Arc::new(Link::new(address, self.options.connections)),
                ),
            };
            let changed: BTreeMap<_, _> = found.into_iter().map(link).collect();
            tracing::info!("routers: {:?}", changed.keys().collect::<Vec<_>>());
            *links = Arc::new(changed);
            true
        });
        complete
    }

    /// Fills the queue of one reader from every router, until the guard is dropped.
    pub fn read(
        self: &Arc<Self>,
        request: v2::EgressBatchRequest,
        subscription: &Subscription,
    ) -> DropGuard {
        let cancel = self.shutdown.stop.child_token();
        let reader = Reader {
            routers: Arc::clone(self),
            request: request.encode_to_vec().into(),
            cancel: cancel.clone(),
        };
        self.shutdown
            .tracker
            .spawn(reader.follow(subscription.feeder()));
        cancel.drop_guard()
    }
}

/// One reader's streams to the routers.
struct Reader {
    routers: Arc<Routers>,
    request: Bytes,
    cancel: CancellationToken,
}

impl Reader {
    /// Keeps one stream to each router of the list.
    async fn follow(self, seed: Feeder) {
        let mut list = self.routers.links.subscribe();
        let mut streams: BTreeMap<SocketAddr, CancellationToken> = BTreeMap::new();
        loop {
            let links = Arc::clone(&list.borrow_and_update());
            streams.retain(|address, stream| {
                let stays = links.contains_key(address);
                if !stays {
                    stream.cancel();
                }
                stays
            });
            for (address, link) in links.iter() {
                streams.entry(*address).or_insert_with(|| {
                    let cancel = self.cancel.child_token();
                    let pump = Pump {
                        routers: Arc::clone(&self.routers),
                        link: Arc::clone(link),
                        request: self.request.clone(),
                        feeder: seed.another(),
                    };
                    let until = cancel.clone();
                    self.routers.shutdown.tracker.spawn(async move {
                        until.run_until_cancelled(pump.run()).await;
                    });
                    cancel
                });
            }
            tokio::select! {
                () = self.cancel.cancelled() => return,
                changed = list.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// One stream from one router for one reader, opened again whenever it ends.
struct Pump {
    routers: Arc<Routers>,
    link: Arc<Link>,
    request: Bytes,
    feeder: Feeder,
}

impl Pump {
    async fn run(mut self) {
        let mut wait = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let delivered = self.stream().await;
            if delivered {
                wait.reset();
            }
            tokio::time::sleep(wait.next()).await;
        }
    }

    /// Reads one stream to its end. Whether it delivered anything.
    async fn stream(&mut self) -> bool {
        let address = self.link.address;
        let connection = self.link.connection(&self.routers.dialer).await;
        let limit = self.routers.options.message_bytes;
        let mut extra = HeaderMap::new();
        extra.insert(
            HeaderName::from_static(MAX_MESSAGE_HEADER),
            HeaderValue::from(limit),
        );
        let request = self.request.clone();
        let mut stream = grpc::server_stream(
            &connection,
            service::BATCHED_RECEIVER,
            request,
            extra,
            limit,
        );
        let _open = Open::new(&self.routers.figures);
        let mut delivered = false;
        loop {
            match stream.next().await {
                Ok(Some(batch)) => {
                    delivered = true;
                    self.feeder.feed(batch);
                }
                Ok(None) => return delivered,
                Err(status) => {
                    log_end(address, &status);
                    return delivered;
                }
            }
        }
    }
}

fn log_end(address: SocketAddr, status: &Status) {
    tracing::debug!(
        "stream from the router {address} ended: {}",
        status.message()
    );
}

/// Counts one stream: opened now, ended when dropped.
struct Open<'a>(&'a Figures);

impl<'a> Open<'a> {
    fn new(figures: &'a Figures) -> Self {
        figures.connects.fetch_add(1, Ordering::Relaxed);
        figures.open.fetch_add(1, Ordering::Relaxed);
        Self(figures)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.disconnects.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections to one router, made as they are needed.
struct Link {
    address: SocketAddr,
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

/// One connection that many readers share, and its pauses while it cannot be made.
struct Connection {
    open: Option<H2>,
    wait: Backoff,
    /// Not dialled before this.
    rest: Option<Instant>,
}

impl Link {
    fn new(address: SocketAddr, connections: usize) -> Self {
        let connection = |_| {
            Mutex::new(Connection {
                open: None,
                wait: Backoff::new(DIAL.0, DIAL.1),
                rest: None,
            })
        };
        Self {
            address,
            connections: (0..connections.max(1)).map(connection).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// The next connection in turn, as soon as it is open. One reader dials, and all
    /// others wait for that: a router that is down is not dialled for each of them,
    /// and one that is back serves all of them at once.
    async fn connection(&self, dialer: &Dialer) -> H2 {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut connection = self.connections[turn].lock().await;
        loop {
            if let Some(open) = connection.open.as_ref().filter(|open| !open.is_closed()) {
                return open.clone();
            }
            if let Some(rest) = connection.rest {
                tokio::time::sleep_until(rest).await;
            }
            match dialer.connect(self.address).await {
                Ok(fresh) => {
                    connection.wait.reset();
                    connection.rest = None;
                    connection.open = Some(fresh);
                }
                Err(error) => {
                    let address = self.address;
                    if connection.rest.is_none() {
                        tracing::warn!("cannot reach the router {address}: {error}");
                    } else {
                        tracing::debug!("still cannot reach the router {address}: {error}");
                    }
                    connection.rest = Some(Instant::now() + connection.wait.next());
                }
            }
        }
    }
}
