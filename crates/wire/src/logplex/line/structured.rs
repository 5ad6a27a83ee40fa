//! How far structured data goes (RFC 5424 §6.3).

/// The length of the structured data that `rest` starts with, and that a space or the end
/// follows; 0 if it starts with none.
pub(super) fn length(rest: &[u8]) -> usize {
    let end = match rest.first() {
        Some(b'-') => 1,
        Some(b'[') => elements(rest),
        _ => 0,
    };
    match rest.get(end) {
        None | Some(b' ') => end,
        Some(_) => 0,
    }
}

/// The length of all elements at the start; 0 if one is not well-formed.
fn elements(rest: &[u8]) -> usize {
    let mut at = 0;
    while rest.get(at) == Some(&b'[') {
        match element(&rest[at..]) {
            Some(length) => at += length,
            None => return 0,
        }
    }
    at
}

/// The length of `[ID NAME="VALUE" …]`.
fn element(rest: &[u8]) -> Option<usize> {
    let mut at = 1 + name(&rest[1..])?;
    loop {
        match rest.get(at)? {
            b']' => return Some(at + 1),
            b' ' => at += 1,
            _ => return None,
        }
        if rest.get(at) == Some(&b']') {
            return Some(at + 1);
        }
        at += name(&rest[at..])?;
        if !rest[at..].starts_with(b"=\"") {
            return None;
        }
        at += 2;
        loop {
            match rest.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        at += 1;
    }
}

/// The length of a name, which is not empty.
fn name(rest: &[u8]) -> Option<usize> {
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b' ' | b'=' | b']' | b'"'))?;
    (length > 0).then_some(length)
}
