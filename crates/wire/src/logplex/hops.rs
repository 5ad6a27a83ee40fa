//! How often a line has gone from one Logweir to another: a drain that leads to another
//! installation, and another that leads back, would send it round for ever.

use bytes::BytesMut;
use logweir_proto::{
    fields::fields,
    frames::{frames, push_frame},
    put,
};

use super::envelope::{key, pair};

/// The header of a drain's requests that says it.
pub const HEADER: &str = "logweir-hops";

/// The tag of an envelope that says it; without one it came from its sender.
const TAG: &[u8] = b"hops";

/// Lines that went further are taken no more.
pub const MOST: u8 = 8;

/// Says in the last frame, which begins at `start`, that its line has gone so far.
pub fn mark(out: &mut BytesMut, start: usize, hops: u8) {
    let frame = out.split_off(start);
    let Some(Ok(last)) = frames(&frame).next() else {
        return out.unsplit(frame);
    };
    let mut tag = Vec::with_capacity(16);
    put::bytes(&mut tag, key::FIRST, TAG);
    put::bytes(&mut tag, key::SECOND, hops.to_string().as_bytes());
    let mut envelope = last.envelope.to_vec();
    put::bytes(&mut envelope, key::TAG, &tag);
    push_frame(out, &envelope);
}

/// How far an envelope's line has gone.
pub fn of(envelope: &[u8]) -> u8 {
    let tags = fields(envelope).filter(|field| field.key == key::TAG);
    let hops = tags.filter_map(|tag| {
        let (name, value) = pair(tag.bytes());
        (name == TAG).then_some(value)
    });
    let said = hops
        .last()
        .and_then(|value| std::str::from_utf8(value).ok());
    // What is too large for a number went too far as well.
    said.map_or(0, |value| value.parse().unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logplex::{frame_of, message};

    #[test]
    fn a_marked_line_is_the_same_line() {
        let line = b"<134>1 2012-12-10T03:00:48.123456Z host app web.1 - - text";
        let mut out = BytesMut::new();
        frame_of("1", 5, line, &mut out);
        let start = out.len();
        frame_of("2", 5, line, &mut out);
        mark(&mut out, start, 3);
        let read: Vec<_> = frames(&out).map(|frame| frame.expect("a frame")).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((of(read[0].envelope), of(read[1].envelope)), (0, 3));
        for frame in read {
            let mut again = Vec::new();
            assert!(message(frame.envelope, &mut again));
            assert_eq!(again, line);
        }
    }
}
