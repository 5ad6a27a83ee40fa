//! The highest rate that arrives whole.

use std::time::Duration;

use anyhow::Result;

use crate::{producer::Pace, report::Row, rig::Rig};

/// Most envelopes a second that one producer is expected to send.
pub(crate) const MOST: f64 = 600_000.0;
/// Steps upwards at most, then steps of halving the interval, then the proof.
const UP: usize = 9;
const BETWEEN: usize = 4;
/// Loads that a search may take: each step once, and once more when it fails.
pub(crate) const LOADS: usize = 2 * (UP + BETWEEN + 2);
/// Measured part of a step.
const STEP: Duration = Duration::from_millis(1500);
/// A step that delivers less than this part of what was offered has not kept up.
const KEPT_UP: f64 = 0.98;

/// Doubles the rate from `from` until envelopes are lost or late, then narrows down.
/// The row of the highest rate that held. Each failing step is tried twice, since a
/// pause of the machine is not a limit.
pub(crate) async fn find(rig: &mut Rig, from: f64) -> Result<Row> {
    let mut held = None;
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut rate = from;
    for _ in 0..UP + BETWEEN {
        match step(rig, rate).await? {
            Some(row) => {
                low = rate;
                held = Some(row);
            }
            None => high = rate,
        }
        if high - low < 0.06 * high {
            break;
        }
        rate = if high.is_infinite() {
            2.0 * low
        } else if low == 0.0 {
            high / 4.0
        } else {
            f64::midpoint(low, high)
        };
    }
    held.ok_or_else(|| anyhow::anyhow!("not even {rate:.0} envelopes a second arrive whole"))
}

async fn step(rig: &mut Rig, rate: f64) -> Result<Option<Row>> {
    for _ in 0..2 {
        let row = rig.load(Pace::Batches(rate), STEP).await?;
        let kept_up = row.delivered.min(row.sent) >= KEPT_UP * rate;
        if kept_up && row.lost == 0 {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
