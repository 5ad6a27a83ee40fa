//! The doors and exits, one module each, and the roles that are made of them.

pub mod agent;
pub mod all;
pub mod auth;
pub mod binding_cache;
pub mod context;
mod conversion;
mod doors;
pub mod dropsonde;
pub mod front;
pub mod gateway;
pub mod grpc;
mod grpc_role;
pub mod metrics;
pub mod recents;
pub mod rlp;
pub mod router;
pub mod routers;
mod self_metrics;
pub mod settings;
pub mod traffic_controller;
pub mod udp_forwarder;
