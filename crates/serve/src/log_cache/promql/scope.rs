//! Which sources a caller may read by a query.

use std::collections::BTreeSet;

use http::HeaderValue;
use logweir_cache::promql::{
    Matcher, Mode,
    sources::{is_wanted, named_sources},
};

use crate::auth::{Authorizer, Readable};

/// What a query may read. What is outside of it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All there is.
    Everything,
    /// These sources.
    These(BTreeSet<String>),
}

impl Scope {
    /// What a query with these selectors may read for the bearer of an `Authorization`
    /// header; `None` if it may not be asked.
    ///
    /// Sources that are named must all be readable. A pattern reads what the caller may read
    /// in the modern mode; in the log cache's it takes a caller who may read everything.
    pub(crate) async fn of(
        authorizer: &Authorizer,
        authorization: Option<&HeaderValue>,
        selectors: &[&[Matcher]],
        mode: Mode,
    ) -> Option<Self> {
        let named: Option<Vec<Vec<&str>>> =
            selectors.iter().map(|one| named_sources(one)).collect();
        let named: BTreeSet<&str> = named.into_iter().flatten().flatten().collect();
        let patterns = selectors.iter().any(|one| named_sources(one).is_none());
        if !patterns && !named.is_empty() {
            let sources: Vec<&str> = named.iter().copied().collect();
            authorizer.authorize(authorization, &sources).await.ok()?;
            return Some(Self::These(
                sources.into_iter().map(str::to_owned).collect(),
            ));
        }
        match authorizer.readable(authorization).await.ok()? {
            Readable::Everything => Some(Self::Everything),
            Readable::These(_) if patterns && mode == Mode::LogCache => None,
            // What else is named was not asked for by name alone.
            Readable::These(sources) => Some(Self::These(sources)),
        }
    }

    /// The sources that a selector may look into: `None` for all that it matches.
    pub(crate) fn sources(&self, matchers: &[Matcher]) -> Option<Vec<String>> {
        let owned = |id: &&str| self.has(id);
        match (named_sources(matchers), self) {
            (Some(named), _) => {
                let named = named.into_iter().filter(owned);
                Some(named.map(str::to_owned).collect())
            }
            (None, Self::Everything) => None,
            (None, Self::These(sources)) => {
                let wanted = sources.iter().filter(|id| is_wanted(matchers, id));
                Some(wanted.cloned().collect())
            }
        }
    }

    /// Whether a source may be read.
    pub(crate) fn has(&self, source_id: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::These(sources) => sources.contains(source_id),
        }
    }
}
