//! The cases: which roles, who reads, how much.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    capacity,
    ends::{Intake, Outlet, Way},
    fleet::Implementation,
    identity::Identities,
    producer::Pace,
    reader::Wish,
    report::Row,
    rig::{Audience, Rig, difference},
    sink::Protocol,
    status,
};

mod channels;
mod drains;
mod log_cache;
mod logplex;
mod promql;

/// A question that the bench answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Cost of a router without a reader (and of a raw producer), and with one firehose.
    Router,
    /// Cost of a router with two and four firehose readers.
    Readers,
    /// Cost of router and reverse log proxy, one firehose reader, preferred tags.
    Rlp,
    /// Cost of agent and router, one firehose reader at the router.
    Agent,
    /// Cost of a router with 1,000 readers, each of one app of 1,000.
    Apps,
    /// Cost of the whole way: agent, router, reverse log proxy, one firehose reader.
    Chain,
    /// Latency at 1,000/s and 10,000/s, with and without the agent.
    Latency,
    /// Most envelopes a second without loss, with and without the agent.
    Sustained,
    /// Four times what router and proxy sustain, or as much of it as the machine can send
    /// (the column `sent/s`); the row before it is what they sustain.
    Overload,
    /// One reader that takes a quarter of what is sent, another that takes all.
    Slow,
    /// Dropsonde logs of 1 KiB over UDP (at most 50,000/s): agent, router, one firehose
    /// reader at the router; what the kernel lost is told apart.
    Udp,
    /// V2 ingress (at most 50,000/s), router, traffic controller, one firehose over a
    /// WebSocket.
    Websocket,
    /// The same beside 100 streams of apps that never log.
    Idle,
    /// Cost of a syslog agent: one drain of all sources over TCP, and one for each of 50 apps.
    Syslog,
    /// Most envelopes a second without loss through one drain over TCP.
    SyslogSustained,
    /// What `syslog` measures, over TLS.
    SyslogTls,
    /// The same with batches over HTTPS.
    HttpsBatch,
    /// One drain for each of 50 apps, and then the last of them leads to a port that answers
    /// no connection: what the other 49 get (its envelopes are in none of the columns).
    Blackholed,
    /// A syslog agent with 10,000 drains, all but one of apps that never log: memory, and
    /// processor time at rest.
    IdleDrains,
    /// `logweir run` as Logplex, from `POST /logs` (frames of 200 bytes, 100 in a request) to one
    /// tail: cost, the most lines a second that hold, and how soon a session shows its first
    /// line. Ours alone.
    Logplex,
    /// `logweir run` with 10,000 channels of Logplex and a drain of each, over HTTP, of which
    /// 1,000 deliver ten lines a second: memory. Ours alone.
    Channels,
    /// Cost of a log cache: a million log envelopes of 10,000 sources over gRPC; the memory
    /// is by how much it grew.
    LogCacheIngest,
    /// How soon a gateway of a log cache answers (`delivered/s` are answers) beside 50,000
    /// envelopes a second.
    LogCacheRead,
    /// How soon a log cache with 1 GiB of segments is back after it was killed. Ours alone.
    LogCacheRestart,
    /// How soon `logweir run` answers in PromQL (`delivered/s` are answers, the processor time
    /// is that of a million of them): the rate of 1,000 series over an hour, and a sum of
    /// 10,000; and by how much memory grows for a query past its bound. Ours alone.
    Promql,
}

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Measured window.
    pub(crate) window: Duration,
    /// Envelopes a second of the cost cases.
    pub(crate) rate: f64,
}

const ROUTER: Way = Way {
    intake: Intake::Router,
    outlet: Outlet::Router,
};
const RLP: Way = Way {
    intake: Intake::Router,
    outlet: Outlet::Rlp,
};
const AGENT: Way = Way {
    intake: Intake::Agent,
    outlet: Outlet::Router,
};
const UDP: Way = Way {
    intake: Intake::Udp,
    outlet: Outlet::Router,
};
const WEBSOCKET: Way = Way {
    intake: Intake::Router,
    outlet: Outlet::WebSocket,
};
const CHAIN: Way = Way {
    intake: Intake::Agent,
    outlet: Outlet::Rlp,
};

