//! Answers in JSON, to the byte as the peers write them (log-cache specification, 1.5).

use std::io::Write;

use http::{Response, StatusCode};
use logweir_cache::promql::{Answer, EvalError, Evaluation, Labels, Mode, plain_float};
use logweir_net::body::Body;

use super::{super::api::json as json_response, ask::Asked, fault::Fault};

/// A writer of one document that may have so many bytes.
pub(super) struct Json {
    pub(super) out: Vec<u8>,
    mode: Mode,
}

impl Json {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            out: Vec::new(),
            mode,
        }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Parts with commas between.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            each(self, item);
        }
    }

    /// A string, with the escapes of Go's encoder.
    pub(super) fn text(&mut self, text: &str) {
        self.raw("\"");
        let mut clean = 0;
        for (at, letter) in text.char_indices() {
            let escaped = match letter {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                    format!("\\u{:04x}", u32::from(letter))
                }
                _ => continue,
            };
            self.raw(&text[clean..at]);
            self.raw(&escaped);
            clean = at + letter.len_utf8();
        }
        self.raw(&text[clean..]);
        self.raw("\"");
    }

    pub(super) fn labels(&mut self, labels: &Labels) {
        self.raw("{");
        self.list(labels.iter(), |json, (name, value)| {
            json.text(name);
            json.raw(":");
            json.text(value);
        });
        self.raw("}");
    }

    /// `[time,"value"]`.
    fn point(&mut self, at: i64, value: f64) {
        let whole = self.mode == Mode::Modern && at % 1000 == 0;
        let (seconds, rest) = (at.unsigned_abs() / 1000, at.unsigned_abs() % 1000);
        self.raw(if at < 0 { "[-" } else { "[" });
        self.raw(itoa::Buffer::new().format(seconds));
        if !whole {
            // Writing into memory does not fail.
            let _ = write!(self.out, ".{rest:03}");
        }
        self.raw(",\"");
        self.number(value);
        self.raw("\"]");
    }

    /// A number as Go writes it without an exponent: the fewest digits that read back the
    /// same, of two as near the even one, where the standard library rounds up. It also takes
    /// three times as long, and answers are numbers more than anything else.
    fn number(&mut self, value: f64) {
        /// Whole numbers below this are what they look like.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.trunc() == value
            && value.abs() < EXACT
            && !(value == 0.0 && value.is_sign_negative())
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole and far within an i64"
            )]
            let whole = value as i64;
            return self.raw(itoa::Buffer::new().format(whole));
        }
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format(value);
        match value.is_finite() && value.abs() < EXACT && !text.contains('e') {
            true => self.raw(text.strip_suffix(".0").unwrap_or(text)),
            false => self.raw(&plain_float(value)),
        }
    }

    /// What the user should know, if anything.
    pub(super) fn notes(&mut self, name: &str, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.raw(",\"");
        self.raw(name);
        self.raw("\":[");
        self.list(notes, |json, note| json.text(note));
        self.raw("]");
    }

    /// The whole document as a page.
    pub(super) fn page(mut self) -> Response<Body> {
        self.raw("\n");
        json_response(StatusCode::OK, self.out)
    }
}

