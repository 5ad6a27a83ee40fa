use std::collections::BTreeMap;

use super::*;

const PLAIN: Style = Style {
    escape: false,
    colour: false,
};
const TERMINAL: Style = Style {
    escape: true,
    colour: true,
};

fn envelope(message: Message) -> v2::Envelope {
    v2::Envelope {
        timestamp: 1_795_232_618_000_000_000,
        source_id: "app".into(),
        instance_id: "3".into(),
        message: Some(message),
        ..v2::Envelope::default()
    }
}

fn log(payload: &[u8], kind: log::Type) -> v2::Envelope {
    let payload = payload.to_vec().into();
    envelope(Message::Log(v2::Log {
        payload,
        r#type: kind.into(),
    }))
}

fn shown(envelope: &v2::Envelope, style: Style) -> String {
    let mut out = Vec::new();
    line(envelope, style, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_is_readable() {
    let lines = [
        (log(b"hello", log::Type::Out), "OUT hello"),
        (log(b"oh no", log::Type::Err), "ERR oh no"),
        (
            envelope(Message::Counter(v2::Counter {
                name: "hits".into(),
                delta: 2,
                total: 9,
            })),
            "COUNTER hits +2 total=9",
        ),
        (
            envelope(Message::Counter(v2::Counter {
                name: "hits".into(),
                delta: 0,
                total: 0,
            })),
            "COUNTER hits +0",
        ),
        (
            envelope(Message::Gauge(v2::Gauge {
                metrics: BTreeMap::from([
                    (
                        "cpu".into(),
                        v2::GaugeValue {
                            unit: "percentage".into(),
                            value: 0.5,
                        },
                    ),
                    (
                        "x".into(),
                        v2::GaugeValue {
                            unit: String::new(),
                            value: 3.0,
                        },
                    ),
                ]),
            })),
            "GAUGE cpu=0.5 percentage, x=3",
        ),
        (
            envelope(Message::Timer(v2::Timer {
                name: "http".into(),
                start: 10,
                stop: 1_500_010,
            })),
            "TIMER http 1.5ms",
        ),
        (
            envelope(Message::Event(v2::Event {
                title: "up".into(),
                body: "now".into(),
            })),
            "EVENT up: now",
        ),
    ];
    for (envelope, expected) in lines {
        let expected = format!("2026-11-21T03:43:38.00+0000 [app/3] {expected}\n");
        assert_eq!(shown(&envelope, PLAIN), expected);
    }
}

#[test]
fn a_source_without_an_instance_has_no_slash() {
    let mut envelope = log(b"x", log::Type::Out);
    envelope.instance_id.clear();
    assert!(shown(&envelope, PLAIN).contains(" [app] OUT x"));
}

#[test]
fn a_pipe_gets_the_payload_byte_for_byte() {
    let mut out = Vec::new();
    line(&log(b"\x1b[2J\xff\x00", log::Type::Out), PLAIN, &mut out);
    assert!(out.ends_with(b"OUT \x1b[2J\xff\x00\n"));
}

#[test]
fn nothing_from_an_envelope_controls_a_terminal() {
    let style = Style {
        escape: true,
        colour: false,
    };
    let mut envelope = log(
        b"\x1b]0;title\x07\tok\r\n\x7f\xc2\x9b1m \xff",
        log::Type::Out,
    );
    envelope.source_id = "a\x1b[31m".into();
    let shown = shown(&envelope, style);
    assert!(
        shown.contains(
            "[a\\u{1b}[31m/3] OUT \\u{1b}]0;title\\u{7}\tok\\r\\n\\u{7f}\\u{9b}1m \u{fffd}"
        ),
        "{shown:?}"
    );
    let turned = self::log("a\u{202e}b".as_bytes(), log::Type::Out);
    assert!(self::shown(&turned, style).contains("a\\u{202e}b"));
}

#[test]
fn colours_tell_err_and_notices_apart() {
    assert!(shown(&log(b"x", log::Type::Err), TERMINAL).contains("\x1b[31mERR\x1b[0m x\n"));
    let mut notice = log(b"5 lost", log::Type::Err);
    notice.tags = BTreeMap::from([
        ("source_type".into(), "LGR".into()),
        ("dropped".into(), "5".into()),
    ]);
    assert!(shown(&notice, TERMINAL).contains("\x1b[1;33m5 lost\x1b[0m\n"));
}
