//! The cases of the repository, and directories of other people's.

#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::path::{Path, PathBuf};

use logweir_golden::exceptions::Exceptions;
use logweir_golden::run;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden")
}

fn exceptions() -> Exceptions {
    let text = std::fs::read_to_string(golden().join("exceptions.toml")).unwrap();
    Exceptions::parse(&text).unwrap()
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn every_case_passes_or_differs_by_a_rule() {
    let report = run(&golden(), &exceptions()).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(
        report.files.len(),
        logweir_golden::formats::FORMATS.len(),
        "{report}"
    );
    assert_eq!(report.skipped, [""; 0]);
}

#[test]
fn a_wrong_answer_fails_and_is_shown() {
    let case = r#"{"name":"n","in":"","use_preferred_tags":true,"out":"0801"}"#;
    let dir = directory(&[("rlp_tags.jsonl", case)]);
    let report = run(dir.path(), &exceptions()).unwrap();
    assert!(!report.passed());
    assert!(
        report.to_string().contains("line 1, n: expected"),
        "{report}"
    );
}

#[test]
fn a_difference_by_rule_fails_where_the_rule_is_not_listed() {
    let text = std::fs::read_to_string(golden().join("selectors.jsonl")).unwrap();
    let dir = directory(&[("selectors.jsonl", &text)]);
    let report = run(dir.path(), &Exceptions::default()).unwrap();
    assert!(
        report
            .to_string()
            .contains("\"once-per-stream\" would have it, which is not listed"),
        "{report}"
    );
}

#[test]
fn unknown_files_are_named_and_lines_that_are_no_cases_fail() {
    let dir = directory(&[
        ("notes.txt", "x"),
        ("later.jsonl", "{}"),
        ("gateway_sse.jsonl", "{}\n"),
    ]);
    let report = run(dir.path(), &exceptions()).unwrap();
    assert_eq!(report.skipped, ["later.jsonl"]);
    assert!(!report.passed());
}
