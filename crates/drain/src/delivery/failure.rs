//! What can go wrong on the way to a receiver, by cause.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::kafka::{error_code::ErrorCode, scram::ScramError};

/// Why something could not be delivered. None of the texts holds a secret: no credentials, no
/// path, no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host has no address.
    #[error("{0}")]
    Resolve(String),
    /// Every address of the host is one where drains must not lead.
    #[error("the address {0} of the receiver is blocked here")]
    Blocked(IpAddr),
    /// Every address of the host is one where this process listens: what goes there comes back.
    #[error("the receiver {0} is this process itself")]
    Own(SocketAddr),
    /// No TCP connection.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Where to.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Nobody answers, or the handshake does not end.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The certificate, key or authorities of the drain cannot be used.
    #[error("the credentials of the drain cannot be used: {0}")]
    Credentials(String),
    /// The handshake failed, or the receiver refused our certificate after it.
    #[error("TLS with the receiver failed: {0}")]
    Tls(String),
    /// The receiver ended the connection.
    #[error("the receiver closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The receiver stopped reading.
    #[error("the receiver took nothing for {0:?}")]
    Stalled(Duration),
    /// A syslog receiver that sends more than any has reason to.
    #[error("the receiver sends data instead of reading")]
    Talks,
    /// An HTTP status that is no success. The words are the peers'.
    #[error("Post responded with {code} status code")]
    Status {
        /// The status.
        code: u16,
        /// How long the receiver wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer to a request.
    #[error("no answer to a request within {0:?}")]
    NoAnswer(Duration),
    /// A file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A Kafka broker will not, or not now.
    #[error("the broker answered {code} about {about}")]
    Broker {
        /// Its word.
        code: ErrorCode,
        /// What was asked for.
        about: String,
    },
    /// A Kafka broker and we do not agree on who is who.
    #[error("cannot log in: {0}")]
    Login(ScramError),
    /// What came is no answer.
    #[error("the request failed: {0}")]
    Request(String),
}

impl Failure {
    /// True if there was no connection at all.
    pub fn is_connecting(&self) -> bool {
        matches!(
            self,
            Self::Resolve(_)
                | Self::Blocked(_)
                | Self::Own(_)
                | Self::Connect { .. }
                | Self::ConnectTimeout(_)
                | Self::Credentials(_)
                | Self::Tls(_)
                | Self::Login(_)
        )
    }

    /// How long the receiver asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A failure of reading or writing an open connection.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::AlertReceived(alert)) => {
                Self::Tls(format!("the receiver refused us: {alert:?}"))
            }
            Some(other) => Self::Tls(other.to_string()),
            // A TLS connection that ends without a farewell is an end all the same.
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Broken(error.to_string()),
        }
    }
}
