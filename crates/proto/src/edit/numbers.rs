//! Numbers as the Go peers write them into tags.

/// As the agent: shortest digits that read back the same, never an exponent
/// (Go's `FormatFloat(v, 'f', -1, 64)`).
pub(super) fn agent_decimal(value: f64) -> String {
    match not_finite(value) {
        Some(word) => word.to_owned(),
        None => format!("{value}"),
    }
}

/// As the reverse log proxy: shortest digits, with an exponent of at least two
/// digits below 1e-4 and from 1e6 on (Go's `FormatFloat(v, 'g', -1, 64)`). The
/// golden cases say 1e6; the spec's 1e21 is Go's rule for JSON.
pub(super) fn proxy_decimal(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value}"),
    }
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_never_writes_an_exponent() {
        for (value, text) in [
            (0.23, "0.23"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(agent_decimal(value), text);
        }
    }

    #[test]
    fn the_proxy_writes_an_exponent_for_the_very_small_and_large() {
        for (value, text) in [
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (123_456.5, "123456.5"),
            (1_234_567.0, "1.234567e+06"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(proxy_decimal(value), text);
        }
    }
}
