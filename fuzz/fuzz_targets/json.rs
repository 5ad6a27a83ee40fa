//! Any bytes are written as JSON that is read back; any JSON is read without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_wire::json;

fuzz_target!(|bytes: &[u8]| {
    let mut out = Vec::new();
    let written = json::envelope_batch(bytes, &mut out);
    let back = json::parse_batch(&out).expect("our own json");
    assert_eq!(back.batch.len(), written.envelopes);
    let Ok(batch) = json::parse_batch(bytes) else { return };
    for envelope in &batch.batch {
        let mut first = b"{\"batch\":[".to_vec();
        json::envelope(envelope, &mut first);
        first.extend_from_slice(b"]}");
        let again = json::parse_batch(&first).expect("our own json");
        assert_eq!(format!("{:?}", again.batch), format!("{:?}", [envelope]));
    }
});
