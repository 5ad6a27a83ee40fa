#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::io::Read;

use flate2::read::GzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::{
    answer::{ApiVersions, Broker, Malformed, Metadata, Produced, ProducerId},
    error_code::{ErrorCode, Remedy},
    partition::{murmur2, of_key},
    records::{Compression, Records, Sealed},
    request::{Api, Request},
    scram::{Hash, Scram, ScramError},
};
use crate::secret::Secret;

/// Three records of Kafka 4.1's console producer (`parse.key=true`), as they lay in the
/// broker's log: key `app-1`, values `hello`, nothing, `wörld`.
const LOGGED: &str = "0000000000000005000000600000000202d1dbfb92000000000002000001a1fdadc4e2\
    000001a1fdadc4ed00000000000003e800000000000000000003200000000a6170702d310a68656c6c6f00160016\
    020a6170702d310000220016040a6170702d310c77c3b6726c6400";

#[test]
fn a_batch_is_as_kafkas_own_producer_writes_it() {
    let mut logged = hex::decode(LOGGED).unwrap();
    // What the broker sets: offset and leader's epoch. The checksum leaves both out.
    logged[..8].fill(0);
    logged[12..16].fill(0xff);
    let first = 0x01a1_fdad_c4e2;
    let mut records = Records::default();
    records.push(first, Some(b"app-1"), b"hello");
    records.push(first + 11, Some(b"app-1"), b"");
    records.push(first + 11, Some(b"app-1"), "wörld".as_bytes());
    let sealed = records.seal(Compression::None);
    let mut batch = sealed.header(ProducerId { id: 1000, epoch: 0 }, 0).to_vec();
    batch.extend(sealed.body());
    assert_eq!(hex::encode(batch), hex::encode(logged));
}

#[test]
fn compressed_records_are_the_same_records() {
    let plain = || {
        let mut records = Records::default();
        for at in 0..500 {
            records.push(at, None, b"a line that comes again and again");
        }
        records
    };
    let body = plain().seal(Compression::None).body().to_vec();
    let gzip = plain().seal(Compression::Gzip);
    let lz4 = plain().seal(Compression::Lz4);
    let mut unpacked = Vec::new();
    let mut reader = GzDecoder::new(gzip.body());
    reader.read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    unpacked.clear();
    let mut reader = FrameDecoder::new(lz4.body());
    reader.read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    assert!(lz4.body().len() < body.len() / 4);
    let attributes = |sealed: &Sealed| sealed.header(ProducerId::NONE, -1)[22];
    assert_eq!((attributes(&gzip), attributes(&lz4)), (1, 3));
    assert_eq!(lz4.count(), 500);
}

/// Figures of the Java client's own tests.
#[test]
fn keys_are_hashed_as_kafkas_own_producers_do() {
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
    }
    assert_eq!(of_key(b"app-1", 3), 1, "where the console producer put it");
    assert_eq!(of_key(b"app-1", 0), 0);
}

