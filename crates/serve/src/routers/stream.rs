//! The streams of one reader: one from each router, opened again whenever it ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use logweir_net::{backoff::Backoff, grpc};
use logweir_route::{Feeder, Subscription};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Figures, Routers,
    link::{Link, State},
};
use crate::grpc::MAX_MESSAGE_HEADER;

/// Pause before a stream is opened again, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// A call that every router is asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// Full path of the method.
    pub path: &'static str,
    /// The request message.
    pub request: Bytes,
}

/// The streams of one reader, which end when this is dropped.
pub struct Reading {
    routers: Arc<Routers>,
    opened: watch::Receiver<BTreeSet<SocketAddr>>,
    _streams: DropGuard,
}

impl Reading {
    /// Waits until every router that can be reached has said that it sends. Our routers
    /// say so at once; those of the peers only with their first envelope, so this needs
    /// a deadline.
    pub async fn everywhere(&self) {
        let routers = Arc::clone(&self.routers);
        let all = move |opened: &BTreeSet<SocketAddr>| {
            let links = routers.links.borrow();
            let silent = |link: &Arc<Link>| {
                *link.state.borrow() != State::Down && !opened.contains(&link.address)
            };
            !links.is_empty() && !links.values().any(silent)
        };
        // Streams that end meanwhile have nothing more to say.
        let _ = self.opened.clone().wait_for(all).await;
    }
}

/// One reader's streams to the routers.
struct Reader {
    routers: Arc<Routers>,
    call: Call,
    cancel: CancellationToken,
    opened: watch::Sender<BTreeSet<SocketAddr>>,
}

impl Routers {
    /// Fills the queue of one reader from every router until what this returns is
    /// dropped.
    pub fn read(self: &Arc<Self>, call: Call, subscription: &Subscription) -> Reading {
        let cancel = self.shutdown.stop.child_token();
        let (opened, watch) = watch::channel(BTreeSet::new());
        let reader = Reader {
            routers: Arc::clone(self),
            call,
            cancel: cancel.clone(),
            opened,
        };
        let follow = reader.follow(subscription.feeder());
        self.shutdown.tracker.spawn(follow);
        Reading {
            routers: Arc::clone(self),
            opened: watch,
            _streams: cancel.drop_guard(),
        }
    }
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
                        call: self.call.clone(),
                        feeder: seed.another(),
                        opened: self.opened.clone(),
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

/// One stream from one router for one reader.
struct Pump {
    routers: Arc<Routers>,
    link: Arc<Link>,
    call: Call,
    feeder: Feeder,
    opened: watch::Sender<BTreeSet<SocketAddr>>,
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
        let Call { path, request } = self.call.clone();
        let mut stream = grpc::server_stream(&connection, path, request, extra, limit);
        let _open = Open::new(&self.routers.figures);
        if stream.opened().await.is_ok() {
            self.opened
                .send_if_modified(|opened| opened.insert(address));
        }
        let mut delivered = false;
        loop {
            match stream.next().await {
                Ok(Some(batch)) => {
                    delivered = true;
                    self.feeder.feed(batch);
                }
                Ok(None) => return delivered,
                Err(status) => {
                    let why = status.message();
                    tracing::debug!("stream from the router {address} ended: {why}");
                    return delivered;
                }
            }
        }
    }
}

/// Counts one stream: opened now, ended when dropped.
struct Open<'a>(&'a Figures);

impl<'a> Open<'a> {
    fn new(figures: &'a Figures) -> Self {
        figures.connects.fetch_add(1, Ordering::Relaxed);
        Self(figures)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.disconnects.fetch_add(1, Ordering::Relaxed);
    }
}
