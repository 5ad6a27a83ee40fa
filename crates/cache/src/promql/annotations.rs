//! What a query's user should know beside its answer.

use super::ast::Position;

/// The most annotations that are kept of a kind.
const MOST: usize = 100;

/// Warnings and informations, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// What may make the answer wrong. Prefixed `PromQL warning: ` if the query is the cause.
    pub warnings: Vec<String>,
    /// What may surprise. Prefixed `PromQL info: `.
    pub infos: Vec<String>,
}

impl Annotations {
    /// Adds a warning in the words of the reader.
    pub(crate) fn data(&mut self, text: &str) {
        add(&mut self.warnings, text.to_owned());
    }

    /// Adds a warning about a place of the query.
    pub(crate) fn warning(&mut self, text: &str, at: Position) {
        add(&mut self.warnings, placed("PromQL warning: ", text, at));
    }

    /// Adds an information about a place of the query.
    pub(crate) fn info(&mut self, text: &str, at: Position) {
        add(&mut self.infos, placed("PromQL info: ", text, at));
    }
}

fn placed(kind: &str, text: &str, Position { line, column }: Position) -> String {
    format!("{kind}{text} ({line}:{column})")
}

fn add(kept: &mut Vec<String>, text: String) {
    if kept.len() < MOST && !kept.contains(&text) {
        kept.push(text);
    }
}
