//! Pure formats: proto JSON and server-sent events. No I/O.
