//! Lines of Logplex from `POST /logs` to one tail.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep};

use super::Bench;
use crate::{report::Row, rig::logplex::TailRig};

/// Lines a second that are tried in turn, until some do not arrive.
const RATES: [f64; 8] = [
    50_000.0, 100_000.0, 150_000.0, 200_000.0, 250_000.0, 300_000.0, 400_000.0, 500_000.0,
];
/// How long lines may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// A sender that lags by more than this part has not kept its rate.
const LAG: f64 = 0.97;
/// Sessions whose first line is waited for.
const SESSIONS: u32 = 500;

impl Bench<'_> {
    /// What a line costs at the rate asked for, the most that holds, and how soon a session
    /// shows its first line.
    pub(super) async fn logplex(&self) -> Result<Vec<Row>> {
        let rig = TailRig::open(self.implementation).await?;
        let cost = self.lines(&rig, self.effort.rate).await?;
        let mut holds = None;
        for rate in RATES {
            let row = self.lines(&rig, rate).await?;
            if row.lost > 0 || row.sent < LAG * rate {
                break;
            }
            holds = Some(row);
        }
        let fetch = self.fetches(&rig).await?;
        rig.close().await;
        let holds = holds.map(|row| self.label(row, "logplex, 1 tail, most that holds"));
        let mut rows = vec![self.label(cost, "logplex, 1 tail")];
        rows.extend(holds);
        rows.push(self.label(fetch, "logplex, first line of a session"));
        Ok(rows)
    }

    async fn lines(&self, rig: &TailRig, rate: f64) -> Result<Row> {
        let (begin, cpu, before) = (Instant::now(), rig.cpu_seconds()?, rig.received());
        let sent = rig.load(rate, self.effort.window).await?;
        let window = begin.elapsed().as_secs_f64();
        let end = Instant::now() + ARRIVAL;
        while rig.received() - before < sent && Instant::now() < end {
            sleep(Duration::from_millis(1)).await;
        }
        let arrived = begin.elapsed().as_secs_f64();
        let received = rig.received() - before;
        let spent = rig.cpu_seconds()? - cpu;
        Ok(Row {
            offered: rate,
            sent: sent as f64 / window,
            delivered: received as f64 / arrived,
            sent_total: sent,
            lost: sent.saturating_sub(received),
            cpu_s_per_million: [("run", spent * 1e6 / sent as f64)].into(),
            memory: [("run", rig.memory()?)].into(),
            ..Row::default()
        })
    }

    async fn fetches(&self, rig: &TailRig) -> Result<Row> {
        let mut times = Histogram::<u64>::new(3)?;
        let (begin, cpu) = (Instant::now(), rig.cpu_seconds()?);
        for _ in 0..SESSIONS {
            let micros = Duration::from_secs_f64(rig.first_line().await? / 1000.0).as_micros();
            times.record(u64::try_from(micros)?)?;
        }
        let rate = f64::from(SESSIONS) / begin.elapsed().as_secs_f64();
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        let spent = rig.cpu_seconds()? - cpu;
        Ok(Row {
            offered: rate,
            sent: rate,
            delivered: rate,
            sent_total: SESSIONS.into(),
            cpu_s_per_million: [("run", spent * 1e6 / f64::from(SESSIONS))].into(),
            memory: [("run", rig.memory()?)].into(),
            latency_ms: Some([at(0.5), at(0.99), at(0.999), times.max() as f64 / 1000.0]),
            ..Row::default()
        })
    }
}
