//! The library for producers and readers: emit and stream envelopes.
//!
//! * [`Emitter`] sends logs, counters, gauges, timers and events to an agent or a
//!   router. It never blocks and never panics: what does not fit is dropped, oldest
//!   first, counted, and told in a log line of the sources that lost something.
//! * [`Reader`] streams envelopes from a reverse log proxy over gRPC, and
//!   [`GatewayReader`] does the same over HTTP for those who have a token instead
//!   of a certificate. Both reconnect by themselves, and end only on errors that
//!   trying again cannot mend.
//!
//! ```no_run
//! use logweir_client::{Emitter, EmitOptions, Endpoint, TlsFiles};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let agent = Endpoint::new("127.0.0.1:3458", "metron").tls(TlsFiles {
//!     ca: "certs/ca.crt".into(),
//!     cert: "certs/client.crt".into(),
//!     key: "certs/client.key".into(),
//! });
//! let emitter = Emitter::connect(agent, EmitOptions::default())?;
//! let app = emitter.source("my-app").instance("0").tag("space", "dev");
//! app.log("hello");
//! app.counter("requests", 1);
//! emitter.close(std::time::Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```

mod emitter;
mod endpoint;
mod event;
mod gateway;
mod reader;
mod source;

pub use emitter::{ConnectionState, EmitOptions, EmitStats, Emitter, FlushError};
pub use endpoint::{Endpoint, EndpointError, TlsFiles};
pub use event::{Event, ReadError};
pub use gateway::{GatewayEndpoint, GatewayReader, GatewayRequest};
pub use logweir_proto::{peek::Kind, v2};
pub use reader::{FollowRequest, ReadRequest, Reader, selector};
pub use source::Source;
