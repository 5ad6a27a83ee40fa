//! One WebSocket session: envelopes out, one binary message each; pings; the end.

mod heart;
mod stall;

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use hyper::upgrade::OnUpgrade;
use logweir_proto::frames::frames;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Error, Message, Utf8Bytes,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use heart::{Beat, Heart};
use stall::Stall;

use super::{
    SessionConfig,
    socket::{self, Socket},
    source::BoxFrames,
};
use crate::{metrics::Counter, self_metrics::Events};

/// Reason of the close frame for a client that does not answer a ping.
const UNANSWERED: &str = "Client did not respond to ping before keep-alive timeout expired.";

/// Reason of the close frame for a client that does not read.
const SLOW: &str = "Client could not keep up; disconnected by slow consumer detection.";

/// A close frame may take this long to be written, and its answer to come.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs of frames that are written before pings are looked at again.
const RUNS_AT_ONCE: usize = 32;

/// Who reads, for the log.
pub(super) struct About {
    pub(super) peer: Option<SocketAddr>,
    pub(super) forwarded_for: String,
    pub(super) path: String,
}

/// What all sessions of an endpoint count.
#[derive(Clone)]
pub(super) struct SessionFigures {
    pub(super) egress: Counter,
    pub(super) slow_consumers: Counter,
    pub(super) events: Events,
}

/// Why a session ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The client left, or its connection broke.
    Left,
    /// The client broke a rule of the protocol.
    Broke(CloseCode),
    /// There are no more envelopes.
    Over,
    /// No answer to a ping.
    Unanswered,
    /// The client does not read.
    Slow,
}

/// Runs the session of an accepted upgrade to its end.
pub(super) async fn run(
    on: OnUpgrade,
    frames: BoxFrames,
    config: SessionConfig,
    figures: SessionFigures,
    about: About,
) {
    let socket = match socket::open(on).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(peer = ?about.peer, "an upgrade came to nothing: {error}");
            return;
        }
    };
    let slow = figures.slow_consumers.clone();
    let events = figures.events.clone();
    if converse(socket, frames, config, figures).await == End::Slow {
        slow.add(1);
        about.announce(&events);
    }
}

impl About {
    /// Says in the log and in an event of the platform that a slow consumer had to go.
    fn announce(&self, events: &Events) {
        let Self {
            forwarded_for,
            path,
            ..
        } = self;
        let peer = self.peer.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::warn!(
            forwarded_for,
            "Doppler Proxy: Slow Consumer from {peer} using {path}"
        );
        events.say(
            "Traffic Controller has disconnected slow consumer",
            &format!(
                "Remote Address: {peer}\nX-Forwarded-For: {forwarded_for}\nPath: {path}\n\n\
                 The consumer took nothing for too long. Give it more instances, or make each \
                 of them faster."
            ),
        );
    }
}

/// Writes envelopes until the session ends, and then says why.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: Socket<S>,
    frames: BoxFrames,
    config: SessionConfig,
    figures: SessionFigures,
) -> End {
    let mut session = Session::new(socket, frames, config, figures);
    let end = poll_fn(|context| session.poll(context)).await;
    session.say_goodbye(&end).await;
    end
}