/// A query's answer, at most so many bytes of it.
pub(super) fn answer(
    asked: &Asked,
    evaluation: &Evaluation,
    most_bytes: usize,
) -> Result<Vec<u8>, Fault> {
    let mut json = Json::new(asked.mode);
    let mut warnings = evaluation.annotations.warnings.clone();
    let most = match asked.most_series {
        0 => usize::MAX,
        most => most,
    };
    let held = |json: &Json| match json.out.len() > most_bytes {
        true => Err(Fault::from(EvalError::TooManySamples)),
        false => Ok(()),
    };
    json.raw("{\"status\":\"success\",\"data\":{\"resultType\":\"");
    let mut cut = false;
    match &evaluation.answer {
        Answer::Scalar(value) => {
            json.raw("scalar\",\"result\":");
            json.point(asked.end(), *value);
        }
        Answer::Text(text) => {
            json.raw("string\",\"result\":");
            let at = asked.end();
            let _ = write!(json.out, "[{}.{:03},", at / 1000, at % 1000);
            json.text(text);
            json.raw("]");
        }
        Answer::Vector(samples) => {
            json.raw("vector\",\"result\":[");
            cut = samples.len() > most;
            for (index, sample) in samples.iter().take(most).enumerate() {
                json.raw(if index > 0 { "," } else { "" });
                json.raw("{\"metric\":");
                json.labels(&sample.labels);
                json.raw(",\"value\":");
                json.point(asked.end(), sample.value);
                json.raw("}");
                held(&json)?;
            }
            json.raw("]");
        }
        Answer::Matrix(series) => {
            json.raw("matrix\",\"result\":[");
            cut = series.len() > most;
            for (index, series) in series.iter().take(most).enumerate() {
                json.raw(if index > 0 { "," } else { "" });
                json.raw("{\"metric\":");
                json.labels(&series.labels);
                json.raw(",\"values\":[");
                json.list(series.samples.iter(), |json, sample| {
                    json.point(sample.at, sample.value);
                });
                json.raw("]}");
                held(&json)?;
            }
            json.raw("]");
        }
    }
    json.raw("}");
    if cut {
        warnings.push("results truncated due to limit".to_owned());
    }
    json.notes("warnings", &warnings);
    json.notes("infos", &evaluation.annotations.infos);
    json.raw("}\n");
    Ok(json.out)
}

/// An error.
pub(super) fn failure(fault: &Fault, mode: Mode) -> Response<Body> {
    let (kind, status) = fault.kind(mode);
    refusal(kind, &fault.to_string(), status)
}

/// The same in other words.
pub(super) fn refusal(kind: &str, why: &str, status: StatusCode) -> Response<Body> {
    let mut json = Json::new(Mode::LogCache);
    json.raw("{\"status\":\"error\",\"errorType\":");
    json.text(kind);
    json.raw(",\"error\":");
    json.text(why);
    json.raw("}\n");
    json_response(status, json.out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_values_are_written_as_each_mode_does() {
        let point = |mode, at, value| {
            let mut json = Json::new(mode);
            json.point(at, value);
            String::from_utf8(json.out).unwrap()
        };
        assert_eq!(point(Mode::LogCache, 99_000, 0.0), "[99.000,\"0\"]");
        assert_eq!(
            point(Mode::LogCache, -1_500, 1e21),
            "[-1.500,\"1000000000000000000000\"]"
        );
        assert_eq!(point(Mode::Modern, 99_000, f64::INFINITY), "[99,\"+Inf\"]");
        assert_eq!(point(Mode::Modern, 99_050, f64::NAN), "[99.050,\"NaN\"]");
    }

    #[test]
    #[allow(clippy::excessive_precision)] // exactly half way between two texts
    fn numbers_are_gos_and_read_back_the_same() {
        let written = |value| {
            let mut json = Json::new(Mode::Modern);
            json.number(value);
            String::from_utf8(json.out).unwrap()
        };
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (42.0, "42"),
            (-1.5, "-1.5"),
            (0.000_123, "0.000123"),
            (1e-7, "0.0000001"),
            (1e22, "10000000000000000000000"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (667_082_108_456_853.25, "667082108456853.2"),
            (667_082_108_456_853.75, "667082108456853.8"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(value), text);
        }
        let small = (0..2_000_u32).map(|number| f64::from(number) / 7.0 - 100.0);
        let any = (0..20_000_u64)
            .map(|number| f64::from_bits(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        for value in small.chain(any).filter(|value| value.is_finite()) {
            let text = written(value);
            assert_eq!(text.parse(), Ok(value));
            assert_eq!(text.len(), plain_float(value).len(), "{text}");
        }
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        let mut json = Json::new(Mode::Modern);
        json.text("a\"b\\c\n<&>ü\0\u{2028}");
        let text = String::from_utf8(json.out).unwrap();
        assert_eq!(text, r#""a\"b\\c\n\u003c\u0026\u003eü\u0000\u2028""#);
    }
}
