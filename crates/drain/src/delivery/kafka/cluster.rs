//! The brokers of a cluster: who they are, who leads which partition, and connections to them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{join_all, select_all};
use logweir_net::resolve::Target;
use tokio::time::Instant;

use super::{
    link::{Link, no_answer},
    login::login,
};
use crate::{
    binding::Pem,
    delivery::{
        Delivery, Failure,
        dial::{Dial, Receiver},
    },
    kafka::{
        answer::{Broker, Metadata, Produced, ProducerId},
        error_code::ErrorCode,
        records::HEADER,
        request::{Api, Request},
    },
    nozzle::KafkaSettings,
};

/// A batch for the leader of a partition.
pub(super) struct Load<'a> {
    pub(super) partition: i32,
    pub(super) header: [u8; HEADER],
    pub(super) body: &'a [u8],
}

/// What came of batches.
#[derive(Default)]
pub(super) struct Answers {
    /// Those that a broker said something about.
    pub(super) produced: Vec<Produced>,
    /// How long the brokers want to be left alone.
    pub(super) throttle: Duration,
    /// Why there is no answer for the others.
    pub(super) failure: Option<Failure>,
}

/// A cluster, as one of its brokers described it.
pub(super) struct Cluster {
    with: Arc<Delivery>,
    settings: Arc<KafkaSettings>,
    tls: Option<Arc<Pem>>,
    /// The broker that was asked about the others.
    entry: Link,
    links: HashMap<i32, Link>,
    metadata: Metadata,
    asked: Instant,
}

