//! What a store costs: processor time and room for a million log envelopes of 256 bytes
//! of text and eight tags, and the time of reads.
//!
//! `cargo run --release -p logweir-cache --example store_cost [SOURCES]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation
)] // it is all that it does

use std::{fs, time::Instant};

use logweir_cache::{
    Block, Put, Query, Store, StoreLimits, Types, Unsaved,
    record::{self, Found, Records},
};
use logweir_proto::v2::{Envelope, Log, envelope::Message};
use prost::Message as _;

const ENVELOPES: usize = 1_000_000;
const BATCH: usize = 100;

const WORDS: [&str; 24] = [
    "order",
    "basket",
    "customer",
    "payment",
    "retry",
    "cache",
    "miss",
    "timeout",
    "queue",
    "worker",
    "started",
    "finished",
    "upstream",
    "connection",
    "reset",
    "session",
    "token",
    "refresh",
    "invalid",
    "shipping",
    "address",
    "invoice",
    "stock",
    "shard",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self) -> &'static str {
        WORDS[(self.next() >> 20) as usize % WORDS.len()]
    }
}

/// What an application logs: some of it always the same, some of it words, some digits.
fn line(random: &mut Random, number: usize) -> String {
    let (seconds, millis) = (number / 1000 % 60, number % 1000);
    let digits = random.next();
    let mut text = match digits % 3 {
        0 => format!(
            "10.0.{}.{} - - [21/Nov/2026:10:11:{seconds:02} +0000] \"GET /api/v2/{}/{} HTTP/1.1\" \
             200 {} \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\" request_id:{:016x}{:016x} ",
            digits >> 8 & 255,
            digits >> 16 & 255,
            random.word(),
            digits >> 24 & 0xFFFF,
            digits >> 40 & 0xFFFF,
            random.next(),
            random.next(),
        ),
        1 => format!(
            "{{\"level\":\"info\",\"time\":\"2026-11-21T10:11:{seconds:02}.{millis:03}Z\",\
             \"logger\":\"com.example.shop.{}\",\"trace\":\"{:016x}{:016x}\",\"message\":\"",
            random.word(),
            random.next(),
            random.next(),
        ),
        _ => format!(
            "2026-11-21 10:11:{seconds:02}.{millis:03}  INFO 14 --- [nio-8080-exec-{}] : ",
            digits >> 8 & 31
        ),
    };
    while text.len() < 256 {
        text.push_str(random.word());
        text.push(' ');
    }
    text.truncate(256);
    text
}

fn put_varint(out: &mut [u8], value: i64) {
    for (byte, shift) in out.iter_mut().zip((0..).step_by(7)) {
        let more = if shift < 56 { 0x80 } else { 0 };
        *byte = (value >> shift & 0x7F) as u8 | more;
    }
}

fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// How long it takes to have a gigabyte of files back, once it is in memory.
fn restart(from: &Store) {
    from.track();
    let blocks: Vec<Block> = (0..Store::PARTS)
        .flat_map(|part| from.unsaved(part))
        .filter_map(|one| match one {
            Unsaved::Sealed(block) => Some(block),
            Unsaved::Appended(..) => None,
        })
        .collect();
    let mut files = Vec::new();
    let mut bytes = 0;
    for copy in 0.. {
        let mut file = Vec::new();
        for block in &blocks {
            let source_id = format!("{}-{copy}", block.source_id).into();
            record::encode(
                &Unsaved::Sealed(Block {
                    source_id,
                    ..block.clone()
                }),
                &mut file,
            );
        }
        bytes += file.len();
        files.push(file);
        if bytes > 1 << 30 {
            break;
        }
    }
    let store = Store::new(StoreLimits {
        bytes: 4 << 30,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    });
    let (since, busy) = (Instant::now(), processor());
    for found in files.iter().flat_map(|file| Records::of(file)) {
        if let Found::Record(Unsaved::Sealed(block)) = found {
            store.restore(block, None);
        }
    }
    store.restored();
    println!(
        "{bytes} bytes are back in {:?}, {:.2} CPU-s: {} envelopes",
        since.elapsed(),
        processor() - busy,
        store.stats().envelopes
    );
}

fn main() {
    let sources: usize = std::env::args()
        .nth(1)
        .map_or(1, |text| text.parse().unwrap());
    let mut random = Random(88_172_645_463_325_252);
    // Enough for no line to be near itself; made before the clock runs.
    let names: Vec<String> = (0..sources)
        .map(|at| format!("73467cc3-261a-472e-80e8-{at:012}"))
        .collect();
    let known: Vec<(usize, i64, Vec<u8>)> = (0..ENVELOPES / 10)
        .map(|number| {
            let source = (random.next() >> 20) as usize % sources;
            let timestamp = 1_700_000_000_000_000_000 + number as i64 * 20_000;
            let tags = (0..8).map(|tag| (format!("tag_name_{tag}"), format!("value-of-tag-{tag}")));
            let envelope = Envelope {
                timestamp,
                source_id: names[source].clone(),
                instance_id: "0".into(),
                tags: tags.collect(),
                message: Some(Message::Log(Log {
                    payload: line(&mut random, number).into(),
                    r#type: 0,
                })),
                ..Envelope::default()
            };
            (source, timestamp, envelope.encode_to_vec())
        })
        .collect();
    let bytes: usize = known.iter().map(|(_, _, envelope)| envelope.len()).sum();
    println!(
        "{} bytes an envelope, {sources} sources",
        bytes / known.len()
    );
    for compress in [false, true] {
        let store = Store::new(StoreLimits {
            bytes: 4 << 30,
            max_age: None,
            max_age_of: Vec::new(),
            per_source_envelopes: None,
            compress,
        });
        let (before, mut spent) = (resident(), 0.0);
        for (round, few) in (0..).zip((0..10).flat_map(|_| known.chunks(BATCH))) {
            let mut few = few.to_vec();
            // As several instances log: never quite in order.
            for (at, (_, timestamp, envelope)) in (0..).zip(&mut few) {
                let late = (at * 7919 % 100) * 1000;
                *timestamp = 1_700_000_000_000_000_000 + round * 2_000_000 + at * 20_000 - late;
                put_varint(&mut envelope[1..10], *timestamp);
            }
            let puts = few.iter().map(|(source, timestamp, envelope)| Put {
                source_id: &names[*source],
                timestamp: *timestamp,
                types: Types::LOG,
                envelope,
            });
            let since = processor();
            store.put(0, puts);
            spent += processor() - since;
        }
        println!(
            "compressed {compress}: {:.2} CPU-s, {:.0} MiB counted, {:.0} MiB resident",
            spent,
            store.stats().bytes as f64 / 1_048_576.0,
            resident() - before,
        );
        for limit in [1, 100, 1000] {
            let mut times: Vec<_> = (0..1000)
                .map(|at| {
                    let query = Query {
                        limit,
                        descending: true,
                        ..Query::all(&*names[known[at].0])
                    };
                    let since = Instant::now();
                    let page = store.read(&query);
                    assert!(!page.envelopes.is_empty());
                    since.elapsed()
                })
                .collect();
            times.sort_unstable();
            println!("newest {limit}: {:?}, p99 {:?}", times[500], times[990]);
        }
        let since = Instant::now();
        println!("meta of {}: {:?}", store.meta().len(), since.elapsed());
        if compress {
            restart(&store);
        }
    }
}
