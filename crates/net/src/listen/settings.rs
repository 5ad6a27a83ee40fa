use std::time::Duration;

/// Which HTTP versions a door speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 alone, over plain text with prior knowledge.
    H2,
    /// HTTP/2 or HTTP/1.1 with upgrades, whichever the client begins with.
    Auto,
}

/// How connections of one door are served. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// HTTP versions.
    pub protocol: Protocol,
    /// HTTP/2: what a client may send on one stream before we take it.
    pub stream_window: u32,
    /// HTTP/2: the same for all streams of a connection together. A stream that is not
    /// read holds part of it, so it is a multiple of `stream_window`.
    pub connection_window: u32,
    /// HTTP/2: largest frame that a client may send.
    pub max_frame: u32,
    /// HTTP/2: most streams of a connection at a time; `None` advertises no limit.
    pub max_streams: Option<u32>,
    /// HTTP/2: what may wait in one stream's send buffer.
    pub send_buffer: usize,
    /// HTTP/2: a ping after this long; `None` never pings.
    pub keepalive_interval: Option<Duration>,
    /// HTTP/2: a connection whose ping is unanswered for this long is dead.
    pub keepalive_timeout: Duration,
    /// A client gets this long for its TLS handshake, and again for its first request
    /// line or HTTP/2 preface.
    pub handshake_timeout: Duration,
    /// HTTP/1.1: a client gets this long for a request's header, counted from the end
    /// of the request before it; so it bounds idle connections too.
    pub header_read_timeout: Duration,
    /// A client that takes none of what waits for it for this long is let go, by the
    /// kernel (Linux); `None` waits for ever.
    pub unread_timeout: Option<Duration>,
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// A connection is asked to leave (GOAWAY) at about this age, so that clients
    /// spread anew; `None` never.
    pub max_age: Option<Duration>,
}

impl HttpSettings {
    /// For gRPC: large windows, keepalive pings, HTTP/2 alone.
    pub fn grpc() -> Self {
        Self {
            protocol: Protocol::H2,
            stream_window: 4 << 20,
            connection_window: 16 << 20,
            max_frame: 256 << 10,
            max_streams: None,
            send_buffer: 1 << 20,
            keepalive_interval: Some(Duration::from_secs(10)),
            keepalive_timeout: Duration::from_secs(20),
            handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(30),
            // Pings find out.
            unread_timeout: None,
            max_connections: 10_000,
            max_age: None,
        }
    }

    /// For browsers, curl and scrapers: HTTP/1.1 or HTTP/2, modest windows.
    pub fn http() -> Self {
        Self {
            protocol: Protocol::Auto,
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            max_frame: 16 << 10,
            max_streams: Some(1_000),
            keepalive_interval: Some(Duration::from_secs(30)),
            unread_timeout: Some(Duration::from_secs(300)),
            ..Self::grpc()
        }
    }
}
