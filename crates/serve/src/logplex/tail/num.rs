//! How many lines of history: Logplex takes the number as the upper bound of a list's
//! range, so that one line more comes back, from which readers see that there is more.

use serde_json::Value;

/// Lines for those who do not say.
const USUAL: i64 = 100;

/// A number of lines as it was asked for: `-1` is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num(i64);

impl Default for Num {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl Num {
    /// Of a query's parameter: what is no number is the usual one.
    pub(crate) fn of_text(text: Option<&str>) -> Self {
        text.and_then(read).unwrap_or_default()
    }

    /// Of a session's member: a number as text or not; null is the usual one.
    pub(super) fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::default()),
            Value::String(text) => read(text),
            Value::Number(number) => number.as_i64().map(Self),
            _ => None,
        }
    }

    /// How many of the newest lines are fetched where `most` are kept and none is left out.
    pub(super) fn fetched(self, most: usize, exact: bool) -> usize {
        let extra = usize::from(!exact);
        match usize::try_from(self.0) {
            Ok(number) => number.saturating_add(extra).min(most),
            Err(_) => most,
        }
    }

    /// Of the fetched lines, oldest first, those that the range of a negative number
    /// leaves: `-2` is all but the oldest.
    pub(super) fn left_out(self, fetched: usize) -> usize {
        let beyond = self.0.checked_neg().unwrap_or(i64::MAX) - 1;
        usize::try_from(beyond).unwrap_or(0).min(fetched)
    }

    /// Most lines that are shown of those that a filter let through.
    pub(super) fn filtered(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Digits with a sign, as the original reads them.
fn read(text: &str) -> Option<Num> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // There never are so many lines that more would make a difference.
    let far = if text.starts_with('-') { -1 } else { i64::MAX };
    Some(Num(text.parse().unwrap_or(far)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_more_is_fetched_than_was_asked_for() {
        let fetched = |text| Num::of_text(Some(text)).fetched(1501, false);
        assert_eq!(fetched("0"), 1);
        assert_eq!(fetched("3"), 4);
        assert_eq!(fetched("1500"), 1501);
        assert_eq!(fetched("99999999999999999999"), 1501);
        assert_eq!(fetched("-1"), 1501);
        assert_eq!(fetched("invalid"), 101);
        assert_eq!(Num::of_text(None).fetched(1501, false), 101);
        assert_eq!(Num::of_text(Some("3")).fetched(1501, true), 3);
    }

    #[test]
    fn filters_show_as_many_as_were_asked_for() {
        let filtered = |text| Num::of_text(Some(text)).filtered();
        assert_eq!(filtered("0"), 0);
        assert_eq!(filtered("7"), 7);
        assert_eq!(filtered("-1"), usize::MAX);
    }

    #[test]
    fn negative_numbers_leave_out_the_oldest() {
        let left_out = |text| Num::of_text(Some(text)).left_out(10);
        assert_eq!(left_out("5"), 0);
        assert_eq!(left_out("-1"), 0);
        assert_eq!(left_out("-3"), 2);
        assert_eq!(left_out("-30"), 10);
        assert_eq!(left_out("-9223372036854775808"), 10);
    }

    #[test]
    fn sessions_say_it_as_text_or_as_a_number() {
        for (value, expected) in [
            (json!("12"), Some(12)),
            (json!(12), Some(12)),
            (json!(null), Some(100)),
            (json!("-1"), Some(-1)),
            (json!(1.5), None),
            (json!("a"), None),
            (json!(""), None),
            (json!(true), None),
            (json!([]), None),
        ] {
            assert_eq!(Num::of_json(&value), expected.map(Num), "{value}");
        }
    }
}
