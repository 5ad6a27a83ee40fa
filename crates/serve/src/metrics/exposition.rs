//! The Prometheus text format, version 0.0.4.

use std::{collections::BTreeMap, fmt::Write};

use super::snapshot::{Family, Kind, Labels, Snapshot, Value};

/// `Content-Type` of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes snapshots as one page. Each comes with the role it belongs to; a role
/// that is not empty becomes the label `role`, so that a process with several
/// roles can show the names that they share.
pub fn text(parts: &[(&str, Snapshot)]) -> String {
    // All series of a name must stand together on the page.
    let mut families: BTreeMap<&str, Vec<(&str, &Family)>> = BTreeMap::new();
    for (role, snapshot) in parts {
        for (name, family) in &snapshot.families {
            families.entry(name).or_default().push((role, family));
        }
    }
    let mut page = String::new();
    for (name, parts) in families {
        // Some peers' names have dots and dashes, which this format does not know.
        let name = &name.replace(['.', '-'], "_");
        let Some((_, first)) = parts.first() else {
            continue;
        };
        let kind = match first.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = first.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (role, family) in parts {
            for (labels, value) in &family.series {
                page.push_str(name);
                write_labels(&mut page, role, labels);
                page.push(' ');
                write_value(&mut page, *value);
                page.push('\n');
            }
        }
    }
    page
}

fn write_labels(page: &mut String, role: &str, labels: &Labels) {
    let mut separator = '{';
    let role = (!role.is_empty()).then_some(("role", role));
    let labels = labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in role.into_iter().chain(labels) {
        page.push(separator);
        separator = ',';
        page.push_str(name);
        page.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => page.push_str("\\\\"),
                '"' => page.push_str("\\\""),
                '\n' => page.push_str("\\n"),
                other => page.push(other),
            }
        }
        page.push('"');
    }
    if separator == ',' {
        page.push('}');
    }
}

fn write_value(page: &mut String, value: Value) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Count(count) => write!(page, "{count}"),
        Value::Level(level) if level == f64::INFINITY => write!(page, "+Inf"),
        Value::Level(level) if level == f64::NEG_INFINITY => write!(page, "-Inf"),
        Value::Level(level) => write!(page, "{level}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_are_and_roles_share_a_family() {
        let mut router = Snapshot::default();
        router.counter("ingress", "Received.", &[("metric_version", "2.0")], 3);
        router.gauge("subscriptions", "Streams.", "subscriptions", &[], 2.5);
        let mut agent = Snapshot::default();
        agent.counter("ingress", "Received.", &[("metric_version", "2.0")], 4);
        assert_eq!(
            text(&[("router", router), ("agent", agent)]),
            "# HELP ingress Received.\n\
             # TYPE ingress counter\n\
             ingress{role=\"router\",metric_version=\"2.0\"} 3\n\
             ingress{role=\"agent\",metric_version=\"2.0\"} 4\n\
             # HELP subscriptions Streams.\n\
             # TYPE subscriptions gauge\n\
             subscriptions{role=\"router\"} 2.5\n"
        );
    }

    #[test]
    fn dots_in_names_become_underscores() {
        let mut snapshot = Snapshot::default();
        snapshot.gauge("doppler_proxy.firehoses", "Open.", "connections", &[], 2.0);
        assert_eq!(
            text(&[("", snapshot)]),
            "# HELP doppler_proxy_firehoses Open.\n\
             # TYPE doppler_proxy_firehoses gauge\n\
             doppler_proxy_firehoses 2\n"
        );
    }

    #[test]
    fn label_values_and_help_are_escaped() {
        let mut snapshot = Snapshot::default();
        snapshot.counter("lost", "a\\b\nc", &[("source_id", "q\"\\\n")], 1);
        assert_eq!(
            text(&[("", snapshot)]),
            "# HELP lost a\\\\b\\nc\n# TYPE lost counter\nlost{source_id=\"q\\\"\\\\\\n\"} 1\n"
        );
    }

    #[test]
    fn odd_floats_are_spelt_as_prometheus_reads_them() {
        let mut page = String::new();
        for level in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e21, 0.25] {
            write_value(&mut page, Value::Level(level));
            page.push(' ');
        }
        assert_eq!(page, "NaN +Inf -Inf 1000000000000000000000 0.25 ");
    }
}
