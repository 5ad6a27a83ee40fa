//! Nozzles of a running system: files, Graphite, names, and the role of their own.

mod files;
mod graphite;
mod names;
mod settings;
mod shards;

use logweir_blackbox::{
    drains::{count, drains},
    patience::{eventually, within},
    process::logweir,
    system::System,
};
use serde_json::Value;

pub(crate) async fn verb(system: &System, arguments: &[&str]) -> (i32, String, String) {
    let mut command = logweir(["drain"]);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(system.data.path());
    let output = within("the verb ends", command.output())
        .await
        .expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Waits until a nozzle has written so many envelopes, and returns what its page says.
pub(crate) async fn has_written(system: &System, id: &str, envelopes: u64) -> Value {
    let what = format!("{id} has written {envelopes}");
    eventually(&what, async || {
        let all = drains(system).await;
        let one = all.into_iter().find(|one| one["id"] == id)?;
        (count(&one, "written") >= envelopes).then_some(one)
    })
    .await
}
