//! Starts the binary and its neighbours as processes.
