//! The series of a page as envelopes, one for each value (spec agents-and-drains §6.1).

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::prometheus_text::{Family, Kind, Part, Sample};

use crate::outlet::Outlet;

/// What all series of a target have in common.
pub(super) struct Whose<'a> {
    /// Of series without a label `source_id`.
    pub(super) source_id: &'a str,
    /// Of series whose label `source_id` is empty, if the target has none either.
    pub(super) default_source_id: &'a str,
    pub(super) instance_id: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    /// Unix nanoseconds.
    pub(super) now: i64,
}

/// What became of a family's series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Became {
    pub(super) envelopes: usize,
    /// Counters whose value is no number that counts.
    pub(super) left_out: usize,
}

/// Adds the envelopes of a family.
pub(super) fn family(family: &Family<'_>, whose: &Whose<'_>, to: &mut Outlet) -> Became {
    let mut became = Became::default();
    for sample in &family.samples {
        match envelope(family, sample, whose) {
            Some(envelope) => {
                to.push_envelope(&envelope);
                became.envelopes += 1;
            }
            None => became.left_out += 1,
        }
    }
    became
}

fn envelope(family: &Family<'_>, sample: &Sample<'_>, whose: &Whose<'_>) -> Option<v2::Envelope> {
    let mut source_id = whose.source_id;
    let mut tags = whose.labels.clone();
    for (name, value) in &sample.labels {
        match name.as_ref() {
            "source_id" => source_id = value,
            _ => {
                tags.insert(name.to_string(), value.to_string());
            }
        }
    }
    if source_id.is_empty() {
        source_id = whose.default_source_id;
    }
    let name = family.name.as_ref();
    let value = sample.value;
    let message = match sample.part {
        Part::Value if family.kind == Kind::Counter => counter(name.to_owned(), value)?,
        Part::Value => {
            let unit = tags.remove("unit").unwrap_or_default();
            gauge(name.to_owned(), value, unit)
        }
        Part::Sum => gauge(format!("{name}_sum"), value, String::new()),
        Part::Count => counter(format!("{name}_count"), value)?,
        Part::Bucket(bound) => {
            tags.insert("le".into(), shortest(bound));
            counter(format!("{name}_bucket"), value)?
        }
        Part::Quantile(quantile) => {
            tags.insert("quantile".into(), shortest(quantile));
            gauge(name.to_owned(), value, String::new())
        }
    };
    Some(v2::Envelope {
        timestamp: whose.now,
        source_id: source_id.to_owned(),
        instance_id: whose.instance_id.to_owned(),
        tags,
        message: Some(message),
        ..v2::Envelope::default()
    })
}

fn gauge(name: String, value: f64, unit: String) -> Message {
    let metrics = BTreeMap::from([(name, v2::GaugeValue { unit, value })]);
    Message::Gauge(v2::Gauge { metrics })
}

/// Totals are whole; what is no number, or less than nothing, is no total.
fn counter(name: String, value: f64) -> Option<Message> {
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    let total = value as u64;
    Some(Message::Counter(v2::Counter {
        name,
        delta: 0,
        total,
    }))
}

/// A bound as Go's shortest `g` format writes it, which is what consumers of `le` and
/// `quantile` know: `0.1`, `1e+06`, `+Inf`.
fn shortest(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    match exponent {
        -4..=5 => value.to_string(),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

#[cfg(test)]
mod tests;
