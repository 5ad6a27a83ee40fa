//! Whether this process can do its work yet, or still.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Default)]
struct State {
    /// Why a part is not ready; `None` when it is.
    parts: BTreeMap<String, Option<String>>,
    remarks: BTreeMap<String, String>,
    draining: bool,
}

/// The readiness of a process: all of its parts, and that it is not draining.
/// Clones are the same.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<State>>);

/// One part, such as a door or the connection to another role.
#[derive(Clone)]
pub struct Part {
    name: String,
    readiness: Readiness,
}

impl Readiness {
    /// With no parts: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, which is `starting` until it says otherwise.
    pub fn part(&self, name: impl Into<String>) -> Part {
        let part = Part {
            name: name.into(),
            readiness: self.clone(),
        };
        part.not_ready("starting");
        part
    }

    /// The process takes no new work.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// What stands in the way, by part; empty when the process is ready.
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let state = self.lock();
        let parts = state.parts.iter();
        let mut reasons: BTreeMap<_, _> = parts
            .filter_map(|(name, reason)| Some((name.clone(), reason.clone()?)))
            .collect();
        if state.draining {
            reasons.insert("process".into(), "draining".into());
        }
        reasons
    }

    /// Says something about `what` that does not make the process less ready, such as
    /// that a part works with less than all of its connections; `None` takes it back.
    pub fn remark(&self, what: &str, remark: Option<String>) {
        let mut state = self.lock();
        match remark {
            Some(remark) => state.remarks.insert(what.to_owned(), remark),
            None => state.remarks.remove(what),
        };
    }

    /// What was remarked, by what it is about.
    pub fn remarks(&self) -> BTreeMap<String, String> {
        self.lock().remarks.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the map half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// It works.
    pub fn ready(&self) {
        self.readiness.lock().parts.insert(self.name.clone(), None);
    }

    /// It does not, because of `reason`.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.readiness
            .lock()
            .parts
            .insert(self.name.clone(), Some(reason.into()));
    }
}
