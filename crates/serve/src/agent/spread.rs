//! To which router each of an agent's connections leads: spread evenly, over routers
//! that work, of the preferred tier as long as one of it answers.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use logweir_net::{
    dial::{Dialer, H2},
    resolve::{Resolver, Target},
};
use tokio::time::Instant;

/// A router that could not be reached is tried last for this long.
const DOWN: Duration = Duration::from_secs(5);

/// Where the connections of one agent lead.
pub(super) struct Spread {
    dialer: Dialer,
    resolver: Resolver,
    /// Routers that are preferred, then all others.
    tiers: [Vec<Target>; 2],
    leads: Mutex<Leads>,
}

struct Leads {
    /// Where each lane leads or is about to: a lane that is being connected counts,
    /// or lanes that start together would all choose the same router.
    lanes: Vec<Option<SocketAddr>>,
    /// Routers that are chosen last, until then.
    avoided: HashMap<SocketAddr, Instant>,
}

/// What a lane does about its router.
pub(super) enum Better {
    Stay,
    /// The router has left the list.
    Leave,
    Move(H2),
}

impl Spread {
    pub(super) fn new(
        dialer: Dialer,
        resolver: Resolver,
        tiers: [Vec<Target>; 2],
        lanes: usize,
    ) -> Self {
        let leads = Leads {
            lanes: vec![None; lanes],
            avoided: HashMap::new(),
        };
        Self {
            dialer,
            resolver,
            tiers,
            leads: Mutex::new(leads),
        }
    }

    /// Connects a lane to the router with the fewest lanes of the first tier that
    /// answers.
    pub(super) async fn connect(&self, lane: usize) -> Result<H2, String> {
        let mut reasons = Vec::new();
        for tier in &self.tiers {
            let (mut left, errors) = self.look_up(tier).await;
            reasons.extend(errors);
            fastrand::shuffle(&mut left);
            while let Some(address) = self.choose(lane, &mut left) {
                match self.dialer.connect(address).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => {
                        self.avoid(address, DOWN);
                        reasons.push(error.to_string());
                    }
                }
            }
        }
        self.leads().lanes[lane] = None;
        Err(reasons.join("; "))
    }

    /// Where a lane should lead instead, if anywhere: its router has left the list, a
    /// preferred one answers again, or another one has fewer lanes.
    pub(super) async fn better(&self, lane: usize, address: SocketAddr) -> Better {
        let mut complete = true;
        for tier in &self.tiers {
            let (found, errors) = self.look_up(tier).await;
            complete &= errors.is_empty();
            let own = found.contains(&address);
            let target = self.leads().improve(lane, address, &found, own);
            if let Some(target) = target {
                // Only to a router that answers: the stream moves when the new one
                // stands.
                match self.dialer.connect(target).await {
                    Ok(connection) => return Better::Move(connection),
                    Err(_) => {
                        self.avoid(target, DOWN);
                        self.leads().lanes[lane] = Some(address);
                    }
                }
            }
            if own {
                return Better::Stay;
            }
        }
        // A broken DNS must not cut streams that work.
        if complete {
            Better::Leave
        } else {
            Better::Stay
        }
    }

    /// Chooses a router last for a while.
    pub(super) fn avoid(&self, address: SocketAddr, during: Duration) {
        let mut leads = self.leads();
        let now = Instant::now();
        leads.avoided.retain(|_, until| *until > now);
        leads.avoided.insert(address, now + during);
    }

    /// A lane leads nowhere now.
    pub(super) fn release(&self, lane: usize) {
        self.leads().lanes[lane] = None;
    }

    fn choose(&self, lane: usize, left: &mut Vec<SocketAddr>) -> Option<SocketAddr> {
        self.leads().choose(lane, left)
    }

    async fn look_up(&self, targets: &[Target]) -> (Vec<SocketAddr>, Vec<String>) {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for target in targets {
            match self.resolver.resolve(target).await {
                Ok(addresses) => found.extend(addresses),
                Err(error) => errors.push(error.to_string()),
            }
        }
        found.sort_unstable();
        found.dedup();
        (found, errors)
    }

    fn leads(&self) -> MutexGuard<'_, Leads> {
        self.leads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leads {
    /// Takes the best of `left` for a lane.
    fn choose(&mut self, lane: usize, left: &mut Vec<SocketAddr>) -> Option<SocketAddr> {
        self.lanes[lane] = None;
        let rank = |at: &usize| (self.is_avoided(left[*at]), self.lanes_to(left[*at]));
        let best = (0..left.len()).min_by_key(rank)?;
        let address = left.swap_remove(best);
        self.lanes[lane] = Some(address);
        Some(address)
    }

    /// A router of `found` that is better for a lane than the one at `address`. Among
    /// routers of its `own` tier that is one with fewer lanes; of a tier before its
    /// own, any.
    fn improve(
        &mut self,
        lane: usize,
        address: SocketAddr,
        found: &[SocketAddr],
        own: bool,
    ) -> Option<SocketAddr> {
        let most = if own {
            self.lanes_to(address).saturating_sub(1)
        } else {
            usize::MAX
        };
        let better = found
            .iter()
            .filter(|other| self.lanes_to(**other) < most && !self.is_avoided(**other));
        let target = *better.min_by_key(|other| self.lanes_to(**other))?;
        self.lanes[lane] = Some(target);
        Some(target)
    }

    fn lanes_to(&self, address: SocketAddr) -> usize {
        let lanes = self.lanes.iter();
        lanes.filter(|lead| **lead == Some(address)).count()
    }

    fn is_avoided(&self, address: SocketAddr) -> bool {
        let until = self.avoided.get(&address);
        until.is_some_and(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn leads(lanes: usize) -> Leads {
        Leads {
            lanes: vec![None; lanes],
            avoided: HashMap::new(),
        }
    }

    #[test]
    fn lanes_that_start_together_do_not_all_choose_one_router() {
        let mut leads = leads(5);
        for lane in 0..5 {
            leads.choose(lane, &mut vec![router(1), router(2)]).unwrap();
        }
        assert!((2..=3).contains(&leads.lanes_to(router(1))));
    }

    #[test]
    fn a_router_that_stalled_is_chosen_last_though_it_has_the_fewest_lanes() {
        let mut leads = leads(3);
        leads.lanes = vec![None, Some(router(1)), Some(router(1))];
        let later = Instant::now() + Duration::from_secs(60);
        leads.avoided.insert(router(2), later);
        let both = vec![router(2), router(1)];
        assert_eq!(leads.choose(0, &mut both.clone()), Some(router(1)));
        assert_eq!(leads.improve(0, router(1), &both, true), None);
        assert_eq!(leads.choose(0, &mut vec![router(2)]), Some(router(2)));
    }

    #[test]
    fn lanes_are_evened_out_without_going_to_and_fro() {
        let mut leads = leads(5);
        leads.lanes = vec![Some(router(1)); 5];
        let both = [router(1), router(2)];
        let mut moves = 0;
        for _ in 0..10 {
            for lane in 0..5 {
                let address = leads.lanes[lane].unwrap();
                moves += usize::from(leads.improve(lane, address, &both, true).is_some());
            }
        }
        assert_eq!((leads.lanes_to(router(1)), moves), (3, 2));
    }

    #[test]
    fn a_lane_goes_back_to_a_preferred_router_whatever_its_load() {
        let mut leads = leads(2);
        leads.lanes = vec![Some(router(2)), Some(router(1))];
        let preferred = [router(1)];
        let back = leads.improve(0, router(2), &preferred, false);
        assert_eq!(back, Some(router(1)));
    }
}
