//! Envelopes as the requests of an `https-batch` drain.

use std::collections::BTreeMap;

use bytes::Bytes;
use logweir_wire::syslog::{Style, messages};
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exceptions::Rule;
use crate::https_drain::{Rig, Wanted, as_the_peers};
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    batch_size: usize,
    envelopes: Vec<HexBytes>,
    hostname: String,
    target: String,
    headers: BTreeMap<String, String>,
    bodies: Vec<HexBytes>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each_with(lines, Rig::start, |rig, case: Case| {
        let url = format!("https-batch://HOST{}", case.target);
        let wanted = Wanted {
            url: &url,
            hostname: &case.hostname,
            omit_metadata: false,
            batch_bytes: case.batch_size,
        };
        let envelopes: Vec<Bytes> = case.envelopes.iter().map(|one| one.0.clone()).collect();
        let mut asked = rig.deliver(&wanted, &envelopes)?;
        let mut rules = vec![Rule::NamesItself];
        if !as_the_peers(&mut asked) {
            return Ok(Verdict::Differs("a request without our name".to_owned()));
        }
        let recorded: Vec<Bytes> = case.bodies.iter().map(|body| body.0.clone()).collect();
        let (promised, sanitised) = bodies(&envelopes, &case);
        let bodies = match sanitised {
            // The original left some out. Messages are judged as syslog_rfc5424.
            true => {
                rules.push(Rule::SyslogFieldsSanitised);
                promised
            }
            false => recorded,
        };
        let printed = |body: &[u8]| body.escape_ascii().to_string();
        let expected: Vec<_> = bodies
            .iter()
            .map(|body| (&case.target, case.headers.clone(), printed(body)))
            .collect();
        let ours: Vec<_> = asked
            .iter_mut()
            .map(|one| {
                let length = one.headers.remove("content-length");
                assert_length(length.as_deref(), &one.body);
                (&one.target, one.headers.clone(), printed(&one.body))
            })
            .collect();
        Ok(match Verdict::of(&ours, &expected) {
            Verdict::Same if !ours.is_empty() => Verdict::Excused(rules),
            verdict => verdict,
        })
    })
}

/// Recorded headers lack it.
fn assert_length(header: Option<&str>, body: &[u8]) {
    assert_eq!(
        header,
        Some(body.len().to_string().as_str()),
        "content-length"
    );
}

/// The bodies of all messages, and whether a field of any was changed.
fn bodies(envelopes: &[Bytes], case: &Case) -> (Vec<Bytes>, bool) {
    let style = Style {
        hostname: case.hostname.clone(),
        metadata: true,
    };
    let (mut bodies, mut body, mut sanitised) = (Vec::new(), Vec::new(), false);
    for envelope in envelopes {
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        sanitised |= messages(envelope, &style, &mut out, &mut ends).sanitised > 0;
        let mut start = 0;
        for end in ends {
            body.extend_from_slice(&out[start..end]);
            start = end;
            if body.len() >= case.batch_size {
                bodies.push(std::mem::take(&mut body).into());
            }
        }
    }
    if !body.is_empty() {
        bodies.push(body.into());
    }
    (bodies, sanitised)
}
