//! Configuration: one file, the environment, and what may be wrong with them.

pub(crate) mod environment;
pub(crate) mod keys;
pub(crate) mod load;
pub(crate) mod problem;
pub(crate) mod reference;
pub(crate) mod reload;
pub(crate) mod settings;
pub(crate) mod show;
pub(crate) mod validate;
