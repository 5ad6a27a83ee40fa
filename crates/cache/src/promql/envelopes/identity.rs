//! What says which series an envelope belongs to: source, instance, tags and the name of
//! the metric.
//!
//! What a producer writes around a message is mostly the same bytes each time: those are
//! looked up first, as they lie there. Their end, of which the store keeps one for many
//! envelopes, has a number, so that it is compared and not hashed. Go's encoder writes tags in an order that differs from
//! envelope to envelope: then each tag is looked at.

use std::{
    hash::{BuildHasher, Hasher},
    ops::Range,
};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use logweir_proto::fields::Field;

use crate::store::Passing;

/// Most bytes of forms that are kept: in any order of six tags there are 720 of each series,
/// which are no gain.
const FORMS_BYTES: usize = 16 << 20;

/// The identities that came by, and their series.
#[derive(Default)]
pub(super) struct Identities {
    hasher: DefaultHashBuilder,
    known: Vec<Known>,
    prints: HashTable<usize>,
    /// Bytes around a message, one after the other.
    arena: Vec<u8>,
    forms: HashTable<Form>,
    /// The numbers of what envelopes end in, and how many bytes all of them are.
    ends: HashMap<Box<[u8]>, usize>,
    end_bytes: usize,
    /// The one before: mostly it is the next one too.
    last_end: (Vec<u8>, usize),
    /// Whether it is that of the envelope before.
    same_end: bool,
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
    /// All of them, and where each ends.
    tags: Box<[u8]>,
    ends: Box<[usize]>,
    /// Whether the order of the tags says nothing.
    distinct: bool,
    /// None if nobody wants it.
    series: Option<usize>,
}

/// An identity as its producer writes it.
struct Form {
    print: u64,
    source: usize,
    name: usize,
    /// Where it is in the arena, and how much of it comes before the message.
    start: usize,
    before: usize,
    length: usize,
    end: usize,
    series: Option<usize>,
}

/// The bytes of an envelope around its message.
#[derive(Clone, Copy)]
pub(super) struct Around<'e> {
    pub(super) before: &'e [u8],
    pub(super) after: &'e [u8],
    /// The number of what it ends in, after those.
    pub(super) end: usize,
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

    pub(super) fn has_no_tags(&self) -> bool {
        self.tags.is_empty()
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

    /// One number for several.
    pub(super) fn hash(&self, numbers: impl Iterator<Item = usize>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        numbers.for_each(|number| hasher.write_usize(number));
        hasher.finish()
    }

    /// The number of what an envelope ends in; none if there were too many others.
    pub(super) fn end(&mut self, of: Passing<'_>) -> Option<usize> {
        let end = of.end;
        if of.same_end && self.same_end || same(&self.last_end.0, end) {
            self.same_end = true;
            return Some(self.last_end.1);
        }
        self.same_end = false;
        let number = match self.ends.get(end) {
            Some(known) => *known,
            None => {
                let bytes = self.end_bytes + end.len() + size_of::<(Box<[u8]>, usize)>();
                if bytes > FORMS_BYTES / 2 {
                    return None;
                }
                self.end_bytes = bytes;
                // Number 0 is no end at all, before any other came.
                let next = self.ends.len() + 1;
                self.ends.insert(end.into(), next);
                next
            }
        };
        self.last_end.0.clear();
        self.last_end.0.extend_from_slice(end);
        self.last_end.1 = number;
        self.same_end = true;
        Some(number)
    }

    /// What bytes around a message are, without the metric.
    pub(super) fn print_around(&self, around: Around<'_>) -> u64 {
        let parts = (around.before, around.after, around.end);
        self.print ^ self.hasher.hash_one(parts)
    }

    /// The series of such bytes if they came before; `Some(None)` if nobody wants it.
    #[allow(clippy::option_option)] // known and wanted are two questions
    pub(super) fn find_form(
        &self,
        print: u64,
        around: Around<'_>,
        name: usize,
    ) -> Option<Option<usize>> {
        let is_it = |form: &Form| {
            form.source == self.source
                && form.name == name
                && form.end == around.end
                && form.before == around.before.len()
                && form.length == around.before.len() + around.after.len()
                && self
                    .arena
                    .get(form.start..form.start + form.length)
                    .is_some_and(|bytes| {
                        let (before, after) = bytes.split_at(form.before);
                        same(before, around.before) && same(after, around.after)
                    })
        };
        let form = self.forms.find(with_name(print, name), is_it)?;
        Some(form.series)
    }

    pub(super) fn remember_form(
        &mut self,
        print: u64,
        around: Around<'_>,
        name: usize,
        series: Option<usize>,
    ) {
        let length = around.before.len() + around.after.len();
        if self.arena.len() + length + size_of::<Form>() * self.forms.len() > FORMS_BYTES / 2 {
            return;
        }
        let form = Form {
            print: with_name(print, name),
            source: self.source,
            name,
            start: self.arena.len(),
            before: around.before.len(),
            length,
            end: around.end,
            series,
        };
        self.arena.extend_from_slice(around.before);
        self.arena.extend_from_slice(around.after);
        self.forms
            .insert_unique(form.print, form, |form| form.print);
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

    pub(super) fn finish(&mut self, identity: Identity<'_>) {
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
                    && same(&known.instance, identity.instance)
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
        let (mut tags, mut ends) = (Vec::with_capacity(envelope.len()), Vec::new());
        ends.reserve_exact(identity.tags.len());
        for tag in identity.tags(envelope) {
            tags.extend_from_slice(tag);
            ends.push(tags.len());
        }
        let parts: Vec<&[u8]> = identity.tags(envelope).collect();
        self.known.push(Known {
            print,
            source: self.source,
            name,
            instance: identity.instance.into(),
            distinct: are_distinct(&parts),
            tags: tags.into(),
            ends: ends.into(),
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
        with_name(common, name)
    }
}

/// Whether they are the same. No bytes are not compared: where they are nowhere in memory,
/// vector instructions take a hundred times as long to find that out.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

fn with_name(print: u64, name: usize) -> u64 {
    print.wrapping_add((name as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl Known {
    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let tag = self.tags.get(start..*end).unwrap_or_default();
            start = *end;
            tag
        })
    }

    fn has_tags(&self, identity: &Identity<'_>, envelope: &[u8]) -> bool {
        if self.ends.len() != identity.tags.len() {
            return false;
        }
        identity.tags(envelope).eq(self.tags())
            || self.distinct && {
                let mut all = self.tags();
                all.all(|known| identity.tags(envelope).any(|tag| tag == known))
            }
    }
}

/// Whether no two entries have the same key. Of those that have, the later one counts, so
/// that their order matters.
fn are_distinct(tags: &[&[u8]]) -> bool {
    let mut rest = tags.iter();
    while let Some(tag) = rest.next() {
        let own = key(tag);
        if own.is_none() || rest.clone().any(|other| key(other) == own) {
            return false;
        }
    }
    true
}

/// The key of an entry in its usual form: first, in less than 128 bytes.
fn key(tag: &[u8]) -> Option<&[u8]> {
    match *tag {
        [0x0A, length, ..] if length < 0x80 => tag.get(2..2 + usize::from(length)),
        _ => None,
    }
}
