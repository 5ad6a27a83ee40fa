//! A log cache's door over HTTP, and what it was sent.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body_util::BodyExt;
use logweir_net::body;
use logweir_proto::{frames::push_frame, logcache::SendRequest};
use logweir_serve::{
    auth::{AuthConfig, Authorizer},
    front::{AccessLog, Front},
    gateway::StreamConfig,
    log_cache::{Api, Cache, Guard, Local, StoreConfig, Upstream},
    metrics::Registry,
};

/// Status, content type and body.
pub(crate) type Answer = (u16, String, String);

/// The door of a cache that keeps these envelopes, at most so many of each source.
pub(crate) fn open<'a>(
    per_source: u64,
    envelopes: impl IntoIterator<Item = &'a Bytes>,
) -> Result<Front> {
    let store = StoreConfig {
        per_source,
        ..StoreConfig::default()
    };
    let store = logweir_cache::Store::new(store.limits());
    let cache = Arc::new(Cache::new(Arc::new(Local::of_sends(Arc::new(store)))));
    let mut batch = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut batch, envelope);
    }
    cache.send(&SendRequest {
        envelopes: batch.freeze(),
        local_only: true,
    });
    let registry = Registry::new();
    let door = SocketAddr::from(([127, 0, 0, 1], 0));
    let authorizer = Authorizer::new(&AuthConfig::default(), door, false, &registry)?;
    let guard = Guard {
        authorizer: Arc::new(authorizer),
        stream: StreamConfig::default(),
        whole_door: true,
        stop: Default::default(),
    };
    let api = Api::new(Upstream::Here(cache), guard, &registry);
    Ok(Front::new(None, None, AccessLog::Off).with_log_cache(api))
}

/// What it answers to a GET.
pub(crate) async fn ask(front: &Front, path: &str) -> Result<Answer> {
    let request = Request::get(path).body(body::empty());
    let request = request.context("not a request that HTTP carries")?;
    let (head, body) = front.answer(request).await.into_parts();
    let body = body.collect().await.map_err(|error| anyhow!("{error}"))?;
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    Ok((head.status.as_u16(), kind.to_owned(), body))
}
