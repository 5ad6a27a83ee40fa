//! Connections to Log Cache's syslog server.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use logweir_proto::v2::Envelope;
use logweir_serve::log_cache_syslog::{LogCacheSyslogConfig, envelopes_of};
use serde::Deserialize;

use crate::bytes_field::{HexBytes, envelope};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    input: HexBytes,
    non_transparent_framing: bool,
    trim_message_whitespace: bool,
    max_message_length: usize,
    envelopes: Vec<HexBytes>,
    invalid: u64,
    errors: Vec<String>,
    panic: bool,
}

/// Envelopes and invalid messages.
type Answer = (Vec<Envelope>, u64);

/// A later time than that of any recorded message.
const ARRIVED: i64 = 1_700_000_000_000_000_000;

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let config = LogCacheSyslogConfig {
            newline_framing: case.non_transparent_framing,
            trim: case.trim_message_whitespace,
            message_bytes: case.max_message_length,
            ..LogCacheSyslogConfig::default()
        };
        let ask = |input: &[u8]| -> Result<Answer> {
            let (envelopes, invalid) = envelopes_of(input, &config);
            let envelopes = envelopes.iter().map(|bytes| envelope(bytes));
            Ok((envelopes.collect::<Result<_>>()?, invalid))
        };
        let ours = ask(&case.input.0)?;
        if case.panic {
            let arrived = ours.0.iter().all(|found| found.timestamp > ARRIVED);
            ensure!(ours.0.len() == 1 && arrived, "not taken at its arrival");
            return Ok(Verdict::Excused(vec![Rule::TimeOfArrival]));
        }
        let recorded: Vec<_> = case.envelopes.iter().map(HexBytes::envelope).collect();
        let recorded = (recorded.into_iter().collect::<Result<_>>()?, case.invalid);
        let verdict = Verdict::of(&ours, &recorded);
        if verdict == Verdict::Same {
            return Ok(verdict);
        }
        let promised = match case.non_transparent_framing {
            true => newlines(&case, recorded, ask),
            false => counted(&case, recorded, ask),
        };
        let (promised, rules) = promised?;
        Ok(match Verdict::of(&ours, &promised) {
            Verdict::Same if !rules.is_empty() => Verdict::Excused(rules.into_iter().collect()),
            _ => verdict,
        })
    })
}

/// The answer that the rules make of the recorded one, and those that were needed.
type Promised = (Answer, BTreeSet<Rule>);

/// A connection whose messages begin with `<`.
fn newlines(
    case: &Case,
    recorded: Answer,
    ask: impl Fn(&[u8]) -> Result<Answer>,
) -> Result<Promised> {
    let input = &case.input.0;
    let one = input.strip_suffix(b"\n").unwrap_or(input);
    if one.len() > case.max_message_length {
        ensure!(
            !one.windows(2).any(|pair| pair == b"\n<"),
            "several messages"
        );
        return Ok(((Vec::new(), 1), [Rule::LimitHolds].into()));
    }
    if input.starts_with(b"<") {
        return one_by_one(recorded, &case.errors, split_newlines(input), ask);
    }
    // The original leaves at once.
    ensure!(recorded == (Vec::new(), 0), "it did not leave");
    let begins = input.windows(2).position(|pair| pair == b"\n<");
    let (before, rest) = input.split_at(begins.map_or(input.len(), |at| at + 1));
    let mut promised = ask(rest)?;
    promised.1 += u64::from(before.iter().any(|byte| *byte != b'\n'));
    Ok((promised, [Rule::NextMessageRead].into()))
}

/// A connection whose messages have their lengths before them.
fn counted(
    case: &Case,
    recorded: Answer,
    ask: impl Fn(&[u8]) -> Result<Answer>,
) -> Result<Promised> {
    let (messages, rest) = split_counted(&case.input.0);
    let (mut envelopes, mut invalid) = recorded;
    let mut rules = BTreeSet::new();
    let last = case.errors.last().map(String::as_str).unwrap_or_default();
    if last.ends_with("found EOF, expecting a MSGLEN") {
        ensure!(rest.iter().all(|byte| *byte == b'\n'), "not an end");
        invalid -= 1;
        rules.insert(Rule::NoMessageNoError);
    }
    let (promised, more) = one_by_one((envelopes, invalid), &case.errors, messages, &ask)?;
    (envelopes, invalid) = promised;
    rules.extend(more);
    if rules.contains(&Rule::NextMessageRead) && !rest.is_empty() {
        invalid += ask(rest)?.1;
    }
    Ok(((envelopes, invalid), rules))
}

