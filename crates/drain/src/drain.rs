//! One drain, resolved: everything that its delivery needs to know.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderName, HeaderValue};

use crate::{binding::Pem, filter::Filter, url::DrainUrl};

/// Whose envelopes a drain gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one app, or of any one source.
    App {
        /// The source id.
        id: String,
        /// `HOSTNAME` of its messages: `org.space.app`. Empty: `-`.
        hostname: String,
    },
    /// Those of all sources.
    Aggregate,
}

/// One drain. Two are the same drain if they are equal; any difference takes a new
/// connection. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Drain {
    /// A name for it that outlives renamed apps and changed certificates: for metrics, files
    /// and people. 16 hex digits, and `-2` and so on where an app has one URL with several
    /// credentials.
    pub id: String,
    /// Whose envelopes.
    pub scope: Scope,
    /// Where to.
    pub url: DrainUrl,
    /// Certificate, key and authorities of its own; any may be empty.
    pub pem: Arc<Pem>,
    /// Headers of HTTPS requests, those of the URL after those of the binding.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Drain {
    /// A drain without credentials or headers but those in its URL.
    pub fn new(scope: Scope, url: DrainUrl) -> Self {
        Self {
            id: id(scope.app(), &url),
            headers: url.headers().to_vec(),
            scope,
            url,
            pem: Arc::default(),
        }
    }

    /// What it wants of the envelopes of its source.
    pub fn filter(&self) -> Filter {
        self.url.params().filter()
    }

    /// `HOSTNAME` of its messages where the envelope has no names; empty for `-`.
    pub fn hostname(&self) -> &str {
        match &self.scope {
            Scope::App { hostname, .. } => hostname,
            Scope::Aggregate => "",
        }
    }
}

impl Scope {
    /// The app, unless it is all of them.
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::App { id, .. } => Some(id),
            Self::Aggregate => None,
        }
    }
}

/// A name made of the app and the URL.
fn id(app: Option<&str>, url: &DrainUrl) -> String {
    let mut hash = Context::new(&SHA256);
    // A byte that no guid has keeps all apps apart from the app "".
    hash.update(app.map_or("*", |_| "=").as_bytes());
    hash.update(app.unwrap_or_default().as_bytes());
    hash.update(&[0]);
    hash.update(url.reveal().as_bytes());
    hex::encode(&hash.finish().as_ref()[..8])
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
