//! The door that agents ask (spec agents-and-drains §2.2).

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use tower_service::Service;

use super::store::{Listed, Store};
use crate::front::answer::{not_found, plain};

/// Answers from what is stored.
#[derive(Clone)]
pub(super) struct Pages(pub(super) Store);

impl Pages {
    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let bytes =
            |pick: fn(&Listed) -> bytes::Bytes| move |listed: std::sync::Arc<Listed>| pick(&listed);
        let current = bytes(|listed| listed.current.clone());
        let legacy = bytes(|listed| listed.legacy.clone());
        let list = match path {
            "/v2/bindings" => self.0.bindings().map(current),
            "/v2/aggregate" => self.0.aggregate().map(current),
            "/bindings" => self.0.bindings().map(legacy),
            "/aggregate" => self.0.aggregate().map(legacy),
            _ => return not_found(),
        };
        if method != Method::GET {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            let get = HeaderValue::from_static("GET");
            refused.headers_mut().insert(header::ALLOW, get);
            return refused;
        }
        let Some(list) = list else {
            // An empty list would end every drain of every agent that asks.
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the bindings have not been read yet\n",
            );
        };
        let mut answer = Response::new(body::full(list));
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }
}

impl<B> Service<Request<B>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path())))
    }
}
