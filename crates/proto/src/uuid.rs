//! UUIDs as dropsonde carries them: the 16 bytes of the text as two little-endian
//! halves.

/// Length of the text form.
pub const TEXT_LEN: usize = 36;

/// The bytes of the text after which a hyphen stands.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Lower-case text, 8-4-4-4-12.
pub fn text(low: u64, high: u64) -> [u8; TEXT_LEN] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; TEXT_LEN];
    let mut at = 0;
    for byte in low.to_le_bytes().into_iter().chain(high.to_le_bytes()) {
        if HYPHENS.contains(&at) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// The text form as a string.
pub fn to_string(low: u64, high: u64) -> String {
    String::from_utf8_lossy(&text(low, high)).into_owned()
}

/// Reads the text as the originals do: 36 bytes, hex in either case, and where the
/// hyphens belong anything goes.
pub fn parse(text: &[u8]) -> Option<(u64, u64)> {
    let text: &[u8; TEXT_LEN] = text.try_into().ok()?;
    let mut bytes = [0u8; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if HYPHENS.contains(&at) {
            at += 1;
        }
        *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
        at += 2;
    }
    let [low, high] = [0, 8].map(|from| {
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[from..from + 8]);
        u64::from_le_bytes(half)
    });
    Some((low, high))
}

fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        b'A'..=b'F' => Some(hex - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    const HALVES: (u64, u64) = (0x7243_cc58_0bc1_7af4, 0x79d4_c3b2_020e_67a5);

    #[test]
    fn halves_are_little_endian() {
        assert_eq!(to_string(HALVES.0, HALVES.1), TEXT);
        assert_eq!(parse(TEXT.as_bytes()), Some(HALVES));
        assert_eq!(to_string(0, 0), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn hyphens_are_not_looked_at_and_case_does_not_matter() {
        assert_eq!(parse(b"F47AC10B_58CC+4372 a567x0E02B2C3D479"), Some(HALVES));
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "f47ac10b58cc4372a5670e02b2c3d479",
            "g47ac10b-58cc-4372-a567-0e02b2c3d479",
            "f47ac10b-58cc-4372-a567-0e02b2c3d4790",
            "f47ac10b-58cc-4372-a567-0e02b2c3d47\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