impl Cluster {
    /// Asks one of the brokers that the settings name, whichever answers.
    pub(super) async fn join(
        with: Arc<Delivery>,
        settings: Arc<KafkaSettings>,
    ) -> Result<Self, Failure> {
        let tls = settings.tls.clone().map(Arc::new);
        let mut brokers = settings.brokers.clone();
        fastrand::shuffle(&mut brokers);
        let mut failure = Failure::Resolve("the nozzle names no broker".to_owned());
        for target in brokers {
            match open(&with, &settings, tls.as_ref(), target).await {
                Ok(entry) => {
                    let mut cluster = Self {
                        with,
                        settings,
                        tls,
                        entry,
                        links: HashMap::new(),
                        metadata: Metadata::default(),
                        asked: Instant::now(),
                    };
                    cluster.refresh().await?;
                    return Ok(cluster);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks again who leads what.
    pub(super) async fn refresh(&mut self) -> Result<(), Failure> {
        let topic = &self.settings.topic;
        let answer = self.entry.ask(Request::metadata(topic)).await?;
        let metadata = Metadata::read(&answer, topic).map_err(no_answer)?;
        let code = match metadata.leaders.is_empty() {
            true if metadata.error.is_none() => ErrorCode::NO_LEADER,
            _ => metadata.error,
        };
        if !code.is_none() {
            let about = format!("the topic `{topic}`");
            return Err(Failure::Broker { code, about });
        }
        self.metadata = metadata;
        self.asked = Instant::now();
        Ok(())
    }

    /// How long ago it was asked who leads what.
    pub(super) fn age(&self) -> Duration {
        self.asked.elapsed()
    }

    /// How many partitions the topic has; at least one.
    pub(super) fn partitions(&self) -> usize {
        self.metadata.leaders.len()
    }

    /// An id by which brokers know what they have already; none where that is not known or not
    /// allowed: then a batch may arrive twice.
    pub(super) async fn producer_id(&mut self) -> Result<ProducerId, Failure> {
        if !self.entry.knows(Api::InitProducerId) {
            return Ok(ProducerId::NONE);
        }
        let answer = self.entry.ask(Request::init_producer_id()).await?;
        match ProducerId::read(&answer).map_err(no_answer)? {
            Ok(id) => Ok(id),
            Err(code) if code.is_forbidden() => {
                let shown = &*self.settings;
                tracing::warn!("{shown}: no producer id ({code}): batches may arrive twice");
                Ok(ProducerId::NONE)
            }
            Err(code) => {
                let about = "a producer id".to_owned();
                Err(Failure::Broker { code, about })
            }
        }
    }

    /// Sends batches to the leaders of their partitions, to all of them at once.
    pub(super) async fn produce(&mut self, loads: Vec<Load<'_>>) -> Answers {
        let mut answers = Answers::default();
        let mut by_leader: BTreeMap<i32, Vec<Load<'_>>> = BTreeMap::new();
        for load in loads {
            match self.leader(load.partition) {
                Some(leader) => by_leader.entry(leader).or_default().push(load),
                None => {
                    let refusal = self.refusal(load.partition, ErrorCode::NO_LEADER);
                    answers.failure.get_or_insert(refusal);
                }
            }
        }
        let links = &mut self.links;
        let asked: Vec<_> = by_leader
            .into_iter()
            .map(|(leader, loads)| (leader, links.remove(&leader), loads))
            .collect();
        let asked = asked
            .into_iter()
            .map(|(leader, link, loads)| self.ask(leader, link, loads));
        for (leader, asked) in join_all(asked).await {
            match asked {
                Ok((link, produced, throttle)) => {
                    self.links.insert(leader, link);
                    answers.produced.extend(produced);
                    answers.throttle = answers.throttle.max(throttle);
                }
                Err(failure) => {
                    answers.failure.get_or_insert(failure);
                }
            }
        }
        answers
    }

    async fn ask(
        &self,
        leader: i32,
        link: Option<Link>,
        loads: Vec<Load<'_>>,
    ) -> (i32, Result<(Link, Vec<Produced>, Duration), Failure>) {
        let asked = async {
            let mut link = match link {
                Some(link) => link,
                None => self.open(leader).await?,
            };
            let version = link.produce_version()?;
            let batches = loads
                .iter()
                .map(|load| (load.partition, [&load.header[..], load.body]));
            // The broker is to give up before we do.
            let patience = self.with.settings.answer_timeout.mul_f64(0.75);
            let patience = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
            let topic = &self.settings.topic;
            let request = Request::produce(version, topic, patience, batches);
            let answer = link.ask(request).await?;
            let (produced, throttle) = Produced::read(&answer, version).map_err(no_answer)?;
            let asked = |load: &Load<'_>| {
                let same = |one: &Produced| one.partition == load.partition;
                produced.iter().any(same)
            };
            match loads.iter().all(asked) {
                true => Ok((link, produced, Duration::from_millis(throttle.into()))),
                false => Err(Failure::Request(
                    "the broker answered for other partitions".to_owned(),
                )),
            }
        };
        (leader, asked.await)
    }

    /// What a broker said about a batch.
    pub(super) fn refusal(&self, partition: i32, code: ErrorCode) -> Failure {
        let topic = &self.settings.topic;
        let about = format!("partition {partition} of the topic `{topic}`");
        Failure::Broker { code, about }
    }

    fn leader(&self, partition: i32) -> Option<i32> {
        let partition = usize::try_from(partition).ok()?;
        self.metadata.leaders.get(partition).copied().flatten()
    }

    async fn open(&self, leader: i32) -> Result<Link, Failure> {
        let mut brokers = self.metadata.brokers.iter();
        let Some(Broker { host, port, .. }) = brokers.find(|broker| broker.id == leader) else {
            let reason = format!("broker {leader} of the cluster has no address");
            return Err(Failure::Resolve(reason));
        };
        let target = Target::HostPort(host.clone(), *port);
        open(&self.with, &self.settings, self.tls.as_ref(), target).await
    }

    /// Waits until one of the brokers has ended its connection.
    pub(super) async fn closed(&mut self) {
        let links = self.links.values_mut().chain([&mut self.entry]);
        select_all(links.map(|link| Box::pin(link.closed()))).await;
    }
}

async fn open(
    with: &Delivery,
    settings: &KafkaSettings,
    tls: Option<&Arc<Pem>>,
    target: Target,
) -> Result<Link, Failure> {
    let to = match tls {
        None => Receiver::Open(target),
        Some(pem) => Receiver::Tls(target, pem.clone()),
    };
    let dial = Dial { to: &to, with };
    let mut link = Link::open(dial.connect().await?, with.settings.answer_timeout).await?;
    if let Some(sasl) = &settings.sasl {
        login(&mut link, sasl).await?;
    }
    Ok(link)
}
