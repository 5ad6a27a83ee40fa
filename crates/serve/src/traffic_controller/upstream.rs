//! Every router of every zone, as a traffic controller reads and asks them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use logweir_net::{resolve::Resolver, tls::ClientTls};
use logweir_proto::{frames::frames, peek_v1::peek_v1, plumbing, service, v1};
use prost::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

use super::TrafficControllerConfig;
use crate::{
    context::{ServeContext, StartError},
    doors,
    front::Readiness,
    metrics::Registry,
    routers::{Answers, Call, Routers, RoutersOptions, Zone, ZoneState},
};

/// Largest message read from a router, in bytes: as the peers.
const MESSAGE_BYTES: usize = 10 << 20;

/// How long routers may take to answer what they remember, as at the reference.
const DEADLINE: Duration = Duration::from_secs(5);

/// A zone's routers. The streams of all zones are merged, and the loss of one does not
/// disturb the others.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Name of the zone, for logs, metrics and `/readyz`.
    pub name: String,
    /// Its routers: `host:port` or `srv:NAME`.
    pub routers: Vec<String>,
}

/// Starts to look the routers up, connects to them, and says in `readiness` and in
/// `registry` how each zone does.
///
/// # Errors
/// The address of a router that cannot be read.
pub(super) fn start(
    config: &TrafficControllerConfig,
    tls: &ClientTls,
    readiness: &Readiness,
    registry: &Registry,
    context: &ServeContext,
) -> Result<Arc<Routers>, StartError> {
    let mut zones = Vec::new();
    if !config.routers.is_empty() {
        zones.push(Zone {
            name: String::new(),
            targets: doors::targets("traffic_controller.routers", &config.routers)?,
        });
    }
    for zone in &config.zones {
        zones.push(Zone {
            name: zone.name.clone(),
            targets: doors::targets("traffic_controller.zones.routers", &zone.routers)?,
        });
    }
    let options = RoutersOptions {
        zones,
        resolve_interval: config.resolve_interval,
        connections: config.connections_per_router,
        message_bytes: MESSAGE_BYTES,
    };
    let dialer = doors::dialer(tls, &config.router_name);
    let routers = Routers::start(dialer, Resolver::new(), options, &context.shutdown);
    report(&routers, registry);
    follow(&routers, readiness, context);
    Ok(routers)
}

/// Ready while any router of any zone is connected. A zone that is lost is a remark.
fn follow(routers: &Routers, readiness: &Readiness, context: &ServeContext) {
    let part = readiness.part("routers");
    let readiness = readiness.clone();
    let mut zones = routers.zones();
    let follow = async move {
        loop {
            let now = zones.borrow_and_update().clone();
            if now.iter().any(|zone| zone.connected > 0) {
                part.ready();
            } else {
                part.not_ready("no router can be reached");
            }
            for zone in &now {
                readiness.remark(&format!("zone {}", shown(zone)), remark(zone));
            }
            if zones.changed().await.is_err() {
                return;
            }
        }
    };
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        stop.run_until_cancelled(follow).await;
    });
}

fn shown(zone: &ZoneState) -> &str {
    match zone.name.as_str() {
        "" => "default",
        name => name,
    }
}

fn remark(zone: &ZoneState) -> Option<String> {
    let ZoneState {
        known, connected, ..
    } = *zone;
    if known == 0 {
        return Some("no router was found".into());
    }
    (connected < known).then(|| format!("{connected} of {known} routers can be reached"))
}

fn report(routers: &Routers, registry: &Registry) {
    let zones = routers.zones();
    registry.collect(move |snapshot| {
        for zone in zones.borrow().iter() {
            let label = [("zone", shown(zone))];
            let help = "Routers that were found by the names of a zone.";
            let known = zone.known as f64;
            snapshot.gauge("logweir_zone_routers", help, "routers", &label, known);
            let help = "Routers of a zone that are connected.";
            let up = zone.connected as f64;
            snapshot.gauge("logweir_zone_routers_up", help, "routers", &label, up);
        }
    });
}

/// What all routers remember of an app's logs, in ascending order of their timestamps:
/// V1 envelopes, not framed.
pub(super) async fn recent(routers: &Routers, app: &str) -> Result<Vec<Bytes>, Status> {
    let request = plumbing::RecentLogsRequest { app_id: app.into() };
    let call = Call {
        path: service::RECENT_LOGS,
        request: request.encode_to_vec().into(),
    };
    let mut logs = payloads(routers.ask(call, DEADLINE).await)?;
    // Stable: what one router has at one time stays in its order.
    logs.sort_by_cached_key(|log| peek_v1(log).map_or(0, |peek| peek.timestamp));
    Ok(logs)
}

/// The newest container metric of each instance of an app over all routers, by
/// instance: V1 envelopes, not framed.
pub(super) async fn container_metrics(routers: &Routers, app: &str) -> Result<Vec<Bytes>, Status> {
    let request = plumbing::ContainerMetricsRequest { app_id: app.into() };
    let call = Call {
        path: service::CONTAINER_METRICS,
        request: request.encode_to_vec().into(),
    };
    let metrics = payloads(routers.ask(call, DEADLINE).await)?;
    Ok(newest_by_instance(metrics))
}

fn newest_by_instance(metrics: Vec<Bytes>) -> Vec<Bytes> {
    let mut newest: BTreeMap<i32, (i64, Bytes)> = BTreeMap::new();
    for metric in metrics {
        let Ok(envelope) = v1::Envelope::decode(metric.clone()) else {
            continue;
        };
        let at = envelope.timestamp.unwrap_or(0);
        let Some(container) = envelope.container_metric else {
            continue;
        };
        let instance = container.instance_index.unwrap_or(0);
        let known = newest.get(&instance);
        if known.is_none_or(|(before, _)| *before < at) {
            newest.insert(instance, (at, metric));
        }
    }
    newest.into_values().map(|(_, metric)| metric).collect()
}

/// The envelopes of all answers. Routers that said nothing are left out, unless none
/// said anything.
fn payloads(answers: Answers) -> Result<Vec<Bytes>, Status> {
    if answers.messages.is_empty() {
        let unknown = |status: &Status| status.code() == Code::Unimplemented;
        return Err(match answers.failures.iter().all(unknown) {
            true => Status::unimplemented("the routers remember no logs"),
            false => Status::unavailable("no router answered"),
        });
    }
    let mut payloads = Vec::new();
    for message in answers.messages {
        // Both responses are `repeated bytes payload = 1`, which is how frames lie.
        for frame in frames(&message).flatten() {
            payloads.push(message.slice_ref(frame.envelope));
        }
    }
    Ok(payloads)
}
