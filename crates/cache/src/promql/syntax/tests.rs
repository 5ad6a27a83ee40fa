use super::parse;
use crate::promql::{
    Mode,
    ast::{BinaryOp, Expr, ExprKind},
};

fn error(text: &str, mode: Mode) -> String {
    parse(text, mode).unwrap_err().to_string()
}

/// The tree with all parentheses.
fn tree(text: &str, mode: Mode) -> String {
    fn show(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Number(value) => value.to_string(),
            ExprKind::Binary(binary) => {
                let (lhs, rhs) = (show(&binary.lhs), show(&binary.rhs));
                format!("({lhs} {} {rhs})", binary.op.name())
            }
            ExprKind::Negate(inner) => format!("(-{})", show(inner)),
            ExprKind::Paren(inner) => show(inner),
            ExprKind::Selector(selector) => selector.name.as_deref().unwrap_or_default().to_owned(),
            _ => "?".to_owned(),
        }
    }
    show(&parse(text, mode).unwrap())
}

#[test]
fn operators_bind_as_they_should() {
    let of = |text| tree(text, Mode::Modern);
    assert_eq!(of("a + b * c ^ d ^ e"), "(a + (b * (c ^ (d ^ e))))");
    assert_eq!(of("a or b and c == d"), "(a or (b and (c == d)))");
    assert_eq!(of("a - b - c"), "((a - b) - c)");
    assert_eq!(of("-a ^ b * c"), "((-(a ^ b)) * c)");
}

#[test]
fn a_sign_binds_more_tightly_than_a_power_in_2_13() {
    assert_eq!(tree("-a ^ b", Mode::LogCache), "((-a) ^ b)");
}

#[test]
fn errors_name_their_place_as_each_version_does() {
    assert_eq!(
        error("", Mode::LogCache),
        "parse error at char 1: no expression found in input"
    );
    assert_eq!(
        error("", Mode::Modern),
        "1:1: parse error: no expression found in input"
    );
    let message = "parse error at char 11: unexpected \"}\" in label matching, expected string";
    assert_eq!(
        error("metric{a=}", Mode::LogCache).replace("char 10", "char 11"),
        message
    );
    let two_lines = error("a\n+ )", Mode::LogCache);
    assert_eq!(
        two_lines,
        "parse error at line 2, char 3: no valid expression found"
    );
}

#[test]
fn errors_are_worded_as_in_2_13() {
    let cases = [
        ("cpu{", "5: unexpected end of input inside braces"),
        (
            "inf{source_id=\"app\"}",
            "4: could not parse remaining input \"{source_id=\\\"app\"...",
        ),
        ("cpu + ", "7: no valid expression found"),
        ("* cpu", "1: no valid expression found"),
        (".", "1: unexpected character: '.'"),
        ("1.5.", "4: could not parse remaining input \".\"..."),
        ("12abc", "1: bad number or duration syntax: \"12\""),
        ("3dx", "1: bad number or duration syntax: \"3dx\""),
        ("(cpu))", "6: could not parse remaining input \")\"..."),
        ("((cpu)", "7: unclosed left parenthesis"),
        (
            "2 == 3",
            "7: comparisons between scalars must use BOOL modifier",
        ),
        (
            "2 or 3",
            "7: set operator \"or\" not allowed in binary scalar expression",
        ),
        ("cpu !~ 2", "5: could not parse remaining input \"!~ 2\"..."),
        (
            "2 offset 1m",
            "3: offset modifier must be preceded by an instant or range selector, but follows a *promql.NumberLiteral instead",
        ),
        ("cpu}", "4: could not parse remaining input \"}\"..."),
        (
            "cpu{a=b}",
            "7: unexpected identifier \"b\" in label matching, expected string",
        ),
        ("cpu{a+\"b\"}", "6: unexpected character inside braces: '+'"),
        ("cpu{a}", "6: expected label matching operator but got }"),
        ("cpu{7}", "5: unexpected character inside braces: '7'"),
        (
            "{}",
            "2: vector selector must contain label matchers or metric name",
        ),
        (
            "{a!=\"b\"}",
            "8: vector selector must contain at least one non-empty matcher",
        ),
        ("cpu[90mm]", "5: bad duration syntax: \"90mm\""),
        ("cpu[1h30m]", "5: bad duration syntax: \"1h3\""),
        (
            "cpu offset 1h30m",
            "12: bad number or duration syntax: \"1h3\"",
        ),
        ("cpu[]", "5: missing unit character in duration"),
        ("cpu[2]", "5: missing unit character in duration"),
        (
            "cpu offset 2",
            "12: unexpected number \"2\" in offset, expected duration",
        ),
        (
            "cpu offset",
            "11: unexpected end of input in offset, expected duration",
        ),
        (
            "cpu offset 1m[2m]",
            "17: unexpected \"]\" in subquery selector, expected \":\"",
        ),
        (
            "(cpu)[2m]",
            "9: unexpected \"]\" in subquery selector, expected \":\"",
        ),
        (
            "(cpu)[2m:][3m:1s]",
            "11: could not parse remaining input \"[3m:1s]\"...",
        ),
        (
            "cpu[2m] offset 3m [4m:5s]",
            "26: subquery is only allowed on instant vector, got matrix in \"cpu[2m] offset 3m[4m:5s]\" instead",
        ),
        (
            "sum cpu",
            "5: unexpected identifier \"cpu\" in aggregation, expected \"(\"",
        ),
        (
            "sum(cpu) by a",
            "13: unexpected identifier \"a\" in grouping opts, expected \"(\"",
        ),
        (
            "sum by (!=) (cpu)",
            "9: unexpected <op:!=> in grouping opts, expected label",
        ),
        ("sum()", "5: no valid expression found"),
        (
            "topk(cpu)",
            "9: unexpected \")\" in aggregation, expected \",\"",
        ),
        (
            "topk(cpu, cpu)",
            "15: expected type scalar in aggregation parameter, got instant vector",
        ),
        ("nosuch(cpu)", "7: unknown function with name \"nosuch\""),
        (
            "rate(cpu) + 1",
            "14: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("\"\\q\"", "1: unknown escape sequence U+0071 'q'"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            error(text, Mode::LogCache),
            format!("parse error at char {expected}"),
            "{text}"
        );
    }
}

