//! The cases of drains: a syslog agent between the load and a receiver in this process.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, app, sources};
use crate::{
    capacity,
    producer::Pace,
    report::Row,
    rig::{
        Rig,
        drains::{Drains, Of, without_last},
    },
    sink::Protocol,
};

/// Apps of the cases with many drains.
const TENANTS: u64 = 50;

/// Drains that never get anything, but for one.
const IDLE_DRAINS: usize = 10_000;

impl Bench<'_> {
    /// What one drain of all sources costs, and what one for each of many apps do.
    pub(super) async fn drains(&self, name: &str, protocol: Protocol) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (of, count) in [(Of::All, "1 drain"), (Of::Each(tenants()), "50 drains")] {
            let row = self.drain_cost(&Drains { protocol, of }).await?;
            rows.push(self.label(row, format!("{name}, {count}")));
        }
        Ok(rows)
    }

    /// What one drain carries without loss.
    pub(super) async fn drain_sustained(&self) -> Result<Row> {
        let drains = tcp(Of::All);
        let loads = (capacity::MOST, capacity::LOADS);
        let mut rig = self
            .drain_rig(&drains, sources(std::iter::empty()), loads)
            .await?;
        let row = capacity::find(&mut rig, self.effort.rate / 2.0, self.effort.window).await?;
        rig.close().await?;
        Ok(self.label(row, "sustained, syslog, 1 drain"))
    }

    /// What the others get when the receiver of one answers nothing.
    pub(super) async fn blackholed(&self) -> Result<Vec<Row>> {
        let before = self.drain_cost(&tcp(Of::Each(tenants()))).await?;
        let mut after = self.drain_cost(&tcp(Of::EachButLast(tenants()))).await?;
        without_last(&mut after, TENANTS);
        Ok(vec![
            self.label(before, "syslog, 50 drains, all answer"),
            self.label(after, "syslog, 49 drains beside a blackholed one"),
        ])
    }

    /// What drains cost that have nothing to do.
    pub(super) async fn idle_drains(&self) -> Result<Row> {
        let drains = tcp(Of::Each((0..IDLE_DRAINS).map(app).collect()));
        // The last of the list: when it is served, all of them are there.
        let sources = vec![app(IDLE_DRAINS - 1)];
        let rig = self
            .drain_rig(&drains, sources, (self.effort.rate, 1))
            .await?;
        let row = rig.rest(self.effort.window).await?;
        rig.close().await?;
        Ok(self.label(row, format!("{IDLE_DRAINS} idle drains")))
    }

    async fn drain_rig(
        &self,
        drains: &Drains,
        sources: Vec<String>,
        (most, loads): (f64, usize),
    ) -> Result<Rig> {
        // As in `open`.
        let seconds = self.effort.window.as_secs_f64() + 2.0;
        let capacity = Duration::try_from_secs_f64(most * seconds)?.as_secs();
        let room = (capacity, loads);
        Rig::drained(self.implementation, self.ids, drains, sources, room).await
    }

    async fn drain_cost(&self, drains: &Drains) -> Result<Row> {
        let sources = match &drains.of {
            Of::All => sources(std::iter::empty()),
            Of::Each(apps) | Of::EachButLast(apps) => apps.clone(),
        };
        let mut rig = self
            .drain_rig(drains, sources, (self.effort.rate, 1))
            .await?;
        let pace = Pace::Batches(self.effort.rate);
        let mut row = rig.load(pace, self.effort.window).await?;
        row.latency_ms = rig.close().await?;
        Ok(row)
    }
}

fn tcp(of: Of) -> Drains {
    Drains {
        protocol: Protocol::Syslog,
        of,
    }
}

/// The apps themselves: two of each in a full batch.
fn tenants() -> Vec<String> {
    let count = usize::try_from(TENANTS).unwrap_or_default();
    (0..count).map(app).collect()
}
