//! What a door says to a request.

use prost::Message;
use serde_json::{Map, json};

use super::{
    Encoding, Outcome, Refusal, Signal,
    messages::{Answer, PartialSuccess, Status},
};

/// The answer to a request that was taken, in the request's own encoding. What was refused
/// is told in it: `partial_success`.
pub fn answer(signal: Signal, encoding: Encoding, outcome: &Outcome) -> Vec<u8> {
    let refused = outcome.refused_total();
    let text = reasons(outcome);
    match encoding {
        Encoding::Protobuf => {
            let partial_success = (refused > 0).then(|| PartialSuccess {
                rejected: i64::try_from(refused).unwrap_or(i64::MAX),
                error_message: text.into(),
            });
            Answer { partial_success }.encode_to_vec()
        }
        Encoding::Json => {
            let mut answer = Map::new();
            if refused > 0 {
                let key = match signal {
                    Signal::Logs => "rejectedLogRecords",
                    Signal::Metrics => "rejectedDataPoints",
                    Signal::Traces => "rejectedSpans",
                };
                let partial = json!({ key: refused.to_string(), "errorMessage": text });
                answer.insert("partialSuccess".into(), partial);
            }
            serde_json::Value::Object(answer).to_string().into()
        }
    }
}

fn reasons(outcome: &Outcome) -> String {
    let counts = Refusal::ALL.into_iter().zip(outcome.refused);
    let counts = counts.filter(|(_, count)| *count > 0);
    let each = counts.map(|(refusal, count)| format!("{count} refused: {refusal}"));
    each.collect::<Vec<_>>().join("; ")
}

/// The answer to a request of which nothing was taken: a gRPC status code and why.
pub fn failure(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let message = message.to_owned();
            Status { code, message }.encode_to_vec()
        }
        Encoding::Json => json!({ "code": code, "message": message })
            .to_string()
            .into(),
    }
}
