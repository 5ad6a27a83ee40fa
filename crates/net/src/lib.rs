//! TLS that reloads, accept loops, HTTP/2 and gRPC framing, dialling, DNS, backoff, shutdown. Knows no domain type.
//!
//! | to do this | look at |
//! |---|---|
//! | accept connections and answer HTTP/2 or HTTP/1.1 | [`listen`] |
//! | open an HTTP/2 connection to another role | [`dial`] |
//! | read and write gRPC messages without copying them | [`grpc`] |
//! | receive datagrams in batches | [`udp`] |
//! | load certificates, and load them again when they change | [`tls`] |
//! | make certificates | [`pki`] |
//! | ask an HTTP service a question | [`http_client`] |
//! | turn names into addresses | [`resolve`] |
//! | hold a connection, encrypted or not | [`transport`] |
//! | end in order | [`shutdown`] |

pub mod backoff;
pub mod body;
mod coalesce;
pub mod dial;
pub mod grpc;
pub mod http_client;
pub mod listen;
pub mod pki;
pub mod resolve;
pub mod shutdown;
pub mod tls;
pub mod transport;
pub mod udp;
