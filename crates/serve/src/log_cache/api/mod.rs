//! The HTTP side of a log cache (spec log-cache §1.4).

mod go;
mod params;