/// The conversation of RFC 7677 §3.
#[test]
fn scram_is_as_in_its_rfc() {
    let nonce = "rOprNGfwEbeRWgbNEkqO";
    let begin = || Scram::begin(Hash::Sha256, "user", Secret::new("pencil"), nonce.into());
    let (scram, first) = begin();
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let answer = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                   s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let (proved, last) = scram.prove(answer).unwrap();
    assert_eq!(
        String::from_utf8(last).unwrap(),
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    let good = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    proved.check(good).unwrap();
    let forged = b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(proved.check(forged), Err(ScramError::Impostor));
    let refused = proved.check(b"e=invalid-proof");
    assert_eq!(refused, Err(ScramError::Refused));
    // The nonce is another's, or nothing was added to it; no salt; too much work.
    for (answer, error) in [
        (
            &b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"[..],
            ScramError::Malformed("first"),
        ),
        (
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
            ScramError::Malformed("first"),
        ),
        (
            b"r=rOprNGfwEbeRWgbNEkqOx,i=4096",
            ScramError::Malformed("first"),
        ),
        (
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
            ScramError::Malformed("first"),
        ),
        (
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=999999999",
            ScramError::Rounds(999_999_999),
        ),
    ] {
        assert_eq!(begin().0.prove(answer).unwrap_err(), error);
    }
}

#[test]
fn names_in_scram_are_escaped() {
    let (_, first) = Scram::begin(Hash::Sha512, "a=b,c", Secret::default(), "n".into());
    assert_eq!(first, b"n,,n=a=3Db=2Cc,r=n");
}

#[test]
fn a_request_is_framed() {
    let bytes = Request::metadata("logs").numbered(7);
    let mut expected = 28u32.to_be_bytes().to_vec();
    expected.extend([0, 3, 0, 4, 0, 0, 0, 7, 0, 7]);
    expected.extend(b"logweir");
    expected.extend([0, 0, 0, 1, 0, 4]);
    expected.extend(b"logs\x01");
    assert_eq!(bytes, expected);
    let batches = [(2, [&b"head"[..], b"body"])];
    let bytes = Request::produce(8, "t", 500, batches.into_iter()).numbered(1);
    assert!(bytes.ends_with(b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x02\0\0\0\x08headbody"));
    assert_eq!(bytes[4..8], [0, 0, 0, 8]);
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
}

fn metadata() -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(1i32.to_be_bytes());
    bytes.extend(5i32.to_be_bytes());
    text("kafka.example", &mut bytes);
    bytes.extend(9092i32.to_be_bytes());
    bytes.extend((-1i16).to_be_bytes());
    text("cluster", &mut bytes);
    bytes.extend(5i32.to_be_bytes());
    bytes.extend(1i32.to_be_bytes());
    bytes.extend(0i16.to_be_bytes());
    text("logs", &mut bytes);
    bytes.push(0);
    bytes.extend(2i32.to_be_bytes());
    for (error, index, leader) in [(0i16, 1i32, 5i32), (5, 0, -1)] {
        bytes.extend(error.to_be_bytes());
        bytes.extend(index.to_be_bytes());
        bytes.extend(leader.to_be_bytes());
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(5i32.to_be_bytes());
        bytes.extend(0i32.to_be_bytes());
    }
    bytes
}

#[test]
fn metadata_tell_the_leaders() {
    let read = Metadata::read(&metadata(), "logs").unwrap();
    let broker = Broker {
        id: 5,
        host: "kafka.example".into(),
        port: 9092,
    };
    assert_eq!(read.brokers, [broker]);
    assert_eq!(read.leaders, [None, Some(5)]);
    assert_eq!(Metadata::read(&metadata(), "other"), Err(Malformed));
    let whole = metadata();
    for length in 0..whole.len() {
        let cut = Metadata::read(&whole[..length], "logs");
        assert_eq!(cut, Err(Malformed), "{length} bytes");
    }
}

#[test]
fn a_length_of_a_stranger_reserves_nothing() {
    let mut bytes = vec![0; 4];
    bytes.extend(i32::MAX.to_be_bytes());
    bytes.extend([0; 100]);
    assert_eq!(Metadata::read(&bytes, "logs"), Err(Malformed));
    let mut bytes = 0i16.to_be_bytes().to_vec();
    bytes.extend(i32::MAX.to_be_bytes());
    assert_eq!(ApiVersions::read(&bytes), Err(Malformed));
}

#[test]
fn versions_are_looked_up() {
    let mut bytes = 0i16.to_be_bytes().to_vec();
    bytes.extend(1i32.to_be_bytes());
    for number in [0i16, 3, 13] {
        bytes.extend(number.to_be_bytes());
    }
    let read = ApiVersions::read(&bytes).unwrap();
    assert_eq!(read.range(Api::Produce(8)), Some((3, 13)));
    assert_eq!(read.range(Api::InitProducerId), None);
}

#[test]
fn what_became_of_batches_is_read_in_each_version() {
    for version in [3, 5, 8] {
        let mut bytes = 1i32.to_be_bytes().to_vec();
        text("logs", &mut bytes);
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(4i32.to_be_bytes());
        bytes.extend(10i16.to_be_bytes());
        bytes.extend([0; 16]);
        if version >= 5 {
            bytes.extend([0; 8]);
        }
        if version >= 8 {
            bytes.extend(1i32.to_be_bytes());
            bytes.extend(3i32.to_be_bytes());
            text("this one", &mut bytes);
            text("no", &mut bytes);
        }
        bytes.extend(250i32.to_be_bytes());
        let (produced, throttle) = Produced::read(&bytes, version).unwrap();
        let expected = Produced {
            partition: 4,
            error: ErrorCode(10),
        };
        assert_eq!((produced, throttle), (vec![expected], 250), "{version}");
    }
}

#[test]
fn codes_have_names_and_remedies() {
    assert_eq!(ErrorCode(10).to_string(), "MESSAGE_TOO_LARGE (10)");
    assert_eq!(ErrorCode(999).to_string(), "error 999");
    assert_eq!(ErrorCode(10).remedy(), Remedy::Halve);
    assert_eq!(ErrorCode(999).remedy(), Remedy::Retry);
    assert_eq!(ErrorCode(46).remedy(), Remedy::Done);
}
