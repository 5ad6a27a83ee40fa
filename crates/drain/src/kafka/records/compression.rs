//! How the records of a batch are compressed.

use std::io::Write;

use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;

/// A compression that every broker knows and that needs no C here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// The smaller, and several times the work.
    Gzip,
    /// The fast one.
    Lz4,
}

impl Compression {
    /// Its number among a batch's attributes.
    pub(super) fn attribute(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Lz4 => 3,
        }
    }

    pub(super) fn compress(self, plain: Vec<u8>) -> Vec<u8> {
        let room = Vec::with_capacity(plain.len() / 4);
        let done = match self {
            Self::None => return plain,
            Self::Gzip => {
                let mut gzip = GzEncoder::new(room, flate2::Compression::fast());
                gzip.write_all(&plain).and_then(|()| gzip.finish())
            }
            Self::Lz4 => {
                let mut lz4 = FrameEncoder::new(room);
                let written = lz4.write_all(&plain);
                written.and_then(|()| lz4.finish().map_err(Into::into))
            }
        };
        // Writing into memory does not fail.
        done.unwrap_or_default()
    }
}
