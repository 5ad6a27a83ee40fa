//! Why a query has no answer, as each door says it.

use http::StatusCode;
use logweir_cache::promql::{EvalError, Mode, series::ReadError};
use tonic::{Code, Status};

/// A query that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The question is wrong.
    #[error("{0}")]
    Question(String),
    /// It cannot be evaluated, or not within its limits.
    #[error("{0}")]
    Evaluation(EvalError),
    /// Its time was over before its turn came.
    #[error("query timed out in query queue")]
    Queue,
    /// Whoever has the data cannot be reached.
    #[error("{0}")]
    Unavailable(String),
    /// It is our fault.
    #[error("{0}")]
    Internal(String),
}

impl From<EvalError> for Fault {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Range(why) => Self::Question(why.to_owned()),
            error => Self::Evaluation(error),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        EvalError::from(error).into()
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        let why = status.message().to_owned();
        match status.code() {
            Code::Unavailable => Self::Unavailable(why),
            Code::InvalidArgument | Code::FailedPrecondition => Self::Question(why),
            Code::ResourceExhausted => Self::Evaluation(EvalError::TooManySamples),
            Code::DeadlineExceeded => Self::Evaluation(EvalError::Timeout),
            Code::Cancelled => Self::Evaluation(EvalError::Canceled),
            _ => Self::Internal(why),
        }
    }
}

impl Fault {
    /// Prometheus's type of error, and its status.
    pub(crate) fn kind(&self, mode: Mode) -> (&'static str, StatusCode) {
        let (kind, status) = match self {
            Self::Question(_) | Self::Evaluation(EvalError::TooManySteps { .. }) => {
                ("bad_data", StatusCode::BAD_REQUEST)
            }
            Self::Evaluation(EvalError::Timeout) | Self::Queue => {
                ("timeout", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::Evaluation(EvalError::Canceled) => ("canceled", StatusCode::SERVICE_UNAVAILABLE),
            Self::Evaluation(_) => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Unavailable(_) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        };
        // The peers' Go client reads the error from these two only.
        let unread = mode == Mode::LogCache && status != StatusCode::BAD_REQUEST;
        match unread && !matches!(self, Self::Unavailable(_)) {
            true => (kind, StatusCode::INTERNAL_SERVER_ERROR),
            false => (kind, status),
        }
    }

    /// The same as the end of a call. What is not the caller's fault has the code that the
    /// peers give it, as their gateway tells its clients no other one.
    pub(crate) fn status(&self) -> Status {
        let why = self.to_string();
        match self {
            Self::Unavailable(_) => Status::unavailable(why),
            _ if self.kind(Mode::LogCache).1 == StatusCode::BAD_REQUEST => {
                Status::invalid_argument(why)
            }
            _ => Status::unknown(why),
        }
    }

    /// Whether time was what it lacked.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self, Self::Queue | Self::Evaluation(EvalError::Timeout))
    }
}
