//! The drains of the configuration, taken up again when it changes.

use std::{sync::Arc, time::Duration};

use logweir_drain::{Drain, url::UrlDefaults};

use super::{DrainConfig, Drains, Origin};
use crate::context::{ServeContext, StartError};

/// How often the files of certificates are read again.
const LOOK: Duration = Duration::from_secs(10);

/// Sets the drains of the configuration now, and whenever it or their files change.
///
/// # Errors
/// The first that makes no drain.
pub(crate) fn follow(
    drains: &Arc<Drains>,
    defaults: UrlDefaults,
    context: &ServeContext,
) -> Result<(), StartError> {
    let mut live = context.live.clone();
    let declared =
        made(&live.borrow_and_update().drains, &defaults).map_err(StartError::Setting)?;
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
                let drains = live.borrow();
                if !drains.drains.iter().any(DrainConfig::has_files) {
                    continue;
                }
            }
            }
            let declared = made(&live.borrow_and_update().drains, &defaults);
            match declared {
                Ok(declared) => {
                    complaint = None;
                    drains.set(Origin::Declared, declared);
                }
                Err(error) => {
                    if complaint.as_ref() != Some(&error) {
                        tracing::error!("the declared drains stay as they were: {error}");
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

fn made(declared: &[DrainConfig], defaults: &UrlDefaults) -> Result<Vec<Arc<Drain>>, String> {
    let each = declared.iter().enumerate().map(|(index, one)| {
        let definition = one.definition();
        let drain = definition.and_then(|definition| definition.drain(defaults));
        drain.map_err(|error| format!("drains[{index}]: {error}"))
    });
    each.collect()
}
