//! Series out of a store.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use super::{Gathering, METRICS, Metric, View};
use crate::{
    Scan, Store,
    promql::{
        Interrupt,
        series::{ReadError, Selected, Selection, SeriesReader},
        sources::{is_wanted, named_sources},
    },
};

/// Envelopes that are looked at between two looks at the clock.
const UNSEEN: u32 = 4096;

/// What of a store a query may read.
pub struct StoreSeries<'a> {
    /// The store.
    pub store: &'a Store,
    /// How envelopes are seen.
    pub view: View,
    /// Of these sources only; `None`: of all.
    pub scope: Option<&'a BTreeSet<String>>,
    /// Asked now and then whether to go on.
    pub interrupt: &'a dyn Fn() -> Option<Interrupt>,
}

impl StoreSeries<'_> {
    /// The series, and what is known of their metrics.
    ///
    /// # Errors
    /// As [`SeriesReader::select`].
    pub fn gather(&self, selection: Selection<'_>) -> Result<(Selected, Vec<Metric>), ReadError> {
        let mut gathering = Gathering::new(selection, self.view);
        let (start, end) = gathering.window();
        let scan = Scan {
            start,
            end,
            types: METRICS,
        };
        let looked_at = Cell::new(0);
        for source in self.sources(selection) {
            if !gathering.source(&source) {
                continue;
            }
            self.go_on()?;
            self.store.scan(&source, scan, |passing| {
                looked_at.set(looked_at.get() + 1);
                if looked_at.get() == UNSEEN {
                    looked_at.set(0);
                    self.go_on()?;
                }
                gathering.add(passing)
            })?;
        }
        Ok(gathering.finish())
    }

    fn go_on(&self) -> Result<(), ReadError> {
        (self.interrupt)().map_or(Ok(()), |why| Err(ReadError::Interrupted(why)))
    }

    fn sources(&self, selection: Selection<'_>) -> Vec<Arc<str>> {
        let in_scope = |id: &str| self.scope.is_none_or(|scope| scope.contains(id));
        let mut found = match named_sources(selection.matchers) {
            Some(named) => {
                let named = named.into_iter().filter(|id| in_scope(id));
                named.map(Arc::from).collect()
            }
            None => self
                .store
                .names(|id| in_scope(id) && is_wanted(selection.matchers, id)),
        };
        // The same question is answered in the same order.
        found.sort_unstable();
        found
    }
}

impl SeriesReader for StoreSeries<'_> {
    fn select(&self, selection: Selection<'_>) -> Result<Selected, ReadError> {
        Ok(self.gather(selection)?.0)
    }
}
