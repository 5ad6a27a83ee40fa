//! The doors and exits, one module each, and the roles that are made of them.

pub mod agent;
pub mod all;
pub mod auth;
pub mod gateway;
pub mod rlp;
pub mod router;
pub mod settings;
