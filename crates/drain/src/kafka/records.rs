//! Record batches of the second form (magic 2), the one that Kafka has had since 0.11.

mod compression;

use crc::{CRC_32_ISCSI, Crc, Table};

use super::answer::ProducerId;
pub use compression::Compression;

static CASTAGNOLI: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Bytes of a batch before its records.
pub const HEADER: usize = 61;

/// Of these the checksum is of all from here on.
const CHECKED: usize = 21;

/// Most bytes of a record beside key and value: lengths, time, position.
pub const RECORD_OVERHEAD: usize = 32;

/// Records that are being put together.
#[derive(Clone, Debug, Default)]
pub struct Records {
    body: Vec<u8>,
    scratch: Vec<u8>,
    count: i32,
    first: i64,
    newest: i64,
}

impl Records {
    /// Adds a record. `timestamp`: milliseconds since 1970, not negative.
    pub fn push(&mut self, timestamp: i64, key: Option<&[u8]>, value: &[u8]) {
        if self.count == 0 {
            (self.first, self.newest) = (timestamp, timestamp);
        }
        self.newest = self.newest.max(timestamp);
        let record = &mut self.scratch;
        record.clear();
        record.push(0);
        varint(timestamp.wrapping_sub(self.first), record);
        varint(i64::from(self.count), record);
        match key {
            Some(key) => block(key, record),
            None => varint(-1, record),
        }
        varint(length(value), record);
        // The value is not copied twice, and no headers follow it.
        varint(length(record) + length(value) + 1, &mut self.body);
        self.body.extend_from_slice(&self.scratch);
        self.body.extend_from_slice(value);
        self.body.push(0);
        self.count = self.count.saturating_add(1);
    }

    /// Bytes before compression.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// None were added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// No record is to be added any more.
    pub fn seal(self, compression: Compression) -> Sealed {
        Sealed {
            body: compression.compress(self.body),
            compression,
            count: self.count,
            first: self.first,
            newest: self.newest,
        }
    }
}

/// A batch that wants but its header.
#[derive(Clone, Debug)]
pub struct Sealed {
    body: Vec<u8>,
    compression: Compression,
    count: i32,
    first: i64,
    newest: i64,
}

impl Sealed {
    /// Number of its records.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// The records, behind the header.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The header, for the batch of this producer whose first record has this number.
    pub fn header(&self, producer: ProducerId, sequence: i32) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            header[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        // The offset, which the broker sets.
        put(&0i64.to_be_bytes());
        // The length from the next field on.
        let rest = HEADER - 12 + self.body.len();
        put(&i32::try_from(rest).unwrap_or(i32::MAX).to_be_bytes());
        // The leader's epoch, which the broker sets; magic; the checksum.
        put(&(-1i32).to_be_bytes());
        put(&[2]);
        put(&[0; 4]);
        put(&self.compression.attribute().to_be_bytes());
        put(&(self.count - 1).to_be_bytes());
        put(&self.first.to_be_bytes());
        put(&self.newest.to_be_bytes());
        put(&producer.id.to_be_bytes());
        put(&producer.epoch.to_be_bytes());
        put(&sequence.to_be_bytes());
        put(&self.count.to_be_bytes());
        let mut digest = CASTAGNOLI.digest();
        digest.update(&header[CHECKED..]);
        digest.update(&self.body);
        header[CHECKED - 4..CHECKED].copy_from_slice(&digest.finalize().to_be_bytes());
        header
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn block(bytes: &[u8], out: &mut Vec<u8>) {
    varint(length(bytes), out);
    out.extend_from_slice(bytes);
}

/// Zigzag, then seven bits at a time, the lowest first.
fn varint(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(0x80 | rest.to_le_bytes()[0]);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}
