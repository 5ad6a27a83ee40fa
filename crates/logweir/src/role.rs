//! The roles of this build.

use clap::ValueEnum;

/// What a process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything in one process.
    Run,
    /// Takes envelopes on each machine and spreads them over routers.
    Agent,
    /// Hands envelopes to subscribers.
    Router,
    /// Reads from every router on behalf of readers.
    Rlp,
    /// Readers without gRPC.
    Gateway,
}

impl Role {
    /// The word of the command line, which is the section of the settings too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Agent => "agent",
            Self::Router => "router",
            Self::Rlp => "rlp",
            Self::Gateway => "gateway",
        }
    }
}
