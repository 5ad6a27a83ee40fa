use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;

use super::{Messages, message, request, status_from_error};
use crate::{body, dial::H2};

/// Calls a method that answers one request with one message of at most `limit` bytes.
/// `extra` is added to the request's header; the response's comes back with the
/// message. Put a timeout on it.
///
/// # Errors
/// The status of the call, or of a broken connection.
pub async fn unary(
    h2: &H2,
    path: &str,
    payload: &[u8],
    extra: HeaderMap,
    limit: usize,
) -> Result<(Bytes, HeaderMap), Status> {
    let mut request = request(path, h2.authority(), body::full(message(payload)));
    request.headers_mut().extend(extra);
    let response = h2.send(request).await;
    let response = response.map_err(|error| status_from_error(&error))?;
    let headers = response.headers().clone();
    let mut messages = Messages::of_response(response, limit);
    let answer = messages.next().await?;
    // The trailers may still say that the call failed.
    let _ = messages.next().await?;
    let answer = answer.ok_or_else(|| Status::internal("the answer has no message"))?;
    Ok((answer, headers))
}
