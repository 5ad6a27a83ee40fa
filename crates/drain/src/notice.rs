//! What we tell an app about its drains, in its own stream (spec agents-and-drains §2.5).

use logweir_proto::{fields::fields, put};

/// Keys of fields of an envelope, of a log, and of a tag.
const LOG: u64 = 4 << 3 | 2;
const INSTANCE: u64 = 8 << 3 | 2;
const TAG: u64 = 9 << 3 | 2;
const TEXT: u64 = 1 << 3 | 2;
const VALUE: u64 = 2 << 3 | 2;

/// The type of a log to standard error: field 2, value 1.
const STDERR: [u8; 2] = [2 << 3, 1];

/// The tag `source_type` of our messages.
pub const SOURCE_TYPE: &str = "LGR";

/// The tag that says which drain a message is about: that drain alone does not get it, or what
/// it says of a failure would be the next thing to fail.
pub const DRAIN: &str = "drain";

/// An envelope with one line from us: a log to standard error of instance 0, of source type
/// `LGR`, at `now` (Unix nanoseconds), about the drain of this id if there is one.
pub fn envelope(app: &str, drain: Option<&str>, text: &str, now: i64) -> Vec<u8> {
    let mut log = Vec::with_capacity(text.len() + 8);
    put::bytes(&mut log, TEXT, text.as_bytes());
    log.extend_from_slice(&STDERR);
    let drain = drain.map(|id| (DRAIN, id));
    let tags = [Some(("source_type", SOURCE_TYPE)), drain];
    let mut out = Vec::with_capacity(text.len() + app.len() + 64);
    put::number(&mut out, 1 << 3, now.cast_unsigned());
    put::bytes(&mut out, VALUE, app.as_bytes());
    put::bytes(&mut out, LOG, &log);
    put::bytes(&mut out, INSTANCE, b"0");
    let mut tag = Vec::with_capacity(32);
    for (name, value) in tags.into_iter().flatten() {
        tag.clear();
        put::bytes(&mut tag, TEXT, name.as_bytes());
        put::bytes(&mut tag, VALUE, value.as_bytes());
        put::bytes(&mut out, TAG, &tag);
    }
    out
}

/// Whether an envelope tells about the drain of this id, whoever wrote it and whatever tags it
/// was given on its way. Cheap for all but logs to standard error.
pub fn is_about(drain: &str, envelope: &[u8]) -> bool {
    let log = fields(envelope).find(|field| field.key == LOG);
    // The last field of a log is its type.
    if !log.is_some_and(|log| log.bytes().ends_with(&STDERR)) {
        return false;
    }
    tag(envelope, DRAIN) == Some(drain) && tag(envelope, "source_type") == Some(SOURCE_TYPE)
}

/// Whether an envelope tells a Logplex channel about one of its drains (L10, L14): tails and
/// history show it, and no drain of the channel gets it. Its host is the drain's token, by which
/// it is looked for unless that is none. Cheap for all but Logplex's own lines.
pub fn is_of_channel(drain: Option<&str>, envelope: &[u8]) -> bool {
    let instance = fields(envelope).find(|field| field.key == INSTANCE);
    instance.is_some_and(|field| field.bytes() == b"logplex")
        && tag(envelope, "source_type") == Some("heroku")
        && tag(envelope, "host").is_some_and(|host| match drain {
            Some(token) => host == token,
            None => host.starts_with("d."),
        })
}

/// The value of a tag, the last one if there are several.
pub(crate) fn tag<'a>(envelope: &'a [u8], wanted: &str) -> Option<&'a str> {
    let tags = fields(envelope).filter(|field| field.key == TAG);
    tags.filter_map(|tag| {
        let (mut name, mut value) = ("", "");
        for field in fields(tag.bytes()) {
            match field.key {
                TEXT => name = field.text(),
                VALUE => value = field.text(),
                _ => {}
            }
        }
        (name == wanted).then_some(value)
    })
    .last()
}

#[cfg(test)]
mod tests {
    use logweir_proto::v2;
    use prost::Message;

    use super::is_about;

    fn told(drain: Option<&str>) -> v2::Envelope {
        let bytes = super::envelope("app", drain, "text", 1);
        v2::Envelope::decode(bytes.as_slice()).expect("an envelope")
    }

    #[test]
    fn a_drain_knows_what_is_about_it_whatever_tags_were_added() {
        let mut about = told(Some("d1"));
        assert_eq!(about.tags["drain"], "d1");
        about.tags.insert("deployment".into(), "cf".into());
        about.tags.insert("zone".into(), "z1".into());
        assert!(is_about("d1", &about.encode_to_vec()));
        assert!(!is_about("d2", &about.encode_to_vec()));
        assert!(!is_about("d1", &told(None).encode_to_vec()));
    }

    #[test]
    fn what_an_app_writes_itself_is_about_no_drain() {
        let mut own = told(Some("d1"));
        own.tags.insert("source_type".into(), "APP".into());
        assert!(!is_about("d1", &own.encode_to_vec()));
        let counter = v2::Counter::default();
        let counter = v2::Envelope {
            message: Some(v2::envelope::Message::Counter(counter)),
            ..told(Some("d1"))
        };
        assert!(!is_about("d1", &counter.encode_to_vec()));
        assert!(!is_about("d1", b"\xff\xff"));
    }

    #[test]
    fn a_notice_is_a_log_of_the_app() {
        let bytes = super::envelope("app", None, "Cannot parse syslog drain URL.", -5);
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
