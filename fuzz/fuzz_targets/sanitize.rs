//! What is well-formed but no UTF-8 becomes an envelope for every reader.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::{PeekError, peek};
use logweir_proto::sanitize::sanitize;
use logweir_proto::v2;
use prost::Message as _;

fuzz_target!(|envelope: &[u8]| {
    match (peek(envelope), sanitize(envelope)) {
        (Ok(_), Ok(same)) => {
            let decode = |bytes| v2::Envelope::decode(bytes).expect("peek accepted it");
            // By text: NaN is not equal to itself.
            assert_eq!(format!("{:?}", decode(envelope)), format!("{:?}", decode(&same[..])));
        }
        (Err(PeekError::InvalidUtf8), Ok(mended)) => {
            peek(&mended).expect("a mended envelope is accepted");
            v2::Envelope::decode(&*mended).expect("and decoded");
        }
        (Err(PeekError::Malformed(_)), Err(_)) => {}
        (peeked, sanitized) => panic!("peek says {peeked:?}, sanitize {sanitized:?}"),
    }
});
