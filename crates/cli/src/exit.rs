//! Exit codes, what is printed, and the last words on stderr.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | something failed; stderr says what |
//! | 2 | wrong arguments |
//! | 69 | no running logweir was found, or it cannot be reached |
//! | 126, 127 | `exec`: the command cannot be executed, was not found |
//! | 128 + n | `exec`: the command was ended by signal n |

use std::{
    fmt::Display,
    io::{ErrorKind, Write},
};

use logweir_client::EndpointError;

/// Done.
pub const OK: u8 = 0;
/// Something failed; stderr says what.
pub const FAILED: u8 = 1;
/// No running logweir was found, or it cannot be reached (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// The command of `exec` cannot be executed, as a shell says it.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command of `exec` was not found, as a shell says it.
pub const NOT_FOUND: u8 = 127;

/// Why a verb failed: one line for people, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// Lower case, without a full stop, naming the thing and the remedy.
    pub message: String,
    /// The process's exit code.
    pub code: u8,
}

impl Failure {
    /// Code 1.
    pub fn new(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            code: FAILED,
        }
    }

    /// Code 69.
    pub fn unavailable(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            code: UNAVAILABLE,
        }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound(_) | EndpointError::Unreachable(_) => Self::unavailable(error),
            _ => Self::new(error),
        }
    }
}

/// One line on stderr. Nobody may be listening there, which is no reason to fail.
pub fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "logweir: {message}");
}

/// What was asked for, on stdout. Whoever reads it may have had enough of it.
pub(crate) fn print(text: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
