//! Drains over an exchange: which run, applied by difference, and what each is doing.
//!
//! | to do this | look at |
//! |---|---|
//! | change which drains run | [`Drains::set`] |
//! | name drains in the configuration | [`DrainConfig`], `declared` |
//! | add and remove them while the process runs | `api`, `store` |
//! | try one out | `trial` |

mod api;
mod channels;
mod config;
mod declared;
mod definition;
mod figures;
mod refusals;
mod store;
mod trial;
mod view;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::BytesMut;
use logweir_drain::{
    Exit,
    block_list::BlockList,
    delivery::{self, Delivery, DrainHandle, DrainStatus, Naming, Reporter},
    plan,
    reach::Reach,
};
use logweir_net::{
    resolve::Resolver,
    tls::{Alpn, ClientTls, TlsError, Verify},
};
use logweir_proto::frames::push_frame;
use logweir_route::{Exchange, Feeder, SubscribeRequest};
use tokio_util::sync::DropGuard;

pub use api::DrainsApi;
pub(crate) use channels::ChannelTotals;
use channels::Gone;
pub use config::{DeliveryConfig, DrainConfig};
pub(crate) use declared::{Declared, follow as follow_declared};
pub use definition::{Definition, DefinitionError};
pub(crate) use figures::collect;
pub(crate) use refusals::Refusals;

use crate::{
    context::{ServeContext, StartError},
    grpc::Sink,
    nozzles::Feed,
};

/// Who asks for a drain. Where two ask for the same, the first of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The configuration.
    Declared,
    /// Somebody over the API.
    Added,
    /// A binding of an app.
    Bound,
    /// The list of drains of all apps.
    Aggregate,
    /// A Logplex channel.
    Channel,
}

impl Origin {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Added => "added",
            Self::Bound => "bound",
            Self::Aggregate => "aggregate",
            Self::Channel => "channel",
        }
    }
}

/// One running drain or nozzle at a moment.
pub struct Listed {
    /// Who asked for it.
    pub origin: Origin,
    /// What it is.
    pub exit: Exit,
    /// What it is doing.
    pub status: DrainStatus,
}

/// What drains need.
pub(crate) struct Plan<'a> {
    /// Where their queues are.
    pub(crate) exchange: &'a Arc<Exchange>,
    /// How is delivered.
    pub(crate) config: &'a DeliveryConfig,
    /// Vouches for receivers on a machine without authorities.
    pub(crate) platform_ca: &'a Path,
    /// Where apps are told about their drains.
    pub(crate) notices: Box<dyn Sink>,
    /// Names of apps, for envelopes that lack them.
    pub(crate) naming: Option<Naming>,
    /// What fills the queues, if nothing is published to the exchange.
    pub(crate) feed: Option<Feed>,
}

/// The drains and nozzles that run over one exchange.
pub struct Drains {
    exchange: Arc<Exchange>,
    feed: Option<Feed>,
    delivery: Arc<Delivery>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    wanted: BTreeMap<Origin, Vec<Exit>>,
    running: HashMap<String, Running>,
    gone: Gone,
}

struct Running {
    origin: Origin,
    handle: DrainHandle,
    /// Dropped, its queue is filled no more.
    _feeding: Option<DropGuard>,
}

