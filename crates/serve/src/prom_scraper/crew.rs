//! A task for each target; targets come and go with their files.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    config::{PromScraperConfig, TargetConfig},
    files,
    state::States,
    target::Target,
};
use crate::{
    context::ServeContext,
    metrics::Registry,
    outlet::{OpenSink, Outlet},
};

/// How often files are looked for again.
const LOOK: Duration = Duration::from_secs(10);

/// Starts scraping what the settings and the files say, until the process stops. What is
/// returned is done then.
pub(crate) fn start(
    config: PromScraperConfig,
    sinks: OpenSink,
    registry: &Registry,
    context: &ServeContext,
) -> TaskTracker {
    let scrapes = TaskTracker::new();
    let mut crew = Crew {
        states: States::shown(registry),
        registry: registry.clone(),
        scrapes: scrapes.clone(),
        stop: context.shutdown.stop.clone(),
        config,
        sinks,
        targets: HashMap::new(),
        next: 0,
        problems: HashSet::new(),
    };
    if crew.config.targets.is_empty() && crew.config.config_globs.is_empty() {
        return scrapes;
    }
    let reload = Arc::clone(&context.reload);
    let stop = context.shutdown.stop.clone();
    scrapes.spawn(async move { stop.run_until_cancelled(crew.keep(&reload)).await });
    scrapes
}

/// A target that is scraped: its number, and what ends its task.
struct Scraped(u64, CancellationToken);

struct Crew {
    config: PromScraperConfig,
    sinks: OpenSink,
    registry: Registry,
    states: States,
    scrapes: TaskTracker,
    stop: CancellationToken,
    targets: HashMap<TargetConfig, Scraped>,
    /// The number of the next target.
    next: u64,
    /// What was wrong with files at the last look.
    problems: HashSet<String>,
}

impl Crew {
    async fn keep(&mut self, reload: &Notify) {
        let mut looks = tokio::time::interval(LOOK);
        looks.tick().await;
        loop {
            let globs = self.config.config_globs.clone();
            let found = tokio::task::spawn_blocking(move || files::find(&globs)).await;
            // The task neither panics nor is it cancelled while the process lives.
            let (found, problems) = found.unwrap_or_default();
            self.tell(problems);
            let declared = self.config.targets.iter().cloned();
            self.change(declared.chain(found).collect());
            tokio::select! {
                _ = looks.tick() => {}
                () = reload.notified() => {}
            }
        }
    }

    /// Says what is wrong, once as long as it stays.
    fn tell(&mut self, problems: Vec<String>) {
        let problems: HashSet<_> = problems.into_iter().collect();
        for problem in problems.difference(&self.problems) {
            tracing::warn!("{problem}");
        }
        self.problems = problems;
    }

    fn change(&mut self, wanted: HashSet<TargetConfig>) {
        let states = &self.states;
        self.targets.retain(|target, Scraped(number, scraping)| {
            let stays = wanted.contains(target);
            if !stays {
                scraping.cancel();
                states.forget(*number);
            }
            stays
        });
        let total = self.registry.counter(
            "scrape_targets_total",
            "Total number of scrape targets identified.",
            &[],
        );
        for target in wanted {
            if !self.targets.contains_key(&target) {
                total.add(1);
                self.begin(target);
            }
        }
    }

    fn begin(&mut self, target: TargetConfig) {
        let failed = self.registry.counter(
            "failed_scrapes_total",
            "Total number of failed scrapes for the target source_id.",
            &[("scrape_target_source_id", &target.source_id)],
        );
        let scraping = self.stop.child_token();
        let number = self.next;
        self.next += 1;
        let scraped = Scraped(number, scraping.clone());
        self.targets.insert(target.clone(), scraped);
        let states = self.states.clone();
        states.update(number, |state| {
            state.target = target.shown();
            state.source_id.clone_from(&target.source_id);
        });
        let outlet = Outlet::new((self.sinks)());
        let own = (number, states);
        let target = Target::new(target, &self.config, outlet, own, failed);
        let run = async move { scraping.run_until_cancelled(target.run()).await };
        self.scrapes.spawn(run);
    }
}
