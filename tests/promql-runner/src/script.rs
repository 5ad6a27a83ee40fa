//! The script language: what is loaded, what is evaluated, what is expected.

use anyhow::{Context, Result, bail};
use logweir_cache::promql::{Labels, Span, parse_duration_ms};
use regex::Regex;

use crate::points::{self, Description, Point};

/// One command.
#[derive(Debug)]
pub enum Command {
    /// Forget all series.
    Clear,
    /// Load series.
    Load {
        /// The distance of points in milliseconds.
        interval: i64,
        /// Make native histograms of classic ones too.
        custom_buckets: bool,
        /// The series.
        series: Vec<Description>,
    },
    /// Evaluate a query.
    Eval(Box<Case>),
}

/// A text that a message must be, or an expression that it must match.
#[derive(Debug)]
pub enum Message {
    /// Any.
    Any,
    /// This one, with or without a part before it.
    Text(String),
    /// One that matches.
    Regex(Regex),
}

impl Message {
    /// Whether a message is as expected.
    pub fn fits(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

/// What annotations of a kind are expected.
#[derive(Debug, Default)]
pub struct Told {
    /// None may be.
    pub none: bool,
    /// Each of these must be.
    pub some: Vec<Message>,
}

/// One evaluation and what it must give.
#[derive(Debug)]
pub struct Case {
    /// Its line in the script.
    pub line: usize,
    /// The query.
    pub query: String,
    /// When it is evaluated.
    pub span: Span,
    /// It must fail, so.
    pub fails: Option<Message>,
    /// The series must come in this order.
    pub ordered: bool,
    /// The expected text.
    pub text: Option<String>,
    /// The result is a range vector of samples at these times.
    pub samples_at: Option<(i64, i64)>,
    /// The expected warnings.
    pub warnings: Told,
    /// The expected informations.
    pub infos: Told,
    /// The expected scalar.
    pub scalar: Option<f64>,
    /// The expected series.
    pub series: Vec<(Labels, Vec<Point>)>,
}

/// Reads a script.
///
/// # Errors
/// What is not understood, with its line.
pub fn parse(text: &str) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .peekable();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A block goes on up to an empty line or a comment; `clear` has none.
        let mut block = Vec::new();
        let goes_on = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
        while line != "clear"
            && let Some((number, line)) = lines.next_if(|(_, line)| goes_on(line))
        {
            block.push((number, line.trim()));
        }
        let command = command(number, line, &block).with_context(|| format!("line {number}"))?;
        commands.push(command);
    }
    Ok(commands)
}

fn command(number: usize, line: &str, block: &[(usize, &str)]) -> Result<Command> {
    if line == "clear" {
        return Ok(Command::Clear);
    }
    let (word, rest) = line
        .split_once(char::is_whitespace)
        .context("a command is cut off")?;
    match word {
        "load" | "load_with_nhcb" => Ok(Command::Load {
            interval: duration(rest.trim())?,
            custom_buckets: word == "load_with_nhcb",
            series: block
                .iter()
                .map(|(number, line)| {
                    points::describe(line).with_context(|| format!("line {number}"))
                })
                .collect::<Result<_>>()?,
        }),
        word if word.starts_with("eval") => {
            let mut case = head(number, rest.trim())?;
            match word {
                "eval_ordered" => case.ordered = true,
                "eval_fail" => case.fails = Some(Message::Any),
                "eval_warn" => case.warnings.some.push(Message::Any),
                "eval_info" => case.infos.some.push(Message::Any),
                _ => {}
            }
            for (number, line) in block {
                expectation(&mut case, line).with_context(|| format!("line {number}"))?;
            }
            Ok(Command::Eval(Box::new(case)))
        }
        word => bail!("unknown command {word:?}"),
    }
}

fn duration(text: &str) -> Result<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let found = match text.parse::<i64>() {
        Ok(seconds) => seconds * 1000,
        Err(_) => parse_duration_ms(text).with_context(|| format!("{text:?} is no duration"))?,
    };
    Ok(if negative { -found } else { found })
}

/// `instant at TIME QUERY` or `range from TIME to TIME step DURATION QUERY`.
fn head(line: usize, text: &str) -> Result<Case> {
    let mut rest = text;
    let mut word = || {
        let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = tail.trim_start();
        word
    };
    let span = match word() {
        "instant" => {
            word();
            Span::Instant(duration(word())?)
        }
        "range" => {
            word();
            let start = duration(word())?;
            word();
            let end = duration(word())?;
            word();
            Span::Range {
                start,
                end,
                step: duration(word())?,
            }
        }
        other => bail!("unknown evaluation {other:?}"),
    };
    Ok(Case {
        line,
        query: rest.to_owned(),
        span,
        fails: None,
        ordered: false,
        text: None,
        samples_at: None,
        warnings: Told::default(),
        infos: Told::default(),
        scalar: None,
        series: Vec::new(),
    })
}

fn message(text: &str) -> Result<Message> {
    let text = text.trim();
    if let Some(exact) = text.strip_prefix("msg:") {
        return Ok(Message::Text(exact.trim().to_owned()));
    }
    match text.strip_prefix("regex:") {
        Some(regex) => Ok(Message::Regex(Regex::new(regex.trim())?)),
        None => Ok(Message::Any),
    }
}

fn expectation(case: &mut Case, line: &str) -> Result<()> {
    if let Some(text) = line.strip_prefix("expected_fail_message") {
        case.fails = Some(Message::Text(text.trim().to_owned()));
        return Ok(());
    }
    if let Some(text) = line.strip_prefix("expected_fail_regexp") {
        case.fails = Some(Message::Regex(Regex::new(text.trim())?));
        return Ok(());
    }
    if let Some(told) = line.strip_prefix("expect ") {
        let (kind, rest) = told.split_once(char::is_whitespace).unwrap_or((told, ""));
        match kind {
            "fail" => case.fails = Some(message(rest)?),
            "warn" => case.warnings.some.push(message(rest)?),
            "info" => case.infos.some.push(message(rest)?),
            "no_warn" => case.warnings.none = true,
            "no_info" => case.infos.none = true,
            "ordered" => case.ordered = true,
            "string" => {
                let quoted = rest.trim();
                let inside = quoted
                    .get(1..quoted.len().saturating_sub(1))
                    .unwrap_or_default();
                case.text = Some(inside.to_owned());
            }
            "range" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let [_, _, from, _, _, _, step] = words.as_slice() else {
                    bail!("unknown expectation {line:?}");
                };
                case.samples_at = Some((duration(from)?, duration(step)?));
            }
            kind => bail!("unknown expectation {kind:?}"),
        }
        return Ok(());
    }
    if let Ok(value) = points::number(line) {
        case.scalar = Some(value);
        return Ok(());
    }
    let (labels, rest) = points::metric(line)?;
    case.series.push((labels, points::points(rest)?));
    Ok(())
}
