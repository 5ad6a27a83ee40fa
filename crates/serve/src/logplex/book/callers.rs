//! Credentials and sessions, and what all of them may do.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use bytes::Bytes;

use super::{Book, BookError, Scope};
use crate::logplex::{
    change::Change,
    ids,
    model::{Cred, Grant, Rods, Session},
    registry::Registry,
};

impl Book {
    /// The right to read a channel for some minutes; the body says which and how, and is
    /// looked at when it is fetched.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn create_session(&self, body: Bytes) -> Result<Session, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let session = Session {
            id: ids::uuid().into(),
            body,
            expires: SystemTime::now() + bounds.session_expiry,
        };
        let scope = Scope::Session(Arc::clone(&session.id));
        let plan = move |registry: &Registry| {
            bounds.one_more_session(registry)?;
            Ok((vec![Change::Session(session.clone())], session))
        };
        self.writer.commit(scope, plan).await
    }

    /// A new credential.
    ///
    /// # Errors
    /// [`BookError::CredExists`], and as [`BookError`] says.
    pub async fn create_cred(&self, cred: Cred) -> Result<Arc<Cred>, BookError> {
        self.cred(&cred.id).await;
        let scope = Scope::Cred(Arc::clone(&cred.id));
        let cred = Arc::new(cred);
        let plan = move |registry: &Registry| match registry.cred(&cred.id) {
            Some(_) => Err(BookError::CredExists),
            None => Ok((vec![Change::Cred(Arc::clone(&cred))], cred)),
        };
        self.writer.commit(scope, plan).await
    }

    /// What a credential may do from now on.
    ///
    /// # Errors
    /// [`BookError::NoCred`], and as [`BookError`] says.
    pub async fn set_grants(
        &self,
        id: &str,
        change: impl FnOnce(&mut BTreeSet<Grant>) + Send + 'static,
    ) -> Result<Arc<Cred>, BookError> {
        let id: Arc<str> = id.into();
        self.cred(&id).await;
        let scope = Scope::Cred(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            let cred = registry.cred(&id).ok_or(BookError::NoCred)?;
            let mut cred = Cred::clone(&cred);
            change(&mut cred.grants);
            let cred = Arc::new(cred);
            Ok((vec![Change::Cred(Arc::clone(&cred))], cred))
        };
        self.writer.commit(scope, plan).await
    }

    /// Removes a credential.
    ///
    /// # Errors
    /// [`BookError::NoCred`], and as [`BookError`] says.
    pub async fn remove_cred(&self, id: &str) -> Result<(), BookError> {
        let id: Arc<str> = id.into();
        self.cred(&id).await;
        let scope = Scope::Cred(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            registry.cred(&id).ok_or(BookError::NoCred)?;
            Ok((vec![Change::NoCred(id)], ()))
        };
        self.writer.commit(scope, plan).await
    }

    /// Other control rods, on every node.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn set_rods(
        &self,
        change: impl FnOnce(&mut Rods) + Send + 'static,
    ) -> Result<Rods, BookError> {
        let plan = move |registry: &Registry| {
            let mut rods = registry.kept_rods();
            change(&mut rods);
            Ok((vec![Change::Rods(rods)], rods))
        };
        self.writer.commit(Scope::Rods, plan).await
    }
}
