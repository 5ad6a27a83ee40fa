//! How a process ends that cannot go on.

use std::process::ExitCode;

use crate::{config::problem::ConfigError, console};

/// `EX_CONFIG` of sysexits.h.
pub(crate) const BAD_CONFIGURATION: u8 = 78;

/// Why a command ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// Says why in one line and answers the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Config(error) => {
                console::err(&format!("logweir: bad configuration: {error}"));
                ExitCode::from(BAD_CONFIGURATION)
            }
            Self::Other(error) => {
                console::err(&format!("logweir: {}", chain(error.as_ref())));
                ExitCode::FAILURE
            }
        }
    }
}

/// An error with its causes, each said once: some repeat their cause in their own words.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cause_that_was_said_is_not_repeated() {
        let error = anyhow::anyhow!("in use")
            .context("cannot listen: in use")
            .context("no door");
        assert_eq!(
            super::chain(error.as_ref()),
            "no door: cannot listen: in use"
        );
    }
}
