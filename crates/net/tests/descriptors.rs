//! A server that has no file descriptor left. Alone in its process, for the limit is
//! the process's.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test's rig is a failed test"
)]

use std::{convert::Infallible, fs::File, time::Duration};

use http::{Request, Response};
use logweir_net::{
    body,
    dial::{DialSettings, Dialer, H2},
    listen::{self, ConnectionStats, HttpSettings},
    shutdown::Shutdown,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(20);

async fn works(h2: &H2) {
    let request = Request::get("http://localhost/").body(body::empty());
    let response = tokio::time::timeout(PATIENCE, h2.send(request.unwrap()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
}

/// Every descriptor below the limit is taken.
fn take_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[tokio::test]
async fn a_server_without_descriptors_rests_and_goes_on() {
    let listener = listen::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stats, shutdown) = (ConnectionStats::default(), Shutdown::new());
    shutdown.tracker.spawn(listen::serve_counted(
        listener,
        None,
        HttpSettings::http(),
        stats.clone(),
        Hello,
        shutdown.clone(),
    ));
    let dialer = Dialer::new(None, "localhost".into(), DialSettings::default());
    let first = dialer.connect(addr).await.unwrap();
    works(&first).await;

    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    let mut taken = take_all();
    // One for the client's end; none is left for the server's.
    taken.pop();
    let second = dialer.connect(addr).await.unwrap();
    tokio::time::timeout(PATIENCE, async {
        while stats.refused() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(stats.accepted(), 1);
    works(&first).await;

    drop(taken);
    works(&second).await;
    assert_eq!(stats.accepted(), 2);
}

#[derive(Clone)]
struct Hello;

impl tower_service::Service<Request<hyper::body::Incoming>> for Hello {
    type Response = Response<body::Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<hyper::body::Incoming>) -> Self::Future {
        std::future::ready(Ok(Response::new(body::full("hello"))))
    }
}
