//! Lines in colours: each process has its own, errors are red.

use crate::tail::human::Style;

/// In the order in which processes are seen.
const PALETTE: [&str; 10] = [
    "33", "32", "36", "35", "34", "1;32", "1;36", "1;35", "1;33", "1;34",
];
const ERROR: &str = "31";

/// Colours of the processes that were seen.
pub(super) struct Colours {
    style: Style,
    seen: Vec<Vec<u8>>,
}

impl Colours {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            seen: Vec::new(),
        }
    }

    /// Appends a line: `TIME SOURCE[PS]: ` in the colour of the process type, then the text.
    pub(super) fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (line, end) = match line.split_last() {
            Some((b'\n', line)) => (line, &b"\n"[..]),
            _ => (line, &b""[..]),
        };
        match head(line) {
            Some((length, process)) => {
                let colour = self.colour(process);
                self.style.paint(colour, &line[..length], out);
                let text = &line[length..];
                match is_error(text) {
                    true => self.style.paint(ERROR, text, out),
                    false => self.style.text(text, out),
                }
            }
            // What goes on from the line before.
            None => self.style.text(line, out),
        }
        out.extend_from_slice(end);
    }

    fn colour(&mut self, process: &[u8]) -> &'static str {
        let known = self.seen.iter().position(|seen| seen == process);
        let at = known.unwrap_or_else(|| {
            // Of more than these a few share a colour.
            if self.seen.len() < 8 * PALETTE.len() {
                self.seen.push(process.to_vec());
            }
            self.seen.len() - 1
        });
        PALETTE[at % PALETTE.len()]
    }
}

/// How long the head of a line is, and which process type it names: `web` of `app[web.1]:`.
fn head(line: &[u8]) -> Option<(usize, &[u8])> {
    let open = line.iter().position(|byte| *byte == b'[')?;
    let close = open + line[open..].iter().position(|byte| *byte == b']')?;
    if line.get(close + 1) != Some(&b':') {
        return None;
    }
    let process = &line[open + 1..close];
    let kind = process.split(|byte| *byte == b'.').next()?;
    Some((close + 2, kind))
}

/// `Error R14 …`, `Error L11 …`, `at=error …`.
fn is_error(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"Error ") || text.starts_with(b"at=error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(colour: bool, lines: &[&str]) -> String {
        let style = Style {
            escape: colour,
            colour,
        };
        let mut colours = Colours::new(style);
        let mut out = Vec::new();
        for line in lines {
            colours.line(line.as_bytes(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_process_type_has_a_colour() {
        let lines = [
            "t app[web.1]: a\n",
            "t heroku[router]: at=error b\n",
            "t app[web.2]: \x1b[2Jc\n",
            "and more\n",
        ];
        assert_eq!(
            shown(true, &lines),
            "\x1b[33mt app[web.1]:\x1b[0m a\n\
             \x1b[32mt heroku[router]:\x1b[0m\x1b[31m at=error b\x1b[0m\n\
             \x1b[33mt app[web.2]:\x1b[0m \\u{1b}[2Jc\n\
             and more\n"
        );
    }

    #[test]
    fn what_is_no_terminal_gets_the_bytes() {
        let lines = ["t app[web.1]: \x1b[1mbold\n", "no end"];
        assert_eq!(shown(false, &lines), lines.concat());
    }
}
