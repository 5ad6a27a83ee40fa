//! An exchange, drains on it, and waiting for things to become true.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use logweir_drain::{
    ChannelDrain, Drain, Exit, Scope,
    binding::Pem,
    block_list::BlockList,
    delivery::{self, Delivery, DrainHandle, DrainStatus, Reporter, Settings, SpoolSettings},
    logplex_url::check,
    reach::Reach,
    url::{DrainUrl, UrlDefaults},
};
use logweir_net::{
    pki::Authority,
    resolve::Resolver,
    shutdown::Shutdown,
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::{
    frames::push_frame,
    v2::{self, envelope::Message as Body},
};
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest};
use prost::Message;
use tempfile::TempDir;

/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let held = tokio::time::timeout(PATIENCE, holds).await;
    assert!(held.is_ok(), "{what} did not happen within {PATIENCE:?}");
}

/// Everything but receivers.
pub(crate) struct Rig {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) shutdown: Shutdown,
    notices: Arc<Mutex<Vec<String>>>,
}

/// Delays that a test can wait for.
pub(crate) fn quick() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_millis(300),
        answer_timeout: Duration::from_secs(5),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
        batch_interval: Duration::from_millis(50),
        notice_interval: Duration::from_millis(50),
        ..Settings::default()
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(quick(), 1 << 30)
    }

    /// With settings of its own, and so many bytes in each queue.
    pub(crate) fn with(settings: Settings, bytes: usize) -> Self {
        Self::blocking(settings, bytes, "")
    }

    pub(crate) fn blocking(settings: Settings, bytes: usize, blocked: &str) -> Self {
        Self::build(settings, bytes, blocked, None, false)
    }

    /// What an app is told goes into its stream, as it does in a process.
    pub(crate) fn echoing() -> Self {
        Self::build(quick(), 1 << 30, "", None, true)
    }

    /// With spools of so many bytes in this directory.
    pub(crate) fn spooling(settings: Settings, dir: &Path, bytes: u64) -> Self {
        let dir = dir.to_owned();
        let spool = SpoolSettings { dir, bytes };
        Self::build(settings, 4 << 20, "", Some(spool), false)
    }

    fn build(
        settings: Settings,
        bytes: usize,
        blocked: &str,
        spool: Option<SpoolSettings>,
        echo: bool,
    ) -> Self {
        // Whom everybody trusts; no receiver here is one of theirs.
        let dir = TempDir::new().unwrap();
        let ca = dir.path().join("ca.crt");
        let authority = Authority::create("the platform", DAY).unwrap();
        std::fs::write(&ca, authority.cert()).unwrap();
        let tls = ClientTls::load(Some(&ca), None, Verify::Ca, &[], Alpn::Http1).unwrap();
        let insecure_tls = ClientTls::load(None, None, Verify::None, &[], Alpn::Http1).unwrap();
        let reach = Arc::new(Reach::default());
        reach.set_doors(vec!["127.0.0.1:1".parse().unwrap()], true);
        let notices = Arc::<Mutex<Vec<String>>>::default();
        let told = notices.clone();
        let limits = ExchangeLimits {
            queue: QueueLimits {
                bytes,
                envelopes: u64::MAX,
                frame: 16 << 20,
            },
            total_bytes: 1 << 30,
        };
        let exchange = Exchange::new(limits);
        let stream = exchange.clone();
        let shutdown = Shutdown::new();
        let delivery = Arc::new(Delivery {
            internal_tls: tls.clone(),
            insecure_tls,
            reach,
            tls,
            block_list: BlockList::parse(blocked.split(',')).unwrap(),
            resolver: Resolver::new(),
            settings,
            spool,
            names: None,
            reporter: Reporter::new(move |envelope| {
                let mut frame = BytesMut::new();
                push_frame(&mut frame, &envelope);
                if echo {
                    stream.publisher().publish(&frame.freeze());
                }
                let envelope = v2::Envelope::decode(envelope.as_slice()).unwrap();
                let Some(Body::Log(log)) = envelope.message else {
                    panic!("a notice is a log")
                };
                let text = String::from_utf8(log.payload.to_vec()).unwrap();
                told.lock()
                    .unwrap()
                    .push(format!("{}: {text}", envelope.source_id));
            }),
            shutdown: shutdown.clone(),
        });
        Self {
            exchange,
            delivery,
            shutdown,
            notices,
        }
    }

    /// A drain of the source `app`.
    pub(crate) fn bind(&self, url: &str) -> DrainHandle {
        self.bind_with(url, Pem::default())
    }

    pub(crate) fn bind_with(&self, url: &str, pem: Pem) -> DrainHandle {
        let scope = Scope::App {
            id: "app".to_owned(),
            hostname: "o.s.a".to_owned(),
        };
        let url = DrainUrl::parse(url, &UrlDefaults::default()).unwrap();
        let drain = Drain {
            pem: Arc::new(pem),
            ..Drain::new(scope, url)
        };
        let request = SubscribeRequest {
            selectors: drain.filter().selectors(Some("app")),
            ..SubscribeRequest::default()
        };
        let queue = self.exchange.subscribe(request);
        delivery::start(Arc::new(drain), queue, &self.delivery)
    }

    /// A drain of the channel `app`.
    pub(crate) fn channel(&self, url: &str) -> DrainHandle {
        self.channel_with(url, false)
    }

    pub(crate) fn channel_with(&self, url: &str, strict: bool) -> DrainHandle {
        let exit = Exit::from(Arc::new(ChannelDrain {
            id: "channel-drain-7".to_owned(),
            number: 7,
            channel: "app".into(),
            source: "app".into(),
            token: "d.7".into(),
            url: check(url).unwrap(),
            strict,
            firehose: false,
        }));
        let queue = self.exchange.subscribe(exit.request());
        delivery::start(exit, queue, &self.delivery)
    }

    /// Publishes logs of these texts, in one batch.
    pub(crate) fn publish<T: Into<String>>(&self, texts: impl IntoIterator<Item = T>) {
        let batch = texts.into_iter().map(|text| log(text.into())).collect();
        let batch = v2::EnvelopeBatch { batch }.encode_to_vec();
        self.exchange.publisher().publish(&Bytes::from(batch));
    }

    /// Publishes lines with numbers, some in each batch.
    pub(crate) fn publish_lines(&self, numbers: std::ops::Range<usize>) {
        let all: Vec<_> = numbers.map(line).collect();
        for some in all.chunks(50) {
            self.publish(some.to_vec());
        }
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }

    /// Ends the exchange, and waits until every drain has written out its queue.
    pub(crate) async fn finish(&self) -> bool {
        self.exchange.end();
        self.shutdown.clone().finish(PATIENCE).await
    }
}

pub(crate) fn line(number: usize) -> String {
    format!("line {number:06}")
}

pub(crate) fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(line).collect()
}

pub(crate) fn log(text: String) -> v2::Envelope {
    let log = v2::Log {
        payload: text.into(),
        ..v2::Log::default()
    };
    v2::Envelope {
        timestamp: 1,
        source_id: "app".to_owned(),
        instance_id: "0".to_owned(),
        tags: [("source_type".to_owned(), "APP".to_owned())].into(),
        message: Some(Body::Log(log)),
        ..v2::Envelope::default()
    }
}

/// The books of a drain: all that it took is somewhere.
pub(crate) fn assert_balanced(status: &DrainStatus) {
    assert!(status.queue.balanced(), "{status:?}");
    let known = status.written + status.filtered + status.in_hand;
    assert_eq!(status.queue.taken, known, "{status:?}");
}
