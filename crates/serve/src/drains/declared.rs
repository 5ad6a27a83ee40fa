//! The drains and nozzles of the configuration, taken up again when it changes.

use std::{sync::Arc, time::Duration};

use logweir_drain::{Exit, url::UrlDefaults};

use super::{DrainConfig, Drains, Origin};
use crate::{
    context::{ServeContext, StartError},
    nozzles::NozzleConfig,
    settings::Live,
};

/// How often the files of certificates are read again.
const LOOK: Duration = Duration::from_secs(10);

/// What of the configuration a role takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    /// Its drains, with these parameters where their URLs say nothing.
    pub(crate) drains: Option<UrlDefaults>,
    /// Its nozzles.
    pub(crate) nozzles: bool,
}

/// Sets the drains and nozzles of the configuration now, and whenever it or their files change.
///
/// # Errors
/// The first that makes none.
pub(crate) fn follow(
    drains: &Arc<Drains>,
    takes: Declared,
    context: &ServeContext,
) -> Result<(), StartError> {
    let mut live = context.live.clone();
    let declared = takes.of(&live.borrow_and_update());
    let declared = declared.map_err(StartError::Setting)?;
    drains.set(Origin::Declared, declared);
    let (drains, reload) = (Arc::clone(drains), Arc::clone(&context.reload));
    let stop = context.shutdown.stop.clone();
    let mut complaint = None;
    let following = async move {
        loop {
            tokio::select! {
                changed = live.changed() => if changed.is_err() { return },
                () = reload.notified() => {}
                () = tokio::time::sleep(LOOK) => {
                let live = live.borrow();
                let drains = live.drains.iter().any(DrainConfig::has_files);
                if !drains && !live.nozzles.iter().any(NozzleConfig::has_files) {
                    continue;
                }
            }
            }
            let declared = takes.of(&live.borrow_and_update());
            match declared {
                Ok(declared) => {
                    complaint = None;
                    drains.set(Origin::Declared, declared);
                }
                Err(error) => {
                    if complaint.as_ref() != Some(&error) {
                        tracing::error!(
                            "the declared drains and nozzles stay as they were: {error}"
                        );
                    }
                    complaint = Some(error);
                }
            }
        }
    };
    let tracker = &context.shutdown.tracker;
    tracker.spawn(async move { stop.run_until_cancelled(following).await });
    Ok(())
}

impl Declared {
    fn of(self, live: &Live) -> Result<Vec<Exit>, String> {
        let mut all = Vec::new();
        if let Some(defaults) = self.drains {
            for (index, one) in live.drains.iter().enumerate() {
                let drain = one.definition().and_then(|one| one.drain(&defaults));
                let drain = drain.map_err(|error| format!("drains[{index}]: {error}"))?;
                all.push(drain.into());
            }
        }
        if self.nozzles {
            for (index, one) in live.nozzles.iter().enumerate() {
                let nozzle = one.nozzle();
                let nozzle = nozzle.map_err(|error| format!("nozzles[{index}]: {error}"))?;
                all.push(Arc::new(nozzle).into());
            }
        }
        Ok(all)
    }
}
