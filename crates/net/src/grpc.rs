//! gRPC over HTTP/2 bodies: messages without copies, status, requests and responses.
//!
//! A message is a 5-byte prefix (compressed flag, length as four bytes, big-endian) and
//! the payload; the status comes in trailers, or in the header of a response without a
//! body. Messages are never compressed here. [`tonic::Status`] is the status type.

mod bodies;
mod messages;
mod server_stream;
mod status;
mod unary;

pub use bodies::{
    framed_request_body, message, message_len, prefix, push_message, request_body, stream_body,
};
pub use messages::Messages;
pub use server_stream::{ServerStream, server_stream};
pub use status::{NOT_BEGUN, not_begun, status_from_error, status_of, trailers};
pub use tonic::{Code, Status};
pub use unary::unary;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header, uri::Scheme};

use crate::body::Body;

/// Bytes before each payload.
pub(crate) const PREFIX: usize = 5;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// A call of `path` (`/package.Service/Method`). An authority that is none, as an empty
/// one, leaves the request without.
pub fn request(path: &str, authority: &str, body: Body) -> Request<Body> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query(path)
        .build()
        .or_else(|_| path.parse())
        .unwrap_or_default();
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("logweir/", env!("CARGO_PKG_VERSION"))),
    );
    request
}

/// A response whose header goes out at once and whose body is made by [`stream_body`].
pub fn streaming_response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response
}

/// One message and OK.
pub fn ok_unary(payload: impl Into<Bytes>) -> Response<Body> {
    let payload = payload.into();
    streaming_response(stream_body(futures_util::stream::iter([Ok(payload)])))
}

/// A response that is a status and nothing else ("trailers-only").
pub fn status_response(status: Status) -> Response<Body> {
    let mut response = streaming_response(crate::body::empty());
    response.headers_mut().extend(trailers(status));
    response
}

#[cfg(test)]
mod tests;
