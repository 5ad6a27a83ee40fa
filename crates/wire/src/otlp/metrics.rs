//! Data points into Gauge and Counter envelopes.

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message};

use super::{
    attributes::Tags,
    histograms,
    import::Intake,
    leaf::{Kind, Leaf, Metric},
    messages::{NO_VALUE, Number, NumberPoint},
    refusal::Refusal,
};

/// Takes every point of a metric.
pub(super) fn take(leaf: Leaf<'_>, above: &Tags, into: &mut Intake<'_>) {
    let metric = match leaf.metric() {
        Ok(Some(metric)) => metric,
        Ok(None) => return,
        Err(refusal) => return into.count(Err(refusal)),
    };
    metric.points.each(|point| {
        let taken = into.has_room();
        let taken = taken.and_then(|()| take_point(&metric, point, above, into));
        into.count(taken);
    });
}

fn take_point(
    metric: &Metric<'_>,
    point: Leaf<'_>,
    above: &Tags,
    into: &mut Intake<'_>,
) -> Result<(), Refusal> {
    match metric.kind {
        Kind::Gauge | Kind::Sum { .. } => number(metric, point.number()?, above, into),
        Kind::Histogram { delta } => {
            let point = point.histogram()?;
            let series = series(metric, point.time_unix_nano, delta, into);
            histograms::explicit(point, above, series)
        }
        Kind::Exponential { delta } => {
            let point = point.exponential()?;
            let series = series(metric, point.time_unix_nano, delta, into);
            histograms::exponential(point, above, series)
        }
        Kind::Summary => {
            let point = point.summary()?;
            let series = series(metric, point.time_unix_nano, false, into);
            histograms::summary(point, above, series)
        }
    }
}

fn number(
    metric: &Metric<'_>,
    point: NumberPoint,
    above: &Tags,
    into: &mut Intake<'_>,
) -> Result<(), Refusal> {
    if point.flags & NO_VALUE != 0 {
        return Ok(());
    }
    let value = point.value.ok_or(Refusal::Malformed)?;
    let tags = above.with(point.attributes);
    let delta = matches!(metric.kind, Kind::Sum { delta: true, .. });
    let mut series = series(metric, point.time_unix_nano, delta, into);
    match metric.kind {
        Kind::Sum {
            monotonic: true, ..
        } => {
            let amount = match delta {
                true => whole(value)?,
                false => total(value)?,
            };
            series.counter("", tags, amount);
        }
        Kind::Sum { delta: true, .. } => return Err(Refusal::FallingDelta),
        _ => series.gauge("", tags, double(value)),
    }
    Ok(())
}

/// Totals are whole in an envelope; what is behind the point is cut off, as it is of the
/// counters of a metrics page.
fn total(value: Number) -> Result<u64, Refusal> {
    match value {
        Number::Int(value) => u64::try_from(value).map_err(|_| Refusal::NoTotal),
        Number::Double(value) if value.is_finite() && value >= 0.0 => {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
            let total = value as u64;
            Ok(total)
        }
        Number::Double(_) => Err(Refusal::NoTotal),
    }
}

/// Of a delta nothing may be cut off: what adds up would never be seen.
fn whole(value: Number) -> Result<u64, Refusal> {
    match value {
        Number::Double(value) if value.fract() != 0.0 => Err(Refusal::NoTotal),
        value => total(value),
    }
}

fn double(value: Number) -> f64 {
    match value {
        Number::Int(value) => value as f64,
        Number::Double(value) => value,
    }
}

fn series<'a, 'b>(
    metric: &'a Metric<'_>,
    time_unix_nano: u64,
    delta: bool,
    into: &'a mut Intake<'b>,
) -> Series<'a, 'b> {
    Series {
        name: &metric.name,
        unit: &metric.unit,
        time: into.time(time_unix_nano),
        delta,
        into,
    }
}

/// The envelopes of one point.
pub(super) struct Series<'a, 'b> {
    name: &'a str,
    unit: &'a str,
    time: i64,
    /// Numbers that add up are what was added since the last of them.
    delta: bool,
    into: &'a mut Intake<'b>,
}

impl Series<'_, '_> {
    pub(super) fn gauge(&mut self, suffix: &str, tags: Tags, value: f64) {
        let unit = self.unit.to_owned();
        let name = format!("{}{suffix}", self.name);
        let metrics = BTreeMap::from([(name, v2::GaugeValue { unit, value })]);
        let message = Message::Gauge(v2::Gauge { metrics });
        self.into.push(self.time, tags, message);
    }

    /// `amount` is a total, or what is added to one. Nothing added is nothing to say: a
    /// counter without both would be one that begins anew.
    pub(super) fn counter(&mut self, suffix: &str, tags: Tags, amount: u64) {
        let (delta, total) = match self.delta {
            true if amount == 0 => return,
            true => (amount, 0),
            false => (0, amount),
        };
        let name = format!("{}{suffix}", self.name);
        let counter = v2::Counter { name, delta, total };
        self.into.push(self.time, tags, Message::Counter(counter));
    }
}
