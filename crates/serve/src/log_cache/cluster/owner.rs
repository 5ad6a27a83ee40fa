//! Which node keeps a source: exactly as the peers decide it (spec log-cache §3.2), so that
//! nodes of both kinds share one cluster; or, where nodes come and go by themselves, so that
//! only the sources of those that went move.

use twox_hash::XxHash64;

/// XXH64 of the source id, seed 0.
pub fn hash(source_id: &str) -> u64 {
    XxHash64::oneshot(0, source_id.as_bytes())
}

/// The index of the node that keeps a source, among `nodes` of them; 0 where there are
/// none.
pub fn owner(source_id: &str, nodes: u32) -> u32 {
    jump(hash(source_id), nodes)
}

/// How the owner of a source is found.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// By the place in a list of so many nodes.
    Jump(u32),
    /// By the names of the nodes, which are these hashes.
    Rendezvous(Vec<u64>),
}

impl Rule {
    /// The second rule for nodes of these names.
    pub(crate) fn rendezvous<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        Self::Rendezvous(names.map(|name| hash(name)).collect())
    }

    /// The place of the node that keeps a source; 0 where there are none.
    pub(crate) fn place(&self, source_id: &str) -> usize {
        match self {
            Self::Jump(nodes) => owner(source_id, *nodes) as usize,
            Self::Rendezvous(nodes) => rendezvous(source_id, nodes),
        }
    }
}

/// Rendezvous hashing (Thaler and Ravishankar, 1996): the node that is drawn highest
/// together with the source. Two nodes never draw the same unless their names hash the same.
fn rendezvous(source_id: &str, nodes: &[u64]) -> usize {
    let draw = |node: &u64| (XxHash64::oneshot(*node, source_id.as_bytes()), *node);
    let drawn = nodes
        .iter()
        .enumerate()
        .map(|(place, node)| (draw(node), place));
    drawn.max().map_or(0, |(_, place)| place)
}

/// Jump consistent hash (Lamping and Veach, 2014).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the float is a whole number below the number of nodes"
)]
fn jump(mut key: u64, buckets: u32) -> u32 {
    let mut bucket = 0;
    let mut next = 0.0_f64;
    while next < f64::from(buckets) {
        bucket = next as u32;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        // The upper 31 bits, so that the sum is at most 2^31.
        let draw = ((key >> 33) + 1) as f64;
        next = (f64::from(bucket + 1) * (f64::from(1_u32 << 31) / draw)).trunc();
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_peers() {
        for (source_id, hash_of, nodes, index) in [
            ("", 0xef46_db37_51d8_e999, 100, 40),
            ("a", 0xd24e_c4f1_a98c_6e5b, 16, 8),
            ("0", 7_148_434_200_721_666_028, 4, 3),
            ("200", 2_685_111_111_418_367_100, 4, 3),
            ("400", 11_111_781_720_710_347_155, 4, 0),
            ("other-src", 2_416_040_688_038_506_749, 2, 1),
        ] {
            assert_eq!(hash(source_id), hash_of, "{source_id:?}");
            assert_eq!(owner(source_id, nodes), index, "{source_id:?}");
        }
        assert_eq!((owner("a", 0), owner("a", 1)), (0, 0));
    }

    #[test]
    fn only_the_sources_of_a_node_that_went_move_and_all_have_their_share() {
        let names = ["10.0.0.1:8602", "10.0.0.2:8602", "10.0.0.3:8602"].map(String::from);
        let three = Rule::rendezvous(names.iter());
        let two = Rule::rendezvous(names[..2].iter());
        let mut shares = [0; 3];
        for source in 0..3_000 {
            let source = source.to_string();
            let (before, after) = (three.place(&source), two.place(&source));
            shares[before] += 1;
            assert!(before == 2 || before == after, "{source}");
        }
        assert!(shares.iter().all(|share| *share > 900), "{shares:?}");
        // The order of the list does not matter.
        let turned = Rule::rendezvous(names.iter().rev());
        for source in ["a", "b", "1", "app-9"] {
            assert_eq!(turned.place(source), 2 - three.place(source));
        }
        assert_eq!(Rule::Rendezvous(Vec::new()).place("a"), 0);
    }
}