/// Envelopes a second at most in the V1 cases.
const V1_RATE: f64 = 50_000.0;

impl Case {
    /// Runs the case once for one implementation.
    pub(crate) async fn run(
        self,
        implementation: &Implementation,
        ids: &Identities,
        effort: Effort,
    ) -> Result<Vec<Row>> {
        let bench = Bench {
            implementation,
            ids,
            effort,
        };
        Ok(match self {
            Case::Router => vec![
                bench
                    .cost("router, no reader", ROUTER, firehoses(0))
                    .await?,
                bench.cost("router, 1 reader", ROUTER, firehoses(1)).await?,
            ],
            Case::Readers => vec![
                bench
                    .cost("router, 2 readers", ROUTER, firehoses(2))
                    .await?,
                bench
                    .cost("router, 4 readers", ROUTER, firehoses(4))
                    .await?,
            ],
            Case::Rlp => vec![bench.cost("router, rlp", RLP, firehoses(1)).await?],
            Case::Agent => vec![bench.cost("agent, router", AGENT, firehoses(1)).await?],
            Case::Apps => vec![bench.cost("router, 1000 apps", ROUTER, apps()).await?],
            Case::Chain => vec![
                bench
                    .cost("agent, router, rlp", CHAIN, firehoses(1))
                    .await?,
            ],
            Case::Latency => vec![
                bench.latency("latency, router, rlp", RLP, 1_000.0).await?,
                bench.latency("latency, router, rlp", RLP, 10_000.0).await?,
                bench
                    .latency("latency, agent, router, rlp", CHAIN, 1_000.0)
                    .await?,
                bench
                    .latency("latency, agent, router, rlp", CHAIN, 10_000.0)
                    .await?,
            ],
            Case::Sustained => vec![
                bench.sustained("sustained, router, rlp", RLP).await?,
                bench
                    .sustained("sustained, agent, router, rlp", CHAIN)
                    .await?,
            ],
            Case::Overload => bench.overload().await?,
            Case::Slow => vec![bench.slow().await?],
            Case::Udp => vec![bench.v1("udp, agent, router", UDP, firehoses(1)).await?],
            Case::Websocket => vec![
                bench
                    .v1("router, websocket", WEBSOCKET, firehoses(1))
                    .await?,
            ],
            Case::Idle => vec![
                bench
                    .v1("router, websocket, 100 idle", WEBSOCKET, idle(100))
                    .await?,
            ],
            Case::Syslog => bench.drains("syslog", Protocol::Syslog).await?,
            Case::SyslogSustained => vec![bench.drain_sustained().await?],
            Case::SyslogTls => bench.drains("syslog-tls", Protocol::SyslogTls).await?,
            Case::HttpsBatch => bench.drains("https-batch", Protocol::HttpsBatch).await?,
            Case::Blackholed => bench.blackholed().await?,
            Case::IdleDrains => vec![bench.idle_drains().await?],
            Case::Logplex => bench.logplex().await?,
            Case::Channels => vec![bench.channels().await?],
            Case::LogCacheIngest => vec![bench.log_cache_ingest().await?],
            Case::LogCacheRead => bench.log_cache_read().await?,
            Case::LogCacheRestart => vec![bench.log_cache_restart().await?],
            Case::Promql => bench.promql().await?,
        })
    }
}

struct Bench<'a> {
    implementation: &'a Implementation,
    ids: &'a Identities,
    effort: Effort,
}

