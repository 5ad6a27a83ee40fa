use chrono::{FixedOffset, Utc};

use super::*;

const PLAIN: Style = Style {
    escape: false,
    colour: false,
};
const TERMINAL: Style = Style {
    escape: true,
    colour: true,
};

/// 2016-07-19T16:08:12.009999999-07:00.
const TIME: i64 = 1_468_969_692_009_999_999;

fn log(kind: i32, payload: &[u8], source: &str, instance: &str) -> v2::Envelope {
    v2::Envelope {
        timestamp: TIME,
        source_id: "f47ac10b-58cc-4372-a567-0e02b2c3d479".into(),
        instance_id: instance.into(),
        tags: [("source_type".to_owned(), source.to_owned())].into(),
        message: Some(Message::Log(v2::Log {
            payload: payload.to_vec().into(),
            r#type: kind,
        })),
        ..v2::Envelope::default()
    }
}

fn printed(envelope: &v2::Envelope, era: Era, style: Style) -> String {
    let mut out = Vec::new();
    let zone = FixedOffset::west_opt(7 * 3600).unwrap();
    lines(envelope, era, style, &zone, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn version_7_prints_three_spaces_and_no_padding() {
    let line = log(0, b"This is a log message", "APP/PROC/WEB", "12");
    assert_eq!(
        printed(&line, Era::Seven, PLAIN),
        "   2016-07-19T16:08:12.00-0700 [APP/PROC/WEB/12] OUT This is a log message\n"
    );
    let line = log(1, b"GET /\r", "RTR", "");
    assert_eq!(
        printed(&line, Era::Seven, PLAIN),
        "   2016-07-19T16:08:12.00-0700 [RTR/] ERR GET /\n"
    );
}

#[test]
fn version_7_repeats_the_header_on_every_line_even_an_empty_last_one() {
    let lines = log(0, b"one\r\ntwo\n", "APP", "0");
    assert_eq!(
        printed(&lines, Era::Seven, PLAIN),
        "   2016-07-19T16:08:12.00-0700 [APP/0] OUT one\n\
         \x20  2016-07-19T16:08:12.00-0700 [APP/0] OUT two\n\
         \x20  2016-07-19T16:08:12.00-0700 [APP/0] OUT \n"
    );
}

#[test]
fn version_7_colours_whole_error_lines_after_the_spaces() {
    assert_eq!(
        printed(&log(1, b"no\nway", "APP", "0"), Era::Seven, TERMINAL),
        "   \x1b[31m2016-07-19T16:08:12.00-0700 [APP/0] ERR no\x1b[0m\n\
         \x20  \x1b[31m2016-07-19T16:08:12.00-0700 [APP/0] ERR way\x1b[0m\n"
    );
    assert_eq!(
        printed(&log(0, b"fine", "APP", "0"), Era::Seven, TERMINAL),
        "   2016-07-19T16:08:12.00-0700 [APP/0] OUT fine\n"
    );
}

#[test]
fn version_7_prints_types_without_a_name_as_numbers() {
    assert_eq!(
        printed(&log(7, b"x", "APP", "0"), Era::Seven, PLAIN),
        "   2016-07-19T16:08:12.00-0700 [APP/0] 7 x\n"
    );
}

#[test]
fn version_6_pads_the_header_to_its_column() {
    assert_eq!(
        printed(&log(0, b"hello", "APP", "0"), Era::Six, PLAIN),
        "2016-07-19T16:08:12.00-0700 [APP/0]      OUT hello\n"
    );
    assert_eq!(
        printed(&log(0, b"hello", "HEALTH", "10"), Era::Six, PLAIN),
        "2016-07-19T16:08:12.00-0700 [HEALTH/10]  OUT hello\n"
    );
    assert_eq!(
        printed(&log(7, b"hello", "RTR", ""), Era::Six, PLAIN),
        "2016-07-19T16:08:12.00-0700 [RTR]        OUT hello\n"
    );
    assert_eq!(
        printed(&log(1, b"hello", "APP/PROC/WEB", "12"), Era::Six, PLAIN),
        "2016-07-19T16:08:12.00-0700 [APP/PROC/WEB/12]ERR hello\n"
    );
}

#[test]
fn version_6_indents_further_lines_and_drops_line_ends_at_the_end() {
    assert_eq!(
        printed(&log(0, b"one\ntwo\r\n\n", "APP", "0"), Era::Six, PLAIN),
        "2016-07-19T16:08:12.00-0700 [APP/0]      OUT one\n\
         \x20                                        two\n"
    );
}

#[test]
fn version_6_colours_header_and_errors() {
    assert_eq!(
        printed(&log(1, b"no", "APP", "0"), Era::Six, TERMINAL),
        "\x1b[36;1m2016-07-19T16:08:12.00-0700 [APP/0]\x1b[0m      \x1b[31mERR no\x1b[0m\n"
    );
}

#[test]
fn other_bytes_pass_unless_a_terminal_would_obey_them() {
    let line = log(0, b"a\x1b[2Jb", "APP", "0");
    assert!(printed(&line, Era::Seven, PLAIN).ends_with("OUT a\x1b[2Jb\n"));
    assert!(printed(&line, Era::Seven, TERMINAL).ends_with("OUT a\\u{1b}[2Jb\n"));
}

#[test]
fn only_logs_are_printed() {
    let counter = v2::Envelope {
        message: Some(Message::Counter(v2::Counter::default())),
        ..v2::Envelope::default()
    };
    assert_eq!(printed(&counter, Era::Seven, PLAIN), "");
    assert_eq!(printed(&counter, Era::Six, PLAIN), "");
}

#[test]
fn times_are_cut_at_hundredths_in_every_zone() {
    let west = FixedOffset::west_opt(3 * 3600 + 1800).unwrap();
    for (nanos, utc, local) in [
        (
            0,
            "1970-01-01T00:00:00.00+0000",
            "1969-12-31T20:30:00.00-0330",
        ),
        (
            -1,
            "1969-12-31T23:59:59.99+0000",
            "1969-12-31T20:29:59.99-0330",
        ),
        (
            1_795_232_618_079_999_999,
            "2026-11-21T03:43:38.07+0000",
            "2026-11-21T00:13:38.07-0330",
        ),
    ] {
        assert_eq!(time(nanos, &Utc), utc);
        assert_eq!(time(nanos, &west), local);
    }
}
