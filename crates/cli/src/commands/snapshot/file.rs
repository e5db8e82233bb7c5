//! A snapshot's file: the state as the server sent it, and as the last 32 bytes the SHA-256 of all before.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hyrax_coordination::embedded::{SnapshotSummary, inspect_snapshot};
use sha2::{Digest, Sha256};

/// Bytes of the hash at the end.
pub const HASH_BYTES: usize = 32;

/// Where a file of etcd's own store has its magic number, and that.
const ETCD_MAGIC: (usize, [u8; 4]) = (16, [0xed, 0xda, 0x0c, 0xed]);

/// A file whose hash is right, and whose content can be read.
pub struct SnapshotFile {
    path: PathBuf,
    file: File,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the state: what follows up to the hash is padding.
    pub state_bytes: u64,
    /// CRC-32 of the state.
    pub hash: u32,
    /// What is in it.
    pub summary: SnapshotSummary,
}

impl SnapshotFile {
    /// Reads all of it.
    pub fn open(path: &Path) -> Result<SnapshotFile> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let size = file.metadata().with_context(|| format!("cannot open {}", path.display()))?.len();
        let Some(hashed) = size.checked_sub(HASH_BYTES as u64) else {
            bail!("{} is no snapshot: it has only {size} bytes", path.display());
        };
        let mut reader = HashedReader::new(&file, hashed);
        let inspected = inspect_snapshot(&mut reader);
        let (state_bytes, hash) = (reader.told, reader.crc.clone().finalize());
        let is_etcds = reader.is_etcds;
        if !reader.finish().with_context(|| format!("cannot read {}", path.display()))? {
            bail!("{} is damaged or incomplete: its hash is not that of its content", path.display());
        }
        if is_etcds {
            bail!(
                "{} is a snapshot of etcd's own store: restore it with etcdctl; Hyrax reads those that \
                 `hyrax snapshot save` made from a Hyrax server",
                path.display()
            );
        }
        let summary = inspected.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(SnapshotFile { path: path.to_owned(), file, size, state_bytes, hash, summary })
    }

    /// Copies the state, which must still be what it was.
    pub fn copy_state(&mut self, into: &mut impl io::Write) -> Result<()> {
        let read = || format!("cannot copy {}", self.path.display());
        self.file.seek(SeekFrom::Start(0)).with_context(read)?;
        let mut crc = CrcReader { inner: (&self.file).take(self.state_bytes), crc: crc32fast::Hasher::new() };
        let copied = io::copy(&mut BufReader::with_capacity(1 << 20, &mut crc), into).with_context(read)?;
        if copied != self.state_bytes || crc.crc.finalize() != self.hash {
            bail!("{} changed while it was read", self.path.display());
        }
        Ok(())
    }
}

/// Knows the CRC of what was read through it.
struct CrcReader<R> {
    inner: R,
    crc: crc32fast::Hasher,
}

impl<R: Read> Read for CrcReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.crc.update(&buffer[..bytes]);
        Ok(bytes)
    }
}

/// Reads what comes before the hash, and compares.
struct HashedReader<'a> {
    file: BufReader<Take<&'a File>>,
    sha: Sha256,
    /// Of what was told.
    crc: crc32fast::Hasher,
    told: u64,
    is_etcds: bool,
}

impl<'a> HashedReader<'a> {
    fn new(file: &'a File, hashed: u64) -> HashedReader<'a> {
        HashedReader {
            file: BufReader::with_capacity(1 << 20, file.take(hashed)),
            sha: Sha256::new(),
            crc: crc32fast::Hasher::new(),
            told: 0,
            is_etcds: false,
        }
    }

    /// Reads what nobody asked for, and says whether the hash is that of all.
    fn finish(mut self) -> io::Result<bool> {
        io::copy(&mut self, &mut io::sink())?;
        let mut hash = [0; HASH_BYTES];
        let mut behind: &File = self.file.get_ref().get_ref();
        behind.read_exact(&mut hash)?;
        Ok(self.sha.finalize()[..] == hash)
    }
}

impl Read for HashedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.told == 0 {
            let (at, magic) = ETCD_MAGIC;
            let head = io::BufRead::fill_buf(&mut self.file)?;
            self.is_etcds = head.get(at..at + magic.len()) == Some(&magic);
        }
        let bytes = self.file.read(buffer)?;
        self.sha.update(&buffer[..bytes]);
        self.crc.update(&buffer[..bytes]);
        self.told += bytes as u64;
        Ok(bytes)
    }
}
