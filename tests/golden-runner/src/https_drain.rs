//! A drain as its role runs it, in front of an HTTPS receiver that takes everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use logweir_drain::binding::Pem;
use logweir_drain::block_list::BlockList;
use logweir_drain::delivery::{self, Delivery, Reporter, Settings};
use logweir_drain::secret::Secret;
use logweir_drain::url::{DrainUrl, UrlDefaults};
use logweir_drain::{Drain, Scope};
use logweir_net::body::{self, Body};
use logweir_net::listen::{self, HttpSettings};
use logweir_net::pki::Authority;
use logweir_net::resolve::Resolver;
use logweir_net::shutdown::Shutdown;
use logweir_net::tls::{Alpn, ClientAuth, ClientTls, ServerTls, TlsPaths, Verify};
use logweir_proto::frames::push_frame;
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest};
use tokio::runtime::Runtime;

/// How long a case may take. It takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

/// A request as the receiver got it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// All but `host`.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// What a drain is to be.
pub(crate) struct Wanted<'a> {
    /// With `HOST` for the receiver's address.
    pub(crate) url: &'a str,
    pub(crate) hostname: &'a str,
    pub(crate) omit_metadata: bool,
    pub(crate) batch_bytes: usize,
}

/// A receiver, and what it takes to send to it.
pub(crate) struct Rig {
    runtime: Runtime,
    address: SocketAddr,
    authority: Authority,
    tls: ClientTls,
    receiver: Receiver,
}

impl Rig {
    pub(crate) fn start() -> Result<Self> {
        let runtime = Runtime::new().context("start a runtime")?;
        let authority = Authority::create("a tenant", HOUR)?;
        let dir = tempfile::tempdir()?;
        let paths = TlsPaths {
            cert: dir.path().join("receiver.crt"),
            key: dir.path().join("receiver.key"),
            ca: dir.path().join("ca.crt"),
        };
        let pair = authority.issue(&["127.0.0.1"], HOUR)?;
        std::fs::write(&paths.cert, &pair.cert)?;
        std::fs::write(&paths.key, &pair.key)?;
        std::fs::write(&paths.ca, authority.cert())?;
        let server = ServerTls::load(&paths, ClientAuth::None, &[], Alpn::Http1)?;
        let tls = ClientTls::load(Some(&paths.ca), None, Verify::Ca, &[], Alpn::Http1)?;
        let receiver = Receiver::default();
        let listener = runtime.block_on(listen::bind((Ipv4Addr::LOCALHOST, 0).into()))?;
        let address = listener.local_addr()?;
        let settings = HttpSettings::http();
        let doors = listen::serve(
            listener,
            Some(server),
            settings,
            receiver.clone(),
            Shutdown::new(),
        );
        runtime.spawn(doors);
        Ok(Self {
            runtime,
            address,
            authority,
            tls,
            receiver,
        })
    }

    /// Delivers these envelopes and returns the requests that were made.
    pub(crate) fn deliver(&self, wanted: &Wanted<'_>, envelopes: &[Bytes]) -> Result<Vec<Asked>> {
        self.receiver.asked().clear();
        let url = wanted.url.replace("HOST", &self.address.to_string());
        let defaults = UrlDefaults {
            metadata: !wanted.omit_metadata,
        };
        let scope = Scope::App {
            id: "app".to_owned(),
            hostname: wanted.hostname.to_owned(),
        };
        let pem = Pem {
            ca: Secret::new(self.authority.cert()),
            ..Pem::default()
        };
        let drain = Drain {
            pem: Arc::new(pem),
            ..Drain::new(scope, DrainUrl::parse(&url, &defaults)?)
        };
        let shutdown = Shutdown::new();
        let delivery = Arc::new(Delivery {
            tls: self.tls.clone(),
            internal_tls: self.tls.clone(),
            insecure_tls: self.tls.clone(),
            reach: Arc::default(),
            block_list: BlockList::default(),
            resolver: self.runtime.block_on(async { Resolver::new() }),
            settings: Settings {
                batch_bytes: wanted.batch_bytes,
                batch_interval: HOUR,
                lanes: 1,
                ..Settings::default()
            },
            spool: None,
            names: None,
            reporter: Reporter::nobody(),
            shutdown: shutdown.clone(),
        });
        let limits = QueueLimits {
            bytes: usize::MAX,
            envelopes: u64::MAX,
            frame: usize::MAX,
        };
        let exchange = Exchange::new(ExchangeLimits {
            queue: limits,
            total_bytes: usize::MAX,
        });
        // The recorded cases come after the filter by kind, which has cases of its own.
        let queue = exchange.subscribe(SubscribeRequest::default());
        let mut batch = BytesMut::new();
        for envelope in envelopes {
            push_frame(&mut batch, envelope);
        }
        queue.feeder().feed(batch.freeze());
        let ended = self.runtime.block_on(async {
            let handle = delivery::start(Arc::new(drain), queue, &delivery);
            exchange.end();
            let ended = shutdown.finish(PATIENCE).await;
            drop(handle);
            ended
        });
        ensure!(ended, "the delivery did not end within {PATIENCE:?}");
        Ok(std::mem::take(&mut *self.receiver.asked()))
    }
}

/// Takes every request, and remembers it.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Asked>>>);

impl Receiver {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl tower_service::Service<Request<Incoming>> for Receiver {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await;
            let headers = head.headers.iter().filter(|(name, _)| *name != "host");
            let asked = Asked {
                method: head.method.to_string(),
                target: head.uri.to_string(),
                headers: headers
                    .map(|(name, value)| {
                        let value = String::from_utf8_lossy(value.as_bytes());
                        (name.to_string(), value.into_owned())
                    })
                    .collect(),
                body: body.map(|body| body.to_bytes()).unwrap_or_default(),
            };
            receiver.asked().push(asked);
            Ok(Response::new(body::empty()))
        })
    }
}

/// The name that our requests carry, replaced by the peers'. False if one lacks it.
pub(crate) fn as_the_peers(asked: &mut [Asked]) -> bool {
    asked.iter_mut().all(|asked| {
        let name = asked
            .headers
            .insert("user-agent".to_owned(), "fasthttp".to_owned());
        name.is_some_and(|name| name.starts_with("logweir/"))
    })
}
