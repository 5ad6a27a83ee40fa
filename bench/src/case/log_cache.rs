//! What a log cache costs, how much it takes, how soon it answers.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Bench, app};
use crate::{
    report::Row,
    rig::log_cache::{CacheRig, Filling, free_port},
};

/// Sources of the load.
const SOURCES: usize = 10_000;
/// Envelopes that are sent before memory is read.
const MILLION: u64 = 1_000_000;
/// Envelopes a second beside the questions.
const BESIDE: f64 = 50_000.0;
/// Envelopes that each source has before it is asked.
const EACH: u64 = 1_000;
/// More than a machine can send.
const AS_FAST_AS_IT_GOES: f64 = 10_000_000.0;
/// Bytes of segments before the restart.
const SEGMENTS: u64 = 1 << 30;

impl Bench<'_> {
    /// What it takes to put a million envelopes in, and to keep them.
    pub(super) async fn log_cache_ingest(&self) -> Result<Row> {
        let rig = CacheRig::open(self.implementation, self.ids).await?;
        let sources = sources();
        let before = rig.memory()?;
        let (cpu, begin) = (rig.cpu_seconds()?, Instant::now());
        let filling = rig.fill(&sources, AS_FAST_AS_IT_GOES, MILLION)?;
        let sent = filling.wait().await?;
        let seconds = begin.elapsed().as_secs_f64();
        let millions = sent as f64 / 1e6;
        let cpu = (rig.cpu_seconds()? - cpu) / millions;
        let mut memory = rig.memory()?;
        memory.rss_kib = memory.rss_kib.saturating_sub(before.rss_kib);
        rig.close().await;
        let row = Row {
            sent: sent as f64 / seconds,
            sent_total: sent,
            cpu_s_per_million: [("log cache", cpu)].into(),
            memory: [("log cache", memory)].into(),
            ..Row::default()
        };
        Ok(self.label(row, "log cache, ingest (memory: growth)"))
    }

    /// How soon the newest of one source and the figures of all are there under ingest.
    pub(super) async fn log_cache_read(&self) -> Result<Vec<Row>> {
        let rig = CacheRig::open(self.implementation, self.ids).await?;
        let sources = sources();
        let asked: Vec<String> = sources.iter().step_by(97).cloned().collect();
        // So that there are 1,000 of each that is asked.
        let filling = rig.fill(&asked, AS_FAST_AS_IT_GOES, EACH * asked.len() as u64)?;
        filling.wait().await?;
        let filling = rig.fill(&sources, BESIDE, u64::MAX)?;
        sleep(Duration::from_secs(2)).await;
        let mut rows = Vec::new();
        for limit in [100, 1000] {
            let question = |number: u64| {
                let at = usize::try_from(number).unwrap_or(0) % asked.len();
                format!("/read/{}?descending=true&limit={limit}", asked[at])
            };
            let name = format!("log cache, newest {limit} of {SOURCES} sources, over HTTP");
            let row = self.asked(&rig, &filling, question, limit * 256).await?;
            rows.push(self.label(row, name));
        }
        let all = |_| "/meta".to_owned();
        let row = self.asked(&rig, &filling, all, SOURCES * 40).await?;
        let name = format!("log cache, meta of {SOURCES} sources, over HTTP");
        rows.push(self.label(row, name));
        filling.finish().await?;
        rig.close().await;
        Ok(rows)
    }

    async fn asked(
        &self,
        rig: &CacheRig,
        filling: &Filling,
        question: impl FnMut(u64) -> String,
        least: usize,
    ) -> Result<Row> {
        let (before, begin) = (filling.sent(), Instant::now());
        let (latency, answers) = rig.ask_on(self.effort.window, question, least).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let sent = filling.sent() - before;
        Ok(Row {
            offered: BESIDE,
            sent: sent as f64 / seconds,
            sent_total: sent,
            delivered: answers as f64 / seconds,
            memory: [("log cache", rig.memory()?)].into(),
            latency_ms: Some(latency),
            ..Row::default()
        })
    }

    /// How soon it answers again after it was killed over 1 GiB of segments.
    pub(super) async fn log_cache_restart(&self) -> Result<Row> {
        let data = tempfile::tempdir()?;
        let sources = sources();
        let port = free_port()?;
        let node = self
            .implementation
            .log_cache_on_disk(self.ids, port, data.path())
            .await?;
        let rig = CacheRig::around(self.implementation, self.ids, node, port).await?;
        let filling = rig.fill(&sources, AS_FAST_AS_IT_GOES, u64::MAX)?;
        while bytes_in(&data.path().join("log-cache")) < SEGMENTS {
            sleep(Duration::from_millis(200)).await;
        }
        let sent = filling.finish().await?;
        // What was taken a second ago is on disk.
        sleep(Duration::from_secs(2)).await;
        rig.close().await;
        let port = free_port()?;
        let begin = Instant::now();
        let node = self
            .implementation
            .log_cache_on_disk(self.ids, port, data.path())
            .await?;
        let rig = CacheRig::around(self.implementation, self.ids, node, port).await?;
        let path = format!("/read/{}?descending=true&limit=100", sources[0]);
        anyhow::ensure!(rig.ask(&path).await? > 100 * 256, "it came back with less");
        let milliseconds = begin.elapsed().as_secs_f64() * 1000.0;
        let memory = [("log cache", rig.memory()?)].into();
        rig.close().await;
        let row = Row {
            sent_total: sent,
            memory,
            latency_ms: Some([milliseconds; 4]),
            ..Row::default()
        };
        Ok(self.label(row, "log cache, restart over 1 GiB: to the first answer"))
    }
}

fn sources() -> Vec<String> {
    (0..SOURCES).map(app).collect()
}

/// Bytes of all files in a directory and below it.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    each.sum()
}
