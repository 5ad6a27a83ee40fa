//! Gauges to `ContainerMetric` and `ValueMetric`s.

use bytes::BytesMut;
use logweir_proto::fields::fields;
use logweir_proto::put;
use logweir_proto::v1::envelope::EventType;

use super::envelope::number;
use super::{NoV1, Sink};
use crate::convert::names::{double, text, v1, varint};

/// What makes a gauge a container's, by name as they are sorted.
const CONTAINER: [&[u8]; 5] = [b"cpu", b"disk", b"disk_quota", b"memory", b"memory_quota"];
const INSTANCE_INDEX: &[u8] = b"instance_index";

/// One of a gauge's metrics.
#[derive(Clone, Copy)]
struct Metric<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    value: f64,
}

pub(super) fn gauge(sink: &mut Sink<'_, '_>, surplus: bool) -> Option<NoV1> {
    let envelope = sink.envelope;
    let mut metrics = read(&envelope.body);
    if metrics.is_empty() {
        return Some(NoV1::EmptyGauge);
    }
    if let Some(container) = container(&metrics) {
        send_container(sink, &metrics, container);
        let used = |name: &[u8]| CONTAINER.contains(&name) || name == INSTANCE_INDEX;
        metrics.retain(|metric| surplus && !used(metric.name));
        if metrics.is_empty() {
            return None;
        }
    }
    let tail = sink.tail(true, |_| false);
    let mut body = BytesMut::with_capacity(64);
    for metric in metrics {
        body.clear();
        put::bytes(&mut body, text(1), metric.name);
        put::double(&mut body, double(2), metric.value);
        put::bytes(&mut body, text(3), metric.unit);
        sink.send(EventType::ValueMetric, v1::VALUE_METRIC, &body, &tail);
    }
    None
}

/// The metrics sorted by name, of repeated names the last.
fn read(body: &[u8]) -> Vec<Metric<'_>> {
    const METRIC: u64 = text(1);
    const NAME: u64 = text(1);
    const VALUE: u64 = text(2);
    const UNIT: u64 = text(1);
    const DOUBLE: u64 = double(2);
    let mut metrics = Vec::with_capacity(8);
    for entry in fields(body).filter(|field| field.key == METRIC) {
        let mut metric = Metric {
            name: &[],
            unit: &[],
            value: 0.0,
        };
        for field in fields(entry.bytes()) {
            match field.key {
                NAME => metric.name = field.bytes(),
                VALUE => {
                    for part in fields(field.bytes()) {
                        match part.key {
                            UNIT => metric.unit = part.bytes(),
                            DOUBLE => metric.value = part.double(),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        metrics.push(metric);
    }
    // The sort keeps the order of equals, and what is removed is the second of a pair:
    // turned round first, the last one stays.
    metrics.reverse();
    metrics.sort_by(|a, b| a.name.cmp(b.name));
    metrics.dedup_by(|a, b| a.name == b.name);
    metrics
}

fn find<'a>(metrics: &[Metric<'a>], name: &[u8]) -> Option<Metric<'a>> {
    let place = metrics.binary_search_by(|metric| metric.name.cmp(name));
    place.ok().map(|place| metrics[place])
}

/// The values of the five metrics, in the order of [`CONTAINER`]. None if one is missing,
/// or has neither unit nor value.
fn container(metrics: &[Metric<'_>]) -> Option<[f64; 5]> {
    let mut values = [0.0; 5];
    for (name, value) in CONTAINER.into_iter().zip(&mut values) {
        let metric = find(metrics, name)?;
        if metric.unit.is_empty() && metric.value == 0.0 {
            return None;
        }
        *value = metric.value;
    }
    Some(values)
}

fn send_container(sink: &mut Sink<'_, '_>, metrics: &[Metric<'_>], values: [f64; 5]) {
    let envelope = sink.envelope;
    let [cpu, disk, disk_quota, memory, memory_quota] = values;
    #[allow(clippy::cast_possible_truncation)] // saturates
    let index = match find(metrics, INSTANCE_INDEX) {
        Some(metric) => metric.value as i32,
        None => number(envelope.instance_id).unwrap_or_default(),
    };
    let mut body = BytesMut::with_capacity(envelope.source_id.len() + 64);
    put::bytes(&mut body, text(1), envelope.source_id);
    put::number(&mut body, varint(2), i64::from(index).cast_unsigned());
    put::double(&mut body, double(3), cpu);
    for (key, value) in (4..).zip([memory, disk, memory_quota, disk_quota]) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
        put::number(&mut body, varint(key), value as u64);
    }
    let tail = sink.tail(false, |_| false);
    sink.send(
        EventType::ContainerMetric,
        v1::CONTAINER_METRIC,
        &body,
        &tail,
    );
}
