//! How many tests a runner ran, read from what it prints.

use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ended well.
    pub(crate) passed: u64,
    /// Failed.
    pub(crate) failed: u64,
    /// Ignored or skipped: not run, so nothing is known.
    pub(crate) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What one line of a runner's output says.
pub(crate) type Reader = fn(&str) -> Counts;

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`: the Rust runner's, one for each
/// test binary and each crate's examples in its documentation.
pub(crate) fn rust(line: &str) -> Counts {
    let Some(result) = line.trim().strip_prefix("test result:") else {
        return Counts::default();
    };
    let figure = |word: &str| {
        let before = result.split(word).next().unwrap_or_default();
        let digits = before.trim_end().rsplit([' ', ';']).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    Counts {
        passed: figure("passed"),
        failed: figure("failed"),
        skipped: figure("ignored"),
    }
}

/// `--- PASS: TestName (0.01s)`: the Go runner's with `-v`. Subtests are indented and
/// counted too.
pub(crate) fn go(line: &str) -> Counts {
    let mut counts = Counts::default();
    let line = line.trim_start();
    if line.starts_with("--- PASS: ") {
        counts.passed = 1;
    } else if line.starts_with("--- FAIL: ") {
        counts.failed = 1;
    } else if line.starts_with("--- SKIP: ") {
        counts.skipped = 1;
    }
    counts
}

/// `selectors   12 of   12 pass`: the recorded answers', one line for each file.
pub(crate) fn golden(line: &str) -> Counts {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, passed, "of", cases, "pass"] = words[..] else {
        return Counts::default();
    };
    let (passed, cases) = (passed.parse().unwrap_or(0), cases.parse().unwrap_or(0));
    Counts {
        passed,
        failed: u64::saturating_sub(cases, passed),
        skipped: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, go, golden, rust};

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn the_rust_runners_line() {
        let line =
            "test result: FAILED. 16 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out";
        assert_eq!(rust(line), counts(16, 1, 2));
        assert_eq!(rust("test load::result ... ok"), Counts::default());
    }

    #[test]
    fn the_go_runners_lines() {
        assert_eq!(go("--- PASS: TestTypes (0.31s)"), counts(1, 0, 0));
        assert_eq!(go("    --- FAIL: TestTypes/event (0.31s)"), counts(0, 1, 0));
        assert_eq!(go("--- SKIP: TestFleet (0.00s)"), counts(0, 0, 1));
        assert_eq!(go("PASS"), Counts::default());
    }

    #[test]
    fn the_line_of_a_file_of_recorded_answers() {
        assert_eq!(golden("agent_tagger    11 of   12 pass"), counts(11, 1, 0));
        assert_eq!(
            golden("     3 of them differ by rule lru"),
            Counts::default()
        );
    }
}
