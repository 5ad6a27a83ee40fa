use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{ClientTls, ServerTls, TlsError};

/// One side of TLS whose files are watched.
#[derive(Clone, Debug)]
pub enum TlsHandle {
    /// A listener's.
    Server(ServerTls),
    /// A dialler's.
    Client(ClientTls),
}

impl From<ServerTls> for TlsHandle {
    fn from(tls: ServerTls) -> Self {
        Self::Server(tls)
    }
}

impl From<ClientTls> for TlsHandle {
    fn from(tls: ClientTls) -> Self {
        Self::Client(tls)
    }
}

impl TlsHandle {
    fn reload(&self) -> Result<bool, TlsError> {
        match self {
            Self::Server(tls) => tls.reload(),
            Self::Client(tls) => tls.reload(),
        }
    }
}

/// Reads the files of all `handles` every `period`, and at once when `request` is
/// notified (SIGHUP). A bad new file is logged once, and the last good one stays.
/// Runs until `cancel`.
pub async fn watch(
    handles: Vec<TlsHandle>,
    period: Duration,
    request: Arc<Notify>,
    cancel: CancellationToken,
) {
    let mut watched: Vec<(TlsHandle, Option<String>)> =
        handles.into_iter().map(|handle| (handle, None)).collect();
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = request.notified() => {}
            _ = ticks.tick() => {}
        }
        // Files are read and parsed away from the tasks that move envelopes.
        let pass = tokio::task::spawn_blocking(move || {
            for (handle, complaint) in &mut watched {
                look(handle, complaint);
            }
            watched
        });
        match pass.await {
            Ok(back) => watched = back,
            Err(_) => return,
        }
    }
}

fn look(handle: &TlsHandle, complaint: &mut Option<String>) {
    match handle.reload() {
        Ok(changed) => {
            if changed {
                tracing::info!(?handle, "new certificates are in force");
            }
            *complaint = None;
        }
        Err(error) => {
            let text = error.to_string();
            if complaint.as_ref() != Some(&text) {
                tracing::error!("certificates were not reloaded, the last good ones stay: {text}");
                *complaint = Some(text);
            }
        }
    }
}
