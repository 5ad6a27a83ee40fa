//! Floating-point numbers as the Go peers write them into text.

use std::io::Write as _;

/// Appends `value` as Go's `FormatFloat(v, 'g', -1, 64)`: the shortest digits that read
/// back the same, with an exponent of at least two digits below 1e-4 and from 1e6 on
/// (1e21, which the peers' pages name, is Go's rule for JSON). `NaN`, `+Inf`, `-Inf`.
pub fn put_shortest(out: &mut Vec<u8>, value: f64) {
    if let Some(word) = not_finite(value) {
        return out.extend_from_slice(word.as_bytes());
    }
    // Writing to a Vec cannot fail.
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        let _ = write!(out, "{value}");
        return;
    }
    let start = out.len();
    let _ = write!(out, "{value:e}");
    let Some(at) = out[start..].iter().position(|byte| *byte == b'e') else {
        return;
    };
    let digits = start + at + 1;
    let (sign, digits) = match out[digits] {
        b'-' => (b'-', digits + 1),
        _ => (b'+', digits),
    };
    let mut exponent = [b'0'; 3];
    let len = (out.len() - digits).min(exponent.len());
    exponent[..len].copy_from_slice(&out[digits..digits + len]);
    out.truncate(start + at + 1);
    out.push(sign);
    if len == 1 {
        out.push(b'0');
    }
    out.extend_from_slice(&exponent[..len]);
}

/// [`put_shortest`] as a string.
pub fn shortest(value: f64) -> String {
    let mut text = Vec::with_capacity(24);
    put_shortest(&mut text, value);
    String::from_utf8(text).unwrap_or_default()
}

/// The shortest digits without ever an exponent (`FormatFloat(v, 'f', -1, 64)`).
pub fn plain(value: f64) -> String {
    match not_finite(value) {
        Some(word) => word.to_owned(),
        None => format!("{value}"),
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
    fn plain_never_has_an_exponent() {
        for (value, text) in [
            (0.23, "0.23"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn shortest_has_an_exponent_for_the_very_small_and_large() {
        for (value, text) in [
            (0.0001, "0.0001"),
            (0.000_099_9, "9.99e-05"),
            (0.00001, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (123_456.5, "123456.5"),
            (1_234_567.0, "1.234567e+06"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (5e-324, "5e-324"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(shortest(value), text);
        }
    }
}
