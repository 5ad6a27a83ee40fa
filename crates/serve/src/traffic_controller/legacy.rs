//! The paths of 2013, which speak its `LogMessage`s: `/tail/`, `/dump/`, `/recent`
//! (spec loggregator-v1 §5.6, §5.9).

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, header, request::Parts};
use logweir_net::body::Body;
use logweir_proto::frames::{frames, push_frame};
use logweir_wire::legacy::from_v1;
use tonic::Code;

use super::{
    endpoints,
    handler::{Endpoint, TrafficController, unavailable},
    history, socket,
    source::{BoxFrames, Class, Finite, Frames, Wanted},
};
use crate::front::{answer::plain, form};

/// Lines of history that a tail begins with.
const TAIL: usize = 20;

/// Which path of 2013.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// History and live lines over a WebSocket.
    Tail,
    /// History over a WebSocket, or as [`Page::Recent`] if no upgrade is asked for.
    Dump,
    /// History as multipart.
    Recent,
}

/// Answers a path of 2013. The app is in the query.
pub(super) async fn answer(
    controller: &TrafficController,
    request: &mut Parts,
    page: Page,
) -> Response<Body> {
    let app = form::first(request.uri.query(), "app");
    let Some(app) = app.filter(|app| !app.is_empty()) else {
        let path = request.uri.path();
        let text = format!("Resource Not Found. {path}");
        return plain(StatusCode::NOT_FOUND, text);
    };
    if let Err(denied) = controller.may_read(request, &app).await {
        return denied;
    }
    let socket = match page {
        Page::Tail => true,
        Page::Dump => request.headers.contains_key(header::UPGRADE),
        Page::Recent => false,
    };
    if !socket {
        return recent(controller, request, &app).await;
    }
    let upgrade = match socket::upgrade(request) {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused.answer(),
    };
    let source = controller.source();
    let frames: BoxFrames = if page == Page::Tail {
        let wanted = Wanted {
            app: Some(app),
            class: Some(Class::Log),
            ..Wanted::default()
        };
        match history::then_live(source, wanted, TAIL).await {
            Ok(frames) => frames,
            Err(status) => {
                tracing::warn!(%status, "a session cannot be opened");
                return unavailable();
            }
        }
    } else {
        match history::alone(source, &app, endpoints::limit(request)).await {
            Ok(history) => Box::new(Finite(Some(history))),
            Err(status) if status.code() == Code::Unimplemented => Box::new(Finite(None)),
            Err(status) => return endpoints::failed(&status),
        }
    };
    let frames = Box::new(LogMessages::of(frames));
    controller.session(request, upgrade, Endpoint::Stream, frames)
}

async fn recent(controller: &TrafficController, request: &Parts, app: &str) -> Response<Body> {
    let limit = endpoints::limit(request);
    let logs = match controller.source().recent(app, limit).await {
        Ok(logs) => logs,
        Err(status) if status.code() == Code::Unimplemented => Vec::new(),
        Err(status) => return endpoints::failed(&status),
    };
    let message = |log: &Bytes| {
        let mut message = BytesMut::new();
        from_v1(log, &mut message).then(|| message.freeze())
    };
    endpoints::multipart(logs.iter().filter_map(message).collect())
}

/// Log messages of 2013, made from the log envelopes of a run; others are left out.
struct LogMessages {
    envelopes: BoxFrames,
    /// The envelopes of the last run, one for each of its messages.
    run: Bytes,
}

impl LogMessages {
    fn of(envelopes: BoxFrames) -> Self {
        Self {
            envelopes,
            run: Bytes::new(),
        }
    }
}

impl Frames for LogMessages {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(run) = ready!(self.envelopes.poll_frames(context)) else {
                return Poll::Ready(None);
            };
            let (messages, logs) = converted(&run);
            if !messages.is_empty() {
                self.run = logs;
                return Poll::Ready(Some(messages));
            }
        }
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        // The envelopes of the messages that are left.
        let left = frames(in_hand).count();
        let skipped = frames(&self.run).count().saturating_sub(left);
        let start = frames(&self.run).flatten().nth(skipped);
        let start = start.map_or(self.run.len(), |frame| frame.start);
        let notice = self.envelopes.give_up(&self.run[start..])?;
        Some(converted(&notice).0)
    }
}

/// The messages of a run, and the envelopes that they were made from.
fn converted(run: &Bytes) -> (Bytes, Bytes) {
    let mut messages = BytesMut::with_capacity(run.len());
    let mut logs = BytesMut::new();
    let mut message = BytesMut::new();
    for frame in frames(run).flatten() {
        message.clear();
        if from_v1(frame.envelope, &mut message) {
            push_frame(&mut messages, &message);
            logs.extend_from_slice(frame.bytes);
        }
    }
    (messages.freeze(), logs.freeze())
}
