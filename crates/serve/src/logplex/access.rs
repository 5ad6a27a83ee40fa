//! Who calls (spec logplex §2.1).

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};

use super::{
    book::Book,
    model::{Cred, Token},
    pass::{Checker, equal},
};

/// Who calls; what that allows is another question.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Whoever has the process's own key.
    Key,
    /// A credential, with the right secret.
    Cred(Arc<Cred>),
    /// A token: for its channel's lines.
    Token(Arc<Token>),
}

impl Caller {
    /// Whether it may use v1, v2 and v3.
    pub(crate) fn full_api(&self) -> bool {
        match self {
            Self::Key => true,
            Self::Cred(cred) => cred.full_api(),
            Self::Token(_) => false,
        }
    }

    /// For logs.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Key => "the auth key",
            Self::Cred(cred) => &cred.id,
            Self::Token(_) => "a token",
        }
    }
}

/// Knows callers.
#[derive(Debug)]
pub(crate) struct Access {
    book: Book,
    key: String,
    checker: Checker,
}

impl Access {
    /// With the process's own key; none if that is empty.
    pub(crate) fn new(book: Book, key: &str) -> Self {
        Self {
            book,
            key: key.to_owned(),
            checker: Checker::default(),
        }
    }

    /// Who calls with `Basic KEY` or `Bearer KEY`, `Basic base64(CRED:PASS)`,
    /// `Basic base64(token:TOKEN)` or `Bearer TOKEN`. The schemes are told apart by case, as
    /// at the peer.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if let Some(bearer) = value.strip_prefix("Bearer ") {
            return match self.is_key(bearer) {
                Some(key) => Some(key),
                None => self.token(bearer).await,
            };
        }
        let value = value.strip_prefix("Basic ")?;
        if let Some(key) = self.is_key(value) {
            return Some(key);
        }
        let pair = BASE64_STANDARD.decode(value).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (user, secret) = pair.split_once(':')?;
        if user == "token" && secret.starts_with("t.") {
            return self.token(secret).await;
        }
        let cred = self.book.cred(user).await?;
        let right = self.checker.is(&cred.pass, secret).await;
        right.then_some(Caller::Cred(cred))
    }

    fn is_key(&self, value: &str) -> Option<Caller> {
        let right = !self.key.is_empty() && equal(self.key.as_bytes(), value.as_bytes());
        right.then_some(Caller::Key)
    }

    async fn token(&self, id: &str) -> Option<Caller> {
        if !id.starts_with("t.") {
            return None;
        }
        self.book.token(id).await.map(Caller::Token)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use http::HeaderValue;

    use super::*;
    use crate::logplex::{
        LogplexConfig,
        change::Change,
        model::{Grant, Pass},
    };

    async fn name(access: &Access, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let caller = access.caller(&headers).await;
        caller.map(|caller| caller.name().to_owned())
    }

    #[tokio::test]
    async fn callers_are_known_by_key_credential_and_token() {
        let book = Book::start(&LogplexConfig::default()).await.unwrap();
        book.registry().apply(&[
            Change::Cred(Arc::new(Cred {
                id: "local".into(),
                pass: Pass::hashed("pass:word"),
                name: "".into(),
                grants: [Grant::FullApi].into(),
            })),
            Change::Token(Arc::new(Token {
                id: "t.1".into(),
                channel: "1".into(),
                name: "app".into(),
            })),
        ]);
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let access = Access::new(book.clone(), "SECRET");
        for (value, expected) in [
            ("Basic SECRET".to_owned(), Some("the auth key")),
            ("Bearer SECRET".to_owned(), Some("the auth key")),
            ("basic SECRET".to_owned(), None),
            ("Basic SECRE".to_owned(), None),
            (basic("local:pass:word"), Some("local")),
            (basic("local:pass"), None),
            (basic("nobody:pass:word"), None),
            (basic("local"), None),
            (basic("token:t.1"), Some("a token")),
            (basic("token:t.2"), None),
            ("Bearer t.1".to_owned(), Some("a token")),
            ("Basic %%%".to_owned(), None),
            ("Basic ".to_owned(), None),
        ] {
            assert_eq!(name(&access, &value).await.as_deref(), expected, "{value}");
        }
        let keyless = Access::new(book, "");
        assert_eq!(name(&keyless, "Basic ").await, None);
        assert!(keyless.caller(&HeaderMap::new()).await.is_none());
    }
}
