//! Which subscription gets which envelope.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result};
use crc::{CRC_64_XZ, Crc};
use logweir_proto::v2::{self, EgressBatchRequest, envelope, selector};
use prost::Message as _;
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exceptions::Rule;
use crate::exchange;
use crate::verdict::{Verdict, each};

/// The original's hash of a name.
const HASH: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

#[derive(Deserialize)]
struct Case {
    subscriptions: Vec<HexBytes>,
    envelopes: Vec<HexBytes>,
    copies: Vec<Vec<usize>>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let requests = requests(&case.subscriptions)?;
        let bytes: Vec<_> = case
            .envelopes
            .iter()
            .map(|envelope| envelope.0.clone())
            .collect();
        let copies = exchange::copies(&requests, &bytes)?;
        let verdict = Verdict::of(&copies, &case.copies);
        if verdict == Verdict::Same {
            return Ok(verdict);
        }
        let mut rules = BTreeSet::new();
        for ((envelope, recorded), ours) in case.envelopes.iter().zip(&case.copies).zip(&copies) {
            let envelope = envelope.envelope()?;
            for ((request, recorded), ours) in requests.iter().zip(recorded).zip(ours) {
                match difference(request, &envelope, *recorded, *ours) {
                    Some(found) => rules.extend(found),
                    None => return Ok(verdict),
                }
            }
        }
        Ok(Verdict::Excused(rules.into_iter().collect()))
    })
}

pub(super) fn requests(encoded: &[HexBytes]) -> Result<Vec<EgressBatchRequest>> {
    encoded
        .iter()
        .map(|bytes| EgressBatchRequest::decode(bytes.0.clone()).context("not a request"))
        .collect()
}

/// The rules that turn the recorded number of copies into ours, if any do.
fn difference(
    request: &EgressBatchRequest,
    envelope: &v2::Envelope,
    recorded: usize,
    ours: usize,
) -> Option<Vec<Rule>> {
    let selectors = independent(request);
    let matches = |by: fn(&selector::Message, &envelope::Message) -> bool| {
        selectors
            .iter()
            .filter(|selector| matches(selector, envelope, by))
            .count()
    };
    let by_name = matches(same_names);
    let mut rules = Vec::new();
    if recorded != by_name {
        // Only what the original's hashes let in may be missing here.
        if recorded != matches(same_hashes) {
            return None;
        }
        rules.push(Rule::NamesNotHashes);
    }
    if by_name > 1 {
        rules.push(Rule::OncePerStream);
    }
    (ours == by_name.min(1)).then_some(rules)
}

/// The selectors that each bring a copy. Equal ones of one shard are slots of one
/// group, which gets one copy.
fn independent(request: &EgressBatchRequest) -> Vec<v2::Selector> {
    let mut selectors = request.selectors.clone();
    if request.shard_id.is_empty() {
        return selectors;
    }
    for selector in &mut selectors {
        if let Some(selector::Message::Gauge(gauge)) = &mut selector.message {
            gauge.names.sort();
        }
    }
    let mut distinct = HashSet::new();
    selectors.retain(|selector| distinct.insert(selector.clone()));
    selectors
}

fn matches(
    selector: &v2::Selector,
    envelope: &v2::Envelope,
    by: fn(&selector::Message, &envelope::Message) -> bool,
) -> bool {
    let from_source = selector.source_id.is_empty() || selector.source_id == envelope.source_id;
    match (&selector.message, &envelope.message) {
        (Some(wanted), Some(message)) => from_source && by(wanted, message),
        _ => false,
    }
}

/// Names compared as strings.
fn same_names(wanted: &selector::Message, message: &envelope::Message) -> bool {
    same(
        wanted,
        message,
        |wanted, name| wanted == name,
        |wanted, names| {
            // No metric at all counts as one without a name.
            let names = if names.is_empty() {
                vec![""]
            } else {
                names.to_vec()
            };
            let mut wanted = wanted.to_vec();
            wanted.sort_unstable();
            wanted == names
        },
    )
}

/// Names compared as the original does: by hash, 0 taken for 1, sets by the sum.
fn same_hashes(wanted: &selector::Message, message: &envelope::Message) -> bool {
    let hash = |name: &str| HASH.checksum(name.as_bytes());
    let sum = |names: &[&str]| match names.iter().map(|n| hash(n)).fold(0, u64::wrapping_add) {
        0 => 1,
        sum => sum,
    };
    same(
        wanted,
        message,
        |wanted, name| hash(wanted).max(1) == hash(name).max(1),
        |wanted, names| sum(wanted) == sum(names),
    )
}

fn same(
    wanted: &selector::Message,
    message: &envelope::Message,
    counter: impl Fn(&str, &str) -> bool,
    gauge: impl Fn(&[&str], &[&str]) -> bool,
) -> bool {
    use envelope::Message as Have;
    use selector::Message as Want;
    match (wanted, message) {
        (Want::Log(_), Have::Log(_))
        | (Want::Timer(_), Have::Timer(_))
        | (Want::Event(_), Have::Event(_)) => true,
        (Want::Counter(wanted), Have::Counter(have)) => {
            wanted.name.is_empty() || counter(&wanted.name, &have.name)
        }
        (Want::Gauge(wanted), Have::Gauge(have)) => {
            let names: Vec<&str> = have.metrics.keys().map(String::as_str).collect();
            let wanted: Vec<&str> = wanted.names.iter().map(String::as_str).collect();
            wanted.is_empty() || gauge(&wanted, &names)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge_case(
        wanted: &[&str],
        have: &[&str],
        recorded: usize,
        ours: usize,
    ) -> Option<Vec<Rule>> {
        let names = wanted.iter().map(|name| (*name).to_owned()).collect();
        let gauge = selector::Message::Gauge(v2::GaugeSelector { names });
        let selector = v2::Selector {
            source_id: String::new(),
            message: Some(gauge),
        };
        let request = EgressBatchRequest {
            selectors: vec![selector],
            ..Default::default()
        };
        let metrics = have
            .iter()
            .map(|name| ((*name).to_owned(), v2::GaugeValue::default()))
            .collect();
        let message = Some(envelope::Message::Gauge(v2::Gauge { metrics }));
        let envelope = v2::Envelope {
            message,
            ..Default::default()
        };
        difference(&request, &envelope, recorded, ours)
    }

    #[test]
    fn only_a_real_collision_is_excused_by_the_names_rule() {
        // The hash of "" is 0, so it adds nothing to a sum.
        assert_eq!(
            gauge_case(&["a", ""], &["a"], 1, 0),
            Some(vec![Rule::NamesNotHashes])
        );
        assert_eq!(gauge_case(&["a", ""], &["a"], 1, 1), None);
        assert_eq!(gauge_case(&["a"], &["b"], 1, 0), None);
        assert_eq!(gauge_case(&["b", "a"], &["a", "b"], 1, 1), Some(vec![]));
        assert_eq!(gauge_case(&["a"], &["a"], 1, 0), None);
    }
}
