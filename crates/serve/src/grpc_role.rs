//! What the roles with one gRPC door have in common once they know what it answers.

use std::{net::SocketAddr, sync::Arc};

use logweir_route::Exchange;
use tokio_util::task::TaskTracker;

use crate::{
    context::{ServeContext, StartError, Started},
    doors::{self, GrpcDoor},
    front::Readiness,
    grpc::Door,
    metrics::Registry,
    router::end_with,
    self_metrics::{self, Identity},
    settings::{SelfMetricsConfig, TlsFiles},
};

/// A router or a reverse log proxy, ready to be opened.
pub(crate) struct GrpcRole<'a> {
    /// Its door.
    pub(crate) door: GrpcDoor<'a>,
    /// What the door answers.
    pub(crate) services: Door,
    /// Its status page, if it has one.
    pub(crate) status: Option<SocketAddr>,
    /// Its own metrics as envelopes, and its identity towards the agent.
    pub(crate) self_metrics: (&'a SelfMetricsConfig, &'a TlsFiles, Identity),
    /// Its metrics.
    pub(crate) registry: Registry,
    /// Where its queues are.
    pub(crate) exchange: Arc<Exchange>,
    /// Streams that are waited for at a stop, before the queues end.
    pub(crate) producers: Vec<TaskTracker>,
}

impl GrpcRole<'_> {
    /// Opens the doors, sends metrics, and ends the queues when the process stops.
    ///
    /// # Errors
    /// An address that cannot be bound, or the agent's that cannot be read.
    pub(crate) async fn open(
        self,
        context: &ServeContext,
        mut started: Started,
    ) -> Result<Started, StartError> {
        let readiness = Readiness::new();
        let part = readiness.part(self.door.name);
        let registry = &self.registry;
        doors::grpc(self.door, self.services, registry, context, &mut started).await?;
        let page = self.status;
        doors::status(page, None, &readiness, registry, context, &mut started).await?;
        let (config, tls, identity) = self.self_metrics;
        self_metrics::start(config, tls, registry, identity, context)?;
        end_with(&self.exchange, &self.producers, context);
        part.ready();
        Ok(started)
    }
}
