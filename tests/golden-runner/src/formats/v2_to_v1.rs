//! V2 envelopes as V1.
//!
//! The model here works out, from what the original answered, what it would answer with
//! some of its bugs mended.

use anyhow::Result;
use bytes::Bytes;
use logweir_proto::v1::{self, Method, PeerType, envelope::EventType};
use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::convert::{ToV1, v2_to_v1};
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    v2: HexBytes,
    v1: Vec<HexBytes>,
    complete: Vec<bool>,
    unordered: bool,
    platform_dependent: bool,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut ours = ours(&case.v2.0)?;
        let recorded: Result<Vec<_>> = case
            .v1
            .iter()
            .map(|one| crate::v1::envelope(&one.0))
            .collect();
        let recorded = recorded?;
        let (mut promised, rules) = modelled(&case, recorded)?;
        if case.unordered {
            for list in [&mut ours, &mut promised] {
                list.sort_by_key(|envelope| format!("{envelope:?}"));
            }
        }
        Ok(match Verdict::of(&ours, &promised) {
            Verdict::Same if !rules.is_empty() => Verdict::Excused(rules),
            verdict => verdict,
        })
    })
}

fn ours(envelope: &[u8]) -> Result<Vec<v1::Envelope>> {
    let mut ours = Vec::new();
    v2_to_v1(envelope, &ToV1::default(), &mut |one| {
        ours.push(crate::v1::envelope(one))
    })?;
    ours.into_iter().collect()
}

/// The recorded envelopes with the rules applied, and those that changed something.
fn modelled(case: &Case, recorded: Vec<v1::Envelope>) -> Result<(Vec<v1::Envelope>, Vec<Rule>)> {
    let came = case.v2.envelope()?;
    let mut rules = Vec::new();
    let mut promised = Vec::new();
    for (mut envelope, complete) in recorded.into_iter().zip(&case.complete) {
        if empty_log(&mut envelope) {
            rules.push(Rule::EmptyLogKept);
        } else if !complete {
            rules.push(Rule::IncompleteNotEmitted);
            continue;
        }
        if preferred_tags(&came, &mut envelope) {
            rules.push(Rule::PreferredTagWins);
        }
        if legal_enums(&mut envelope) {
            rules.push(Rule::NoZeroEnums);
        }
        if case.platform_dependent && saturated(&came, &mut envelope) {
            rules.push(Rule::FloatsSaturate);
        }
        let surplus = surplus(&came, &envelope);
        promised.push(envelope);
        if !surplus.is_empty() {
            rules.push(Rule::SurplusMetricsKept);
            promised.extend(surplus);
        }
    }
    rules.sort_unstable();
    rules.dedup();
    Ok((promised, rules))
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Sets the tags that the original took from the deprecated ones though there are
/// preferred ones.
fn preferred_tags(came: &v2::Envelope, envelope: &mut v1::Envelope) -> bool {
    let mut changed = false;
    for tag in &mut envelope.tags {
        let name = tag
            .key
            .as_deref()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let set_by_conversion = matches!(&*name, "source_id" | "instance_id");
        if set_by_conversion || !came.deprecated_tags.contains_key(&*name) {
            continue;
        }
        if let Some(preferred) = came.tags.get(&*name).map(|value| bytes(value))
            && tag.value.as_ref() != Some(&preferred)
        {
            tag.value = Some(preferred);
            changed = true;
        }
    }
    changed
}

/// Sets the message of a log that has none. The original cannot tell it from an unset one.
fn empty_log(envelope: &mut v1::Envelope) -> bool {
    match &mut envelope.log_message {
        Some(log) if log.message.is_none() => {
            log.message = Some(Bytes::new());
            true
        }
        _ => false,
    }
}

fn legal_enums(envelope: &mut v1::Envelope) -> bool {
    let Some(request) = &mut envelope.http_start_stop else {
        return false;
    };
    let before = request.clone();
    if request.method == Some(0) {
        request.method = Some(Method::Get as i32);
    }
    if request.peer_type == Some(0) {
        request.peer_type = Some(PeerType::Server as i32);
    }
    *request != before
}

fn gauge(came: &v2::Envelope) -> Option<&v2::Gauge> {
    match &came.message {
        Some(Message::Gauge(gauge)) => Some(gauge),
        _ => None,
    }
}

/// Sets a container metric's whole numbers to the nearest that they can hold.
fn saturated(came: &v2::Envelope, envelope: &mut v1::Envelope) -> bool {
    let (Some(container), Some(gauge)) = (&mut envelope.container_metric, gauge(came)) else {
        return false;
    };
    let before = container.clone();
    let value = |name| gauge.metrics.get(name).map(|metric| metric.value);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    let bytes = |name| value(name).map(|value| value as u64);
    container.memory_bytes = bytes("memory");
    container.disk_bytes = bytes("disk");
    container.memory_bytes_quota = bytes("memory_quota");
    container.disk_bytes_quota = bytes("disk_quota");
    if let Some(index) = value("instance_index") {
        #[allow(clippy::cast_possible_truncation)] // saturates
        let index = index as i32;
        container.instance_index = Some(index);
    }
    *container != before
}

/// A container's other metrics.
fn surplus(came: &v2::Envelope, container: &v1::Envelope) -> Vec<v1::Envelope> {
    const USED: [&str; 6] = [
        "cpu",
        "memory",
        "disk",
        "memory_quota",
        "disk_quota",
        "instance_index",
    ];
    let (Some(gauge), true) = (gauge(came), container.container_metric.is_some()) else {
        return Vec::new();
    };
    let others = gauge
        .metrics
        .iter()
        .filter(|(name, _)| !USED.contains(&&***name));
    let mut others: Vec<_> = others
        .map(|(name, metric)| v1::Envelope {
            event_type: Some(EventType::ValueMetric as i32),
            container_metric: None,
            value_metric: Some(v1::ValueMetric {
                name: Some(bytes(name)),
                value: Some(metric.value),
                unit: Some(bytes(&metric.unit)),
            }),
            ..container.clone()
        })
        .collect();
    if !came.instance_id.is_empty() {
        for envelope in &mut others {
            let key = Some(bytes("instance_id"));
            envelope.tags.retain(|tag| tag.key != key);
            let value = Some(bytes(&came.instance_id));
            envelope.tags.push(v1::Tag { key, value });
            envelope.tags.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
    others
}
