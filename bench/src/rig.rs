//! One topology under load: the processes, the readers at its end and the producers
//! at its start.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    ends::{Entry, Exit, Intake, Outlet, PRODUCERS, Way},
    fleet::Implementation,
    identity::Identities,
    kernel,
    load::PRIMING,
    process::Process,
    producer::{Pace, Producer, whole},
    reader::{Reader, Wish},
    report::Row,
    tally::{Gaps, Tally},
    usage,
};

pub(crate) mod channels;
pub(crate) mod drains;
pub(crate) mod log_cache;
pub(crate) mod logplex;
pub(crate) mod queries;

/// How long the way through a topology may take to open.
const OPENING: Duration = Duration::from_secs(20);
/// Load before the measured window.
const WARM_UP: Duration = Duration::from_secs(1);
/// Nothing arriving for this long means that nothing is left on the way.
const QUIET: Duration = Duration::from_millis(1500);

/// Who reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    /// What each reader asks for.
    pub(crate) wishes: Vec<Wish>,
    /// All readers together get each envelope once, instead of each of them.
    pub(crate) shared: bool,
    /// Streams of apps beside them that never log.
    pub(crate) idle: Vec<Wish>,
}

/// A topology with its readers, open from end to end.
pub(crate) struct Rig {
    processes: Vec<Process>,
    entry: Entry,
    readers: Vec<Reader>,
    /// Readers of nothing, and what they got all the same.
    idle: (Vec<Reader>, Arc<Tally>),
    tallies: Vec<Arc<Tally>>,
    sources: Vec<String>,
    clock: Clock,
    capacity: u64,
    streams: u8,
    /// How many ends have to get something before the way is open.
    wanted: usize,
    _held: Option<drains::Held>,
}

/// Processor seconds of every process, and the bench's own.
type Cpu = BTreeMap<&'static str, f64>;

struct Snapshot {
    at: Instant,
    cpu: Cpu,
    sent: u64,
    received: u64,
}

impl Rig {
    /// Starts the processes and readers and waits until envelopes pass. `capacity`
    /// is the most envelopes that one producer of one load may send.
    pub(crate) async fn open(
        implementation: &Implementation,
        ids: &Identities,
        way: Way,
        audience: &Audience,
        sources: Vec<String>,
        capacity: u64,
        loads: usize,
    ) -> Result<Self> {
        let mut processes = vec![implementation.router(ids).await?];
        let router = processes[0].port(0);
        let readers = audience.wishes.len();
        let exit = match way.outlet {
            Outlet::Router => Exit::grpc(ids, (router, "doppler"), readers).await?,
            Outlet::Rlp => {
                let rlp = implementation.rlp(ids, router).await?;
                let port = rlp.port(0);
                processes.push(rlp);
                Exit::grpc(ids, (port, "reverselogproxy"), readers).await?
            }
            Outlet::WebSocket => {
                let controller = implementation.traffic_controller(ids, router).await?;
                let port = controller.port(0);
                processes.push(controller);
                Exit::WebSocket(port)
            }
        };
        let entry = if way.intake == Intake::Router {
            Entry::grpc(ids, (router, "doppler")).await?
        } else {
            let udp = way.intake == Intake::Udp;
            let agent = implementation.agent(ids, router, udp).await?;
            let (grpc, door) = (agent.port(0), agent.port(2));
            processes.push(agent);
            if udp {
                Entry::Udp(door)
            } else {
                Entry::grpc(ids, (grpc, "metron")).await?
            }
        };
        let clock = Clock::start();
        let rows = loads * PRODUCERS;
        let tally = || anyhow::Ok(Arc::new(Tally::new(rows, capacity)?));
        let mut rig = Self {
            processes,
            entry,
            readers: Vec::new(),
            idle: (Vec::new(), Arc::new(Tally::new(0, 0)?)),
            tallies: Vec::new(),
            sources,
            clock,
            capacity,
            streams: 0,
            wanted: readers,
            _held: None,
        };
        for (index, wish) in audience.wishes.iter().enumerate() {
            if rig.tallies.is_empty() || !audience.shared {
                rig.tallies.push(tally()?);
            }
            if let Some(tally) = rig.tallies.last().cloned() {
                let reader = exit.reader(ids, index, wish, tally, clock).await?;
                rig.readers.push(reader);
            }
        }
        for (index, wish) in audience.idle.iter().enumerate() {
            let tally = rig.idle.1.clone();
            let reader = exit.reader(ids, index, wish, tally, clock).await?;
            rig.idle.0.push(reader);
        }
        rig.prime().await?;
        Ok(rig)
    }

    /// Sends a little until every reader has something, and waits for the rest of it.
    async fn prime(&mut self) -> Result<()> {
        if self.readers.is_empty() {
            return Ok(());
        }
        let wanted = self.wanted;
        let tallies = self.tallies.clone();
        let primed = || tallies.iter().map(|tally| tally.primed()).sum::<u64>();
        let opening = Instant::now();
        let load = (&self.sources[..], PRIMING);
        let pace = Pace::Batches(2000.0);
        let producer = self.entry.producer(0, load, pace, self.clock, u64::MAX)?;
        while usize::try_from(primed())? < wanted {
            if let Some(ended) = self.readers.iter().position(Reader::has_ended) {
                return self.readers.swap_remove(ended).finish().await;
            }
            ensure!(
                opening.elapsed() < OPENING,
                "only {} of {wanted} readers got anything of {} envelopes within {OPENING:?}",
                primed(),
                producer.gauge.sent()
            );
            sleep(Duration::from_millis(20)).await;
        }
        producer.finish().await?;
        sleep(QUIET).await;
        Ok(())
    }

