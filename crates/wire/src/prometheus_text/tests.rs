use super::*;

/// A family as a line each: `name kind`, then `part{labels} value @time`.
fn told(exposition: &Exposition<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for family in &exposition.families {
        lines.push(format!("{} {:?}", family.name, family.kind));
        for sample in &family.samples {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            let time = sample.timestamp.map(|time| format!(" @{time}"));
            lines.push(format!(
                "  {:?}{{{}}} {}{}",
                sample.part,
                labels.join(","),
                sample.value,
                time.unwrap_or_default()
            ));
        }
    }
    lines
}

fn read(text: &str) -> Exposition<'_> {
    parse(text.as_bytes(), &Limits::default())
}

/// Reads a text without bad lines.
fn good(text: &str) -> Vec<String> {
    let exposition = read(text);
    assert_eq!(exposition.errors, []);
    assert_eq!((exposition.bad_lines, exposition.left_out), (0, 0));
    told(&exposition)
}

#[test]
fn every_kind() {
    let text = r#"
# HELP drains_lost_total Envelopes that a drain lost.
# TYPE drains_lost_total counter
drains_lost_total{cause="queue",drain="a"} 1027 1395066363000
drains_lost_total{cause="down",drain="a"}    3 1395066363000

# Escapes:
file_size{path="C:\\x\\Y.TXT",note="first\nthen \"second\" \x"} 1.458e9

plain 12.47
before_1970{why="no clock"} +Inf -3982045

# TYPE delay_seconds histogram
delay_seconds_bucket{le="0.05"} 24054
delay_seconds_bucket{le="+Inf"} 144320
delay_seconds_sum 53423
delay_seconds_count 144320

# TYPE size_bytes summary
size_bytes{quantile="0.01"} 3102
size_bytes{quantile="0.5", zone="a"} NaN
size_bytes_sum 1.7560473e+07
size_bytes_count 2693
"#;
    assert_eq!(
        good(text),
        [
            "drains_lost_total Counter",
            "  Value{cause=\"queue\",drain=\"a\"} 1027 @1395066363000",
            "  Value{cause=\"down\",drain=\"a\"} 3 @1395066363000",
            "file_size Untyped",
            "  Value{path=\"C:\\\\x\\\\Y.TXT\",note=\"first\\nthen \\\"second\\\" \\\\x\"} 1458000000",
            "plain Untyped",
            "  Value{} 12.47",
            "before_1970 Untyped",
            "  Value{why=\"no clock\"} inf @-3982045",
            "delay_seconds Histogram",
            "  Bucket(0.05){} 24054",
            "  Bucket(inf){} 144320",
            "  Sum{} 53423",
            "  Count{} 144320",
            "size_bytes Summary",
            "  Quantile(0.01){} 3102",
            "  Quantile(0.5){zone=\"a\"} NaN",
            "  Sum{} 17560473",
            "  Count{} 2693",
        ]
    );
}

#[test]
fn help_is_unescaped() {
    let text = "# HELP a one\\ntwo \\\\ \"three\" \\x\na 1\n#HELP b\nb 1\n# HELP a again\n";
    let exposition = read(text);
    assert_eq!(exposition.bad_lines, 0);
    assert_eq!(exposition.families[0].help.as_deref(), Some("again"));
    assert_eq!(exposition.families[1].help.as_deref(), Some(""));
    let once = read(&text[..text.len() - 15]);
    assert_eq!(
        once.families[0].help.as_deref(),
        Some("one\ntwo \\ \"three\" \\x")
    );
}

#[test]
fn blanks_commas_and_carriage_returns() {
    assert_eq!(
        good("  a  {  x = \"1\" , y=\"2\" , }  3\t4  \r\na{}1\r\n\r\n#\n# just words\n"),
        ["a Untyped", "  Value{x=\"1\",y=\"2\"} 3 @4", "  Value{} 1"]
    );
}

#[test]
fn families_need_not_stand_together() {
    assert_eq!(
        good("a 1\nb 1\na{x=\"1\"} 2\n"),
        [
            "a Untyped",
            "  Value{} 1",
            "  Value{x=\"1\"} 2",
            "b Untyped",
            "  Value{} 1"
        ]
    );
}

#[test]
fn suffixes_belong_to_a_family_only_if_there_is_one() {
    assert_eq!(
        good("# TYPE a gauge\na_sum 1\na_bucket{le=\"x\"} 2\n# TYPE s summary\ns_bucket 3\n"),
        [
            "a_sum Untyped",
            "  Value{} 1",
            "a_bucket Untyped",
            "  Value{le=\"x\"} 2",
            "s_bucket Untyped",
            "  Value{} 3",
        ]
    );
}

