//! A sequence of commands: each is named, timed, counted; a failed one does not keep the
//! later ones from running.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::counts::{Counts, Reader};

/// What has been run so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    seconds: u64,
    counts: Option<Counts>,
    failure: Option<String>,
}

impl Steps {
    /// Runs something that passes or fails as a whole.
    pub(crate) fn check(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) {
        self.step(name, || run().map(|()| None));
    }

    /// Runs a command that passes or fails as a whole.
    pub(crate) fn command(&mut self, name: &'static str, command: &mut Command) {
        self.check(name, || {
            let status = command
                .status()
                .with_context(|| format!("start {:?}", command.get_program()))?;
            ensure!(status.success(), "{status}");
            Ok(())
        });
    }

    /// Runs a test runner, shows its output and counts its tests. One that ran nothing, or
    /// left a test out, has failed.
    pub(crate) fn tests(&mut self, name: &'static str, command: &mut Command, reader: Reader) {
        self.step(name, || {
            let mut child = command
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("start {:?}", command.get_program()))?;
            let mut counts = Counts::default();
            if let Some(output) = child.stdout.take() {
                for line in BufReader::new(output).lines() {
                    let line = line.context("read the test runner's output")?;
                    counts += reader(&line);
                    say(&line);
                }
            }
            let status = child.wait()?;
            Ok(Some((
                counts,
                (!status.success()).then(|| status.to_string()),
            )))
        });
    }

    fn step(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> Result<Option<(Counts, Option<String>)>>,
    ) {
        say(&format!("\n== {name}"));
        let begun = Instant::now();
        let (counts, failure) = match run() {
            Ok(None) => (None, None),
            Ok(Some((counts, failure))) => (Some(counts), failure.or_else(|| missing(counts))),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let seconds = begun.elapsed().as_secs();
        match &failure {
            None => say(&format!("== {name}: ok, {seconds} s")),
            Some(failure) => say(&format!("== {name}: FAILED, {seconds} s: {failure}")),
        }
        self.done.push(Step {
            name,
            seconds,
            counts,
            failure,
        });
    }

    /// Prints every step and, last, the sum of the real counts. True if all is well.
    pub(crate) fn summary(&self) -> bool {
        say("");
        let mut sum = Counts::default();
        for step in &self.done {
            let Step { name, seconds, .. } = step;
            let counted = match step.counts {
                None => String::new(),
                Some(counts) => {
                    sum += counts;
                    format!(
                        ", {} passed, {} failed, {} skipped",
                        counts.passed, counts.failed, counts.skipped
                    )
                }
            };
            match &step.failure {
                None => say(&format!("ok      {seconds:>5} s  {name}{counted}")),
                Some(why) => say(&format!("FAILED  {seconds:>5} s  {name}{counted}: {why}")),
            }
        }
        let steps = self
            .done
            .iter()
            .filter(|step| step.failure.is_some())
            .count();
        say(&format!(
            "\n{} passed, {} failed, {} skipped; {} of {} steps failed",
            sum.passed,
            sum.failed,
            sum.skipped,
            steps,
            self.done.len()
        ));
        steps == 0
    }
}

fn missing(counts: Counts) -> Option<String> {
    match counts {
        Counts { skipped: 1.., .. } => Some(format!("{} tests were left out", counts.skipped)),
        Counts { passed: 0, .. } => Some("no test ran".into()),
        _ => None,
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