    /// Sends at `pace` (of all producers together) for `window` after a warm-up and
    /// tells what became of it.
    pub(crate) async fn load(&mut self, pace: Pace, window: Duration) -> Result<Row> {
        let share = f64::from(u32::try_from(PRODUCERS)?);
        let each = match pace {
            Pace::Batches(rate) => Pace::Batches(rate / share),
            Pace::Evenly(rate) => Pace::Evenly(rate / share),
        };
        let (first, received) = (self.streams, self.received());
        let (duplicates, others, told) = (self.duplicates(), self.others(), self.told());
        let mut producers = Vec::new();
        let refused = self.kernel_drops();
        for index in 0..PRODUCERS {
            let load = (&self.sources[..], self.streams);
            let producer = self
                .entry
                .producer(index, load, each, self.clock, self.capacity)?;
            self.streams += 1;
            producers.push(producer);
        }
        sleep(WARM_UP).await;
        self.tallies
            .iter()
            .for_each(|tally| tally.record_from(self.clock.now()));
        let before = self.snapshot(&producers)?;
        sleep(window).await;
        let after = self.snapshot(&producers)?;
        let mut sent = vec![0; usize::from(first)];
        for producer in producers {
            sent.push(producer.finish().await?);
        }
        let all = sent.iter().sum::<u64>() * u64::try_from(self.tallies.len())?;
        self.drain(received + all).await;
        let seconds = (after.at - before.at).as_secs_f64();
        let gaps = self.gaps(&sent);
        let sent_in_window = whole(after.sent - before.sent);
        let cpu = after.cpu.iter().map(|(role, cpu)| {
            let used = cpu - before.cpu.get(role).copied().unwrap_or_default();
            (*role, used / sent_in_window.max(1.0) * 1e6)
        });
        Ok(Row {
            offered: match pace {
                Pace::Batches(rate) | Pace::Evenly(rate) => rate,
            },
            sent: sent_in_window / seconds,
            delivered: whole(after.received - before.received)
                / seconds
                / whole(u64::try_from(self.tallies.len().max(1))?),
            sent_total: sent.iter().sum(),
            lost: gaps.lost,
            largest_gap: gaps.largest,
            duplicates: self.duplicates() - duplicates,
            others: self.others() - others,
            told: self.told() - told,
            kernel: difference(refused, self.kernel_drops()),
            cpu_s_per_million: cpu.collect(),
            memory: self.memory()?,
            ..Row::default()
        })
    }

    /// Datagrams that the kernel has dropped at the agent's door, where there is one.
    fn kernel_drops(&self) -> Option<u64> {
        match &self.entry {
            Entry::Udp(port) => kernel::udp_drops(*port),
            Entry::Grpc(..) => None,
        }
    }

    fn memory(&self) -> Result<BTreeMap<&'static str, usage::Memory>> {
        self.processes
            .iter()
            .map(|process| Ok((process.role, process.memory()?)))
            .collect()
    }

    fn snapshot(&self, producers: &[Producer]) -> Result<Snapshot> {
        let mut cpu = Cpu::new();
        for process in &self.processes {
            cpu.insert(process.role, process.cpu_seconds()?);
        }
        cpu.insert("bench", usage::cpu_seconds(std::process::id())?);
        Ok(Snapshot {
            at: Instant::now(),
            cpu,
            sent: producers.iter().map(|producer| producer.gauge.sent()).sum(),
            received: self.received(),
        })
    }

    /// Waits until `wanted` envelopes have arrived, or no more do.
    async fn drain(&self, wanted: u64) {
        let (mut last, mut moved) = (self.received(), Instant::now());
        while last < wanted && moved.elapsed() < QUIET {
            sleep(Duration::from_millis(10)).await;
            let received = self.received();
            if received != last {
                (last, moved) = (received, Instant::now());
            }
        }
    }

    fn received(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.received()).sum()
    }

    fn duplicates(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.duplicates()).sum()
    }

    fn others(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.others()).sum()
    }

    fn told(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.told()).sum()
    }

    fn gaps(&self, sent: &[u64]) -> Gaps {
        self.tallies
            .iter()
            .map(|tally| tally.gaps(sent))
            .fold(Gaps::default(), |all, gaps| Gaps {
                lost: all.lost + gaps.lost,
                largest: all.largest.max(gaps.largest),
            })
    }

    /// The ports of the status pages.
    pub(crate) fn status_ports(&self) -> impl Iterator<Item = u16> {
        self.processes.iter().map(|process| process.port(1))
    }

    /// Ends everything. p50, p99, p99.9 and longest latency in milliseconds, if any
    /// was recorded.
    pub(crate) async fn close(self) -> Result<Option<[f64; 4]>> {
        for reader in self.readers.into_iter().chain(self.idle.0) {
            reader.finish().await?;
        }
        let strays = self.idle.1.received() + self.idle.1.duplicates();
        ensure!(strays == 0, "idle streams got {strays} envelopes");
        let mut all = Tally::histogram()?;
        for tally in &self.tallies {
            all.add(tally.latency())?;
        }
        for process in self.processes {
            process.kill().await;
        }
        let at = |quantile| whole(all.value_at_quantile(quantile)) / 1e6;
        let figures = [at(0.5), at(0.99), at(0.999), whole(all.max()) / 1e6];
        Ok((!all.is_empty()).then_some(figures))
    }
}

/// How much a count has grown, where there is one.
pub(crate) fn difference(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    after?.checked_sub(before?)
}
