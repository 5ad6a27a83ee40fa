//! What a receiver refused for good: kept in one file until it is replayed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use logweir_route::Chunk;

use super::record;

pub(super) struct DeadLetters {
    file: File,
    bytes: u64,
    envelopes: u64,
    limit: u64,
}

impl DeadLetters {
    pub(super) fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        let path = dir.join("dead");
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)?;
        let (bytes, envelopes) = super::segment::check(&path, 0)?;
        Ok(Self {
            file,
            bytes,
            envelopes,
            limit,
        })
    }

    pub(super) fn envelopes(&self) -> u64 {
        self.envelopes
    }

    /// Once it is full, what comes is not kept: what was refused first says more about why.
    pub(super) fn add(&mut self, chunk: &Chunk) -> io::Result<u64> {
        let record = record::encode(chunk);
        if self.bytes + record.len() as u64 > self.limit {
            return Ok(chunk.envelopes.into());
        }
        if let Err(error) = self.file.write_all(&record) {
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += record.len() as u64;
        self.envelopes += u64::from(chunk.envelopes);
        Ok(0)
    }

    pub(super) fn all(&mut self) -> io::Result<Vec<Chunk>> {
        self.file.seek(SeekFrom::Start(0))?;
        let (mut left, mut all) = (self.bytes, Vec::new());
        while let Some(chunk) = record::read(&mut self.file, left)? {
            left -= (record::HEADER + chunk.frames.len()) as u64;
            all.push(chunk);
        }
        Ok(all)
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.bytes, self.envelopes) = (0, 0);
        Ok(())
    }
}
