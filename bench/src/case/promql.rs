//! How soon a query in PromQL is answered, and what it takes.

use anyhow::{Result, ensure};

use super::{Bench, app};
use crate::{
    report::Row,
    rig::queries::{QueryRig, Question},
    samples::{EVERY, Metric, Samples},
};

/// Apps of each load.
const APPS: usize = 100;
/// Series of the range query.
const RANGED: u32 = 1_000;
/// Series of the instant query.
const INSTANT: u32 = 10_000;
/// The range, in seconds.
const HOUR: u32 = 3600;
/// What the functions look back, in seconds, and Prometheus for the newest sample.
const LOOKBACK: u32 = 300;
/// Bytes of a query, where they are bounded.
const BOUND: u64 = 32 << 20;

const RATE: &str = "rate(requests_total[5m])";
const SUM: &str = "sum by (source_id) (cpu)";
/// Needs twice the bound: 7,200 values of each series.
const TOO_MUCH: &str = "max_over_time(requests_total[1h:1s])";

impl Bench<'_> {
    /// A range and an instant.
    pub(super) async fn promql(&self) -> Result<Vec<Row>> {
        let rig = QueryRig::open(self.implementation, &[]).await?;
        let ranged = ranged();
        rig.fill(&ranged).await?;
        let instant = Samples {
            sources: (APPS..2 * APPS).map(app).collect(),
            instances: INSTANT / 100,
            metric: Metric::Gauge("cpu"),
            count: LOOKBACK / EVERY,
        };
        rig.fill(&instant).await?;
        let range = Question {
            page: "query_range",
            fields: hour(RATE, rig.end),
            series: usize::try_from(RANGED)?,
        };
        let range = self.queried(&rig, &range, &ranged).await?;
        let moment = Question {
            page: "query",
            fields: format!("query={}&time={}", escaped(SUM), rig.end),
            series: APPS,
        };
        let moment = self.queried(&rig, &moment, &instant).await?;
        rig.close().await;
        let named = format!("{RATE}, {RANGED} series, 1 h by 15 s, over HTTP");
        Ok(vec![
            self.label(range, named),
            self.label(moment, format!("{SUM}, {INSTANT} series, over HTTP")),
            self.promql_bounded().await?,
        ])
    }

    async fn queried(&self, rig: &QueryRig, question: &Question, load: &Samples) -> Result<Row> {
        let asked = rig.ask_on(self.effort.window, question).await?;
        Ok(Row {
            sent_total: load.total(),
            delivered: asked.answers as f64 / asked.seconds,
            cpu_s_per_million: [("run", asked.cpu * 1e6)].into(),
            memory: [("run", rig.memory()?)].into(),
            latency_ms: Some(asked.latency),
            ..Row::default()
        })
    }

    /// By how much memory grows for a query that is not answered within its bound.
    async fn promql_bounded(&self) -> Result<Row> {
        let bound = ("LOGWEIR_LOG_CACHE_PROMQL_BYTES", BOUND.to_string());
        let rig = QueryRig::open(self.implementation, &[bound]).await?;
        let ranged = ranged();
        rig.fill(&ranged).await?;
        // What the store and the doors need for themselves, they have after this.
        let small = format!("query=count%28requests_total%29&time={}", rig.end);
        rig.ask("query", &small).await?;
        rig.forget_peak()?;
        let before = rig.memory()?;
        let refused = rig.ask("query_range", &hour(TOO_MUCH, rig.end)).await?;
        let status = refused.status();
        ensure!(
            status.is_client_error(),
            "a query past its bound is answered {status}"
        );
        let mut memory = rig.memory()?;
        memory.rss_kib = memory.rss_kib.saturating_sub(before.rss_kib);
        memory.peak_kib = memory.peak_kib.saturating_sub(before.rss_kib);
        rig.close().await;
        let row = Row {
            sent_total: ranged.total(),
            memory: [("run", memory)].into(),
            ..Row::default()
        };
        let name = "a query refused for its bound of 32 MiB (memory: growth)";
        Ok(self.label(row, name))
    }
}

fn ranged() -> Samples {
    Samples {
        sources: (0..APPS).map(app).collect(),
        instances: RANGED / 100,
        metric: Metric::Counter("requests_total"),
        count: (HOUR + LOOKBACK) / EVERY,
    }
}

fn hour(expression: &str, end: i64) -> String {
    let start = end - i64::from(HOUR);
    let query = escaped(expression);
    format!("query={query}&start={start}&end={end}&step={EVERY}")
}

/// As a form has it.
fn escaped(expression: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    expression.bytes().map(escape).collect()
}
