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

/// Tags that V1 has as fields of their own, in the order of the fields.
pub(super) const FIELD_TAGS: [&[u8]; 5] = [b"origin", b"deployment", b"job", b"index", b"ip"];

/// The tag with the name of the V1 event type.
pub(super) const V1_TYPE: &[u8] = b"__v1_type";

/// The place of a name among [`FIELD_TAGS`] and, last, [`V1_TYPE`].
#[inline]
pub(super) fn field_tag(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"origin" => 0,
        b"deployment" => 1,
        b"job" => 2,
        b"index" => 3,
        b"ip" => 4,
        b"__v1_type" => 5,
        _ => return None,
    })
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
