//! Regular expressions of strangers, and Go's words for those that are none.

use regex::{Regex, RegexBuilder, bytes};
use regex_syntax::ast::{self, ErrorKind as Kind};

/// Most bytes of a compiled expression, and of what its search keeps.
const COMPILED: usize = 1 << 20;

/// An expression over names of metrics.
pub(super) fn names(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .build()
        .map_err(|error| reason(pattern, &error))
}

/// An expression over payloads, which may be no text.
pub(super) fn payloads(pattern: &str) -> Result<bytes::Regex, String> {
    bytes::RegexBuilder::new(pattern)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .build()
        .map_err(|error| reason(pattern, &error))
}

fn reason(pattern: &str, error: &regex::Error) -> String {
    let why = match error {
        regex::Error::CompiledTooBig(_) => format!("expression too large: `{pattern}`"),
        _ => syntax(pattern),
    };
    format!("error parsing regexp: {why}")
}

/// What Go's `regexp` says of a pattern.
fn syntax(pattern: &str) -> String {
    let Err(error) = ast::parse::Parser::new().parse(pattern) else {
        // It can be read and has no meaning, such as a class that nobody knows.
        return format!("invalid character class range: `{pattern}`");
    };
    let (from, to) = (error.span().start.offset, error.span().end.offset);
    let part = pattern.get(from..to).unwrap_or(pattern);
    let rest = pattern.get(from..).unwrap_or(pattern);
    match error.kind() {
        Kind::ClassUnclosed => format!("missing closing ]: `{rest}`"),
        Kind::GroupUnclosed => format!("missing closing ): `{pattern}`"),
        Kind::GroupUnopened => format!("unexpected ): `{pattern}`"),
        Kind::RepetitionMissing => {
            let operator = rest.chars().next().map(String::from).unwrap_or_default();
            format!("missing argument to repetition operator: `{operator}`")
        }
        Kind::EscapeUnexpectedEof => "trailing backslash at end of expression: ``".into(),
        Kind::ClassRangeInvalid | Kind::ClassRangeLiteral => {
            format!("invalid character class range: `{part}`")
        }
        Kind::RepetitionCountInvalid
        | Kind::RepetitionCountUnclosed
        | Kind::RepetitionCountDecimalEmpty
        | Kind::DecimalInvalid => format!("invalid repeat count: `{part}`"),
        Kind::GroupNameInvalid
        | Kind::GroupNameEmpty
        | Kind::GroupNameUnexpectedEof
        | Kind::GroupNameDuplicate { .. } => format!("invalid named capture: `{part}`"),
        Kind::UnsupportedLookAround
        | Kind::FlagUnrecognized
        | Kind::FlagDanglingNegation
        | Kind::FlagDuplicate { .. }
        | Kind::FlagRepeatedNegation { .. }
        | Kind::FlagUnexpectedEof => {
            format!("invalid or unsupported Perl syntax: `{part}`")
        }
        _ => format!("invalid escape sequence: `{part}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_go() {
        for (pattern, why) in [
            ("[", "missing closing ]: `[`"),
            ("x[a-", "missing closing ]: `[a-`"),
            ("(", "missing closing ): `(`"),
            ("a)", "unexpected ): `a)`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+", "missing argument to repetition operator: `+`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("\\y", "invalid escape sequence: `\\y`"),
        ] {
            let told = names(pattern).unwrap_err();
            assert_eq!(told, format!("error parsing regexp: {why}"), "{pattern}");
            assert_eq!(payloads(pattern).unwrap_err(), told);
        }
    }

    #[test]
    fn an_expression_that_would_grow_is_refused() {
        let grown = "((a{100}){100}){100}";
        assert_eq!(
            payloads(grown).unwrap_err(),
            format!("error parsing regexp: expression too large: `{grown}`")
        );
    }
}
