//! Keys of fields and names of tags that both directions share.

/// Keys of a V2 envelope's fields: number and wire type.
pub(super) mod v2 {
    pub(in crate::convert) const TIMESTAMP: u64 = 1 << 3;
    pub(in crate::convert) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(in crate::convert) const DEPRECATED_TAG: u64 = 3 << 3 | 2;
    pub(in crate::convert) const LOG: u64 = 4 << 3 | 2;
    pub(in crate::convert) const COUNTER: u64 = 5 << 3 | 2;
    pub(in crate::convert) const GAUGE: u64 = 6 << 3 | 2;
    pub(in crate::convert) const TIMER: u64 = 7 << 3 | 2;
    pub(in crate::convert) const INSTANCE_ID: u64 = 8 << 3 | 2;
    pub(in crate::convert) const TAG: u64 = 9 << 3 | 2;
    pub(in crate::convert) const EVENT: u64 = 10 << 3 | 2;
}

/// Keys of V1 payloads.
pub(super) mod v1 {
    pub(in crate::convert) const HTTP_START_STOP: u64 = 7 << 3 | 2;
    pub(in crate::convert) const LOG_MESSAGE: u64 = 8 << 3 | 2;
    pub(in crate::convert) const VALUE_METRIC: u64 = 9 << 3 | 2;
    pub(in crate::convert) const COUNTER_EVENT: u64 = 10 << 3 | 2;
    pub(in crate::convert) const ERROR: u64 = 11 << 3 | 2;
    pub(in crate::convert) const CONTAINER_METRIC: u64 = 12 << 3 | 2;
}

/// Key of a string, bytes or message in field `number`.
pub(super) const fn text(number: u64) -> u64 {
    number << 3 | 2
}

/// Key of a varint in field `number`.
pub(super) const fn varint(number: u64) -> u64 {
    number << 3
}

/// Key of a double in field `number`.
pub(super) const fn double(number: u64) -> u64 {
    number << 3 | 1
}

/// The tag with the name of the V1 event type.
pub(super) const V1_TYPE: &[u8] = b"__v1_type";

/// Tags that are fields of their own in V1, in the order of the fields.
pub(super) const FIELD_TAGS: [&[u8]; 5] = [b"origin", b"deployment", b"job", b"index", b"ip"];

/// True for the tags that every V1 envelope has as fields, and for its type.
pub(super) fn is_field_tag(name: &[u8]) -> bool {
    matches!(
        name,
        b"origin" | b"deployment" | b"job" | b"index" | b"ip" | b"__v1_type"
    )
}

/// True for the tags that are fields of an `HttpStartStop`.
pub(super) fn is_http_tag(name: &[u8]) -> bool {
    matches!(
        name,
        b"request_id"
            | b"peer_type"
            | b"method"
            | b"uri"
            | b"remote_address"
            | b"user_agent"
            | b"status_code"
            | b"content_length"
            | b"routing_instance_id"
            | b"forwarded"
    )
}
