//! A row for each series: its labels in columns, what all have in common before them.

use std::collections::BTreeSet;

use super::{
    answer::{Answer, Labels},
    figure::clock,
};

impl Answer {
    /// What there is at one moment.
    pub(super) fn table(&self) -> String {
        match self {
            Self::Single(value) => format!("{value}\n"),
            Self::Vector(samples) => {
                let labels: Vec<_> = samples.iter().map(|(labels, _)| labels).collect();
                let rows = samples.iter().map(|(_, value)| vec![value.clone()]);
                table(&labels, &["Value"], rows.collect())
            }
            Self::Matrix(all) => {
                let mut text = String::new();
                for series in all {
                    text.push_str(&name(&series.labels));
                    text.push('\n');
                    for (time, value) in &series.points {
                        text.push_str(&format!("  {}  {value}\n", clock(*time, true)));
                    }
                }
                text
            }
        }
    }
}

/// A series as PromQL writes it.
pub(super) fn name(labels: &Labels) -> String {
    let metric = labels.get("__name__").map_or("", String::as_str);
    let others = labels.iter().filter(|(name, _)| *name != "__name__");
    let others: Vec<_> = others
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    match others.is_empty() && !metric.is_empty() {
        true => metric.to_owned(),
        false => format!("{metric}{{{}}}", others.join(", ")),
    }
}

/// Rows of labels and of `values`, which have these `heads`.
pub(super) fn table(labels: &[&Labels], heads: &[&str], values: Vec<Vec<String>>) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let (common, columns) = divided(labels);
    let mut text = match common.is_empty() {
        true => String::new(),
        false => format!("all: {}\n", name(&common)),
    };
    let head = columns.iter().copied().chain(heads.iter().copied());
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for (labels, values) in labels.iter().zip(values) {
        let own = columns
            .iter()
            .map(|name| labels.get(*name).cloned().unwrap_or_default());
        rows.push(own.chain(values).collect());
    }
    let count = rows[0].len();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..count)
        .map(|column| widest(column).unwrap_or(0))
        .collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What all have in common, where there are several, and the names of the others.
fn divided<'a>(all: &[&'a Labels]) -> (Labels, Vec<&'a str>) {
    let names: BTreeSet<&str> = all
        .iter()
        .flat_map(|labels| labels.keys().map(String::as_str))
        .collect();
    let (mut common, mut columns) = (Labels::new(), Vec::new());
    for name in names {
        let first = all[0].get(name);
        match first.filter(|_| all.len() > 1 && all.iter().all(|one| one.get(name) == first)) {
            Some(value) => {
                common.insert(name.to_owned(), value.clone());
            }
            None => columns.push(name),
        }
    }
    // Who it is before what is known of it.
    let rank = |name: &str| match name {
        "__name__" => 0,
        "source_id" => 1,
        "instance_id" => 2,
        _ => 3,
    };
    columns.sort_by_key(|name| rank(name));
    (common, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_is_common_is_told_once() {
        let samples = vec![
            (
                labels(&[("source_id", "app"), ("az", "z1"), ("instance_id", "0")]),
                "0.25".into(),
            ),
            (
                labels(&[("source_id", "app"), ("instance_id", "10")]),
                "NaN".into(),
            ),
        ];
        assert_eq!(
            Answer::Vector(samples).table(),
            "all: {source_id=\"app\"}\n\
             instance_id  az  Value\n\
             0            z1  0.25\n\
             10               NaN\n"
        );
    }

    #[test]
    fn one_series_has_all_its_labels() {
        let samples = vec![(labels(&[("__name__", "up"), ("job", "x")]), "1".into())];
        assert_eq!(
            Answer::Vector(samples).table(),
            "__name__  job  Value\nup        x    1\n"
        );
        let samples = vec![(Labels::new(), "3".into())];
        assert_eq!(Answer::Vector(samples).table(), "Value\n3\n");
        assert_eq!(Answer::Vector(Vec::new()).table(), "");
        assert_eq!(Answer::Single("7".into()).table(), "7\n");
    }

    #[test]
    fn series_are_named_as_promql_writes_them() {
        let both = labels(&[("__name__", "up"), ("a", "b\"c")]);
        assert_eq!(name(&both), "up{a=\"b\\\"c\"}");
        assert_eq!(name(&labels(&[("__name__", "up")])), "up");
        assert_eq!(name(&Labels::new()), "{}");
    }
}
