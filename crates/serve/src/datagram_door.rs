//! A UDP door of text: reads its socket in batches and hands each datagram to an intake.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_net::udp::{KernelQueue, Receiver};
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    context::{ServeContext, StartError, Started},
    metrics::Registry,
};

/// After a stop, a door that has been quiet for this long holds nothing any more.
const QUIET: Duration = Duration::from_millis(20);

/// After a stop, no door is read for longer, quiet or not: nobody tells the senders.
const DRAIN: Duration = Duration::from_secs(1);

/// What is done to the datagrams of a door. Never waits.
pub(crate) trait Intake: Send + 'static {
    /// Takes one.
    fn take(&mut self, datagram: &[u8]);
    /// Nothing more is there for now: what was taken goes on.
    fn send_on(&mut self);
    /// How often [`Intake::tick`] is called.
    fn period(&self) -> Duration;
    /// A period is over. The last one may be shorter, at the end of the process.
    fn tick(&mut self);
}

/// Where a door is.
pub(crate) struct Plan {
    /// Its name.
    pub(crate) name: &'static str,
    /// The key of its receive buffer.
    pub(crate) key: &'static str,
    pub(crate) address: SocketAddr,
    /// Bytes that the kernel may hold for it.
    pub(crate) receive_buffer: usize,
}

/// Opens a door. What is returned is done once it is read out after a stop.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) fn open(
    plan: &Plan,
    intake: impl Intake,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<TaskTracker, StartError> {
    let name = plan.name;
    let receiver = Receiver::bind(plan.address, plan.receive_buffer)
        .map_err(|source| StartError::Bind { door: name, source })?;
    started.door(name, receiver.local_addr().unwrap_or(plan.address));
    let counts = Arc::new(Counts::default());
    let kernel = receiver.kernel();
    report(registry, name, &counts, &kernel);
    let producers = TaskTracker::new();
    let open = producers.token();
    let stop = context.shutdown.clone();
    let door = Door {
        receiver,
        intake,
        counts,
        kernel,
        dropped: 0,
        name,
        key: plan.key,
    };
    context.shutdown.tracker.spawn(async move {
        stop.abort.run_until_cancelled(door.run(&stop.stop)).await;
        drop(open);
    });
    Ok(producers)
}

#[derive(Default)]
struct Counts {
    datagrams: AtomicU64,
    bytes: AtomicU64,
}

fn report(registry: &Registry, door: &'static str, counts: &Arc<Counts>, kernel: &KernelQueue) {
    let (counts, kernel) = (Arc::clone(counts), kernel.clone());
    registry.collect(move |to| {
        let own = [("door", door)];
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let help = "Datagrams received.";
        to.counter("logweir_udp_datagrams", help, &own, read(&counts.datagrams));
        let help = "Bytes of the datagrams received.";
        to.counter("logweir_udp_bytes", help, &own, read(&counts.bytes));
        if let Some(dropped) = kernel.dropped() {
            let help = "Datagrams that the kernel dropped because its buffer was full.";
            to.counter("logweir_udp_kernel_dropped", help, &own, dropped);
        }
    });
}

struct Door<I> {
    receiver: Receiver,
    intake: I,
    counts: Arc<Counts>,
    kernel: KernelQueue,
    /// What the log was told of the kernel's losses.
    dropped: u64,
    name: &'static str,
    key: &'static str,
}

impl<I: Intake> Door<I> {
    /// Reads until the stop, then what has arrived by then.
    async fn run(mut self, stop: &CancellationToken) {
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut ticks = tokio::time::interval(self.intake.period());
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = ticks.tick() => self.tick(),
                datagrams = self.receiver.receive() => {
                    take(&mut self.intake, &self.counts, datagrams.iter());
                }
            }
        }
        let until = Instant::now() + DRAIN;
        while Instant::now() < until {
            let Ok(datagrams) = timeout(QUIET, self.receiver.receive()).await else {
                break;
            };
            take(&mut self.intake, &self.counts, datagrams.iter());
        }
        self.tick();
    }

    fn tick(&mut self) {
        self.intake.tick();
        self.intake.send_on();
        let dropped = self.kernel.dropped().unwrap_or_default();
        let more = dropped.saturating_sub(self.dropped);
        if more > 0 {
            let (name, key) = (self.name, self.key);
            tracing::warn!(
                "the kernel dropped {more} datagrams for the {name} door, {dropped} in all; \
                 raise {key} and net.core.rmem_max"
            );
        }
        self.dropped = dropped;
    }
}

fn take<'a>(intake: &mut impl Intake, counts: &Counts, datagrams: impl Iterator<Item = &'a [u8]>) {
    let (mut number, mut bytes) = (0, 0);
    for datagram in datagrams {
        number += 1;
        bytes += datagram.len() as u64;
        intake.take(datagram);
    }
    intake.send_on();
    counts.datagrams.fetch_add(number, Ordering::Relaxed);
    counts.bytes.fetch_add(bytes, Ordering::Relaxed);
}
