//! A certificate authority of one's own: what a first start and `certs` need, no more.

mod authority;
mod pem_files;

pub use authority::{Authority, Pair};
pub use pem_files::{needs_renewal, replace_pair, write_pair};

use std::{io, path::PathBuf};

/// Why a certificate could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// `read`, `write` and so on.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there that would have been overwritten.
    #[error("{} exists already; move it away, or ask for a replacement", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// One of an authority's two files is missing.
    #[error("{} is missing, but {} is there; restore it, or move the other one away", missing.display(), present.display())]
    Half {
        /// The missing file.
        missing: PathBuf,
        /// The one that is there.
        present: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A name that no certificate can carry.
    #[error("`{name}` is no name for a certificate; give a DNS name or an IP address")]
    Name {
        /// The name.
        name: String,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests;
