//! The Log Cache services over raw gRPC.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use logweir_net::{
    body,
    dial::H2,
    grpc::{self, Messages},
};
use logweir_proto::{
    frames::frames,
    logcache::{MetaRequest, MetaResponse, ReadRequest, ReadResponse, SendRequest},
    service, v2,
};
use prost::Message;
use tonic::Status;

use crate::{envelopes, patience::within};

/// Largest answer.
const LIMIT: usize = 64 << 20;

/// Hands envelopes to a node.
///
/// # Panics
/// When the node refuses them.
pub async fn send(node: &H2, envelopes: &[v2::Envelope], local_only: bool) {
    let request = SendRequest {
        envelopes: envelopes::batch(envelopes),
        local_only,
    };
    let (_, answer) = call(
        node,
        service::CACHE_SEND,
        request.encode_to_vec(),
        HeaderMap::new(),
    )
    .await;
    answer.expect("taken");
}

/// Everything that is remembered of a source, as payloads of its logs, oldest first.
///
/// # Errors
/// What the node says instead.
pub async fn lines(node: &H2, source: &str) -> Result<Vec<String>, Status> {
    read(node, source, HeaderMap::new()).await
}

/// The same, asked as another node asks that has found this one to be the owner.
///
/// # Errors
/// What the node says instead.
pub async fn forwarded_lines(node: &H2, source: &str) -> Result<Vec<String>, Status> {
    let mark = HeaderName::from_static("logweir-forwarded");
    let headers = [(mark, HeaderValue::from_static("1"))];
    read(node, source, headers.into_iter().collect()).await
}

async fn read(node: &H2, source: &str, headers: HeaderMap) -> Result<Vec<String>, Status> {
    let request = ReadRequest {
        source_id: source.into(),
        limit: 1000,
        ..ReadRequest::default()
    };
    let (path, request) = (service::CACHE_READ, request.encode_to_vec());
    let (_, answer) = call(node, path, request, headers).await;
    let answer = ReadResponse::decode(answer?).expect("a response");
    let frames = frames(&answer.envelopes).map(|frame| frame.expect("a frame").envelope);
    let envelopes = frames.map(|bytes| v2::Envelope::decode(bytes).expect("an envelope"));
    Ok(envelopes.map(|found| envelopes::payload(&found)).collect())
}

/// All that is remembered of a source of which no two envelopes have one timestamp: as
/// [`lines`], a thousand at a time.
///
/// # Panics
/// When the node refuses to say it.
pub async fn walk(node: &H2, source: &str) -> Vec<String> {
    let mut request = ReadRequest {
        source_id: source.into(),
        start_time: i64::MIN,
        end_time: i64::MAX,
        limit: 1000,
        ..ReadRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let (path, bytes) = (service::CACHE_READ, request.encode_to_vec());
        let (_, answer) = call(node, path, bytes, HeaderMap::new()).await;
        let answer = answer.expect("an answer");
        let answer = ReadResponse::decode(answer).expect("a response");
        let before = found.len();
        for frame in frames(&answer.envelopes) {
            let bytes = frame.expect("a frame").envelope;
            let envelope = v2::Envelope::decode(bytes).expect("an envelope");
            request.start_time = envelope.timestamp + 1;
            found.push(envelopes::payload(&envelope));
        }
        if found.len() == before {
            return found;
        }
    }
}

/// What is known of sources, and the nodes that did not say.
///
/// # Panics
/// When the node refuses to say it.
pub async fn meta(node: &H2, local_only: bool) -> (MetaResponse, String) {
    let request = MetaRequest { local_only };
    let (head, answer) = call(
        node,
        service::CACHE_META,
        request.encode_to_vec(),
        HeaderMap::new(),
    )
    .await;
    let answer = MetaResponse::decode(answer.expect("an answer")).expect("a response");
    let lost = head.get("logweir-lost-nodes").map(|lost| lost.to_str());
    let lost = lost.transpose().expect("text").unwrap_or_default();
    (answer, lost.to_owned())
}

/// Any call that answers once: the header of the answer, and the answer.
///
/// # Errors
/// What the node says instead.
///
/// # Panics
/// When the answer cannot be read.
pub async fn unary<A: Message + Default>(
    node: &H2,
    path: &str,
    request: &impl Message,
    headers: HeaderMap,
) -> Result<(HeaderMap, A), Status> {
    let (head, answer) = call(node, path, request.encode_to_vec(), headers).await;
    Ok((head, A::decode(answer?).expect("a response")))
}

async fn call(
    node: &H2,
    path: &str,
    request: Vec<u8>,
    headers: HeaderMap,
) -> (HeaderMap, Result<Bytes, Status>) {
    let body = body::full(grpc::message(&request));
    let mut request = grpc::request(path, node.authority(), body);
    request.headers_mut().extend(headers);
    within("an answer", async {
        let response = node.send(request).await.expect("a response");
        let head = response.headers().clone();
        let mut messages = Messages::of_response(response, LIMIT);
        let answer = match messages.next().await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => panic!("an answer without a message"),
            Err(status) => Err(status),
        };
        (head, answer)
    })
    .await
}
