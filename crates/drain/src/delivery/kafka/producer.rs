//! What outlives a session that failed, and one step of a round.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use logweir_route::Cause;
use tokio::time::sleep;

use super::{
    cluster::{Cluster, Load},
    round::{Cut, Round},
};
use crate::{
    delivery::{Failure, courier::Courier},
    kafka::{
        answer::{Produced, ProducerId},
        error_code::Remedy,
    },
    nozzle::KafkaSettings,
};

/// A broker that wants to be left alone for longer is asked again after it.
const LONGEST_THROTTLE: Duration = Duration::from_secs(30);

/// A batch that is too large for the broker is halved, and so are all that follow, but not
/// below this.
const SMALLEST: usize = 4 << 10;

/// A producer in the sense of Kafka.
#[derive(Default)]
pub(in crate::delivery) struct Producer {
    /// By what the brokers know us; `None` before they were asked.
    id: Option<ProducerId>,
    /// Number of the next record of each partition.
    next: HashMap<i32, i32>,
    /// What is under way.
    round: Option<Round>,
    /// Most bytes of a batch that the broker takes, once it said that one was too large.
    limit: Option<usize>,
}

impl Producer {
    /// Something is under way: nothing may be added to it.
    pub(super) fn is_busy(&self) -> bool {
        self.round.is_some()
    }

    /// Forgets what is under way, and by what the brokers know it.
    pub(super) fn start_over(&mut self) {
        self.id = None;
        self.next.clear();
        self.round = None;
    }

    /// Sends the next batch of each partition, and sees what comes of it. What the brokers have
    /// or refuse is settled, also if others of them fail.
    pub(super) async fn step(
        &mut self,
        courier: &mut Courier,
        cluster: &mut Cluster,
        settings: &KafkaSettings,
    ) -> Result<(), Failure> {
        let id = match self.id {
            Some(id) => id,
            None => *self.id.insert(cluster.producer_id().await?),
        };
        let mut cut = self.cut(cluster, settings);
        let mut round = match self.round.take() {
            None => Round::of(&courier.batch, cut),
            Some(round) if round.fits(cut.partitions) => round,
            Some(_) => {
                // The topic is another one now.
                self.start_over();
                return Ok(());
            }
        };
        let answers = cluster.produce(self.loads(&mut round, id)).await;
        let mut failure = answers.failure;
        let (mut taken, mut refused, mut forgotten) = (false, None, false);
        for Produced { partition, error } in answers.produced {
            let Some(piece) = round.pop_sent(partition) else {
                continue;
            };
            let remedy = error.remedy();
            match remedy {
                Remedy::Done => {
                    taken = true;
                    let batch = &mut courier.batch;
                    piece.messages.iter().for_each(|at| batch.take(*at));
                }
                Remedy::Retry | Remedy::NewProducer => {
                    forgotten |= remedy == Remedy::NewProducer;
                    round.push_front(partition, [piece].into_iter());
                    failure.get_or_insert_with(|| cluster.refusal(partition, error));
                }
                Remedy::Halve => {
                    // The broker has none of it, so its numbers are free again.
                    self.next
                        .extend(piece.sequence.map(|first| (partition, first)));
                    if let [only] = piece.messages[..] {
                        let cause = match error.is_too_large() {
                            true => Cause::TooLarge,
                            false => Cause::Refused,
                        };
                        courier.lose(only, 1, cause);
                        refused = Some(cluster.refusal(partition, error));
                        continue;
                    }
                    cut.bytes = piece.plain / 2;
                    if error.is_too_large() {
                        self.limit = Some(cut.bytes.max(SMALLEST));
                    }
                    let halves = cut.pieces(&courier.batch, &piece.messages);
                    round.push_front(partition, halves.into_iter());
                }
            }
        }
        if round.is_settled() {
            courier.sent(courier.batch.left());
        } else {
            self.round = Some(round);
        }
        if taken {
            courier.delivered();
        }
        if forgotten {
            self.start_over();
        }
        if let Some(refused) = refused {
            courier.failed(refused);
            courier.pause_after_refusal().await;
            courier.shared.resume();
        }
        sleep(answers.throttle.min(LONGEST_THROTTLE)).await;
        failure.map_or(Ok(()), Err)
    }

    fn cut(&self, cluster: &Cluster, settings: &KafkaSettings) -> Cut {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        Cut {
            partitions: cluster.partitions(),
            bytes: settings.batch_bytes.min(self.limit.unwrap_or(usize::MAX)),
            compression: settings.compression,
            now,
        }
    }

    /// The next batch of each partition, numbered.
    fn loads<'a>(&mut self, round: &'a mut Round, id: ProducerId) -> Vec<Load<'a>> {
        let first = round.pieces.iter_mut();
        let first = first.filter_map(|(partition, pieces)| Some((*partition, pieces.front_mut()?)));
        let loads = first.map(|(partition, piece)| {
            let count = piece.sealed.count();
            let sequence = *piece.sequence.get_or_insert_with(|| {
                if id == ProducerId::NONE {
                    return -1;
                }
                let next = self.next.entry(partition).or_default();
                let first = *next;
                // After the highest comes 0.
                *next = first.wrapping_add(count) & i32::MAX;
                first
            });
            Load {
                partition,
                header: piece.sealed.header(id, sequence),
                body: piece.sealed.body(),
            }
        });
        loads.collect()
    }
}
