//! Which path is answered by what, and in which order a request is checked: access,
//! then whether it is an upgrade, then the subscription.

use std::sync::Arc;

use http::{Request, Response, StatusCode, request::Parts};
use logweir_net::{
    body::{self, Body},
    listen::Peer,
    shutdown::Shutdown,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::{
    SessionConfig, access,
    cookie::{self, CookieConfig},
    endpoints,
    filter::{Filtered, Keep, Merged, Query},
    history,
    info::Info,
    legacy,
    route::Route,
    session::{self, About, SessionFigures},
    socket::{self, Upgrade},
    source::{BoxFrames, Class, Source, Wanted},
};
use crate::{
    auth::Authorizer,
    front::{access_log::shown, cef::SecurityLog},
    metrics::{Counter, Gauge, Registry},
    self_metrics::Events,
};

/// What a traffic controller is made of.
pub struct Options {
    /// Where its envelopes come from.
    pub source: Source,
    /// Who may read.
    pub authorizer: Arc<Authorizer>,
    /// How its sessions behave.
    pub sessions: SessionConfig,
    /// What `/set-cookie` may set.
    pub cookie: CookieConfig,
    /// Where requests are noted, if anywhere.
    pub security_log: Option<SecurityLog>,
    /// What `/v2/info` says, if it is answered.
    pub info: Option<Info>,
    /// Where the disconnection of a slow consumer is announced.
    pub events: Events,
}

/// Guards the V1 paths and answers them. Clones are the same traffic controller.
#[derive(Clone)]
pub struct TrafficController(Arc<Inner>);

struct Inner {
    options: Options,
    permits: Arc<Semaphore>,
    firehoses: Figures,
    app_streams: Figures,
    slow_consumers: Counter,
    rejected: Counter,
    shutdown: Shutdown,
}

struct Figures {
    open: Gauge,
    egress: Counter,
}

/// Whose session it is, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Firehose,
    Stream,
}

/// A session's place among all, given back when it ends.
pub(super) struct Seat {
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.add(-1.0);
    }
}

