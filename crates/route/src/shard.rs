//! Which member of a shard group gets an envelope.

use crc::{CRC_64_XZ, Crc};
use logweir_proto::peek::{Kind, Peek};

use crate::index::Members;

/// Go's `crc64.ECMA` is CRC-64/XZ.
const NAME_HASH: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

/// The readers that share one selector under one shard id: each envelope goes to
/// exactly one of them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) shard: Box<str>,
    /// Slots of the members, by deterministic name (bytes), then by age.
    pub(crate) members: Vec<u32>,
    /// One member with a deterministic name makes the whole group deterministic.
    pub(crate) deterministic: bool,
}

impl Group {
    pub(crate) fn new(shard: Box<str>, slot: u32) -> Self {
        Self {
            shard,
            members: vec![slot],
            deterministic: false,
        }
    }

    /// Puts the members in order after one has come or gone.
    pub(crate) fn order(&mut self, all: &Members) {
        let name = |slot: u32| all.get(slot).map_or("", |own| &*own.deterministic_name);
        self.deterministic = self.members.iter().any(|slot| !name(*slot).is_empty());
        self.members
            .sort_by_key(|slot| (name(*slot), all.get(*slot).map(|own| own.id)));
    }

    /// The member that this envelope's metric names decide on, in a deterministic
    /// group. `None` where the names do not decide: the least loaded one then.
    pub(crate) fn decided(&self, envelope: &Peek<'_>) -> Option<u32> {
        if !self.deterministic {
            return None;
        }
        let hash = placement(envelope)?;
        let position = hash % u64::try_from(self.members.len()).ok()?;
        self.members.get(usize::try_from(position).ok()?).copied()
    }
}

/// The peers' placement hash: of a counter's name, or the wrapping sum over a
/// gauge's metric names. Logs, timers and events have none.
pub(crate) fn placement(envelope: &Peek<'_>) -> Option<u64> {
    match envelope.kind? {
        Kind::Counter => Some(NAME_HASH.checksum(envelope.metric_name()?.as_bytes())),
        Kind::Gauge => Some(
            envelope
                .gauge_names()
                .iter()
                .map(|name| NAME_HASH.checksum(name.as_bytes()))
                .fold(0, u64::wrapping_add),
        ),
        Kind::Log | Kind::Timer | Kind::Event => None,
    }
}

#[cfg(test)]
mod tests {
    use super::NAME_HASH;

    /// The vectors of the V2 spec, §2.3.
    #[test]
    fn the_name_hash_is_the_peers() {
        for (name, hash) in [
            ("", 0),
            ("hash", 0x232E_EC78_C114_CC40),
            ("other-hash", 0x3189_6233_E032_CBF1),
            ("a", 0x3302_8477_2E65_2B05),
            ("ingress", 0x057D_0486_4D47_A95C),
            ("123456789", 0x995D_C9BB_DF19_39FA),
        ] {
            assert_eq!(NAME_HASH.checksum(name.as_bytes()), hash, "{name}");
        }
    }
}
