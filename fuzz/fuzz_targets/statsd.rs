//! Any datagram is read without a panic, and what is read can be computed with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_wire::statsd::{Kind, Value, lines, parse};

fuzz_target!(|datagram: &[u8]| {
    for line in lines(datagram) {
        let Ok(sample) = parse(line) else { continue };
        assert!(!sample.name.is_empty() && !sample.name.contains(':'));
        assert!(sample.rate.is_finite() && sample.rate > 0.0);
        match sample.value {
            Value::Number(number) => assert!(number.is_finite() && sample.kind != Kind::Set),
            Value::Member(member) => assert!(!member.is_empty() && sample.kind == Kind::Set),
        }
        if let Some((origin, name)) = sample.origin() {
            assert_eq!(format!("{origin}.{name}"), sample.name);
        }
    }
});