struct Session<S> {
    socket: Socket<S>,
    frames: BoxFrames,
    /// Frames taken and not yet written.
    run: Bytes,
    /// Something was written and not flushed.
    dirty: bool,
    /// The last envelope has come.
    over: bool,
    /// The client has said goodbye; the answer is on its way.
    leaving: bool,
    egress: Counter,
    heart: Heart,
    stall: Stall,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(
        socket: Socket<S>,
        frames: BoxFrames,
        config: SessionConfig,
        figures: SessionFigures,
    ) -> Self {
        Self {
            socket,
            frames,
            run: Bytes::new(),
            dirty: false,
            over: false,
            leaving: false,
            heart: Heart::new(config.ping_interval, config.pong_deadline),
            stall: Stall::new(config.write_deadline),
            egress: figures.egress,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        if let Some(end) = self.read(context) {
            return Poll::Ready(end);
        }
        if let Some(end) = self.tick(context) {
            return Poll::Ready(end);
        }
        let wrote = if self.leaving {
            Wrote::AllThereIs
        } else {
            self.write(context)
        };
        match wrote {
            Wrote::End(end) => return Poll::Ready(end),
            Wrote::AllThereIs => self.stall.over(),
            Wrote::Blocked => {
                let written = self.socket.get_ref().written();
                if self.stall.is_stalled(written, context) {
                    return Poll::Ready(End::Slow);
                }
            }
        }
        Poll::Pending
    }

    /// Takes what the client sends. Its data means nothing here: clients of 2013 send
    /// text to be kept alive.
    fn read(&mut self, context: &mut Context<'_>) -> Option<End> {
        loop {
            match Pin::new(&mut self.socket).poll_next(context) {
                Poll::Pending => return None,
                Poll::Ready(Some(Ok(Message::Pong(_)))) => self.heart.pong(),
                Poll::Ready(Some(Ok(Message::Close(_)))) => {
                    // The answer goes out with the next read.
                    self.leaving = true;
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!("a WebSocket ended: {error}");
                    return Some(match error {
                        Error::Capacity(_) => End::Broke(CloseCode::Size),
                        Error::Utf8(_) => End::Broke(CloseCode::Invalid),
                        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Left,
                        Error::Protocol(_) => End::Broke(CloseCode::Protocol),
                        _ => End::Left,
                    });
                }
                Poll::Ready(None) => return Some(End::Left),
            }
        }
    }

    /// Sends a ping if it is time for one.
    fn tick(&mut self, context: &mut Context<'_>) -> Option<End> {
        match self.heart.poll(context) {
            Beat::Nothing => None,
            Beat::Overdue => Some(End::Unanswered),
            Beat::Ping if self.leaving => Some(End::Left),
            Beat::Ping => {
                let sent = self.feed(Message::Ping(Bytes::new()));
                sent.err().map(|error| {
                    tracing::debug!("no ping: {error}");
                    End::Left
                })
            }
        }
    }

    fn feed(&mut self, message: Message) -> Result<(), Error> {
        self.dirty = true;
        Pin::new(&mut self.socket).start_send(message)
    }

    /// Writes all there is, as long as the connection takes it.
    fn write(&mut self, context: &mut Context<'_>) -> Wrote {
        for _ in 0..RUNS_AT_ONCE {
            match self.write_run(context) {
                Poll::Pending => return Wrote::Blocked,
                Poll::Ready(Err(error)) => {
                    tracing::debug!("a WebSocket broke: {error}");
                    return Wrote::End(End::Left);
                }
                Poll::Ready(Ok(())) => {}
            }
            if self.over {
                // Who reads slowly still gets the rest.
                return match self.flush(context) {
                    Wrote::AllThereIs => Wrote::End(End::Over),
                    other => other,
                };
            }
            match self.frames.poll_frames(context) {
                Poll::Ready(Some(run)) => self.run = run,
                Poll::Ready(None) => self.over = true,
                Poll::Pending => return self.flush(context),
            }
        }
        // There is more. The clock and the client are looked at before.
        context.waker().wake_by_ref();
        self.flush(context)
    }

    /// Writes what is left of the run in hand.
    fn write_run(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut written = 0;
        let mut at = 0;
        let outcome = loop {
            let Some(Ok(frame)) = frames(&self.run[at..]).next() else {
                at = self.run.len();
                break Poll::Ready(Ok(()));
            };
            match Pin::new(&mut self.socket).poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                stopped => break stopped,
            }
            let envelope = self.run.slice_ref(frame.envelope);
            let next = at + frame.start + frame.bytes.len();
            if let Err(error) = self.feed(Message::Binary(envelope)) {
                break Poll::Ready(Err(error));
            }
            at = next;
            written += 1;
        };
        // Lets go of the run when it is done: it may pin a large buffer.
        self.run = if at == self.run.len() {
            Bytes::new()
        } else {
            self.run.slice(at..)
        };
        if written > 0 {
            self.egress.add(written);
        }
        outcome
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Wrote {
        if !self.dirty {
            return Wrote::AllThereIs;
        }
        match Pin::new(&mut self.socket).poll_flush(context) {
            Poll::Pending => Wrote::Blocked,
            Poll::Ready(Ok(())) => {
                self.dirty = false;
                Wrote::AllThereIs
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!("a WebSocket broke: {error}");
                Wrote::End(End::Left)
            }
        }
    }

    /// Says why it ends, if the client can still be told, and closes the connection.
    async fn say_goodbye(&mut self, end: &End) {
        let (code, reason) = match end {
            End::Left => (None, ""),
            End::Broke(code) => (Some(*code), ""),
            End::Over => (Some(CloseCode::Normal), ""),
            End::Unanswered => (Some(CloseCode::Policy), UNANSWERED),
            End::Slow => (Some(CloseCode::Policy), SLOW),
        };
        if let Some(code) = code {
            if let Some(notice) = self.frames.give_up(&self.run) {
                for frame in frames(&notice).flatten() {
                    let _ = self.feed(Message::Binary(notice.slice_ref(frame.envelope)));
                }
            }
            let reason = Utf8Bytes::from_static(reason);
            let _ = self.feed(Message::Close(Some(CloseFrame { code, reason })));
            let flushed = poll_fn(|context| Pin::new(&mut self.socket).poll_flush(context));
            if !matches!(timeout(GOODBYE, flushed).await, Ok(Ok(()))) {
                return;
            }
            // A connection that is closed with bytes unread is reset, and the close
            // frame may be lost with it.
            let answered = async {
                while let Some(Ok(_)) =
                    poll_fn(|context| Pin::new(&mut self.socket).poll_next(context)).await
                {
                }
            };
            let _ = timeout(GOODBYE, answered).await;
        }
        let _ = timeout(GOODBYE, pin!(self.socket.get_mut().shutdown())).await;
    }
}

/// How far a session came with writing.
enum Wrote {
    /// Nothing waits.
    AllThereIs,
    /// The connection takes no more for now.
    Blocked,
    /// The session is over.
    End(End),
}

#[cfg(test)]
mod tests;
