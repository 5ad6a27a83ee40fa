//! Kafka: what is taken from the queue becomes a round of batches, one after the other for each
//! partition, and is through when every partition's leader has all of them.
//!
//! A partition has one batch under way at a time, so that its records keep their order whatever
//! goes wrong. A batch that may have arrived is sent again under the same number, by which the
//! broker knows it: the round and its numbers outlive the connections.

mod cluster;
mod link;
mod login;
mod producer;
mod round;

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{DrainState, Failure, courier::Courier};
use crate::nozzle::KafkaSettings;
use cluster::Cluster;
pub(super) use producer::Producer;

/// Connections are closed after this long without a request: brokers end theirs after ten
/// minutes, and a request that meets the end has to be sent twice.
const IDLE: Duration = Duration::from_secs(300);

/// Who leads what is asked for again at this age, for partitions that are new.
const METADATA: Duration = Duration::from_secs(300);

/// Produces until nothing was to be said for long, or the nozzle ends.
pub(super) async fn session(courier: &mut Courier, settings: KafkaSettings) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let mut producer = courier.producer.take().unwrap_or_default();
    if courier.batch.is_empty() {
        // What was under way is given up.
        producer.start_over();
    }
    let result = produce(courier, Arc::new(settings), &mut producer).await;
    if result.is_err() {
        courier.producer = Some(producer);
    }
    result
}

async fn produce(
    courier: &mut Courier,
    settings: Arc<KafkaSettings>,
    producer: &mut Producer,
) -> Result<(), Failure> {
    let mut cluster = Cluster::join(courier.with.clone(), settings.clone()).await?;
    let mut used = Instant::now();
    courier.connected(used);
    let idle = courier.with.settings.idle.min(IDLE);
    loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if !producer.is_busy() {
            courier.gather(settings.batch_bytes, settings.linger).await;
        }
        if !courier.batch.is_empty() {
            if cluster.age() >= METADATA {
                cluster.refresh().await?;
            }
            producer.step(courier, &mut cluster, &settings).await?;
            used = Instant::now();
            continue;
        }
        let end = used + idle;
        if courier.is_over() || now >= end {
            return Ok(());
        }
        courier.batch.release();
        let wake = courier.tell_due().map_or(end, |due| due.min(end));
        tokio::select! {
            () = courier.until_filled(1) => {}
            () = cluster.closed() => return Ok(()),
            () = pin!(sleep_until(wake)) => {}
        }
    }
}
