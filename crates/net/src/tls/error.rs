use std::{io, path::PathBuf};

/// Why TLS could not be set up. Names the file; never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not the PEM that it should be.
    #[error("{}: {problem}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// The own certificate is not valid now. The text begins as the peers' does
    /// (spec loggregator-v2 §3.2).
    #[error("failed to load keypair: {problem} (in {}; issue a new certificate)", path.display())]
    Validity {
        /// The certificate's file.
        path: PathBuf,
        /// `certificate has expired: validity ended at …` and the like.
        problem: String,
    },
    /// An RSA key too short to be worth the name.
    #[error(
        "the RSA key of {} has {bits} bits, at least 2048 are needed: \
         make a new key of 2048 bits or more, or an ECDSA P-256 key, and issue its certificate again",
        path.display()
    )]
    WeakKey {
        /// The certificate's file.
        path: PathBuf,
        /// Length of the modulus.
        bits: usize,
    },
    /// Certificate and key do not make an identity.
    #[error("failed to load keypair: {} and {} do not fit together: {source}", cert.display(), key.display())]
    Identity {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The configured cipher suites leave none. The peers' text (spec loggregator-v2 §3.2).
    #[error("no valid ciphers provided for TLS configuration")]
    NoValidCiphers,
    /// [`super::Verify::Ca`] without a CA file.
    #[error("no CA file is given, but the server's certificate is to be checked against one")]
    NoCa,
    /// The system has no certificate bundle where systems keep theirs.
    #[error(
        "no certificates of the system were found; name a bundle in SSL_CERT_FILE or a CA file"
    )]
    NoSystemRoots,
    /// rustls refuses the configuration.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}
