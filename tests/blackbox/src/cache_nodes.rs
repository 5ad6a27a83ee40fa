//! Nodes of a log cache that share its sources.

use std::fs;

use logweir_net::dial::H2;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    fleet::{Fleet, Member},
    patience::eventually,
};

/// Three nodes and a connection to each.
pub struct Nodes {
    /// The processes.
    pub members: Vec<Member>,
    /// Connections.
    pub doors: Vec<H2>,
    /// Their addresses.
    pub names: Vec<String>,
    /// What each is configured with, but for the list.
    pub settings: Vec<String>,
    /// Where they keep things.
    kept: TempDir,
}

impl Nodes {
    /// Starts them, each alone. Their addresses are only known once they run, so they get the
    /// list by a reload.
    ///
    /// # Panics
    /// When they do not get ready.
    pub async fn start(fleet: &Fleet) -> Self {
        let mut nodes = Self {
            members: Vec::new(),
            doors: Vec::new(),
            names: Vec::new(),
            settings: Vec::new(),
            kept: tempfile::tempdir().expect("a directory"),
        };
        for index in 0..3 {
            let tls = fleet.tls("log_cache.tls", "log-cache");
            let kept = nodes.kept.path().join(index.to_string());
            let settings = format!(
                "data_dir = {kept:?}\n[log_cache]\nlisten = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n{tls}\
                 [log_cache.cluster]\nindex = {index}\n"
            );
            let member = fleet.start("log-cache", &with(&settings, &[])).await;
            let address = member.door("grpc").await;
            nodes.doors.push(fleet.dial(&address, "log-cache").await);
            nodes.names.push(address);
            nodes.members.push(member);
            nodes.settings.push(settings);
        }
        nodes.list(3).await;
        nodes
    }

    /// Makes the list the first `count` nodes, at each of them.
    ///
    /// # Panics
    /// When they do not take it up.
    pub async fn list(&self, count: usize) {
        for (member, settings) in self.members.iter().zip(&self.settings).take(count) {
            fs::write(&member.config, with(settings, &self.names[..count])).expect("written");
            let before = told(member);
            member.process.signal(Signal::SIGHUP);
            eventually("the list is taken up", async || {
                (told(member) > before).then_some(())
            })
            .await;
        }
    }
}

/// Settings with a list of nodes.
pub fn with(settings: &str, nodes: &[String]) -> String {
    format!("{settings}nodes = {nodes:?}\n")
}

/// How often a node said that it has a list.
fn told(member: &Member) -> usize {
    let said = member.process.stderr();
    let lists = said
        .iter()
        .filter(|line| line.contains("log cache nodes: 127"));
    lists.count()
}
