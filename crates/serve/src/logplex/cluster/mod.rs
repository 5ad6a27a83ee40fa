//! Several nodes over one Redis: each channel has an owner among them.

mod owners;

pub use owners::Owners;
