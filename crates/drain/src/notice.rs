//! What we tell an app about its drains, in its own stream (spec agents-and-drains §2.5).

use logweir_proto::put;

/// The tag `source_type` of our messages.
pub const SOURCE_TYPE: &str = "LGR";

/// An envelope with one line from us: a log to standard error of instance 0, of source type
/// `LGR`, at `now` (Unix nanoseconds).
pub fn envelope(app: &str, text: &str, now: i64) -> Vec<u8> {
    const TEXT: u64 = 1 << 3 | 2;
    const VALUE: u64 = 2 << 3 | 2;
    let mut log = Vec::with_capacity(text.len() + 8);
    put::bytes(&mut log, TEXT, text.as_bytes());
    put::number(&mut log, 2 << 3, 1);
    let mut tag = Vec::with_capacity(32);
    put::bytes(&mut tag, TEXT, b"source_type");
    put::bytes(&mut tag, VALUE, SOURCE_TYPE.as_bytes());
    let mut out = Vec::with_capacity(text.len() + app.len() + 64);
    put::number(&mut out, 1 << 3, now.cast_unsigned());
    put::bytes(&mut out, VALUE, app.as_bytes());
    put::bytes(&mut out, 4 << 3 | 2, &log);
    put::bytes(&mut out, 8 << 3 | 2, b"0");
    put::bytes(&mut out, 9 << 3 | 2, &tag);
    out
}

#[cfg(test)]
mod tests {
    use logweir_proto::v2;
    use prost::Message;

    #[test]
    fn a_notice_is_a_log_of_the_app() {
        let bytes = super::envelope("app", "Cannot parse syslog drain URL.", -5);
        let envelope = v2::Envelope::decode(bytes.as_slice()).expect("an envelope");
        let log = v2::Log {
            payload: "Cannot parse syslog drain URL.".into(),
            r#type: v2::log::Type::Err.into(),
        };
        let expected = v2::Envelope {
            timestamp: -5,
            source_id: "app".into(),
            instance_id: "0".into(),
            tags: [("source_type".to_owned(), "LGR".to_owned())].into(),
            message: Some(v2::envelope::Message::Log(log)),
            ..v2::Envelope::default()
        };
        assert_eq!(envelope, expected);
    }
}
