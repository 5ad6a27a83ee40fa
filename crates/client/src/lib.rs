//! The library for producers and readers: emit and stream envelopes.
