//! Opens the UDP doors of a role and reads them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::udp::{Datagrams, KernelQueue, Receiver};
use logweir_route::Exchange;
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    config::DropsondeConfig,
    counts::Counts,
    intake::{Intake, Onward},
    kernel_watch::{PERIOD, Watch},
    pace::Pace,
    rules::Rules,
};
use crate::{
    context::{ServeContext, StartError, Started},
    metrics::Registry,
};

/// After a stop, a door that has been quiet for this long holds nothing any more.
const QUIET: Duration = Duration::from_millis(20);

/// After a stop, no door is read for longer, quiet or not: nobody tells the emitters.
const DRAIN: Duration = Duration::from_secs(1);

/// Most system calls for what is handed on together.
const CALLS: usize = 8;

/// The UDP doors of one role.
#[derive(Default)]
pub(crate) struct Doors {
    /// Done once the doors are read out after a stop.
    pub(crate) producers: Vec<TaskTracker>,
    /// What the kernel knows of each.
    pub(crate) kernel: Vec<KernelQueue>,
}

impl Doors {
    /// Datagrams that the kernel dropped at all doors.
    pub(crate) fn kernel_dropped(&self) -> u64 {
        let queues = self.kernel.iter();
        queues.filter_map(KernelQueue::dropped).sum()
    }
}

/// What a role's doors are.
pub(crate) struct Plan<'a> {
    /// Name of the dropsonde door, and where it is, if it is open.
    pub(crate) dropsonde: (&'static str, Option<SocketAddr>),
    /// What both doors do.
    pub(crate) config: &'a DropsondeConfig,
    /// Counters get totals here.
    pub(crate) totals: bool,
    /// Keeps the books.
    pub(crate) exchange: &'a Arc<Exchange>,
}

/// Opens the dropsonde door, and the one of 2013 where the settings ask for it.
/// `onward` makes a handle for each.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) fn open(
    plan: &Plan<'_>,
    onward: impl Fn() -> Onward,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<Doors, StartError> {
    let mut doors = Doors::default();
    let config = plan.config;
    let mut open = |name, address, rules| {
        let counts = Arc::new(Counts::default());
        let exchange = Arc::clone(plan.exchange);
        let intake = Intake::new(rules, exchange, onward(), Arc::clone(&counts));
        let receiver = bind(name, address, config.receive_buffer, started)?;
        let kernel = receiver.kernel();
        doors.kernel.push(kernel.clone());
        report(registry, name, &counts, &kernel);
        let bound = started.address(name).unwrap_or(address);
        let pace = Pace::new(receiver.receive_buffer());
        let watch = Watch::new(name, bound, kernel, counts);
        let producers = TaskTracker::new();
        let open = producers.token();
        doors.producers.push(producers);
        let stop = context.shutdown.clone();
        context.shutdown.tracker.spawn(async move {
            let door = Door {
                receiver,
                intake,
                watch,
                pace,
            };
            stop.abort.run_until_cancelled(door.run(&stop.stop)).await;
            drop(open);
        });
        Ok(())
    };
    let (name, address) = plan.dropsonde;
    if let Some(address) = address {
        open(name, address, Rules::dropsonde(config, plan.totals))?;
    }
    if let Some(legacy) = &config.legacy {
        open("legacy", legacy.listen, Rules::legacy(config, legacy))?;
    }
    Ok(doors)
}

fn bind(
    name: &'static str,
    address: SocketAddr,
    receive_buffer: usize,
    started: &mut Started,
) -> Result<Receiver, StartError> {
    let failed = |source| StartError::Bind { door: name, source };
    let receiver = Receiver::bind(address, receive_buffer).map_err(failed)?;
    started.door(name, receiver.local_addr().unwrap_or(address));
    let granted = receiver.receive_buffer();
    if granted < receive_buffer {
        tracing::info!(
            "the kernel gives the {name} door {granted} bytes of receive buffer instead of \
             {receive_buffer}; raise net.core.rmem_max against bursts"
        );
    }
    Ok(receiver)
}

fn report(registry: &Registry, door: &'static str, counts: &Arc<Counts>, kernel: &KernelQueue) {
    let (counts, kernel) = (Arc::clone(counts), kernel.clone());
    registry.collect(move |to| counts.report(door, kernel.dropped(), to));
}

async fn receive(receiver: &mut Receiver, rest: Option<Duration>) -> Datagrams<'_> {
    match rest {
        Some(rest) => receiver.receive_after(rest).await,
        None => receiver.receive().await,
    }
}

/// A door that is read.
struct Door {
    receiver: Receiver,
    intake: Intake,
    watch: Watch,
    pace: Pace,
}

impl Door {
    /// Reads until the stop, then what has arrived by then.
    async fn run(mut self, stop: &CancellationToken) {
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut looks = tokio::time::interval(PERIOD);
        let mut rest = None;
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = looks.tick() => self.watch.look(),
                datagrams = receive(&mut self.receiver, rest) => {
                    let more = datagrams.is_full();
                    self.intake.take(datagrams.iter());
                    rest = self.read_out(more);
                }
            }
        }
        let until = Instant::now() + DRAIN;
        while Instant::now() < until {
            let Ok(datagrams) = timeout(QUIET, self.receiver.receive()).await else {
                break;
            };
            let more = datagrams.is_full();
            self.intake.take(datagrams.iter());
            self.read_out(more);
        }
        self.watch.look();
    }

    /// Takes what else is there, up to a bound, and hands all of it on. Tells how long to
    /// rest then.
    fn read_out(&mut self, mut more: bool) -> Option<Duration> {
        for _ in 1..CALLS {
            let Some(datagrams) = more.then(|| self.receiver.try_receive()).flatten() else {
                break;
            };
            more = datagrams.is_full();
            self.intake.take(datagrams.iter());
        }
        let (datagrams, bytes) = self.intake.send_on();
        // One that cannot keep up has no time to rest.
        let rest = self.pace.after(Instant::now(), datagrams, bytes);
        rest.filter(|_| !more)
    }
}
