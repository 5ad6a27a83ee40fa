//! A binding cache with a fixed list, for syslog agents of any implementation.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::Ipv4Addr,
    task::{Context, Poll},
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use logweir_net::{
    body::{self, Body},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls},
};
use serde_json::{Value, json};

use crate::identity::Identities;

/// A running binding cache. Dropping it ends it.
pub(crate) struct BindingCache {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    shutdown: Shutdown,
}

/// The binding of these apps to one URL.
pub(crate) fn binding(url: &str, apps: &[String]) -> Value {
    let apps: Vec<_> = apps
        .iter()
        .map(|app| json!({ "app_id": app, "hostname": "retail.production.checkout" }))
        .collect();
    json!({ "url": url, "credentials": [{ "cert": "", "key": "", "ca": "", "apps": apps }] })
}

impl BindingCache {
    /// Starts one with these bindings and no drains of all apps.
    pub(crate) async fn start(ids: &Identities, bindings: &[Value]) -> Result<Self> {
        let tls = ServerTls::load(&ids.cache(), ClientAuth::Required, &[], Alpn::Http1)?;
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let port = listener.local_addr()?.port();
        let shutdown = Shutdown::new();
        let pages = Pages {
            bindings: serde_json::to_vec(bindings)?.into(),
        };
        let settings = HttpSettings::http();
        tokio::spawn(listen::serve(
            listener,
            Some(tls),
            settings,
            pages,
            shutdown.clone(),
        ));
        Ok(Self { port, shutdown })
    }
}

impl Drop for BindingCache {
    fn drop(&mut self) {
        self.shutdown.stop.cancel();
        self.shutdown.abort.cancel();
    }
}

#[derive(Clone)]
struct Pages {
    bindings: Bytes,
}

impl<B> tower_service::Service<Request<B>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut answer = Response::new(body::empty());
        match request.uri().path() {
            "/v2/bindings" => *answer.body_mut() = body::full(self.bindings.clone()),
            "/v2/aggregate" => *answer.body_mut() = body::full("[]"),
            _ => *answer.status_mut() = StatusCode::NOT_FOUND,
        }
        ready(Ok(answer))
    }
}
