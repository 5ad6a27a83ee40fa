//! The streams that are followed: one for each source that begins with what is
//! remembered of it, or one for everything.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use logweir_client::{Endpoint, EndpointError, Event, FollowRequest, ReadError, Reader};

use super::TailArgs;
use crate::exit;

/// Streams that are read as one.
pub(super) struct Sources {
    readers: Vec<Reader>,
    /// What to read instead from a server that remembers nothing.
    plain: Option<(Endpoint, TailArgs)>,
}

impl Sources {
    /// Opens them in the background.
    pub(super) fn open(endpoint: Endpoint, args: TailArgs) -> Result<Self, EndpointError> {
        // Who shares a stream has no use for what all of them get.
        let remembered = args.history > 0 && args.shard_id.is_empty();
        if args.source_ids.is_empty() || !remembered {
            let reader = Reader::connect(endpoint, args.request())?;
            return Ok(Self {
                readers: vec![reader],
                plain: None,
            });
        }
        let kinds: Vec<_> = args.kinds().iter().map(|kind| kind.kind()).collect();
        let follow = |source: &String| {
            let request = FollowRequest {
                source_id: source.clone(),
                kinds: kinds.clone(),
                history: args.history,
            };
            Reader::follow(endpoint.clone(), request)
        };
        let readers = args.source_ids.iter().map(follow);
        Ok(Self {
            readers: readers.collect::<Result<_, _>>()?,
            plain: Some((endpoint, args)),
        })
    }

    /// The next event of any, and whether it is the first one's; `None` when one has
    /// ended.
    pub(super) async fn next(&mut self) -> Option<(bool, Result<Event, ReadError>)> {
        loop {
            let (index, event) = poll_fn(|context| {
                for (index, reader) in self.readers.iter_mut().enumerate() {
                    // Nothing is lost with a future that is not ready.
                    if let Poll::Ready(event) = pin!(reader.next()).poll(context) {
                        return Poll::Ready((index, event));
                    }
                }
                Poll::Pending
            })
            .await;
            match (event?, self.plain.take()) {
                (Err(ReadError::Refused { code, .. }), Some((endpoint, args)))
                    if code == "Unimplemented" =>
                {
                    exit::say("the server remembers nothing; what comes from now on is shown");
                    match Reader::connect(endpoint, args.request()) {
                        Ok(reader) => self.readers = vec![reader],
                        Err(error) => return Some((true, Err(error.into()))),
                    }
                }
                (event, plain) => {
                    self.plain = plain;
                    return Some((index == 0, event));
                }
            }
        }
    }
}
