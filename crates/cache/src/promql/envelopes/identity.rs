//! What says which series an envelope belongs to: source, instance, tags and the name of
//! the metric, as the bytes that they are. Tags come in any order, which differs from
//! envelope to envelope of one producer.

use std::{collections::HashSet, hash::BuildHasher, ops::Range};

use hashbrown::{DefaultHashBuilder, HashTable};
use logweir_proto::fields::Field;

/// The identities that came by, and their series.
#[derive(Default)]
pub(super) struct Identities {
    hasher: DefaultHashBuilder,
    known: Vec<Known>,
    prints: HashTable<usize>,
    source: usize,
    /// Of the source.
    print: u64,
    /// Room for the tags of an envelope.
    spare: Vec<Range<usize>>,
}

struct Known {
    print: u64,
    source: usize,
    name: usize,
    instance: Box<[u8]>,
    tags: Vec<Box<[u8]>>,
    /// Whether the order of the tags says nothing.
    distinct: bool,
    /// None if nobody wants it.
    series: Option<usize>,
}

/// What an envelope says of itself.
pub(super) struct Identity<'e> {
    pub(super) instance: &'e [u8],
    tags: Vec<Range<usize>>,
    /// Without the metric; worked out when it is wanted.
    print: Option<u64>,
}

impl Identity<'_> {
    pub(super) fn tag(&mut self, field: Field<'_>) {
        self.tags.push(field.end - field.bytes().len()..field.end);
    }

    /// The entries of the map, each without its key.
    pub(super) fn tags<'e>(&self, envelope: &'e [u8]) -> impl Iterator<Item = &'e [u8]> {
        let part = |range: &Range<usize>| envelope.get(range.clone()).unwrap_or_default();
        self.tags.iter().map(part)
    }
}

impl Identities {
    pub(super) fn source(&mut self, source_id: &str) {
        self.source += 1;
        self.print = self.hasher.hash_one(source_id);
    }

    pub(super) fn begin<'e>(&mut self) -> Identity<'e> {
        let mut tags = std::mem::take(&mut self.spare);
        tags.clear();
        Identity {
            instance: &[],
            tags,
            print: None,
        }
    }

    pub(super) fn end(&mut self, identity: Identity<'_>) {
        self.spare = identity.tags;
    }

    /// The series of an identity that came before; `Some(None)` if nobody wants it.
    #[allow(clippy::option_option)] // known and wanted are two questions
    pub(super) fn find(
        &self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        name: usize,
    ) -> Option<Option<usize>> {
        let print = self.print_of(envelope, identity, name);
        let is_it = |at: &usize| {
            let known = self.known.get(*at);
            known.is_some_and(|known| {
                known.source == self.source
                    && known.name == name
                    && *known.instance == *identity.instance
                    && known.has_tags(identity, envelope)
            })
        };
        let at = self.prints.find(print, is_it)?;
        self.known.get(*at).map(|known| known.series)
    }

    pub(super) fn remember(
        &mut self,
        envelope: &[u8],
        identity: &mut Identity<'_>,
        name: usize,
        series: Option<usize>,
    ) {
        let print = self.print_of(envelope, identity, name);
        let tags: Vec<Box<[u8]>> = identity.tags(envelope).map(Box::from).collect();
        self.known.push(Known {
            print,
            source: self.source,
            name,
            instance: identity.instance.into(),
            distinct: are_distinct(&tags),
            tags,
            series,
        });
        let known = &self.known;
        let print_of = |at: &usize| known.get(*at).map_or(0, |known| known.print);
        self.prints.insert_unique(print, known.len() - 1, print_of);
    }

    /// The same whatever order the tags are in.
    fn print_of(&self, envelope: &[u8], identity: &mut Identity<'_>, name: usize) -> u64 {
        let common = match identity.print {
            Some(print) => print,
            None => {
                let tags = identity.tags(envelope);
                let tags = tags.map(|tag| self.hasher.hash_one(tag));
                let instance = self.hasher.hash_one(identity.instance).rotate_left(1);
                let print = tags.fold(self.print ^ instance, u64::wrapping_add);
                identity.print = Some(print);
                print
            }
        };
        common ^ self.hasher.hash_one(name)
    }
}

impl Known {
    fn has_tags(&self, identity: &Identity<'_>, envelope: &[u8]) -> bool {
        if self.tags.len() != identity.tags.len() {
            return false;
        }
        let mut pairs = identity.tags(envelope).zip(&self.tags);
        pairs.all(|(tag, known)| *tag == **known)
            || self.distinct && {
                let mut all = self.tags.iter();
                all.all(|known| identity.tags(envelope).any(|tag| *tag == **known))
            }
    }
}

/// Whether no two entries have the same key. Of those that have, the later one counts, so
/// that their order matters.
fn are_distinct(tags: &[Box<[u8]>]) -> bool {
    let key = |tag: &[u8]| {
        let length = tag.get(1).copied().map_or(0, usize::from);
        // An entry in its usual form: the key first, in less than 128 bytes.
        let usual = tag.first() == Some(&0x0A) && length < 0x80;
        usual.then(|| tag.get(..length + 2).map(<[u8]>::to_vec))?
    };
    let keys: Option<HashSet<Vec<u8>>> = tags.iter().map(|tag| key(tag)).collect();
    keys.is_some_and(|keys| keys.len() == tags.len())
}
