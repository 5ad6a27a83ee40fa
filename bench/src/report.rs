//! Results: one row for each run, medians of the runs, a table and a file.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::usage::{Machine, Memory};

/// What one run of one case measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    /// The case: the topology and what was varied.
    pub(crate) case: String,
    /// Whose binaries.
    pub(crate) implementation: String,
    /// Envelopes a second that were to be sent.
    pub(crate) offered: f64,
    /// Envelopes a second that were sent.
    pub(crate) sent: f64,
    /// Envelopes a second that each reader received; where readers share the
    /// stream, all of them together.
    pub(crate) delivered: f64,
    /// Envelopes that were sent in all, warm-up included.
    pub(crate) sent_total: u64,
    /// Envelopes of those that did not arrive, over all readers.
    pub(crate) lost: u64,
    /// Longest run of consecutive envelopes among the lost.
    pub(crate) largest_gap: u64,
    /// Envelopes that arrived twice.
    pub(crate) duplicates: u64,
    /// Envelopes that are not of the load (notices).
    pub(crate) others: u64,
    /// Envelopes that notices in the readers' streams said were lost.
    pub(crate) told: u64,
    /// Envelopes that the processes' metrics pages count as lost, where they have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counted: Option<u64>,
    /// Datagrams of those lost that the kernel dropped before the process could read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<u64>,
    /// Processor seconds per million envelopes sent, by process; `bench` is the
    /// producer and the readers together.
    pub(crate) cpu_s_per_million: BTreeMap<&'static str, f64>,
    /// Processor time of the processes while nothing was sent, in percent of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle_cpu_percent: Option<f64>,
    /// Resident memory by process at the end.
    pub(crate) memory: BTreeMap<&'static str, Memory>,
    /// Milliseconds from sending to arrival: p50, p99, p99.9, max.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<[f64; 4]>,
}

/// Everything that one invocation measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The command, with directories left out.
    pub(crate) command: String,
    /// When it ended, Unix seconds.
    pub(crate) finished: u64,
    /// Where.
    pub(crate) machine: Machine,
    /// Mean bytes of an envelope of the load, its frame included.
    pub(crate) envelope_bytes: usize,
    /// One row for each case and implementation: medians over the runs.
    pub(crate) medians: Vec<Row>,
    /// Every run.
    pub(crate) runs: Vec<Row>,
}

/// Middle value; of an even number the lower of the two in the middle.
fn median<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Medians, figure by figure, of the runs of each case and implementation. Losses,
/// gaps and repetitions are the worst of the runs instead.
pub(crate) fn medians(runs: &[Row]) -> Vec<Row> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for row in runs {
        let key = (row.case.as_str(), row.implementation.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter()
        .map(|(case, implementation)| {
            let rows: Vec<&Row> = runs
                .iter()
                .filter(|row| row.case == case && row.implementation == implementation)
                .collect();
            combine(&rows)
        })
        .collect()
}

fn combine(rows: &[&Row]) -> Row {
    let figure = |of: fn(&Row) -> f64| median(rows.iter().map(|r| of(r))).unwrap_or_default();
    let worst = |of: fn(&Row) -> u64| rows.iter().map(|r| of(r)).max().unwrap_or_default();
    let Some(first) = rows.first() else {
        return Row::default();
    };
    let mut cpu = BTreeMap::new();
    let mut memory = BTreeMap::new();
    for role in first.cpu_s_per_million.keys() {
        let of_role = rows
            .iter()
            .filter_map(|row| row.cpu_s_per_million.get(role).copied());
        cpu.extend(median(of_role).map(|value| (*role, value)));
    }
    for role in first.memory.keys() {
        let largest = rows
            .iter()
            .filter_map(|r| r.memory.get(role))
            .max_by_key(|m| m.peak_kib);
        memory.extend(largest.map(|value| (*role, *value)));
    }
    let latency = |at: usize| median(rows.iter().filter_map(|r| Some(r.latency_ms?[at])));
    Row {
        case: first.case.clone(),
        implementation: first.implementation.clone(),
        offered: figure(|r| r.offered),
        sent: figure(|r| r.sent),
        delivered: figure(|r| r.delivered),
        sent_total: worst(|r| r.sent_total),
        lost: worst(|r| r.lost),
        largest_gap: worst(|r| r.largest_gap),
        duplicates: worst(|r| r.duplicates),
        others: worst(|r| r.others),
        told: worst(|r| r.told),
        counted: rows.iter().filter_map(|r| r.counted).max(),
        kernel: rows.iter().filter_map(|r| r.kernel).max(),
        cpu_s_per_million: cpu,
        idle_cpu_percent: median(rows.iter().filter_map(|r| r.idle_cpu_percent)),
        memory,
        latency_ms: latency(0).map(|p50| {
            let rest = |at| latency(at).unwrap_or_default();
            [p50, rest(1), rest(2), rest(3)]
        }),
    }
}

/// The table that people read.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        [
            "case",
            "whose",
            "offered/s",
            "sent/s",
            "delivered/s",
            "lost",
            "gap",
            "twice",
            "CPU-s per million",
            "peak MiB",
            "p50/p99/max ms",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for row in rows {
        let cpu = row.cpu_s_per_million.iter();
        let memory = row.memory.iter();
        let idle = row.idle_cpu_percent;
        let cpu = cpu
            .map(|(role, value)| format!("{role} {value:.2}"))
            .chain(idle.map(|percent| format!("at rest {percent:.2} %")))
            .collect::<Vec<_>>();
        let memory = memory
            .map(|(role, m)| format!("{role} {}", m.peak_kib / 1024))
            .collect::<Vec<_>>();
        let lost = match row.counted {
            Some(counted) => format!("{} (told {}, counted {counted})", row.lost, row.told),
            None => match row.kernel {
                Some(kernel) => format!("{} (kernel {kernel})", row.lost),
                None => row.lost.to_string(),
            },
        };
        lines.push(vec![
            row.case.clone(),
            row.implementation.clone(),
            format!("{:.0}", row.offered),
            format!("{:.0}", row.sent),
            format!("{:.0}", row.delivered),
            lost,
            row.largest_gap.to_string(),
            row.duplicates.to_string(),
            cpu.join(", "),
            memory.join(", "),
            row.latency_ms.map_or(String::new(), |[p50, p99, _, max]| {
                format!("{p50:.2}/{p99:.2}/{max:.1}")
            }),
        ]);
    }
    aligned(&lines)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|l| l.get(column))
            .map(|c| c.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            row.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Writes the report as JSON.
pub(crate) fn write(report: &Report, path: &Path) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_by_case_and_implementation() {
        let row = |case: &str, delivered, lost| Row {
            case: case.into(),
            delivered,
            lost,
            cpu_s_per_million: BTreeMap::from([("router", delivered / 10.0)]),
            ..Row::default()
        };
        let runs = [
            row("a", 3.0, 0),
            row("b", 9.0, 0),
            row("a", 1.0, 7),
            row("a", 2.0, 0),
        ];
        let medians = medians(&runs);
        assert_eq!(medians.len(), 2);
        assert_eq!((medians[0].delivered, medians[0].lost), (2.0, 7));
        assert_eq!(medians[0].cpu_s_per_million["router"], 0.2);
        assert_eq!(medians[1].delivered, 9.0);
    }

    #[test]
    fn columns_line_up() {
        let text = aligned(&[
            vec!["a".into(), "b".into()],
            vec!["long".into(), "c".into()],
        ]);
        assert_eq!(text, "a     b\nlong  c\n");
    }
}
