//! Which lines a session shows.

use logweir_wire::logplex::LineView;

/// All of them have to let a line through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// The source is this one.
    pub(super) sources: Vec<String>,
    /// The process is this one or one of this type: `web` is `web` and `web.1`, not `web1`.
    pub(super) processes: Vec<String>,
}

impl Filters {
    /// Whether everything is shown.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.processes.is_empty()
    }

    /// Whether a line is shown.
    pub(super) fn pass(&self, line: &LineView<'_>) -> bool {
        let source = |wanted: &String| *line.source == *wanted.as_bytes();
        let process = |wanted: &String| match line.ps.strip_prefix(wanted.as_bytes()) {
            Some(rest) => rest.is_empty() || rest[0] == b'.',
            None => false,
        };
        self.sources.iter().all(source) && self.processes.iter().all(process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(sources: &[&str], processes: &[&str], message: &str) -> bool {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let filters = Filters {
            sources: all(sources),
            processes: all(processes),
        };
        filters.pass(&LineView::of_message(message.as_bytes()).unwrap())
    }

    #[test]
    fn a_process_type_is_all_of_its_processes() {
        for (ps, expected) in [
            ("web", true),
            ("web.1", true),
            ("web.1.2", true),
            ("web1", false),
            ("we", false),
            ("worker.1", false),
        ] {
            let message = format!("<190>1 2020-01-01T00:00:00Z host app {ps} - - text");
            assert_eq!(pass(&[], &["web"], &message), expected, "{ps}");
        }
    }

    #[test]
    fn all_filters_have_to_let_a_line_through() {
        let message = "<190>1 2020-01-01T00:00:00Z host heroku router - - at=info";
        assert!(pass(&["heroku"], &["router"], message));
        assert!(!pass(&["app"], &["router"], message));
        assert!(!pass(&["heroku"], &["web"], message));
        assert!(!pass(&["heroku", "app"], &[], message));
        assert!(!pass(&["hero"], &[], message));
        assert!(pass(&[], &[], message));
    }
}
