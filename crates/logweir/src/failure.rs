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
                console::err(&format!("logweir: {error:#}"));
                ExitCode::FAILURE
            }
        }
    }
}