impl Bench<'_> {
    async fn open(&self, way: Way, audience: &Audience, most: f64, loads: usize) -> Result<Rig> {
        // Every load has one second of warm-up; the same again is for lateness.
        let seconds = self.effort.window.as_secs_f64() + 2.0;
        let capacity = Duration::try_from_secs_f64(most * seconds)?.as_secs();
        let sources = sources(
            audience
                .wishes
                .iter()
                .filter_map(|wish| wish.source.clone()),
        );
        Rig::open(
            self.implementation,
            self.ids,
            way,
            audience,
            sources,
            capacity,
            loads,
        )
        .await
    }

    fn label(&self, row: Row, case: impl Into<String>) -> Row {
        Row {
            case: case.into(),
            implementation: self.implementation.name.clone(),
            ..row
        }
    }

    async fn cost(&self, name: &str, way: Way, audience: Audience) -> Result<Row> {
        let mut rig = self.open(way, &audience, self.effort.rate, 1).await?;
        let mut row = rig
            .load(Pace::Batches(self.effort.rate), self.effort.window)
            .await?;
        row.latency_ms = rig.close().await?;
        if audience.wishes.is_empty() {
            // Nobody was there to miss them.
            (row.lost, row.largest_gap) = (0, 0);
        }
        Ok(self.label(row, name))
    }

    /// The cost at the rate asked for, or at what the V1 goals are stated for.
    async fn v1(&self, name: &str, way: Way, audience: Audience) -> Result<Row> {
        let rate = self.effort.rate.min(V1_RATE);
        let mut rig = self.open(way, &audience, rate, 1).await?;
        let mut row = rig.load(Pace::Batches(rate), self.effort.window).await?;
        row.latency_ms = rig.close().await?;
        Ok(self.label(row, name))
    }

    async fn latency(&self, name: &str, way: Way, rate: f64) -> Result<Row> {
        let mut rig = self.open(way, &firehoses(1), rate, 1).await?;
        let mut row = rig.load(Pace::Evenly(rate), self.effort.window).await?;
        row.latency_ms = rig.close().await?;
        Ok(self.label(row, format!("{name}, {rate}/s")))
    }

    async fn sustained(&self, name: &str, way: Way) -> Result<Row> {
        let mut rig = self
            .open(way, &firehoses(1), capacity::MOST, capacity::LOADS)
            .await?;
        let row = capacity::find(&mut rig, self.effort.rate / 2.0, self.effort.window).await?;
        rig.close().await?;
        Ok(self.label(row, name))
    }

    async fn overload(&self) -> Result<Vec<Row>> {
        let mut rig = self
            .open(RLP, &firehoses(1), capacity::MOST, capacity::LOADS + 1)
            .await?;
        let sustained =
            capacity::find(&mut rig, self.effort.rate / 2.0, self.effort.window).await?;
        let counted = status::dropped(rig.status_ports()).await;
        let mut row = rig
            .load(Pace::Batches(4.0 * sustained.offered), self.effort.window)
            .await?;
        row.counted = difference(counted, status::dropped(rig.status_ports()).await);
        rig.close().await?;
        Ok(vec![
            self.label(sustained, "overload, what holds"),
            self.label(row, "overload, 4 x what holds"),
        ])
    }

    async fn slow(&self) -> Result<Row> {
        let slow = Wish {
            pace: Some(self.effort.rate / 4.0),
            ..Wish::firehose()
        };
        let audience = Audience {
            wishes: vec![slow],
            ..Audience::default()
        };
        let mut rig = self.open(RLP, &audience, self.effort.rate, 1).await?;
        let counted = status::dropped(rig.status_ports()).await;
        let mut row = rig
            .load(Pace::Batches(self.effort.rate), self.effort.window)
            .await?;
        row.counted = difference(counted, status::dropped(rig.status_ports()).await);
        rig.close().await?;
        Ok(self.label(row, "slow reader, takes a quarter"))
    }
}

fn firehoses(count: usize) -> Audience {
    Audience {
        wishes: vec![Wish::firehose(); count],
        ..Audience::default()
    }
}

fn idle(count: usize) -> Audience {
    // Numbers that no source of the load has.
    let quiet = |number| Wish::of(app(1_000_000 + number));
    Audience {
        idle: (0..count).map(quiet).collect(),
        ..firehoses(1)
    }
}

fn apps() -> Audience {
    Audience {
        wishes: (0..1000).map(app).map(Wish::of).collect(),
        shared: true,
        ..Audience::default()
    }
}

/// A source id of the usual form.
fn app(number: usize) -> String {
    format!("7f0c3d0f-93cb-4d0e-a1cb-{number:012}")
}

/// The sources of the load: those that are asked for, else some.
fn sources(asked: impl Iterator<Item = String>) -> Vec<String> {
    let asked: Vec<String> = asked.collect();
    if asked.is_empty() {
        (0..25).map(app).collect()
    } else {
        asked
    }
}
