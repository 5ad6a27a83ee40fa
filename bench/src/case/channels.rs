//! Many channels of Logplex, a drain of each.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::Bench;
use crate::{report::Row, rig::channels::ChannelRig};

/// Channels, and those of them that get lines.
const CHANNELS: usize = 10_000;
const ACTIVE: usize = 1_000;

/// How long lines may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(20);

impl Bench<'_> {
    /// What channels need, each with a drain that has its own connection once it has something
    /// to deliver.
    pub(super) async fn channels(&self) -> Result<Row> {
        let rig = ChannelRig::open(self.implementation, CHANNELS).await?;
        let (begin, cpu) = (Instant::now(), rig.cpu_seconds()?);
        let mut sent = 0;
        while begin.elapsed() < self.effort.window {
            sent += rig.post(ACTIVE).await?;
            // A line for each, ten times a second.
            sleep(Duration::from_millis(100)).await;
        }
        let window = begin.elapsed().as_secs_f64();
        let end = Instant::now() + ARRIVAL;
        while rig.received() < sent && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
        let received = rig.received();
        ensure!(received > 0, "the drains delivered nothing");
        let spent = rig.cpu_seconds()? - cpu;
        let row = Row {
            offered: sent as f64 / window,
            sent: sent as f64 / window,
            delivered: received as f64 / window,
            sent_total: sent,
            lost: sent.saturating_sub(received),
            cpu_s_per_million: [("run", spent * 1e6 / sent as f64)].into(),
            memory: [("run", rig.memory()?)].into(),
            ..Row::default()
        };
        rig.close().await;
        Ok(self.label(
            row,
            format!("{CHANNELS} channels with a drain each, {ACTIVE} active"),
        ))
    }
}
