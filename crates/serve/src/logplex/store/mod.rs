//! Where channels, tokens, drains, credentials, sessions and rods are kept.

mod embedded;
mod record;

use std::{ops::Range, path::Path, sync::Arc};

use thiserror::Error;

use self::embedded::Embedded;
use super::{book::Counter, change::Change, model::Session, registry::Registry};

/// Why the store did not do it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// The store cannot be reached now.
    #[error("the store cannot be reached: {0}; nothing was changed, try again")]
    Unreachable(String),
    /// The store was reached and did not work.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// One of the two. Clones are the same store.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file in the data directory.
    Embedded(Arc<Embedded>),
}

impl Store {
    /// The file in `directory`, made if it is not there.
    ///
    /// # Errors
    /// A file that cannot be opened or read.
    pub fn embedded(directory: &Path) -> Result<Self, StoreError> {
        Embedded::open(directory).map(|store| Self::Embedded(Arc::new(store)))
    }

    /// Whether it was ever read.
    pub(super) fn is_loaded(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
        }
    }

    /// Everything into the registry, in the place of what it knew.
    pub(super) async fn load(&self, registry: &Registry) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.load(registry),
        }
    }

    /// Keeps all of these or none, and lets the registry know them.
    pub(super) async fn write(
        &self,
        changes: &[Change],
        registry: &Registry,
    ) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.write(changes).await?,
        }
        registry.apply(changes);
        Ok(())
    }

    /// So many numbers that were not handed out before, counted from 1.
    pub(super) async fn numbers(
        &self,
        counter: Counter,
        count: u64,
    ) -> Result<Range<u64>, StoreError> {
        match (self, count) {
            (_, 0) => Ok(0..0),
            (Self::Embedded(store), count) => Ok(store.numbers(counter, count)),
        }
    }

    pub(super) async fn healthcheck(&self) -> Result<(), StoreError> {
        match self {
            Self::Embedded(_) => Ok(()),
        }
    }

    /// A session that this process does not know.
    pub(super) async fn find_session(&self, _id: &str) -> Option<Session> {
        match self {
            Self::Embedded(_) => None,
        }
    }

    /// Looks for a channel that this process does not know, and if it is there takes it and
    /// what it has into the registry.
    pub(super) async fn find_channel(&self, _id: &str, _registry: &Registry) {
        match self {
            Self::Embedded(_) => (),
        }
    }
}
