//! Whatever stands where a Kafka broker should be: its answers are read or refused, take no more
//! memory than they have bytes, and are remedied in some way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_drain::{
    kafka::{
        answer::{ApiVersions, Metadata, Produced, ProducerId, sasl_authenticate, sasl_handshake},
        request::{Api, Request},
        scram::{Hash, Scram},
    },
    secret::Secret,
};

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

fn scram(bytes: &[u8]) {
    // Many rounds only take long.
    let rounds = |text: &str| text.split(',').any(|field| field.starts_with("i=") && field.len() > 4);
    if std::str::from_utf8(bytes).is_ok_and(rounds) {
        return;
    }
    for hash in [Hash::Sha256, Hash::Sha512] {
        let begin = || Scram::begin(hash, "user", Secret::new("pencil"), NONCE.to_owned()).0;
        match begin().prove(bytes) {
            Ok((_, proof)) => assert!(!proof.windows(6).any(|part| part == b"pencil")),
            Err(error) => drop(error.to_string()),
        }
        let first = format!("r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1");
        let (proved, _) = begin().prove(first.as_bytes()).expect("a proof");
        assert!(proved.check(bytes).is_err(), "nobody knows the password");
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(versions) = ApiVersions::read(bytes) {
        assert!(versions.ranges.len() * 6 <= bytes.len());
        versions.range(Api::Metadata);
    }
    for topic in ["t", "nothere"] {
        if let Ok(metadata) = Metadata::read(bytes, topic) {
            assert!(metadata.leaders.len() * 18 <= bytes.len());
            assert!(metadata.brokers.len() * 12 <= bytes.len());
        }
    }
    for version in 3..=8 {
        if let Ok((produced, _)) = Produced::read(bytes, version) {
            assert!(produced.len() * 22 <= bytes.len());
            for one in produced {
                one.error.remedy();
                assert!(!one.error.to_string().is_empty());
            }
        }
    }
    let _ = ProducerId::read(bytes);
    let _ = sasl_handshake(bytes);
    if let Ok(Ok(message)) = sasl_authenticate(bytes) {
        let request = Request::sasl_authenticate(&message).numbered(1);
        assert!(request.ends_with(&message));
    }
    scram(bytes);
});