impl Drains {
    /// None yet.
    ///
    /// # Errors
    /// Authorities that cannot be loaded, or a range of addresses that is none.
    pub(crate) fn new(plan: Plan<'_>, context: &ServeContext) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self {
            exchange: Arc::clone(plan.exchange),
            feed: plan.feed.clone(),
            delivery: Arc::new(delivery(plan, context)?),
            inner: Mutex::default(),
        }))
    }

    /// These are all that `origin` asks for from now on. Drains that stay notice nothing;
    /// those that go write out what waits for them.
    pub fn set<E: Into<Exit>>(&self, origin: Origin, exits: Vec<E>) {
        let mut inner = self.lock();
        let exits = exits.into_iter().map(Into::into).collect();
        inner.wanted.insert(origin, exits);
        inner.gone.settle();
        let mut wanted: BTreeMap<String, (Origin, Exit)> = BTreeMap::new();
        for (origin, exits) in &inner.wanted {
            for exit in exits {
                let entry = wanted.entry(exit.id().to_owned());
                entry.or_insert_with(|| (*origin, exit.clone()));
            }
        }
        let running = inner.running.values().map(|one| one.handle.exit());
        let change = plan::change(running, wanted.values().map(|(_, exit)| exit));
        for id in &change.stop {
            if let Some(old) = inner.running.remove(id) {
                old.handle.stop();
                inner.gone.add(old.handle);
            }
        }
        for exit in change.start {
            tracing::debug!(drain = exit.id(), url = exit.shown(), "a drain begins");
            let request = exit.request();
            let queue = match &self.feed {
                None => self.exchange.subscribe(request.clone()),
                // Nothing is published to it; its subscriptions are but queues.
                Some(_) => self.exchange.subscribe(SubscribeRequest::default()),
            };
            let feeding = self.feed.as_ref().map(|feed| feed.fill(&request, &queue));
            let id = exit.id().to_owned();
            let running = Running {
                origin,
                handle: delivery::start(exit, queue, &self.delivery),
                _feeding: feeding,
            };
            inner.running.insert(id, running);
        }
        for (id, (origin, _)) in wanted {
            if let Some(running) = inner.running.get_mut(&id) {
                running.origin = origin;
            }
        }
    }

    /// What `origin` asks for.
    pub fn wanted(&self, origin: Origin) -> Vec<Exit> {
        let inner = self.lock();
        inner.wanted.get(&origin).cloned().unwrap_or_default()
    }

    /// Every drain, by source and then by URL.
    pub fn list(&self) -> Vec<Listed> {
        let inner = self.lock();
        let mut all: Vec<Listed> = inner.running.values().map(listed).collect();
        drop(inner);
        all.sort_by(|a, b| {
            let key = |one: &Listed| (one.exit.app().map(str::to_owned), one.exit.id().to_owned());
            key(a).cmp(&key(b))
        });
        all
    }

    /// What all drains of channels did, also those that are no more.
    pub(crate) fn channel_totals(&self) -> ChannelTotals {
        let mut inner = self.lock();
        let mut totals = inner.gone.totals();
        for one in inner.running.values() {
            totals.add(&one.handle);
        }
        totals
    }

    /// The drain of this id.
    pub fn find(&self, id: &str) -> Option<Listed> {
        self.lock().running.get(id).map(listed)
    }

    /// Fills the queue of the drain of this id directly.
    pub(crate) fn feeder(&self, id: &str) -> Option<Feeder> {
        self.lock().running.get(id).map(|one| one.handle.feeder())
    }

    /// Where drains of channels may lead.
    pub(crate) fn reach(&self) -> &Reach {
        &self.delivery.reach
    }

    /// Delivers again what the receiver of this drain refused for good. Returns how many
    /// envelopes that are; `None` without such a drain, or if it has no spool.
    ///
    /// # Errors
    /// The disk.
    pub async fn replay(&self, id: &str) -> io::Result<Option<u64>> {
        let replay = self.lock().running.get(id).map(|one| one.handle.replay());
        match replay {
            None => Ok(None),
            Some(replay) => replay.await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listed(one: &Running) -> Listed {
    Listed {
        origin: one.origin,
        exit: one.handle.exit().clone(),
        status: one.handle.status(),
    }
}

/// Gives each notice to the sink as a batch of its own.
fn reporter(notices: Box<dyn Sink>) -> Reporter {
    let notices = Mutex::new(notices);
    Reporter::new(move |envelope| {
        let mut frame = BytesMut::with_capacity(envelope.len() + 8);
        push_frame(&mut frame, &envelope);
        let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.accept(frame.freeze());
    })
}

fn delivery(plan: Plan<'_>, context: &ServeContext) -> Result<Delivery, StartError> {
    let (config, platform_ca) = (plan.config, plan.platform_ca);
    let block_list = BlockList::parse(config.blocked_ranges.iter().map(String::as_str))
        .map_err(|error| StartError::Setting(format!("delivery.blocked_ranges: {error}")))?;
    let allowed = BlockList::parse(config.allowed_ranges.iter().map(String::as_str))
        .map_err(|error| StartError::Setting(format!("delivery.allowed_ranges: {error}")))?;
    let reach = Arc::new(Reach::new(allowed));
    let load = |suites: &[String]| {
        let tls = receivers_tls(config, platform_ca, suites);
        tls.map_err(|source| StartError::Tls {
            part: "drains",
            source: Box::new(source),
        })
    };
    let tls = load(&config.cipher_suites)?;
    let internal_tls = load(&[])?;
    let insecure_tls = ClientTls::load(None, None, Verify::None, &[], Alpn::Http1);
    let insecure_tls = insecure_tls.map_err(|source| StartError::Tls {
        part: "drains",
        source: Box::new(source),
    })?;
    context.watch_tls(Vec::new(), vec![tls.clone(), internal_tls.clone()]);
    Ok(Delivery {
        tls,
        internal_tls,
        insecure_tls,
        block_list,
        reach,
        resolver: Resolver::new(),
        settings: config.settings(),
        spool: config.spool(),
        names: plan.naming,
        reporter: reporter(plan.notices),
        shutdown: context.shutdown.clone(),
    })
}

/// Who vouches for receivers. A machine without authorities of the system still starts: there
/// may be no drain that needs them.
fn receivers_tls(
    config: &DeliveryConfig,
    platform_ca: &Path,
    suites: &[String],
) -> Result<ClientTls, TlsError> {
    let own = Some(config.trusted_ca.as_path()).filter(|path| !path.as_os_str().is_empty());
    let verify = match config.skip_cert_verify {
        true => Verify::None,
        false => Verify::SystemRoots,
    };
    match ClientTls::load(own, None, verify, suites, Alpn::Http1) {
        Err(TlsError::NoSystemRoots) => {
            tracing::warn!(
                "this machine has no list of authorities: receivers of drains are checked by \
                 delivery.trusted_ca and their own authorities alone; install ca-certificates"
            );
            let ca = own.unwrap_or(platform_ca);
            ClientTls::load(Some(ca), None, Verify::Ca, suites, Alpn::Http1)
        }
        loaded => loaded,
    }
}
