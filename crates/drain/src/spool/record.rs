//! Records: a chunk of frames with its length, its envelopes and a checksum.

use std::io::{self, Read};

use bytes::Bytes;
use crc::{CRC_32_ISO_HDLC, Crc, Table};
use logweir_route::Chunk;

use super::Place;

/// Bytes before the frames: length, envelopes, checksum, each 32 bits, little-endian.
pub(super) const HEADER: usize = 12;

static CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

pub(super) struct Header {
    pub(super) length: u32,
    pub(super) envelopes: u32,
    checksum: u32,
}

impl Header {
    pub(super) fn read(bytes: &[u8; HEADER]) -> Self {
        let word = |at: usize| {
            let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            u32::from_le_bytes(word)
        };
        Self {
            length: word(0),
            envelopes: word(4),
            checksum: word(8),
        }
    }
}

fn checksum(sizes: &[u8], frames: &[u8]) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(sizes);
    digest.update(frames);
    digest.finalize()
}

pub(super) fn encode(chunk: &Chunk) -> Vec<u8> {
    let length = u32::try_from(chunk.frames.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEADER + chunk.frames.len());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&chunk.envelopes.to_le_bytes());
    let checksum = checksum(&record, &chunk.frames);
    record.extend_from_slice(&checksum.to_le_bytes());
    record.extend_from_slice(&chunk.frames);
    record
}

/// The record at which `from` stands; none if there is no whole one in the next `left` bytes.
pub(super) fn read(from: &mut impl Read, left: u64) -> io::Result<Option<Chunk>> {
    let mut head = [0; HEADER];
    if left < HEADER as u64 {
        return Ok(None);
    }
    from.read_exact(&mut head)?;
    let header = Header::read(&head);
    if u64::from(header.length) > left - HEADER as u64 {
        return Ok(None);
    }
    let mut frames = vec![0; header.length as usize];
    from.read_exact(&mut frames)?;
    Ok(
        (checksum(&head[..8], &frames) == header.checksum).then(|| Chunk {
            frames: Bytes::from(frames),
            envelopes: header.envelopes,
            deprecated_tags: false,
        }),
    )
}

pub(super) fn position_bytes(place: Place) -> Vec<u8> {
    let mut bytes = place.segment.to_le_bytes().to_vec();
    bytes.extend_from_slice(&place.offset.to_le_bytes());
    let checksum = checksum(&bytes, &[]);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(super) fn read_position(bytes: &[u8]) -> Option<Place> {
    let (place, sum) = bytes.split_at_checked(16)?;
    if sum != checksum(place, &[]).to_le_bytes() {
        return None;
    }
    let (segment, offset) = place.split_at(8);
    Some(Place {
        segment: u64::from_le_bytes(segment.try_into().ok()?),
        offset: u64::from_le_bytes(offset.try_into().ok()?),
    })
}