/// Goes through the messages as the original did, and says where it should have gone on.
fn one_by_one(
    recorded: Answer,
    errors: &[String],
    messages: Vec<&[u8]>,
    ask: impl Fn(&[u8]) -> Result<Answer>,
) -> Result<Promised> {
    let mut left = recorded.0.into_iter();
    let (mut envelopes, mut invalid) = (Vec::new(), recorded.1);
    let mut rules = BTreeSet::new();
    let mut errors = errors.iter();
    let mut ended = false;
    for message in messages {
        let alone = ask(message)?;
        if ended {
            envelopes.extend(alone.0);
            invalid += alone.1;
            continue;
        }
        if alone.1 > 0 {
            let error = errors.next().context("the original took it")?;
            let parsing = error.starts_with("unable to parse");
            ended = parsing && message.first().is_some_and(u8::is_ascii_digit);
            if ended {
                rules.insert(Rule::NextMessageRead);
            }
            continue;
        }
        if let Some((known, (name, value))) = without_unknown(message) {
            let error = errors.next().context("the original took it")?;
            ensure!(error.contains("unknown envelope type"), "another error");
            let mut promised = ask(&known)?.0;
            let first = promised.first_mut().context("nothing without it")?;
            first.tags.insert(name, value);
            envelopes.extend(promised);
            invalid -= 1;
            rules.insert(Rule::UnknownDataBecomesTags);
            continue;
        }
        envelopes.push(left.next().context("the original did not take it")?);
    }
    ensure!(left.next().is_none(), "the original took more");
    Ok(((envelopes, invalid), rules))
}

/// Messages with their lengths, and what comes after the last that is whole.
fn split_counted(input: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut messages = Vec::new();
    let mut rest = input;
    loop {
        let start = rest.iter().take_while(|byte| **byte == b'\n').count();
        let space = rest.iter().position(|byte| *byte == b' ');
        let digits = space.and_then(|space| std::str::from_utf8(rest.get(start..space)?).ok());
        let length = digits.filter(|digits| !digits.starts_with('0'));
        let length: Option<usize> = length.and_then(|digits| digits.parse().ok());
        let end = space.zip(length).map(|(space, length)| space + 1 + length);
        match end.filter(|end| *end <= rest.len()) {
            Some(end) => {
                messages.push(&rest[start..end]);
                rest = &rest[end..];
            }
            None => return (messages, rest),
        }
    }
}

/// Messages that begin with `<`, each with its last newline.
fn split_newlines(input: &[u8]) -> Vec<&[u8]> {
    let begins = (1..input.len()).filter(|at| input[at - 1..].starts_with(b"\n<"));
    let ends: Vec<usize> = begins.chain([input.len()]).collect();
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts
        .zip(&ends)
        .map(|(start, end)| &input[start..*end])
        .collect()
}

/// A message without its structured data, if that is one element that the original does not
/// know, with one parameter, and the tag that it should have become.
fn without_unknown(message: &[u8]) -> Option<(Vec<u8>, (String, String))> {
    let text = std::str::from_utf8(message).ok()?;
    let body = match text.starts_with('<') {
        true => text,
        false => text.split_once(' ')?.1,
    };
    let (at, _) = body.match_indices(' ').nth(5)?;
    let (head, data) = body.split_at(at + 1);
    let (element, rest) = data.strip_prefix('[')?.split_once("\"]")?;
    let (id, parameter) = element.split_once(' ')?;
    let (name, value) = parameter.split_once("=\"")?;
    let known = ["tags", "counter", "gauge", "timer", "event"];
    if known.iter().any(|known| id.starts_with(known)) {
        return None;
    }
    let body = format!("{head}-{rest}");
    let message = match text.starts_with('<') {
        true => body,
        false => format!("{} {body}", body.len()),
    };
    Some((message.into(), (format!("{id}.{name}"), value.to_owned())))
}
