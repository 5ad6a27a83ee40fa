//! Carries a batch over to the readers of the other generation: what somebody there
//! may want is converted once, for all of them.

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    frames::{frames, push_frame},
    peek::{Kind, Peek, peek},
    peek_v1::{Class, peek_v1},
    v1::envelope::EventType,
};

use super::Publisher;
use crate::{
    index::{Index, KindMask, Lane, Wants},
    ledger::Cause,
    v1::Classes,
};

/// The app whose readers get what belongs to no app.
const SYSTEM: &str = "system";

/// The entry that marks a V2 log line as a V1 error.
const TYPE_ERROR: &[u8] = b"__v1_type\x12\x05Error";

/// Room for what is converted. Kept from batch to batch.
#[derive(Default)]
pub(super) struct Conversion {
    out: BytesMut,
    /// For each converted envelope: the position of the one that it was.
    origins: Vec<usize>,
    /// Positions of envelopes that somebody would have got.
    formless: Vec<usize>,
}

impl Publisher {
    /// Converts what readers of V1 may want of a V2 batch that is routed, and routes
    /// it. What has no V1 form is counted.
    pub(super) fn carry_to_v1(&mut self, index: &Index, batch: &[u8]) -> Option<Bytes> {
        let converter = self.exchange.converter()?;
        let asked = Asked::of(&index.v1);
        let Conversion {
            out,
            origins,
            formless,
        } = &mut self.conversion;
        origins.clear();
        formless.clear();
        for (at, frame) in frames(batch).flatten().enumerate() {
            let kind = self.v2.spans.get(at)?.kind;
            if !asked.may_want(&index.v1, kind, frame.envelope) {
                continue;
            }
            let whole = (converter.to_v1)(frame.envelope, &mut |envelope| {
                push_frame(out, envelope);
                origins.push(at);
            });
            if !whole {
                formless.push(at);
            }
        }
        for at in formless.iter() {
            self.v2.matched[*at] = true;
        }
        if !formless.is_empty() {
            let mut losses = self.exchange.losses();
            let spans = formless.iter().map(|at| self.v2.spans[*at]);
            for span in spans {
                let frame = frames(&batch[span.start as usize..span.end as usize]).next();
                let seen = frame.and_then(|frame| peek(frame.ok()?.envelope).ok());
                let source = seen.map_or("", |seen| seen.source_id);
                losses.record(Cause::NoV1Form, source, 1);
            }
        }
        let frames = out.split().freeze();
        if origins.is_empty() || self.v1.route_v1(index, &frames).is_err() {
            return None;
        }
        for (at, matched) in origins.iter().zip(&self.v1.matched) {
            self.v2.matched[*at] |= matched;
        }
        Some(frames)
    }

    /// Converts what readers of V2 may want of a V1 batch that is routed. To be routed,
    /// and followed by [`Publisher::match_origins`].
    pub(super) fn convert_to_v2(&mut self, batch: &[u8], wanted: u8) -> Option<Bytes> {
        let converter = self.exchange.converter()?;
        let Conversion { out, origins, .. } = &mut self.conversion;
        origins.clear();
        let mut envelope = BytesMut::new();
        for (at, frame) in frames(batch).flatten().enumerate() {
            let kind = peek_v1(frame.envelope)
                .ok()
                .and_then(|seen| kind_of(seen.event_type));
            if kind.is_none() || wanted & KindMask::of(kind) == 0 {
                continue;
            }
            envelope.clear();
            if (converter.to_v2)(frame.envelope, &mut envelope) {
                push_frame(out, &envelope);
                origins.push(at);
            }
        }
        let frames = out.split().freeze();
        (!origins.is_empty()).then_some(frames)
    }

    /// What was matched as a V2 envelope was matched.
    pub(super) fn match_origins(&mut self) {
        let origins = self.conversion.origins.iter();
        for (at, matched) in origins.zip(&self.v2.matched) {
            self.v1.matched[*at] |= matched;
        }
    }
}

/// What a V1 envelope is in V2.
fn kind_of(event_type: i32) -> Option<Kind> {
    Some(match EventType::try_from(event_type).ok()? {
        EventType::LogMessage | EventType::Error => Kind::Log,
        EventType::HttpStartStop => Kind::Timer,
        EventType::CounterEvent => Kind::Counter,
        EventType::ValueMetric | EventType::ContainerMetric => Kind::Gauge,
    })
}

/// What readers of V1 ask for, so that nothing is converted in vain.
struct Asked {
    /// Classes that are wanted of every app.
    every: u8,
    /// Classes that are wanted of `system`.
    system: u8,
}

impl Asked {
    fn of(lane: &Lane<Classes>) -> Self {
        Self {
            every: classes(&lane.every),
            system: lane.of(SYSTEM).map_or(0, classes),
        }
    }

    /// Whether somebody may want a V2 envelope once it is converted. Never false for
    /// one that is wanted.
    fn may_want(&self, lane: &Lane<Classes>, kind: u8, envelope: &[u8]) -> bool {
        const LOG: u8 = Classes::of(Some(Class::Log)).0;
        const METRIC: u8 = Classes::of(Some(Class::Metric)).0;
        if self.every == LOG | METRIC {
            return true;
        }
        let is_log = kind == KindMask::of(Some(Kind::Log));
        let class = if is_log { LOG } else { METRIC };
        if self.every & class != 0 || (!is_log && self.system & METRIC != 0) {
            return true;
        }
        let errors_wanted = is_log && (self.every | self.system) & METRIC != 0;
        if errors_wanted
            && envelope
                .windows(TYPE_ERROR.len())
                .any(|at| at == TYPE_ERROR)
        {
            return true;
        }
        if !lane.has_sources() || kind == KindMask::of(Some(Kind::Counter)) {
            return false;
        }
        let Ok(Peek { source_id, .. }) = peek(envelope) else {
            return false;
        };
        let of_source = if kind == KindMask::of(Some(Kind::Timer)) {
            lane.of(&source_id.to_ascii_lowercase())
        } else {
            lane.of(source_id)
        };
        of_source.is_some_and(|wants| classes(wants) & class != 0)
    }
}

fn classes(wants: &Wants<Classes>) -> u8 {
    let whole = wants.kinds.iter().map(|(_, classes)| *classes);
    let groups = wants.groups.iter().map(|(classes, _)| classes.0);
    whole.chain(groups).fold(0, |all, own| all | own)
}
