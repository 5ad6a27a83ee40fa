//! Lines for people and scripts. A reader that went away is no reason to stop.

use std::io::{self, Write};

/// To standard output.
pub(crate) fn out(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// To standard error.
pub(crate) fn err(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
