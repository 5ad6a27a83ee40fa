//! One role from its start to its end: bind, announce, heed signals, flush, account.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use logweir_net::shutdown::Shutdown;
use logweir_serve::{
    context::{ServeContext, Started},
    settings::Live,
};
use tokio::sync::{Notify, watch};

use crate::{
    config::reload::Reloader,
    console,
    role::{self, RoleConfig},
    signals::{Signals, Wish},
};

/// How often the configuration file is compared with what was read.
const FILE_CHECK: Duration = Duration::from_secs(2);

/// A process that is ready to start.
pub(crate) struct Plan {
    /// The role.
    pub(crate) config: RoleConfig,
    /// Runtime threads; 0: one for each core.
    pub(crate) worker_threads: usize,
    /// How long an orderly end may take.
    pub(crate) deadline: Duration,
    /// What the role starts with of the settings that may change.
    pub(crate) live: Live,
    /// Doors that the network reaches serve everybody.
    pub(crate) insecure: bool,
    /// Write the access log of HTTP doors to standard output.
    pub(crate) access_log: bool,
    /// Reads the configuration again; none when it comes from a peer's environment.
    pub(crate) reloader: Option<Reloader>,
}

/// Runs the role until a signal ends it. `announce` is called when every door is bound.
pub(crate) fn serve(plan: Plan, announce: impl FnOnce(&Started) -> Result<()>) -> Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if plan.worker_threads > 0 {
        builder.worker_threads(plan.worker_threads);
    }
    let runtime = builder
        .enable_all()
        .build()
        .context("cannot start the runtime's threads")?;
    runtime.block_on(play(plan, announce))
}

async fn play(plan: Plan, announce: impl FnOnce(&Started) -> Result<()>) -> Result<ExitCode> {
    let Plan {
        config,
        deadline,
        live,
        insecure,
        access_log,
        mut reloader,
        ..
    } = plan;
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let shutdown = Shutdown::new();
    let reload = Arc::new(Notify::new());
    let (live, watched) = watch::channel(live);
    let context = ServeContext {
        shutdown: shutdown.clone(),
        reload: Arc::clone(&reload),
        live: watched,
        insecure,
        access_log,
    };
    let running = role::start(config, &context).await?;
    announce(&running)?;

    let mut check = tokio::time::interval(FILE_CHECK);
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Stop => break,
                Wish::Reload => {
                    reload.notify_waiters();
                    if let Some(reloader) = &mut reloader {
                        reloader.reload(&live);
                    }
                }
                Wish::Inspect => console::err(&inspect(&running)),
            },
            _ = check.tick() => {
                if let Some(reloader) = &mut reloader {
                    reloader.reload_if_changed(&live);
                }
            }
            // A role that cannot go on ends the process.
            () = shutdown.stop.cancelled() => break,
        }
    }
    tracing::info!("stopping: no new connections, queues are flushed within {deadline:?}");
    Ok(end(shutdown, deadline, &mut signals, &running).await)
}

/// Stop, flush, deadline, abort; a second signal skips the waiting.
async fn end(
    shutdown: Shutdown,
    deadline: Duration,
    signals: &mut Signals,
    running: &Started,
) -> ExitCode {
    let finish = shutdown.clone().finish(deadline);
    tokio::pin!(finish);
    loop {
        tokio::select! {
            flushed = &mut finish => {
                account(running);
                return match flushed {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::FAILURE,
                };
            }
            wish = signals.next() => match wish {
                Wish::Stop => {
                    shutdown.abort.cancel();
                    console::err("logweir: second signal, ending at once");
                    account(running);
                    return ExitCode::FAILURE;
                }
                Wish::Inspect => console::err(&inspect(running)),
                Wish::Reload => {}
            }
        }
    }
}

/// Prints the final ledger. A gateway keeps none.
fn account(running: &Started) {
    let ledger = running.ledger();
    if !ledger.is_empty() {
        console::err(ledger.trim_end());
    }
}

/// What SIGUSR1 shows.
fn inspect(running: &Started) -> String {
    let metrics = tokio::runtime::Handle::current().metrics();
    format!(
        "tasks alive {}, waiting for a thread {}, threads {}\n{}",
        metrics.num_alive_tasks(),
        metrics.global_queue_depth(),
        metrics.num_workers(),
        running.dump().trim_end()
    )
}
