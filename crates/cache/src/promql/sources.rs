//! Which sources a selector can read, by its matchers alone: for those who decide whether
//! its caller may, and to look into no others.

use super::matcher::{MatchOp, Matcher};

/// The label that holds the source id.
pub const SOURCE_ID: &str = "source_id";

/// What means something in a regular expression, beside the bar.
const MEANING: &[char] = &[
    '\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$',
];

/// The only sources that a selector with these matchers can read, if it names them: by `=`,
/// or by `=~` with nothing but names and bars between them.
pub fn named_sources(matchers: &[Matcher]) -> Option<Vec<&str>> {
    let lists = matchers.iter().filter_map(named_by);
    let shortest = lists.min_by_key(Vec::len)?;
    let wanted = shortest.into_iter();
    let mut wanted: Vec<&str> = wanted.filter(|id| is_wanted(matchers, id)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    Some(wanted)
}

fn named_by(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher.op {
        _ if &*matcher.name != SOURCE_ID => None,
        MatchOp::Equal => Some(vec![&matcher.value]),
        MatchOp::Regex if !matcher.value.contains(MEANING) => {
            Some(matcher.value.split('|').collect())
        }
        _ => None,
    }
}

/// Whether the matchers of sources take this one.
pub fn is_wanted(matchers: &[Matcher], source_id: &str) -> bool {
    let mut about = matchers.iter().filter(|one| &*one.name == SOURCE_ID);
    about.all(|matcher| matcher.matches(source_id))
}

/// Whether sources are asked for at all, as the peer's log cache wants it: by `=` or `=~`.
pub fn asks_for_sources(matchers: &[Matcher]) -> bool {
    let mut about = matchers.iter().filter(|one| &*one.name == SOURCE_ID);
    about.any(|matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Regex))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(op: MatchOp, value: &str) -> Matcher {
        Matcher::new(SOURCE_ID, op, value).unwrap()
    }

    #[test]
    fn sources_are_named_by_value_and_by_list() {
        let one = [about(MatchOp::Equal, "a.b|c")];
        assert_eq!(named_sources(&one), Some(vec!["a.b|c"]));
        let list = [about(MatchOp::Regex, "b|a-1|b|")];
        assert_eq!(named_sources(&list), Some(vec!["", "a-1", "b"]));
        let both = [
            about(MatchOp::Regex, "a|b|c"),
            about(MatchOp::NotEqual, "b"),
            about(MatchOp::NotRegex, "c.*"),
        ];
        assert_eq!(named_sources(&both), Some(vec!["a"]));
        assert!(asks_for_sources(&both));
    }

    #[test]
    fn patterns_name_no_source() {
        for value in [".*", "a.b", "a|(b)", "a{2}", "^a", r"a\|b"] {
            let pattern = [about(MatchOp::Regex, value)];
            assert_eq!(named_sources(&pattern), None, "{value}");
        }
        let others = [
            about(MatchOp::NotEqual, "a"),
            Matcher::equal("instance_id", "a"),
        ];
        assert_eq!(named_sources(&others), None);
        assert!(!asks_for_sources(&others));
    }
}
