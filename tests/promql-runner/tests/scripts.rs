//! The scripts of the repository, and how the runner judges.

#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::path::{Path, PathBuf};

use logweir_cache::promql::Mode;
use logweir_promqltest::{
    case::{Outcome, run_script},
    exceptions::Exceptions,
    report::{FileReport, Report},
    run,
};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../promqltest")
}

fn report() -> Report {
    let text = std::fs::read_to_string(scripts().join("exceptions.toml")).unwrap();
    run(&scripts(), &Exceptions::parse(&text).unwrap()).unwrap()
}

#[test]
fn both_modes_pass_their_gate() {
    let report = report();
    assert!(report.passed(), "{report}");
    assert_eq!(report.passed_in(Mode::LogCache), 367, "{report}");
    assert!(report.passed_in(Mode::Modern) >= 1278, "{report}");
}

#[test]
fn nothing_of_log_cache_mode_is_listed() {
    let report = report();
    let listed = |file: &&FileReport| file.listed + file.out_of_scope > 0;
    let of_mode = report
        .files
        .iter()
        .filter(|file| file.mode == Mode::LogCache);
    assert_eq!(of_mode.filter(listed).count(), 0);
}

const SCRIPT: &str = "load 1m
  a 1 2 3

eval instant at 1m a
  a 2

eval instant at 1m a
  a 7

eval instant at 1m a + 1
  a 3
";

fn judged(exceptions: &str) -> FileReport {
    let verdicts = run_script(SCRIPT, Mode::Modern).unwrap();
    let exceptions = Exceptions::parse(exceptions).unwrap();
    FileReport::judge("d/f.test".to_owned(), Mode::Modern, verdicts, &exceptions)
}

#[test]
fn wrong_values_and_wrong_labels_fail() {
    let verdicts = run_script(SCRIPT, Mode::Modern).unwrap();
    let passed: Vec<_> = verdicts
        .iter()
        .map(|v| v.outcome == Outcome::Passed)
        .collect();
    assert_eq!(passed, [true, false, false]);
}

#[test]
fn the_list_must_name_what_fails_and_nothing_else() {
    assert_eq!(judged("exception = []").surprises.len(), 2);
    let list = |lines: &str| {
        format!("[[exception]]\nfile = \"d/f.test\"\nreason = \"why\"\nlines = [{lines}]")
    };
    assert_eq!(judged(&list("7, 10")).surprises, [""; 0]);
    assert!(
        judged(&list("4, 7, 10"))
            .surprises
            .concat()
            .contains("take it off the list")
    );
    assert!(
        judged(&list("5, 7, 10"))
            .surprises
            .concat()
            .contains("no case is there")
    );
}

#[test]
fn a_listed_case_needs_a_reason() {
    let list = "[[exception]]\nfile = \"d/f.test\"\nreason = \"\"\nlines = [1]";
    assert!(Exceptions::parse(list).is_err());
}
