//! The lines that are remembered of a channel: in the memory of the node that owns it.

use bytes::Bytes;
use logweir_proto::frames::frames;
use logweir_wire::logplex::LineView;

use super::Num;
use crate::logplex::model::Channel;

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistorySettings {
    /// Lines of a channel; one more is shown.
    pub(crate) lines: usize,
    /// As many lines are shown as were asked for, not one more.
    pub(crate) exact: bool,
}

/// Most lines that a node is asked for.
const MOST: usize = 10_000;

/// Knows what is remembered.
pub(crate) struct History {
    settings: HistorySettings,
}

impl History {
    /// What the owners of channels have in memory.
    pub(crate) fn new(settings: HistorySettings) -> Self {
        Self { settings }
    }

    /// How many lines are fetched for a number that was asked for.
    pub(super) fn fetched(&self, num: Num) -> usize {
        let most = self.settings.lines.saturating_add(1).min(MOST);
        num.fetched(most, self.settings.exact)
    }

    /// What a node remembers, and older lines before it.
    pub(super) async fn extended(
        &self,
        _channel: &Channel,
        envelopes: Bytes,
        _wanted: usize,
    ) -> Remembered {
        Remembered {
            older: Vec::new(),
            count: frames(&envelopes).flatten().count(),
            envelopes,
        }
    }
}

/// Lines, oldest first.
pub(super) struct Remembered {
    /// Messages.
    older: Vec<Bytes>,
    /// Frames of envelopes, …
    envelopes: Bytes,
    /// … so many.
    count: usize,
}

impl Remembered {
    /// How many there are, with those that cannot be read.
    pub(super) fn len(&self) -> usize {
        self.older.len() + self.count
    }

    /// The lines; none for what cannot be read.
    pub(super) fn lines(&self) -> impl Iterator<Item = Option<LineView<'_>>> {
        let older = self.older.iter();
        let older = older.map(|message| LineView::of_message(message));
        let newer = frames(&self.envelopes).flatten();
        older.chain(newer.map(|frame| LineView::of_envelope(frame.envelope)))
    }
}
