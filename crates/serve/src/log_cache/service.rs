//! The gRPC services of a node.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
};
use logweir_proto::{
    cache::{FollowRequest, SearchRequest, SeriesRequest},
    frames::{frame_len, push_frame},
    logcache::{MetaRequest, ReadRequest, SendRequest, SendResponse},
    service,
};
use prost::Message;
use tonic::Status;

use super::{Cache, LOST_NODES, cluster::FORWARDED, promql};

/// Largest question, in bytes: a source id and two expressions.
const QUESTION_BYTES: usize = 1 << 20;
/// The same where it may list all sources that somebody reads.
const SERIES_QUESTION_BYTES: usize = 16 << 20;

/// Header of an answer to a query that may be wrong: why, with semicolons between.
const WARNINGS: &str = "logweir-warnings";

/// Answers a call of one of the services, whose messages may have so many bytes; `None` if `path` is none of their methods.
pub(crate) async fn answer(
    cache: &Arc<Cache>,
    message_bytes: usize,
    path: &str,
    request: Request<Incoming>,
) -> Option<Response<Body>> {
    let answered = match path {
        service::CACHE_SEND => send(cache, message_bytes, request).await,
        service::CACHE_READ => read(cache, request).await,
        service::CACHE_META => meta(cache, request).await,
        service::CACHE_SEARCH => search(cache, request).await,
        service::CACHE_FOLLOW => follow(cache, request).await,
        service::CACHE_SERIES => series(cache, request).await,
        service::CACHE_INSTANT_QUERY => instant_query(cache, request).await,
        service::CACHE_RANGE_QUERY => range_query(cache, request).await,
        _ => return None,
    };
    Some(answered.unwrap_or_else(grpc::status_response))
}

async fn send(
    cache: &Cache,
    message_bytes: usize,
    request: Request<Incoming>,
) -> Result<Response<Body>, Status> {
    let request: SendRequest = one(request, message_bytes).await?;
    cache.send(&request);
    Ok(unary(&SendResponse {}))
}

async fn read(cache: &Cache, request: Request<Incoming>) -> Result<Response<Body>, Status> {
    let forwarded = request.headers().contains_key(FORWARDED);
    let request: ReadRequest = one(request, QUESTION_BYTES).await?;
    let answer = match forwarded {
        true => cache.local().read_bytes(request).await?,
        false => cache.read_bytes(request).await?,
    };
    // A node of the peers leaves out what is empty.
    Ok(grpc::ok_unary(match answer.is_empty() {
        true => batched(&[]),
        false => answer,
    }))
}

async fn meta(cache: &Cache, request: Request<Incoming>) -> Result<Response<Body>, Status> {
    let request: MetaRequest = one(request, QUESTION_BYTES).await?;
    let meta = cache.meta(request.local_only).await;
    let mut response = grpc::ok_unary(meta.sources.into_answer());
    if let Ok(lost) = HeaderValue::try_from(meta.lost.join(","))
        && !meta.lost.is_empty()
    {
        response.headers_mut().insert(LOST_NODES, lost);
    }
    Ok(response)
}

async fn search(cache: &Cache, request: Request<Incoming>) -> Result<Response<Body>, Status> {
    let request: SearchRequest = one(request, QUESTION_BYTES).await?;
    let answer = cache.search(request).await?;
    Ok(unary(&answer))
}

async fn follow(cache: &Cache, request: Request<Incoming>) -> Result<Response<Body>, Status> {
    let request: FollowRequest = one(request, QUESTION_BYTES).await?;
    let batches = cache.follow(request).await?;
    let messages = batches.map(|batch| Ok(batched(&batch?)));
    Ok(grpc::streaming_response(grpc::stream_body(messages)))
}

async fn instant_query(
    cache: &Arc<Cache>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Status> {
    let (answer, warnings) = promql::instant(cache, one(request, QUESTION_BYTES).await?).await?;
    Ok(with_warnings(unary(&answer), &warnings))
}

async fn range_query(
    cache: &Arc<Cache>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Status> {
    let (answer, warnings) = promql::range(cache, one(request, QUESTION_BYTES).await?).await?;
    Ok(with_warnings(unary(&answer), &warnings))
}

/// The contract has no place for warnings.
fn with_warnings(mut response: Response<Body>, warnings: &[String]) -> Response<Body> {
    if !warnings.is_empty()
        && let Ok(warnings) = HeaderValue::try_from(warnings.join("; "))
    {
        response.headers_mut().insert(WARNINGS, warnings);
    }
    response
}

async fn series(cache: &Arc<Cache>, request: Request<Incoming>) -> Result<Response<Body>, Status> {
    let request: SeriesRequest = one(request, SERIES_QUESTION_BYTES).await?;
    let messages = promql::series(cache, request).await?.into_iter();
    let messages = messages.map(|message| Ok(Bytes::from(message.encode_to_vec())));
    Ok(grpc::streaming_response(grpc::stream_body(stream::iter(
        messages,
    ))))
}

/// A message that is a batch in its first field, framed as envelopes are in a batch. It
/// is there also when it is empty: the peers' Go client reads it without a look.
fn batched(batch: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(frame_len(batch.len()));
    push_frame(&mut message, batch);
    message.freeze()
}

fn unary(answer: &impl Message) -> Response<Body> {
    grpc::ok_unary(answer.encode_to_vec())
}

async fn one<T: Message + Default>(request: Request<Incoming>, most: usize) -> Result<T, Status> {
    let mut messages = Messages::new(request.into_body(), most);
    let message = messages.next().await?;
    let message = message.ok_or_else(|| Status::internal("the call needs a request message"))?;
    T::decode(message)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))
}
