//! Names of apps, from the Cloud Controller. What is remembered of them is
//! [`logweir_drain::names`].

mod cloud_controller;
mod config;

#[cfg(test)]
mod tests;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use logweir_drain::names::{Names, NamesSettings};
use logweir_net::backoff::Backoff;
use tokio::time::sleep;

pub use config::NamesConfig;

use crate::{
    context::{ServeContext, StartError},
    metrics::Registry,
};
use cloud_controller::{BATCH, CloudController};

/// Bounds of the pause after a question without an answer.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Begins to ask for what is looked up.
///
/// # Errors
/// An address that is none, or certificates that cannot be loaded.
pub(crate) fn start(
    config: &NamesConfig,
    registry: &Registry,
    context: &ServeContext,
) -> Result<Arc<Names>, StartError> {
    let (controller, tls) = CloudController::new(config)?;
    context.watch_tls(Vec::new(), tls.into_iter().collect());
    let names = Names::new(NamesSettings {
        ttl: config.ttl,
        absent_ttl: config.absent_ttl,
        patience: config.patience,
        most: NonZeroUsize::new(config.entries).unwrap_or(NonZeroUsize::MIN),
    });
    collect(&names, registry);
    let answering = answer(Arc::clone(&names), controller);
    let stop = context.shutdown.stop.clone();
    let tracker = &context.shutdown.tracker;
    tracker.spawn(async move { stop.run_until_cancelled(answering).await });
    Ok(names)
}

async fn answer(names: Arc<Names>, mut controller: CloudController) {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    let mut complaint = String::new();
    loop {
        let asked = names.next(BATCH).await;
        match controller.apps(&asked).await {
            Ok(found) => {
                names.answer(&asked, found);
                backoff.reset();
                if !std::mem::take(&mut complaint).is_empty() {
                    tracing::info!("names of apps are known again");
                }
            }
            Err(error) => {
                names.failed(&asked);
                let error = error.to_string();
                if complaint != error {
                    tracing::warn!("names of apps are not known: {error}");
                    complaint = error;
                }
                sleep(backoff.next()).await;
            }
        }
    }
}

fn collect(names: &Arc<Names>, registry: &Registry) {
    let names = Arc::clone(names);
    registry.collect(move |to| {
        let stats = names.stats();
        let help = "Ids that were looked up in Cloud Foundry's API, by what came of it.";
        for (result, count) in [
            ("found", stats.found),
            ("absent", stats.absent),
            ("failed", stats.failed),
        ] {
            to.counter("logweir_names_lookups", help, &[("result", result)], count);
        }
        let help = "Envelopes that went without names that they might have had.";
        to.counter("logweir_names_unnamed", help, &[], stats.unnamed);
        let help = "Ids whose names are remembered, or that they have none.";
        let count = stats.remembered as f64;
        to.gauge("logweir_names_remembered", help, "ids", &[], count);
        let help = "Ids that wait to be looked up.";
        let count = stats.waiting as f64;
        to.gauge("logweir_names_waiting", help, "ids", &[], count);
    });
}
