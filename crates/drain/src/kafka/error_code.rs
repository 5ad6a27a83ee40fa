//! The codes of a broker's answers, and what they mean for a producer.

use std::fmt;

/// A code. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorCode(pub i16);

/// What is to be done about a code of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: the broker has the batch.
    Done,
    /// Send it again, later, to whoever leads the partition then.
    Retry,
    /// Send it again under a new producer id: the broker has forgotten the old one.
    NewProducer,
    /// Send it in two halves. A single record that is too large or wrong is lost.
    Halve,
}

/// Code, name and remedy (Kafka protocol guide, "Error Codes"). Those that are missing cannot
/// answer a producer's questions, or are not known yet.
const CODES: &[(i16, &str, Remedy)] = &[
    (0, "NONE", Remedy::Done),
    (2, "CORRUPT_MESSAGE", Remedy::Retry),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", Remedy::Retry),
    (5, "LEADER_NOT_AVAILABLE", Remedy::Retry),
    (6, "NOT_LEADER_OR_FOLLOWER", Remedy::Retry),
    (7, "REQUEST_TIMED_OUT", Remedy::Retry),
    (8, "BROKER_NOT_AVAILABLE", Remedy::Retry),
    (9, "REPLICA_NOT_AVAILABLE", Remedy::Retry),
    (10, "MESSAGE_TOO_LARGE", Remedy::Halve),
    (13, "NETWORK_EXCEPTION", Remedy::Retry),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", Remedy::Retry),
    (15, "COORDINATOR_NOT_AVAILABLE", Remedy::Retry),
    (17, "INVALID_TOPIC_EXCEPTION", Remedy::Retry),
    (18, "RECORD_LIST_TOO_LARGE", Remedy::Halve),
    (19, "NOT_ENOUGH_REPLICAS", Remedy::Retry),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Remedy::Retry),
    (21, "INVALID_REQUIRED_ACKS", Remedy::Retry),
    (29, "TOPIC_AUTHORIZATION_FAILED", Remedy::Retry),
    (31, "CLUSTER_AUTHORIZATION_FAILED", Remedy::Retry),
    (32, "INVALID_TIMESTAMP", Remedy::Halve),
    (33, "UNSUPPORTED_SASL_MECHANISM", Remedy::Retry),
    (34, "ILLEGAL_SASL_STATE", Remedy::Retry),
    (35, "UNSUPPORTED_VERSION", Remedy::Retry),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Remedy::Retry),
    (44, "POLICY_VIOLATION", Remedy::Retry),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", Remedy::NewProducer),
    (46, "DUPLICATE_SEQUENCE_NUMBER", Remedy::Done),
    (47, "INVALID_PRODUCER_EPOCH", Remedy::NewProducer),
    (49, "INVALID_PRODUCER_ID_MAPPING", Remedy::NewProducer),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Remedy::Retry),
    (56, "KAFKA_STORAGE_ERROR", Remedy::Retry),
    (58, "SASL_AUTHENTICATION_FAILED", Remedy::Retry),
    (59, "UNKNOWN_PRODUCER_ID", Remedy::NewProducer),
    (72, "LISTENER_NOT_FOUND", Remedy::Retry),
    (74, "FENCED_LEADER_EPOCH", Remedy::Retry),
    (75, "UNKNOWN_LEADER_EPOCH", Remedy::Retry),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", Remedy::Retry),
    (87, "INVALID_RECORD", Remedy::Halve),
    (89, "THROTTLING_QUOTA_EXCEEDED", Remedy::Retry),
    (90, "PRODUCER_FENCED", Remedy::NewProducer),
];

impl ErrorCode {
    /// The partition has no leader now.
    pub const NO_LEADER: Self = Self(5);

    /// There is nothing wrong.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// It is larger than the broker takes.
    pub fn is_too_large(self) -> bool {
        matches!(self.0, 10 | 18)
    }

    /// We may not do this.
    pub fn is_forbidden(self) -> bool {
        matches!(self.0, 29 | 31 | 53)
    }

    /// What is to be done. A code that is not known may pass: nothing is lost for it.
    pub fn remedy(self) -> Remedy {
        self.known().map_or(Remedy::Retry, |known| known.2)
    }

    fn known(self) -> Option<&'static (i16, &'static str, Remedy)> {
        CODES.iter().find(|known| known.0 == self.0)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((code, name, _)) => write!(f, "{name} ({code})"),
            None => write!(f, "error {}", self.0),
        }
    }
}
