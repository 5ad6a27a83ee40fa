//! The highest rate that arrives whole.

use std::time::Duration;

use anyhow::Result;

use crate::{producer::Pace, report::Row, rig::Rig};

/// Most envelopes a second that one producer is expected to send.
pub(crate) const MOST: f64 = 600_000.0;
/// Steps upwards at most, then steps of halving the interval, then proofs.
const UP: usize = 9;
const BETWEEN: usize = 4;
const PROOFS: usize = 6;
/// What is left of a rate whose proof failed.
const BACK: f64 = 0.85;
/// Loads that a search may take: each step once, and once more when it fails.
pub(crate) const LOADS: usize = 2 * (UP + BETWEEN) + PROOFS;
/// Measured part of a step.
const STEP: Duration = Duration::from_millis(1500);
/// A step that delivers less than this part of what was offered has not kept up.
const KEPT_UP: f64 = 0.98;

/// Doubles the rate from `from` until envelopes are lost or late, narrows down, and
/// proves the rate for a whole `window`, going down until it holds. The row is that of
/// the proof. A failing step is tried twice, since a pause of the machine is not a
/// limit; a proof is not, since short steps tried twice flatter (queues hide some of an
/// overload, and the better try counts).
pub(crate) async fn find(rig: &mut Rig, from: f64, window: Duration) -> Result<Row> {
    let mut rate = search(rig, from).await?;
    for _ in 0..PROOFS {
        let row = rig.load(Pace::Batches(rate), window).await?;
        if held(&row, rate) {
            return Ok(row);
        }
        rate *= BACK;
    }
    anyhow::bail!("no rate down to {rate:.0} envelopes a second holds for {window:?}")
}

async fn search(rig: &mut Rig, from: f64) -> Result<f64> {
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut rate = from;
    for _ in 0..UP + BETWEEN {
        if step(rig, rate).await? {
            low = rate;
        } else {
            high = rate;
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
    anyhow::ensure!(
        low > 0.0,
        "not even {high:.0} envelopes a second arrive whole"
    );
    Ok(low)
}

async fn step(rig: &mut Rig, rate: f64) -> Result<bool> {
    for _ in 0..2 {
        if held(&rig.load(Pace::Batches(rate), STEP).await?, rate) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Everything was sent in time, arrived in time, and arrived.
fn held(row: &Row, rate: f64) -> bool {
    row.lost == 0 && row.delivered.min(row.sent) >= KEPT_UP * rate
}