#[test]
fn what_openmetrics_adds_is_read_or_passed_over() {
    let text = "# TYPE a counter\n# UNIT a bytes\na_total{x=\"1\"} 5 1395066363.5 # {trace=\"t\"} 1 2\na_total 6 # {} 1\n# EOF\n";
    assert_eq!(
        good(text),
        [
            "a_total Counter",
            "  Value{x=\"1\"} 5 @1395066363500",
            "  Value{} 6"
        ]
    );
}

#[test]
fn names_may_be_quoted() {
    assert_eq!(
        good("# TYPE \"my.counter\" counter\n{\"my.counter\",\"a.b\"=\"c\"} 1\n{\"other\"} 2\n"),
        [
            "my.counter Counter",
            "  Value{a.b=\"c\"} 1",
            "other Untyped",
            "  Value{} 2"
        ]
    );
}

#[test]
fn a_bad_line_fails_itself_only() {
    for (line, reason) in [
        ("9a 1", Reason::NoName),
        ("{x=\"1\"} 1", Reason::NoName),
        ("-", Reason::NoName),
        ("a", Reason::BadValue),
        ("a one", Reason::BadValue),
        ("a{x=\"1\"}", Reason::BadValue),
        ("a 1 soon", Reason::BadTimestamp),
        ("a 1 2 3", Reason::BadTimestamp),
        ("a 1 1e300", Reason::BadTimestamp),
        ("a{x=\"1\" 1", Reason::BadLabels),
        ("a{x=\"1} 1", Reason::BadLabels),
        ("a{x=\"1\\\"} 1", Reason::BadLabels),
        ("a{x=1} 1", Reason::BadLabels),
        ("a{x} 1", Reason::BadLabels),
        ("a{=\"1\"} 1", Reason::BadLabels),
        ("a{x:y=\"1\"} 1", Reason::BadLabels),
        ("a{\"x\"} 1", Reason::BadLabels),
        ("a{x=\"1\"y=\"2\"} 1", Reason::BadLabels),
        ("a{,} 1", Reason::BadLabels),
        ("a{x=\"1\",x=\"2\"} 1", Reason::RepeatedLabel),
        ("h_bucket 1", Reason::NoBound),
        ("h_bucket{le=\"much\"} 1", Reason::NoBound),
        ("s{x=\"1\"} 1", Reason::NoBound),
        ("# TYPE h", Reason::BadType),
        ("# TYPE h gauges", Reason::BadType),
        ("# TYPE h gauge", Reason::LateType),
        ("# TYPE good counter", Reason::LateType),
        ("# TYPE", Reason::NoName),
        ("# HELP 9", Reason::NoName),
    ] {
        let text = format!("good 1\n# TYPE h histogram\n# TYPE s summary\n{line}\ngood 2\n");
        let exposition = read(&text);
        assert_eq!(exposition.errors, [LineError { line: 4, reason }], "{line}");
        assert_eq!(exposition.bad_lines, 1);
        assert_eq!(
            told(&exposition),
            ["good Untyped", "  Value{} 1", "  Value{} 2"]
        );
    }
    let exposition = parse(b"a 1\na{x=\"\xFF\"} 2\na 3", &Limits::default());
    assert_eq!(exposition.errors[0].to_string(), "line 2: not utf-8");
    assert_eq!(exposition.families[0].samples.len(), 2);
}

#[test]
fn errors_are_bounded_and_counted() {
    let text = "?\n".repeat(100);
    let exposition = read(&text);
    assert_eq!(
        (exposition.errors.len(), exposition.bad_lines),
        (ERRORS, 100)
    );
}

#[test]
fn what_is_beyond_the_limits_is_left_out_and_counted() {
    let limits = Limits {
        samples: 3,
        families: 2,
        labels: 1,
    };
    let text = b"a 1\nb 1\nc 1\na{x=\"1\",y=\"2\"} 1\na{x=\"1\"} 1\na 2\n# TYPE d gauge\nd 1\n";
    let exposition = parse(text, &limits);
    assert_eq!(
        told(&exposition),
        [
            "a Untyped",
            "  Value{} 1",
            "  Value{x=\"1\"} 1",
            "b Untyped",
            "  Value{} 1"
        ]
    );
    assert_eq!(exposition.left_out, 3);
    assert_eq!(exposition.errors[0].reason, Reason::TooManyLabels);
}
