//! What was saved, back into the store.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use logweir_cache::{
    Block, Home, Store, Unsaved,
    record::{Found, Records},
};

use super::files::{Kind, Segment, list};

/// Files that are read at a time.
const AT_ONCE: usize = 4;

/// What was there.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) segments: Vec<Segment>,
    pub(super) journals: Vec<PathBuf>,
    /// The largest number of a file.
    pub(super) number: u64,
    /// Bytes of files that are no records, and the files.
    pub(super) damaged: Vec<(PathBuf, u64)>,
    /// Bytes of all files.
    pub(super) bytes: u64,
}

/// A file's records.
struct Read {
    records: Vec<Unsaved>,
    bytes: u64,
    damaged: u64,
}

/// Fills an empty store. Sealed blocks are not looked into.
pub(super) fn load(dir: &Path, store: &Store) -> io::Result<Loaded> {
    let mut loaded = Loaded::default();
    let segments = list(dir, Kind::Segment)?;
    let journals = list(dir, Kind::Journal)?;
    let numbers = segments.iter().chain(&journals).map(|(number, _)| *number);
    loaded.number = numbers.max().unwrap_or(0);
    let mut buffers = vec![Vec::new(); AT_ONCE];
    for files in segments.chunks(AT_ONCE) {
        for ((_, path), read) in files.iter().zip(read_all(files, &mut buffers)) {
            let read = loaded.count(path, read?);
            let home: Arc<Home> = Arc::default();
            for one in read.records {
                if let Unsaved::Sealed(block) = one {
                    store.restore(block, Some(&home));
                }
            }
            loaded.segments.push(Segment {
                path: path.clone(),
                bytes: read.bytes,
                home,
            });
        }
    }
    let mut open = Open::default();
    for (_, path) in journals {
        let read = loaded.count(&path, read(&path, &mut buffers[0])?);
        read.records.into_iter().for_each(|one| open.add(one));
        loaded.journals.push(path);
    }
    open.restore(store);
    store.restored();
    Ok(loaded)
}

impl Loaded {
    fn count(&mut self, path: &Path, read: Read) -> Read {
        self.bytes += read.bytes;
        if read.damaged > 0 {
            self.damaged.push((path.to_owned(), read.damaged));
        }
        read
    }
}

/// Reads so many files at once, each through a buffer that was used before: memory that was
/// never touched takes the system longer to hand out than the file to be read.
fn read_all(files: &[(u64, PathBuf)], buffers: &mut [Vec<u8>]) -> Vec<io::Result<Read>> {
    thread::scope(|scope| {
        let files = files.iter().zip(buffers);
        let readers: Vec<_> = files
            .map(|((_, path), buffer)| scope.spawn(|| read(path, buffer)))
            .collect();
        let gone = |_| Err(io::Error::other("the reader of a segment ended early"));
        let readers = readers.into_iter();
        readers
            .map(|reader| reader.join().unwrap_or_else(gone))
            .collect()
    })
}

fn read(path: &Path, buffer: &mut Vec<u8>) -> io::Result<Read> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer)?;
    let file = buffer;
    let mut read = Read {
        records: Vec::new(),
        bytes: file.len() as u64,
        damaged: 0,
    };
    for found in Records::of(file) {
        match found {
            Found::Record(record) => read.records.push(record),
            Found::Damaged(range) => read.damaged += range.len() as u64,
        }
    }
    Ok(read)
}

/// Open blocks as the journals have them: the latest part of each, and all its entries.
#[derive(Default)]
struct Open(BTreeMap<Key, (Block, Vec<u8>)>);

/// Source, type and first envelope.
type Key = (Arc<str>, u8, u64);

impl Open {
    fn add(&mut self, one: Unsaved) {
        let Unsaved::Appended(block, offset) = one else {
            return;
        };
        let key = (
            Arc::clone(&block.source_id),
            block.types.bits(),
            block.head.first,
        );
        let known = self.0.entry(key);
        let (latest, entries) = known.or_insert_with(|| (block.clone(), Vec::new()));
        // After a part that is lost nothing can be read.
        if offset <= entries.len() {
            entries.truncate(offset);
            entries.extend_from_slice(&block.body);
            *latest = block;
        }
    }

    /// Blocks that were sealed since are in a segment; those that are not are taken from
    /// here.
    fn restore(self, store: &Store) {
        for (latest, entries) in self.0.into_values() {
            store.restore_appended(&Block {
                body: entries.into(),
                ..latest
            });
        }
    }
}
