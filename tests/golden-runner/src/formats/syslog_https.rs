//! Envelopes as the requests of an `https` drain.

use std::collections::BTreeMap;

use logweir_wire::syslog::{Style, messages};
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exceptions::Rule;
use crate::https_drain::{Rig, Wanted, as_the_peers};
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    url: String,
    envelope: HexBytes,
    hostname: String,
    omit_metadata: bool,
    unordered: bool,
    requests: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each_with(lines, Rig::start, |rig, case: Case| {
        let wanted = Wanted {
            url: &case.url,
            hostname: &case.hostname,
            omit_metadata: case.omit_metadata,
            batch_bytes: 512 << 10,
        };
        let mut asked = rig.deliver(&wanted, std::slice::from_ref(&case.envelope.0))?;
        let mut rules = vec![Rule::NamesItself];
        if !as_the_peers(&mut asked) {
            return Ok(Verdict::Differs("a request without our name".to_owned()));
        }
        if case.requests.is_empty() && !asked.is_empty() {
            // The original left it out. Its messages are judged as syslog_rfc5424.
            let style = Style {
                hostname: case.hostname.clone(),
                metadata: !case.omit_metadata,
            };
            let (mut out, mut ends) = (Vec::new(), Vec::new());
            let written = messages(&case.envelope.0, &style, &mut out, &mut ends);
            let bodies: Vec<u8> = asked.iter().flat_map(|asked| asked.body.to_vec()).collect();
            rules.push(Rule::SyslogFieldsSanitised);
            return Ok(match Verdict::of(&bodies, &out) {
                Verdict::Same if written.sanitised > 0 => Verdict::Excused(rules),
                Verdict::Same => Verdict::Differs("sent, though nothing was changed".to_owned()),
                differs => differs,
            });
        }
        let printed = |body: &[u8]| body.escape_ascii().to_string();
        let mut ours: Vec<_> = asked
            .iter()
            .map(|one| (&one.method, &one.target, &one.headers, printed(&one.body)))
            .collect();
        let mut recorded: Vec<_> = case
            .requests
            .iter()
            .map(|one| (&one.method, &one.target, &one.headers, printed(&one.body.0)))
            .collect();
        for (.., body) in &mut recorded {
            // A log of an unknown type.
            if let Some(rest) = body.strip_prefix("<-1>") {
                *body = format!("<14>{rest}");
                rules.push(Rule::UnknownLogTypeIsOut);
            }
        }
        if case.unordered {
            // By chance there; ours is by name.
            ours.sort();
            recorded.sort();
        }
        Ok(match Verdict::of(&ours, &recorded) {
            Verdict::Same if !ours.is_empty() => Verdict::Excused(rules),
            verdict => verdict,
        })
    })
}
