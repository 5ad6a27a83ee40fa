//! Numbers as Go writes them: in messages, in labels, in the text of a query.

/// A number as Go prints it, with an exponent where that is shorter.
pub(crate) fn go_float(value: f64) -> String {
    match value {
        value if value == f64::INFINITY => "+Inf".to_owned(),
        value if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        value if value.is_nan() => "NaN".to_owned(),
        value if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) => {
            let text = format!("{value:e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        value => value.to_string(),
    }
}

/// A number without an exponent, as labels hold it.
pub fn plain_float(value: f64) -> String {
    match value.is_finite() {
        true => value.to_string(),
        false => go_float(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_gos() {
        let shown = [1.0, 0.5, 1e21, 1e-7, -1e-10, f64::INFINITY, f64::NAN].map(go_float);
        assert_eq!(
            shown,
            ["1", "0.5", "1e+21", "1e-07", "-1e-10", "+Inf", "NaN"]
        );
        assert_eq!(plain_float(1e21), "1000000000000000000000");
        assert_eq!(plain_float(f64::NEG_INFINITY), "-Inf");
    }
}
