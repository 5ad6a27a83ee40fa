//! The rules by which an answer of ours may differ from the recorded one.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A bug of the original that we mend. What our answer must then be is worked out
/// where the format is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 0/0 counters leave delta-fed totals alone.
    IdleCounterKeepsItsTotal,
    /// The instance id is part of a counter's identity.
    InstancesCountApart,
    /// At most one delivery to each stream.
    OncePerStream,
    /// Metric names are compared as strings.
    NamesNotHashes,
    /// Strings that are not UTF-8 are mended, not the end of a batch.
    InvalidUtf8Replaced,
    /// Of a preferred and a deprecated tag the preferred one counts, always.
    PreferredTagWins,
    /// Enums of V1 are never 0.
    NoZeroEnums,
    /// An empty log line is a log line.
    EmptyLogKept,
    /// What lacks a required field of V1 is not emitted.
    IncompleteNotEmitted,
    /// A number beyond its new type becomes the nearest one.
    FloatsSaturate,
    /// What a container's gauge holds beyond the five metrics is kept.
    SurplusMetricsKept,
    /// Fields that syslog has no place for are mended, not refused.
    SyslogFieldsSanitised,
    /// A source type that fills the process id is cut, and no panic.
    LongSourceTypeCut,
    /// A log of an unknown type has the priority of OUT.
    UnknownLogTypeIsOut,
    /// Structured data that nobody knows is kept.
    UnknownDataBecomesTags,
    /// One bad message is not the end of a connection.
    NextMessageRead,
    /// Where no message is, none is wrong.
    NoMessageNoError,
    /// No framing lets a message grow beyond the limit.
    LimitHolds,
    /// A message without a time has that of its arrival.
    TimeOfArrival,
    /// Requests carry our name, not that of the peers' HTTP client.
    NamesItself,
    /// A wrong question is the fault of who asks.
    ClientFaultIs400,
    /// Envelopes are in the order of their own timestamps.
    TimeOrders,
    /// A query's range has a positive step, and ends behind its start.
    RangesGoForward,
    /// Means are rounded once, not at each value.
    MeansKeepTheirDigits,
}

impl Rule {
    const ALL: [Rule; 24] = [
        Rule::IdleCounterKeepsItsTotal,
        Rule::InstancesCountApart,
        Rule::OncePerStream,
        Rule::NamesNotHashes,
        Rule::InvalidUtf8Replaced,
        Rule::PreferredTagWins,
        Rule::NoZeroEnums,
        Rule::EmptyLogKept,
        Rule::IncompleteNotEmitted,
        Rule::FloatsSaturate,
        Rule::SurplusMetricsKept,
        Rule::SyslogFieldsSanitised,
        Rule::LongSourceTypeCut,
        Rule::UnknownLogTypeIsOut,
        Rule::UnknownDataBecomesTags,
        Rule::NextMessageRead,
        Rule::NoMessageNoError,
        Rule::LimitHolds,
        Rule::TimeOfArrival,
        Rule::NamesItself,
        Rule::ClientFaultIs400,
        Rule::TimeOrders,
        Rule::RangesGoForward,
        Rule::MeansKeepTheirDigits,
    ];

    /// The name in `exceptions.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Rule::IdleCounterKeepsItsTotal => "idle-counter-keeps-its-total",
            Rule::InstancesCountApart => "instances-count-apart",
            Rule::OncePerStream => "once-per-stream",
            Rule::NamesNotHashes => "names-not-hashes",
            Rule::InvalidUtf8Replaced => "invalid-utf8-replaced",
            Rule::PreferredTagWins => "preferred-tag-wins",
            Rule::NoZeroEnums => "no-zero-enums",
            Rule::EmptyLogKept => "empty-log-kept",
            Rule::IncompleteNotEmitted => "incomplete-not-emitted",
            Rule::FloatsSaturate => "floats-saturate",
            Rule::SurplusMetricsKept => "surplus-metrics-kept",
            Rule::SyslogFieldsSanitised => "syslog-fields-sanitised",
            Rule::LongSourceTypeCut => "long-source-type-cut",
            Rule::UnknownLogTypeIsOut => "unknown-log-type-is-out",
            Rule::UnknownDataBecomesTags => "unknown-data-becomes-tags",
            Rule::NextMessageRead => "next-message-read",
            Rule::NoMessageNoError => "no-message-no-error",
            Rule::LimitHolds => "limit-holds",
            Rule::TimeOfArrival => "time-of-arrival",
            Rule::NamesItself => "names-itself",
            Rule::ClientFaultIs400 => "client-fault-is-400",
            Rule::TimeOrders => "time-orders",
            Rule::RangesGoForward => "ranges-go-forward",
            Rule::MeansKeepTheirDigits => "means-keep-their-digits",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    format: String,
    original: String,
    ours: String,
    reason: String,
}

/// The rules that are in force, each with the format it is for.
#[derive(Debug, Default)]
pub struct Exceptions(BTreeSet<(Rule, String)>);

impl Exceptions {
    /// Reads `exceptions.toml`.
    ///
    /// # Errors
    /// A rule of a name that the runner does not know, or one that does not say
    /// what it is about.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("not a list of rules")?;
        let mut rules = BTreeSet::new();
        for entry in file.rule {
            let Some(rule) = Rule::ALL.into_iter().find(|rule| rule.name() == entry.name) else {
                bail!("rule {:?} is not known to the runner", entry.name);
            };
            if [&entry.original, &entry.ours, &entry.reason]
                .iter()
                .any(|text| text.is_empty())
            {
                bail!("rule {:?} does not say why", entry.name);
            }
            rules.insert((rule, entry.format));
        }
        Ok(Self(rules))
    }

    /// True if the rule is listed for the format.
    pub fn covers(&self, rule: Rule, format: &str) -> bool {
        self.0.contains(&(rule, format.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[rule]]\nformat='f'\noriginal='o'\nours='u'\n";

    #[test]
    fn a_rule_covers_its_own_format_only() {
        let text = format!("{ENTRY}name='once-per-stream'\nreason='r'");
        let exceptions = Exceptions::parse(&text).unwrap();
        assert!(exceptions.covers(Rule::OncePerStream, "f"));
        assert!(!exceptions.covers(Rule::OncePerStream, "g"));
        assert!(!exceptions.covers(Rule::NamesNotHashes, "f"));
    }

    #[test]
    fn an_unknown_rule_and_one_without_a_reason_are_errors() {
        assert!(Exceptions::parse(&format!("{ENTRY}name='case-7'\nreason='r'")).is_err());
        assert!(Exceptions::parse(&format!("{ENTRY}name='once-per-stream'\nreason=''")).is_err());
        assert!(Exceptions::parse(&format!("{ENTRY}name='once-per-stream'")).is_err());
    }
}
