//! Headers of a drain's own: tokens of Splunk, Datadog and the like.

use http::{HeaderName, HeaderValue, header};

/// Why a header cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a name or not a value of HTTP.
    #[error("not a header")]
    Malformed,
    /// The connection's own business.
    #[error("a header that the sender sets itself")]
    Reserved,
}

/// Checks a header. Its value counts as a secret.
///
/// # Errors
/// Not of HTTP's form, or one that frames the request.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let name = HeaderName::try_from(name).map_err(|_| HeaderError::Malformed)?;
    let mut value = HeaderValue::try_from(value).map_err(|_| HeaderError::Malformed)?;
    if is_reserved(&name) {
        return Err(HeaderError::Reserved);
    }
    value.set_sensitive(true);
    Ok((name, value))
}

fn is_reserved(name: &HeaderName) -> bool {
    [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONTENT_ENCODING,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
    ]
    .contains(name)
}