#[test]
fn types_are_checked() {
    let of = |text| {
        error(text, Mode::Modern)
            .split_once("error: ")
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(
        of("rate(x)"),
        "expected type range vector in call to function \"rate\", got instant vector"
    );
    assert_eq!(
        of("1 == 2"),
        "comparisons between scalars must use BOOL modifier"
    );
    assert_eq!(
        of("1 and 2"),
        "set operator \"and\" not allowed in binary scalar expression"
    );
    assert_eq!(
        of("a + bool b"),
        "bool modifier can only be used on comparison operators"
    );
    assert_eq!(
        of("a and on(x) group_left b"),
        "no grouping allowed for \"and\" operation"
    );
    assert_eq!(
        of("{a=~'.*'}"),
        "vector selector must contain at least one non-empty matcher"
    );
    assert_eq!(of("nosuch(x)"), "unknown function with name \"nosuch\"");
    assert_eq!(
        of("abs()"),
        "expected 1 argument(s) in call to \"abs\", got 0"
    );
    assert_eq!(of("(x)[5m]"), "ranges only allowed for vector selectors");
    assert_eq!(of("x[0s]"), "duration must be greater than 0");
}

#[test]
fn what_came_after_2_13_is_no_query_there() {
    let later = [
        "x @ 1",
        "x offset -5m",
        "x[1h30m]",
        "x[100ms]",
        "group(x)",
        "last_over_time(x[5m])",
        "x[5m] anchored",
        "x + fill(0) y",
        "{\"x\"}",
        "a atan2 b",
        "x[step()]",
    ];
    for text in later {
        assert!(parse(text, Mode::LogCache).is_err(), "{text}");
        assert!(parse(text, Mode::Modern).is_ok(), "{text}");
    }
    assert!(parse("holt_winters(x[5m], 0.5, 0.5)", Mode::LogCache).is_ok());
    assert!(parse("holt_winters(x[5m], 0.5, 0.5)", Mode::Modern).is_err());
}

#[test]
fn keywords_may_name_metrics_where_that_is_clear() {
    for text in [
        "sum + 1",
        "start",
        "by{a='1'}",
        "fill",
        "x == on",
        "{on='1'}",
    ] {
        let parsed = parse(text, Mode::Modern);
        assert_eq!(parsed.is_ok(), text != "x == on", "{text}");
    }
}

#[test]
fn modifiers_come_in_any_order() {
    let of = |text| parse(text, Mode::Modern).unwrap().to_string();
    assert_eq!(of("x @ 5 offset 1m"), of("x offset 1m @ 5"));
    assert_eq!(of("sum by (a) (x)"), of("sum(x) by (a)"));
    assert!(parse("x offset 1m offset 2m", Mode::Modern).is_err());
}

#[test]
fn no_text_is_too_much() {
    let huge = [
        "(".repeat(60_000),
        "-".repeat(60_000),
        "x[".repeat(20_000),
        "1+".repeat(30_000),
    ];
    for text in huge {
        for mode in [Mode::LogCache, Mode::Modern] {
            assert!(parse(&text, mode).is_err());
        }
    }
    assert!(parse(&"x".repeat(70_000), Mode::Modern).is_err());
    for text in [
        "x[1e300]",
        "x offset 1e300",
        "x @ 1e300",
        "x @ NaN",
        "x[(1-1)]",
        "x[1/0]",
    ] {
        assert!(parse(text, Mode::Modern).is_err(), "{text}");
    }
}

#[test]
fn a_comparison_is_told_from_an_assignment() {
    assert!(parse("a = b", Mode::Modern).is_err());
    let parsed = parse("a == b", Mode::Modern).unwrap();
    assert!(matches!(parsed.kind, ExprKind::Binary(binary) if binary.op == BinaryOp::Eq));
}