impl TrafficController {
    /// Its sessions run on `shutdown.tracker` and end when their source does.
    pub fn new(options: Options, registry: &Registry, shutdown: Shutdown) -> Self {
        let figures = |gauge, endpoint| {
            let help = "Open WebSocket sessions.";
            let open = registry.gauge(gauge, help, "connections", &[V2]);
            let help = "Envelopes written to WebSockets.";
            let egress = registry.counter("egress", help, &[("endpoint", endpoint), V2]);
            Figures { open, egress }
        };
        let help = "Sessions ended because their client did not keep up.";
        let slow_consumers = registry.counter("doppler_proxy.slow_consumer", help, &[V2]);
        let rejected = "Sessions refused because there were too many.";
        let most = options.sessions.max.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(most)),
            firehoses: figures("doppler_proxy.firehoses", "firehose"),
            app_streams: figures("doppler_proxy.app_streams", "stream"),
            slow_consumers,
            rejected: registry.counter("logweir_rejected_sessions", rejected, &[]),
            options,
            shutdown,
        }))
    }

    /// Where its envelopes come from.
    pub(super) fn source(&self) -> &Source {
        &self.0.options.source
    }

    /// Notes in the security log a request that is answered before it comes to
    /// [`TrafficController::answer`], which notes its own.
    pub(crate) fn note<B>(&self, request: &Request<B>) {
        if let Some(log) = &self.0.options.security_log {
            log.note(request);
        }
    }

    /// Answers a request, or gives it back if its path is somebody else's.
    pub(crate) async fn answer(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, Request<Body>> {
        self.note(&request);
        let (mut parts, body) = request.into_parts();
        let route = match Route::of(parts.uri.path()) {
            Some(route) => route,
            None => {
                return match &self.0.options.info {
                    Some(info) => info.answer(&parts),
                    None => None,
                }
                .ok_or_else(|| Request::from_parts(parts, body));
            }
        };
        Ok(match route {
            Route::Stream(app) => self.stream(&mut parts, app).await,
            Route::Firehose(shard) => self.firehose(&mut parts, shard).await,
            Route::RecentLogs(app) => match self.may_read(&parts, &app).await {
                Ok(()) => endpoints::recent_logs(self, &parts, &app).await,
                Err(denied) => denied,
            },
            Route::ContainerMetrics(app) => match self.may_read(&parts, &app).await {
                Ok(()) => endpoints::container_metrics(self, &parts, &app).await,
                Err(denied) => denied,
            },
            Route::SetCookie => cookie::answer(&self.0.options.cookie, &parts, body).await,
            Route::Legacy(page) => legacy::answer(self, &mut parts, page).await,
        })
    }

    /// Whether the caller may read the logs of an app; otherwise the whole answer.
    pub(super) async fn may_read(&self, parts: &Parts, app: &str) -> Result<(), Response<Body>> {
        access::app(&self.0.options.authorizer, &parts.headers, app).await
    }

    async fn stream(&self, parts: &mut Parts, app: String) -> Response<Body> {
        if let Err(denied) = self.may_read(parts, &app).await {
            return denied;
        }
        let upgrade = match socket::upgrade(parts) {
            Ok(upgrade) => upgrade,
            Err(refused) => return refused.answer(),
        };
        if self.is_full() {
            return unavailable();
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        match self.app_frames(app, &query).await {
            Ok(frames) => self.session(parts, upgrade, Endpoint::Stream, frames),
            Err(status) => not_opened(&status),
        }
    }

    /// The envelopes of an app: those that V1 counts as its own and, if the query asks
    /// for them, the metrics that it emits itself.
    async fn app_frames(&self, app: String, query: &Query) -> Result<BoxFrames, Status> {
        let source = self.source();
        let own = query.own_metrics.then(|| Keep::source(&app));
        let wanted = Wanted {
            app: Some(app),
            class: query.class,
            ..Wanted::default()
        };
        let frames: BoxFrames = match query.recent {
            Some(last) if query.class != Some(Class::Metric) => {
                history::then_live(source, wanted, last).await?
            }
            _ => Box::new(source.open(wanted)?),
        };
        let Some(keep) = own else {
            return Ok(frames);
        };
        let system = source.open(Wanted {
            app: Some(SYSTEM.into()),
            class: Some(Class::Metric),
            ..Wanted::default()
        })?;
        let own = Filtered {
            all: Box::new(system),
            keep,
        };
        Ok(Box::new(Merged::of(frames, Box::new(own))))
    }

    async fn firehose(&self, parts: &mut Parts, shard: String) -> Response<Body> {
        if let Err(denied) = access::everything(&self.0.options.authorizer, &parts.headers).await {
            return denied;
        }
        let upgrade = match socket::upgrade(parts) {
            Ok(upgrade) => upgrade,
            Err(refused) => return refused.answer(),
        };
        if self.is_full() {
            return unavailable();
        }
        let Query { class, keep, .. } = Query::parse(parts.uri.query().unwrap_or_default());
        let wanted = Wanted {
            app: None,
            class,
            shard: keep.shard(shard),
        };
        let frames: BoxFrames = match self.source().open(wanted) {
            Ok(all) if keep.is_everything() => Box::new(all),
            Ok(all) => Box::new(Filtered {
                all: Box::new(all),
                keep,
            }),
            Err(status) => return not_opened(&status),
        };
        self.session(parts, upgrade, Endpoint::Firehose, frames)
    }

    /// Whether there is no place for another session.
    fn is_full(&self) -> bool {
        let full = self.0.permits.available_permits() == 0;
        if full {
            self.0.rejected.add(1);
        }
        full
    }

    /// Starts a session that writes `frames` to the upgraded connection; the answer is
    /// 101, or 503 if there are too many sessions.
    pub(super) fn session(
        &self,
        parts: &Parts,
        upgrade: Upgrade,
        endpoint: Endpoint,
        frames: BoxFrames,
    ) -> Response<Body> {
        let inner = &self.0;
        let Ok(permit) = inner.permits.clone().try_acquire_owned() else {
            inner.rejected.add(1);
            return unavailable();
        };
        let figures = match endpoint {
            Endpoint::Firehose => &inner.firehoses,
            Endpoint::Stream => &inner.app_streams,
        };
        figures.open.add(1.0);
        let seat = Seat {
            open: figures.open.clone(),
            _permit: permit,
        };
        let about = About {
            peer: parts.extensions.get::<Peer>().map(|peer| peer.addr),
            forwarded_for: forwarded_for(parts),
            path: shown(&parts.uri),
        };
        let figures = SessionFigures {
            egress: figures.egress.clone(),
            slow_consumers: inner.slow_consumers.clone(),
            events: inner.options.events.clone(),
        };
        let (response, io) = upgrade.accept();
        let config = inner.options.sessions.clone();
        let abort = inner.shutdown.abort.clone();
        inner.shutdown.tracker.spawn(async move {
            let session = session::run(io, frames, config, figures, about);
            abort.run_until_cancelled(session).await;
            drop(seat);
        });
        response
    }
}

/// The app of what V1 counts to no app.
const SYSTEM: &str = "system";

/// Tag of the metrics under the peers' names.
const V2: (&str, &str) = ("metric_version", "2.0");

/// No place, or no source: an empty 503.
pub(super) fn unavailable() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// The source does not open a stream: 503, as when the reference cannot subscribe.
pub(super) fn not_opened(status: &Status) -> Response<Body> {
    tracing::warn!(%status, "a session cannot be opened");
    unavailable()
}

fn forwarded_for(parts: &Parts) -> String {
    let values = parts.headers.get_all("x-forwarded-for").iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join(", ")
}
