//! An event stream means the same in chunks of any size, and stays within its bound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_wire::sse::Parser;

const LIMIT: usize = 64;

fuzz_target!(|stream: &[u8]| {
    let mut whole = Parser::with_limit(LIMIT);
    whole.push(stream);
    let expected: Vec<_> = whole.collect();
    for chunk in [1, 2, 7] {
        let mut parser = Parser::with_limit(LIMIT);
        for chunk in stream.chunks(chunk) {
            parser.push(chunk);
        }
        assert_eq!(parser.collect::<Vec<_>>(), expected);
    }
});
