//! Numbers as Go's `strconv` reads them.

/// Decimal digits alone.
pub(super) fn unsigned(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Decimal and hexadecimal floats, infinities and NaN in any case, with underscores between
/// digits. What is too large for a double is none.
pub(super) fn float(text: &str) -> Option<f64> {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !separates_digits(bare) {
        return None;
    }
    let digits = bare.replace('_', "");
    let negative = text.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        return hexadecimal(hex).map(signed);
    }
    // A second sign, which the parser would take.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    let named = digits.starts_with(['i', 'I', 'n', 'N']);
    if value.is_nan() && bare.len() != text.len() {
        return None;
    }
    (named || value.is_finite()).then(|| signed(value))
}

/// Whether every underscore stands between digits, or after the mark of hexadecimal ones.
fn separates_digits(bare: &str) -> bool {
    let is_hex = bare.starts_with("0x") || bare.starts_with("0X");
    let is_digit = |byte: Option<&u8>| {
        byte.is_some_and(|byte| match is_hex {
            true => byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X'),
            false => byte.is_ascii_digit(),
        })
    };
    let bytes = bare.as_bytes();
    let underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    underscores
        .map(|(at, _)| at)
        .all(|at| at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1)))
}

/// `1.8p-3` after `0x`; the exponent is not optional.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent: i32 = exponent.parse().ok()?;
    exponent = exponent.clamp(-5_000, 5_000);
    let mut value = 0.0_f64;
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let mut scale = 1.0_f64;
    for digit in fraction.chars() {
        scale /= 16.0;
        value += f64::from(digit.to_digit(16)?) * scale;
    }
    // In two steps: a power of two beyond the doubles may still bring a value within them.
    let half = exponent / 2;
    let value = value * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_in_their_forms() {
        for (text, value) in [
            ("0.23", 0.23),
            ("1e+06", 1e6),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("0x1p-2", 0.25),
            ("-0X1.8p1", -3.0),
            ("0x_1p0", 1.0),
            ("1_000", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert!(float("nAn").is_some_and(f64::is_nan));
        for text in [
            "", "+", "1e400", "0x1", "0xp1", "0x1p", "_1", "1_", "1__0", "--1", "+-1", "+nan",
            "1e", "0x1p9999", "x", "in",
        ] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn unsigned_numbers_have_no_sign() {
        assert_eq!(unsigned("18446744073709551615"), Some(u64::MAX));
        for text in ["", "+1", "-1", "0x1", "18446744073709551616", " 1"] {
            assert_eq!(unsigned(text), None, "{text}");
        }
    }
}
