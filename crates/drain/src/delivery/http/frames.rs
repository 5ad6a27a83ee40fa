//! Requests of a Logplex channel's drain: many frames in each, one request at a time (spec
//! logplex §5.3).

use std::sync::Arc;

use bytes::Bytes;
use logweir_route::Cause;
use tokio::time::{Instant, sleep_until};

use super::{
    DrainState, Failure, IDLE, SMALLEST, connect, lane::Lane, post, refused, request::Requests,
};
use crate::{
    channel::ChannelDrain,
    delivery::{
        channel::{Frame, PACKET, l10},
        courier::Courier,
        dial::Receiver,
        http::answer::Verdict,
    },
};

struct Session {
    drain: Arc<ChannelDrain>,
    to: Receiver,
    requests: Requests,
    lane: Option<Lane>,
    /// Bytes that a body stays below.
    full: usize,
}

/// Posts until nothing was to be sent for long, the connection is old, or the drain ends.
pub(in crate::delivery) async fn session(
    courier: &mut Courier,
    drain: Arc<ChannelDrain>,
) -> Result<(), Failure> {
    courier.shared.enter(DrainState::Connecting);
    let requests = Requests::of_channel(&drain)?;
    let to = Receiver::Channel(drain.clone());
    let lane = connect(courier, &to).await?;
    let mut used = Instant::now();
    courier.connected(used);
    let settings = &courier.with.settings;
    let (idle, old) = (settings.idle.min(IDLE), used + settings.max_age);
    let mut session = Session {
        drain,
        to,
        requests,
        lane: Some(lane),
        full: PACKET,
    };
    loop {
        let now = Instant::now();
        courier.tell_what_is_due(now);
        if now >= old {
            return Ok(());
        }
        // What is tried again goes as it was.
        if courier.frame.is_none() && courier.batch.len() < session.full {
            courier.fill(session.full).await;
        }
        if !courier.batch.is_empty() {
            session.post(courier).await?;
            used = Instant::now();
            continue;
        }
        let end = old.min(used + idle);
        if courier.is_over() || now >= end {
            return Ok(());
        }
        courier.batch.release();
        let wake = courier.tell_due().map_or(end, |due| due.min(end));
        tokio::select! {
            () = courier.until_filled(1) => {}
            () = session.closed() => return Ok(()),
            () = sleep_until(wake) => {}
        }
    }
}

impl Session {
    /// Waits until the receiver has closed the connection.
    async fn closed(&mut self) {
        if let Some(lane) = &mut self.lane {
            lane.closed().await;
        }
    }

    /// One request: what is owed of losses, and messages.
    async fn post(&mut self, courier: &mut Courier) -> Result<(), Failure> {
        let next = || Frame::new(courier.batch.packing(self.full));
        let frame = courier.frame.unwrap_or_else(next);
        courier.frame = Some(frame);
        let messages = frame.messages;
        let body = courier.batch.body(0, messages);
        let size = body.len();
        let loss = courier.owes();
        let body = match loss {
            None => body,
            Some(loss) => {
                let mut whole = l10(&self.drain, loss);
                whole.extend_from_slice(&body);
                Bytes::from(whole)
            }
        };
        let count = messages + usize::from(loss.is_some());
        self.requests.name(frame, count, courier.batch.hops());
        match post(courier, &self.to, &mut self.lane, &self.requests, body).await? {
            Verdict::Taken => {
                if let Some(loss) = loss {
                    courier.told(loss);
                }
                courier.frame = None;
                courier.sent(messages);
                courier.delivered();
            }
            Verdict::Refused(413) if messages > 1 && size / 2 >= SMALLEST => {
                courier.frame = None;
                self.full = size / 2;
            }
            Verdict::Refused(code) => {
                courier.frame = None;
                courier.lose(0, messages, Cause::Refused);
                courier.sent(messages);
                refused(courier, code).await;
            }
        }
        Ok(())
    }
}
