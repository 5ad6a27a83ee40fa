use logweir_proto::peek::peek;
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

use super::*;

/// 2026-03-04T05:06:07Z
const RECEIVED: i64 = 1_772_600_767_000_000_000;
const ARRIVAL: Arrival<'_> = Arrival {
    received: RECEIVED,
    source_id: "syslog",
};

fn read(message: &str) -> (Form, v2::Envelope) {
    read_bytes(message.as_bytes())
}

fn read_bytes(message: &[u8]) -> (Form, v2::Envelope) {
    let mut out = b"before".to_vec();
    let form = envelope(message, &ARRIVAL, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    peek(&out[6..]).expect("an envelope");
    (form, v2::Envelope::decode(&out[6..]).unwrap())
}

/// What is read of a log: source, instance, text, whether it is an error, the tags as
/// `name=value` with spaces between.
type Line<'a> = (&'a str, &'a str, &'a str, bool, &'a str);

fn check(message: &str, form: Form, timestamp: i64, line: Line<'_>) {
    let (found_form, envelope) = read(message);
    let Some(Message::Log(log)) = &envelope.message else {
        panic!("no log: {envelope:?}");
    };
    let text = String::from_utf8(log.payload.to_vec()).unwrap();
    let tags: Vec<String> = envelope
        .tags
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let found: Line<'_> = (
        &envelope.source_id,
        &envelope.instance_id,
        &text,
        log.r#type == 1,
        &tags.join(" "),
    );
    assert_eq!(found, line, "{message}");
    assert_eq!(
        (found_form, envelope.timestamp),
        (form, timestamp),
        "{message}"
    );
}

#[test]
fn a_drains_log_comes_back_as_it_was() {
    check(
        "<14>1 1970-01-01T00:00:00.012345+00:00 test-hostname test-app-id [APP/2] - [tags@47450 key=\"value\" source_type=\"actual-source-type\"] just a test\n",
        Form::Rfc5424,
        12_345_000,
        (
            "test-app-id",
            "2",
            "just a test",
            false,
            "key=value source_type=actual-source-type",
        ),
    );
    check(
        "<11>1 2026-03-04T05:06:07+00:00 acme.dev.shop app [APP/PROC/WEB/0] - - boom\n",
        Form::Rfc5424,
        RECEIVED,
        (
            "app",
            "0",
            "boom",
            true,
            "hostname=acme.dev.shop source_type=APP/PROC/WEB",
        ),
    );
}

#[test]
fn a_source_type_alone_is_no_instance() {
    let tags = "[tags@47450 source_type=\"app/task/x\"]";
    check(
        &format!("<14>1 - h a [APP/TASK/X] - {tags} t\n"),
        Form::Rfc5424,
        RECEIVED,
        ("a", "", "t", false, "source_type=app/task/x"),
    );
    check(
        &format!("<14>1 - h a [APP/TASK/X/7] - {tags} t\n"),
        Form::Rfc5424,
        RECEIVED,
        ("a", "7", "t", false, "source_type=app/task/x"),
    );
    check(
        "<14>1 - h a [DOPPLER] - - t\n",
        Form::Rfc5424,
        RECEIVED,
        ("a", "DOPPLER", "t", false, "hostname=h"),
    );
    check(
        "<14>1 - h a [/0] - - t\n",
        Form::Rfc5424,
        RECEIVED,
        ("a", "0", "t", false, "hostname=h"),
    );
}

#[test]
fn other_senders_keep_their_header() {
    check(
        "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"App\\]\\n\"] \u{FEFF}An application event",
        Form::Rfc5424,
        1_065_910_455_003_000_000,
        (
            "evntslog",
            "",
            "An application event",
            false,
            "exampleSDID@32473.eventSource=App]\\n exampleSDID@32473.iut=3 facility=local4 hostname=mymachine.example.com msgid=ID47 severity=notice",
        ),
    );
    check(
        "<34>1 2026-03-04T05:06:07Z - su 17 - 'su root' failed",
        Form::Rfc5424,
        RECEIVED,
        (
            "su",
            "17",
            "'su root' failed",
            true,
            "facility=auth severity=crit",
        ),
    );
}

#[test]
fn what_is_missing_or_wrong_costs_itself_only() {
    for (message, line) in [
        // No structured data at all.
        (
            "<14>1 - h a [/1] - hello",
            ("a", "1", "hello", false, "hostname=h"),
        ),
        // Structured data that does not end.
        (
            "<14>1 - h a [/1] - [x y=\"z",
            ("a", "1", "[x y=\"z", false, "hostname=h"),
        ),
        // A text in brackets.
        (
            "<14>1 - h a [/1] - [no such data=\"z\"] t",
            ("a", "1", "[no such data=\"z\"] t", false, "hostname=h"),
        ),
        // A time that is none, and no app.
        (
            "<14>1 2017-07-14T02:45:22+14:0B h - [/1] - - t",
            ("syslog", "1", "t", false, "hostname=h"),
        ),
        // Nothing after the time.
        (
            "<14>1 -",
            ("syslog", "", "", false, "facility=user severity=info"),
        ),
        // The priority that the original gives to log types it does not know.
        (
            "<-1>1 - h a [/1] - - t",
            ("a", "1", "t", false, "hostname=h"),
        ),
        // Another version.
        (
            "<14>2 - h a [/1] - - t",
            ("a", "1", "t", false, "hostname=h"),
        ),
    ] {
        check(message, Form::Rfc5424, RECEIVED, line);
    }
}

