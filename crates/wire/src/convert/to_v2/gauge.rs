//! `ValueMetric` and `ContainerMetric` to gauges.

use std::borrow::Cow;

use bytes::BytesMut;
use logweir_proto::fields::fields;
use logweir_proto::peek_v1::int32;
use logweir_proto::put;

use super::copy_tags;
use super::write::{put_instance_id, put_text};
use crate::convert::names::{double, text, v2, varint};

const UNIT: u64 = text(1);
const VALUE: u64 = double(2);

/// One entry of a gauge's metrics.
struct Metric<'a> {
    name: Cow<'a, str>,
    unit: Cow<'a, str>,
    value: f64,
}

impl Metric<'_> {
    fn value_len(&self) -> usize {
        let unit = match self.unit.len() {
            0 => 0,
            len => put::bytes_len(UNIT, len),
        };
        // By bits: a negative zero is no default.
        unit + if self.value.to_bits() == 0 { 0 } else { 9 }
    }

    fn len(&self) -> usize {
        put::bytes_len(text(1), self.name.len()) + put::bytes_len(text(2), self.value_len())
    }

    fn put(&self, out: &mut BytesMut) {
        put::head(out, text(1), self.len());
        put::bytes(out, text(1), self.name.as_bytes());
        put::head(out, text(2), self.value_len());
        put_text(out, UNIT, self.unit.as_bytes());
        if self.value.to_bits() != 0 {
            put::double(out, VALUE, self.value);
        }
    }
}

fn put_gauge(out: &mut BytesMut, metrics: &[Metric<'_>]) {
    let entries = metrics
        .iter()
        .map(|metric| put::bytes_len(text(1), metric.len()));
    put::head(out, v2::GAUGE, entries.sum());
    for metric in metrics {
        metric.put(out);
    }
}

/// The tag `instance_id` also stays a tag, unlike a counter's.
pub(super) fn value_metric(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    const NAME: u64 = text(1);
    const UNIT: u64 = text(3);
    let (mut name, mut value, mut unit) = (&[][..], 0.0, &[][..]);
    for field in fields(body) {
        match field.key {
            NAME => name = field.bytes(),
            VALUE => value = field.double(),
            UNIT => unit = field.bytes(),
            _ => {}
        }
    }
    let metric = Metric {
        name: String::from_utf8_lossy(name),
        unit: String::from_utf8_lossy(unit),
        value,
    };
    put_gauge(out, &[metric]);
    let instance_id = copy_tags(payload, out, |_| false);
    put_instance_id(out, instance_id);
}

/// Five metrics, always; an absent quota is 0.
pub(super) fn container(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    const INSTANCE_INDEX: u64 = varint(2);
    const CPU: u64 = double(3);
    const FIRST_BYTES: u64 = varint(4);
    const LAST_BYTES: u64 = varint(7);
    const BYTES: [&str; 4] = ["memory", "disk", "memory_quota", "disk_quota"];
    let (mut instance_index, mut cpu, mut bytes) = (0, 0.0, [0; 4]);
    for field in fields(body) {
        match field.key {
            INSTANCE_INDEX => instance_index = int32(field.varint()),
            CPU => cpu = field.double(),
            FIRST_BYTES..=LAST_BYTES if field.key & 7 == 0 => {
                let place = usize::try_from((field.key - FIRST_BYTES) >> 3).unwrap_or_default();
                bytes[place] = field.varint();
            }
            _ => {}
        }
    }
    let metric = |name: &'static str, unit: &'static str, value| Metric {
        name: name.into(),
        unit: unit.into(),
        value,
    };
    let of_bytes = |place: usize| {
        #[allow(clippy::cast_precision_loss)] // a gauge holds doubles
        metric(BYTES[place], "bytes", bytes[place] as f64)
    };
    let metrics = [
        metric("cpu", "percentage", cpu),
        of_bytes(0),
        of_bytes(1),
        of_bytes(2),
        of_bytes(3),
    ];
    put_gauge(out, &metrics);
    put_instance_id(out, itoa::Buffer::new().format(instance_index).as_bytes());
    copy_tags(payload, out, |_| false);
}
