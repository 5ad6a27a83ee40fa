#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use proptest::prelude::*;

use super::*;

fn block(seed: u8) -> Block {
    Block {
        source_id: format!("source {seed}").into(),
        types: Types::GAUGE,
        head: Head {
            first: 1 << 40 | u64::from(seed),
            last: 1 << 41,
            oldest: -5,
            newest: i64::MAX,
            came_first: 1,
            came_last: i64::MIN,
            count: 7,
            raw_bytes: 1000,
            in_order: seed.is_multiple_of(2),
            packed: !seed.is_multiple_of(2),
        },
        total: 1 << 50 | u64::from(seed),
        body: vec![seed; 100].into(),
    }
}

fn file() -> (Vec<Unsaved>, Vec<usize>, Vec<u8>) {
    let all: Vec<_> = (0..6)
        .map(|seed| match seed % 2 {
            0 => Unsaved::Sealed(block(seed)),
            _ => Unsaved::Appended(block(seed), 99),
        })
        .collect();
    let (mut file, mut ends) = (Vec::new(), Vec::new());
    for one in &all {
        encode(one, &mut file);
        ends.push(file.len());
    }
    (all, ends, file)
}

fn shown(one: &Unsaved) -> String {
    format!("{one:?}")
}

#[test]
fn records_are_read_as_they_were_written() {
    let (all, _, file) = file();
    let read: Vec<_> = Records::of(&file)
        .map(|found| match found {
            Found::Record(record) => shown(&record),
            Found::Damaged(at) => panic!("damaged: {at:?}"),
        })
        .collect();
    assert_eq!(read, all.iter().map(shown).collect::<Vec<_>>());
}

#[test]
fn records_of_the_first_version_are_read() {
    let (all, ends, file) = file();
    let mut start = 0;
    for (one, end) in all.iter().zip(ends) {
        let record = &file[start..end];
        start = end;
        // Without the total, and with checksums of its own.
        let mut old = [&record[..76], &record[84..88]].concat();
        old[3] = 1;
        let (Unsaved::Sealed(block) | Unsaved::Appended(block, _)) = one;
        let sum = checksum(&old, block.source_id.as_bytes());
        old.extend_from_slice(&sum.to_le_bytes());
        old.extend_from_slice(&record[HEAD..]);
        let mut expected = one.clone();
        let (Unsaved::Sealed(block) | Unsaved::Appended(block, _)) = &mut expected;
        block.total = 0;
        let found: Vec<_> = Records::of(&old).collect();
        let [Found::Record(found)] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(shown(found), shown(&expected));
    }
}

proptest! {
    #[test]
    fn what_is_damaged_is_known_and_the_rest_is_found(
        changed in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (all, ends, mut file) = file();
        let mut hurt = vec![false; all.len()];
        for (at, by) in changed {
            let at = at.index(file.len());
            file[at] = file[at].wrapping_add(by);
            hurt[ends.partition_point(|end| *end <= at)] = true;
        }
        if let Some(cut) = cut {
            let cut = cut.index(file.len());
            file.truncate(cut);
            for (hurt, end) in hurt.iter_mut().zip(&ends) {
                *hurt |= *end > cut;
            }
        }
        let mut at = 0;
        let mut read = Vec::new();
        for found in Records::of(&file) {
            match found {
                Found::Record(record) => read.push(shown(&record)),
                Found::Damaged(range) => {
                    prop_assert!(range.start >= at && range.end > range.start);
                    at = range.end;
                }
            }
        }
        // A byte that was changed twice may be what it was.
        let whole = all.iter().zip(hurt).filter(|(_, hurt)| !hurt);
        for (one, _) in whole {
            prop_assert!(read.contains(&shown(one)));
        }
        for one in &read {
            prop_assert!(all.iter().any(|known| shown(known) == *one));
        }
    }

    #[test]
    fn any_bytes_can_be_read(file in prop::collection::vec(any::<u8>(), 0..400)) {
        let damaged: usize = Records::of(&file)
            .map(|found| match found {
                Found::Damaged(range) => range.len(),
                Found::Record(_) => 0,
            })
            .sum();
        prop_assert_eq!(damaged, file.len());
    }
}
