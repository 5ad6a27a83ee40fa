//! An HTTPS receiver that answers as it is told.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use logweir_drain::binding::Pem;
use logweir_net::pki::Authority;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    rig::DAY,
    tls::{acceptor, pem},
};

pub(crate) type Answer = Response<Full<Bytes>>;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
}

pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    authority: Authority,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
}

impl Web {
    /// Answers the request of each number, from 0 on, as `answer` says.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::create("a tenant", DAY).unwrap();
        let tls = acceptor(&authority.issue(&["127.0.0.1"], DAY).unwrap(), None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (to, answer) = (seen.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (tls, to, answer) = (tls.clone(), to.clone(), answer.clone());
                connections.spawn(async move {
                    let Ok(stream) = tls.accept(tcp).await else {
                        return;
                    };
                    to.connections.fetch_add(1, Relaxed);
                    let service = service_fn(|request| reply(request, &to, &*answer));
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            authority,
            seen,
            task,
        }
    }

    pub(crate) fn url(&self, scheme: &str, rest: &str) -> String {
        format!("{scheme}://{}{rest}", self.address)
    }

    /// What a drain needs to trust it.
    pub(crate) fn pem(&self) -> Pem {
        pem(self.authority.cert(), None)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn reply(
    request: Request<Incoming>,
    seen: &Seen,
    answer: &(dyn Fn(usize, &Asked) -> Answer + Send + Sync),
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let asked = Asked { head, body };
    let number = {
        let mut all = seen.asked.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    Ok(answer(number, &asked))
}

/// An answer of this status.
pub(crate) fn status(code: u16) -> Answer {
    Response::builder()
        .status(code)
        .body(Full::default())
        .unwrap()
}

/// The texts of the messages in a body.
pub(crate) fn texts(body: &[u8]) -> Vec<String> {
    let text = |line: &str| line.rsplit("] ").next().unwrap().to_owned();
    std::str::from_utf8(body)
        .unwrap()
        .lines()
        .map(text)
        .collect()
}
