//! Emits one envelope of each kind, and waits until they are taken.
//!
//! `cargo run -p logweir-client --example emit -- 127.0.0.1:3458 certs`

use std::{path::Path, time::Duration};

use logweir_client::{EmitOptions, Emitter, Endpoint, TlsFiles};

/// Emits to the agent at `address` with the certificates in `certs`.
pub(crate) async fn emit(address: &str, certs: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let agent = Endpoint::new(address, "metron").tls(TlsFiles::in_dir(certs));
    let emitter = Emitter::connect(agent, EmitOptions::default())?;
    let app = emitter.source("my-app").instance("0").tag("space", "dev");
    app.log("listening on port 8000");
    app.log_err("cannot find favicon.ico");
    app.counter("requests", 1);
    app.gauge([
        ("cpu", 0.07, "percentage"),
        ("memory", 52_428_800.0, "bytes"),
    ]);
    app.timer("http", 1_700_000_000_000_000_000, 1_700_000_000_250_000_000);
    app.event("started", "version 1.4");
    emitter.close(Duration::from_secs(5)).await?;
    Ok(emitter.stats().sent)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3458".into());
    let certs = arguments.next().unwrap_or_else(|| "certs".into());
    let sent = emit(&address, Path::new(&certs)).await?;
    tracing::info!(sent, "done");
    Ok(())
}
