//! Who wants a V1 envelope (V1 spec, §2.6).

use logweir_proto::{frames::frames, peek_v1::peek_v1};

use super::{Scratch, position};
use crate::{
    admit::{Unclean, span_v1},
    index::{Index, Wants},
    queue::Span,
    v1::Classes,
};

impl Scratch {
    /// Finds out who wants each V1 frame.
    pub(super) fn route_v1(&mut self, index: &Index, batch: &[u8]) -> Result<(), Unclean> {
        self.clear();
        let lane = &index.v1;
        let everything = lane.every.kinds.iter().fold(0, |all, (_, own)| all | own);
        let mut classes = 0;
        for frame in frames(batch) {
            let frame = frame.map_err(|_| Unclean)?;
            let envelope = peek_v1(frame.envelope).map_err(|_| Unclean)?;
            let span = span_v1(&frame, &envelope)?;
            classes |= span.kind;
            let at = self.spans.len();
            let mut matched = everything & span.kind != 0;
            matched |= self.match_groups(index, &lane.every, span, at);
            if lane.has_sources()
                && let Some(app) = envelope.app_id()
                && let Some(wants) = lane.of(&app)
            {
                let before = self.wishes.len();
                let whole = wants.kinds.iter();
                let whole = whole.filter(|(_, classes)| classes & span.kind != 0);
                self.wishes
                    .extend(whole.map(|(slot, _)| (*slot, position(at))));
                matched |= self.wishes.len() > before;
                matched |= self.match_groups(index, wants, span, at);
            }
            self.matched.push(matched);
            self.spans.push(span);
        }
        self.match_batch(&lane.every, classes);
        Ok(())
    }

    fn match_groups(
        &mut self,
        index: &Index,
        wants: &Wants<Classes>,
        span: Span,
        at: usize,
    ) -> bool {
        let before = self.wishes.len();
        for (classes, group) in &wants.groups {
            if classes.0 & span.kind != 0 {
                let slot = self.least_loaded(index, group, span);
                self.wishes.push((slot, position(at)));
            }
        }
        self.wishes.len() > before
    }
}
