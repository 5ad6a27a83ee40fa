//! One task writes, so that what a change is checked against cannot move under it. Changes
//! that wait together and touch different things are kept together: one sync of a disk, or
//! one round trip, for all of them.

use std::{collections::HashSet, fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::BookError;
use crate::logplex::{
    change::Change,
    registry::Registry,
    store::{Store, StoreError},
};

/// Most changes that wait.
const WAITING: usize = 1_024;

/// Most changes that are kept together.
const TOGETHER: usize = 256;

/// What a change is checked against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// A channel that has no id yet.
    NewChannel,
    Channel(Arc<str>),
    Session(Arc<str>),
    Cred(Arc<str>),
    Rods,
}

/// Numbers that the store hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::logplex) enum Counter {
    /// Ids of channels of v1 and v2.
    Channel,
    /// Ids of drains.
    Drain,
}

/// What is to be kept, and whom to tell how that went.
type Planned = (Vec<Change>, Box<dyn FnOnce(Result<(), StoreError>) + Send>);

/// What is to be kept, by what is known and the number that was asked for.
type Plan = Box<dyn FnOnce(&Registry, u64) -> Planned + Send>;

struct Order {
    scope: Scope,
    counter: Option<Counter>,
    plan: Plan,
    refuse: oneshot::Sender<StoreError>,
}

/// The way to the task. Clones are the same; it ends with the last.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Order>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(super) fn start(store: Store, registry: Arc<Registry>) -> Self {
        let (sender, orders) = mpsc::channel(WAITING);
        tokio::spawn(run(store, registry, orders));
        Self(sender)
    }

    /// Keeps what the plan says, which looks at the registry as it is then.
    pub(super) async fn commit<T: Send + 'static>(
        &self,
        scope: Scope,
        plan: impl FnOnce(&Registry) -> Result<(Vec<Change>, T), BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let plan = |registry: &Registry, _| plan(registry);
        self.planned(scope, None, plan).await
    }

    /// The same for a thing that gets a number.
    pub(super) async fn numbered<T: Send + 'static>(
        &self,
        counter: Counter,
        plan: impl FnOnce(&Registry, u64) -> Result<(Vec<Change>, T), BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        self.planned(Scope::NewChannel, Some(counter), plan).await
    }

    /// The same with both.
    pub(super) async fn planned<T: Send + 'static>(
        &self,
        scope: Scope,
        counter: Option<Counter>,
        plan: impl FnOnce(&Registry, u64) -> Result<(Vec<Change>, T), BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let (told, tell) = oneshot::channel();
        let (refuse, refused) = oneshot::channel();
        let plan = move |registry: &Registry, number| -> Planned {
            // Whoever asked may have left; what it asked for happens all the same.
            match plan(registry, number) {
                Ok((changes, value)) => {
                    let done = |kept: Result<(), StoreError>| {
                        drop(told.send(kept.map(|()| value).map_err(BookError::Store)));
                    };
                    (changes, Box::new(done))
                }
                Err(error) => (Vec::new(), Box::new(|_| drop(told.send(Err(error))))),
            }
        };
        let order = Order {
            scope,
            counter,
            plan: Box::new(plan),
            refuse,
        };
        self.0.try_send(order).map_err(|_| BookError::Busy)?;
        match tell.await {
            Ok(result) => result,
            // The plan was dropped unasked.
            Err(_) => Err(match refused.await {
                Ok(error) => BookError::Store(error),
                Err(_) => BookError::Busy,
            }),
        }
    }
}

async fn run(store: Store, registry: Arc<Registry>, mut orders: mpsc::Receiver<Order>) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(order) => order,
            None => match orders.recv().await {
                Some(order) => order,
                None => return,
            },
        };
        let mut together = vec![first];
        let mut scopes: HashSet<_> = together.iter().map(|order| order.scope.clone()).collect();
        while together.len() < TOGETHER {
            let Ok(order) = orders.try_recv() else { break };
            // Several new channels do not see each other.
            if order.scope != Scope::NewChannel && !scopes.insert(order.scope.clone()) {
                next = Some(order);
                break;
            }
            together.push(order);
        }
        keep(&store, &registry, together).await;
    }
}

async fn keep(store: &Store, registry: &Registry, orders: Vec<Order>) {
    let channels = count(&orders, Counter::Channel);
    let drains = count(&orders, Counter::Drain);
    let numbers = async {
        let channels = store.numbers(Counter::Channel, channels).await?;
        let drains = store.numbers(Counter::Drain, drains).await?;
        Ok::<_, StoreError>((channels, drains))
    };
    let (mut channels, mut drains) = match numbers.await {
        Ok(numbers) => numbers,
        Err(error) => {
            for order in orders {
                drop(order.plan);
                drop(order.refuse.send(error.clone()));
            }
            return;
        }
    };
    let (mut changes, mut done) = (Vec::new(), Vec::new());
    for order in orders {
        let number = match order.counter {
            Some(Counter::Channel) => channels.next(),
            Some(Counter::Drain) => drains.next(),
            None => None,
        };
        let (more, told) = (order.plan)(registry, number.unwrap_or_default());
        changes.extend(more);
        done.push(told);
    }
    let kept = match changes.is_empty() {
        true => Ok(()),
        false => store.write(&changes, registry).await,
    };
    for told in done {
        told(kept.clone());
    }
}

/// How many of them need a number.
fn count(orders: &[Order], counter: Counter) -> u64 {
    let of = orders.iter().filter(|one| one.counter == Some(counter));
    u64::try_from(of.count()).unwrap_or(u64::MAX)
}
