//! What a query brought, in Prometheus's shape.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names and values.
pub(super) type Labels = BTreeMap<String, String>;

/// The result of a query.
pub(super) enum Answer {
    /// A number or a text that belongs to no series.
    Single(String),
    /// A sample of each series: as it was written, so that no digit is lost.
    Vector(Vec<(Labels, String)>),
    /// Samples of each series.
    Matrix(Vec<Series>),
}

/// One line of a chart.
pub(super) struct Series {
    pub(super) labels: Labels,
    /// Unix seconds, and the number.
    pub(super) points: Vec<(f64, f64)>,
}

impl Answer {
    /// `None` if it is none of these.
    pub(super) fn read(data: &Value) -> Option<Self> {
        let result = &data["result"];
        match data["resultType"].as_str()? {
            "scalar" | "string" => Some(Self::Single(result[1].as_str()?.to_owned())),
            "vector" => {
                let sample = |sample: &Value| {
                    let value = sample["value"][1].as_str()?.to_owned();
                    Some((labels(sample)?, value))
                };
                let samples = result.as_array()?.iter().map(sample);
                Some(Self::Vector(samples.collect::<Option<_>>()?))
            }
            "matrix" => {
                let series = result.as_array()?.iter().map(Series::read);
                Some(Self::Matrix(series.collect::<Option<_>>()?))
            }
            _ => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Single(_) => false,
            Self::Vector(samples) => samples.is_empty(),
            Self::Matrix(series) => series.is_empty(),
        }
    }
}

impl Series {
    fn read(series: &Value) -> Option<Self> {
        let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_str()?.parse().ok()?));
        let points = series["values"].as_array()?.iter().map(point);
        Some(Self {
            labels: labels(series)?,
            points: points.collect::<Option<_>>()?,
        })
    }
}

fn labels(series: &Value) -> Option<Labels> {
    let labels = series["metric"].as_object()?.iter();
    labels
        .map(|(name, value)| Some((shown(name), shown(value.as_str()?))))
        .collect()
}

/// Without what a terminal may obey.
fn shown(text: &str) -> String {
    let shown = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_is_read() {
        let read = |kind: &str, result: Value| {
            Answer::read(&json!({"resultType": kind, "result": result}))
        };
        let single = read("scalar", json!([1.5, "NaN"]));
        assert!(matches!(single, Some(Answer::Single(text)) if text == "NaN"));
        let vector = read(
            "vector",
            json!([{"metric": {"a": "b\u{1b}"}, "value": [1, "0.10"]}]),
        );
        let Some(Answer::Vector(samples)) = vector else {
            panic!("no vector")
        };
        let labels = [("a".to_owned(), "b\u{fffd}".to_owned())].into();
        assert_eq!(samples, [(labels, "0.10".to_owned())]);
        let matrix = read(
            "matrix",
            json!([{"metric": {}, "values": [[1, "+Inf"], [2.5, "-3"]]}]),
        );
        let Some(Answer::Matrix(series)) = matrix else {
            panic!("no matrix")
        };
        assert_eq!(series[0].points, [(1.0, f64::INFINITY), (2.5, -3.0)]);
        for (kind, wrong) in [
            ("vector", json!({})),
            ("vector", json!([{"metric": {}}])),
            ("matrix", json!([{"metric": {}, "values": [[1, "x"]]}])),
            ("scalar", json!([])),
            ("cloud", json!([])),
        ] {
            assert!(read(kind, wrong.clone()).is_none(), "{kind} {wrong}");
        }
    }
}