#[test]
fn rfc3164_and_what_passes_for_it() {
    let tags = "facility=auth hostname=mymachine severity=crit";
    for (message, timestamp, line) in [
        (
            "<34>Mar  4 05:06:06 mymachine su: 'su root' failed",
            RECEIVED - 1_000_000_000,
            ("su", "", "'su root' failed", true, tags),
        ),
        (
            "<34>Mar  4 05:06:07 mymachine sshd[123]: ok\n",
            RECEIVED,
            ("sshd", "123", "ok", true, tags),
        ),
        (
            "<34>2026-03-04T06:06:07+01:00 mymachine a.b-c/d:ok",
            RECEIVED,
            ("a.b-c/d", "", "ok", true, tags),
        ),
        (
            "<13>Mar  4 05:06:07 root: no host",
            RECEIVED,
            (
                "root",
                "",
                "no host",
                false,
                "facility=user severity=notice",
            ),
        ),
        (
            "<13>myapp[7]: no time",
            RECEIVED,
            (
                "myapp",
                "7",
                "no time",
                false,
                "facility=user severity=notice",
            ),
        ),
        (
            "<13>nothing at all",
            RECEIVED,
            (
                "syslog",
                "",
                "nothing at all",
                false,
                "facility=user severity=notice",
            ),
        ),
        (
            "<13>Mar  4 05:06:07 h just text",
            RECEIVED,
            (
                "syslog",
                "",
                "just text",
                false,
                "facility=user hostname=h severity=notice",
            ),
        ),
    ] {
        check(message, Form::Rfc3164, timestamp, line);
    }
}

#[test]
fn text_without_a_priority_is_a_line() {
    for text in [
        "hello: world",
        "<192>1 - - - - - - x",
        "<>x",
        "<+1>x",
        "<14",
        "< 14>x",
    ] {
        check(text, Form::Bare, RECEIVED, ("syslog", "", text, false, ""));
    }
}

#[test]
fn metrics_and_events() {
    for (data, expected) in [
        (
            r#"[counter@47450 name="test" total="10" delta="5"]"#,
            Message::Counter(v2::Counter {
                name: "test".into(),
                delta: 5,
                total: 10,
            }),
        ),
        (
            r#"[timer@47450 name="http" start="-10" stop="20"]"#,
            Message::Timer(v2::Timer {
                name: "http".into(),
                start: -10,
                stop: 20,
            }),
        ),
        (
            r#"[event@47450 title="t" body="a \"b\" \] \\ c"]"#,
            Message::Event(v2::Event {
                title: "t".into(),
                body: r#"a "b" ] \ c"#.into(),
            }),
        ),
        (
            r#"[gauge@47450 name="cpu" value="+Inf" unit=""]"#,
            Message::Gauge(v2::Gauge {
                metrics: [(
                    "cpu".into(),
                    v2::GaugeValue {
                        unit: String::new(),
                        value: f64::INFINITY,
                    },
                )]
                .into(),
            }),
        ),
    ] {
        let message = format!("<14>1 - h a [i/1] - {data}[tags@47450 k=\"v\"] \n");
        let (form, envelope) = read(&message);
        assert_eq!(form, Form::Rfc5424);
        assert_eq!(envelope.message, Some(expected));
        assert_eq!(envelope.instance_id, "1");
        assert_eq!(envelope.tags, [("k".to_owned(), "v".to_owned())].into());
    }
}

#[test]
fn errors_name_the_thing_and_leave_nothing_behind() {
    for (message, error) in [
        ("", "an empty syslog message"),
        (" \n", "an empty syslog message"),
        (
            "<14>1 - h a [1] - [counter@47450 name=\"n\" total=\"x\" delta=\"1\"] \n",
            "a syslog message with counter@47450 whose total is missing or not readable",
        ),
        (
            "<14>1 - h a [1] - [timer@47450 name=\"n\" start=\"1\"] \n",
            "a syslog message with timer@47450 whose stop is missing or not readable",
        ),
        (
            "<14>1 - h a [1] - [gauge@47450 name=\"n\" value=\"\"] \n",
            "a syslog message with gauge@47450 whose value is missing or not readable",
        ),
        (
            "<14>1 - h a [1] - [event@47450 body=\"n\"] \n",
            "a syslog message with event@47450 whose title is missing or not readable",
        ),
    ] {
        let mut out = Vec::new();
        let told = envelope(message.as_bytes(), &ARRIVAL, &mut out).unwrap_err();
        assert_eq!(told.to_string(), error);
        assert!(out.is_empty());
    }
}

#[test]
fn any_bytes_pass_in_the_text_and_are_mended_elsewhere() {
    let (_, envelope) =
        read_bytes(b"<14>1 - h \xFFapp [\xFE/1] - [tags@47450 k\xFD=\"\xFC\"] a\0b\xFB\r\n");
    assert_eq!(envelope.source_id, "\u{FFFD}app");
    assert_eq!(envelope.tags["k\u{FFFD}"], "\u{FFFD}");
    let Some(Message::Log(log)) = envelope.message else {
        panic!("no log");
    };
    assert_eq!(&log.payload[..], b"a\0b\xFB\r");
}
