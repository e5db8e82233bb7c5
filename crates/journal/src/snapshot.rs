//! Snapshots: all state at one position, in a file of its own. Written beside the journal under another name, and
//! put in its place once it is whole and on disk.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crc32fast::Hasher;

use crate::format::{
    FILE_HEADER_BYTES, FileHeader, FileKind, SNAPSHOT_TRAILER_BYTES, snapshot_name, snapshot_trailer,
    unfinished_snapshot_name,
};
use crate::recovery::{SnapshotFile, bad_header, refused};
use crate::shared::Shared;
use crate::{Disk, File, OpenError, Position, SnapshotError};

/// Bytes read or written at a time.
const CHUNK: usize = 1024 * 1024;

/// Bytes written before they are synced: one sync of everything at the end would hold up the journal's own.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;

/// Writes a snapshot. It counts only once it is finished; dropped before, it leaves nothing.
pub struct SnapshotWriter {
    shared: Arc<Shared>,
    file: Box<dyn File>,
    /// Its name until it is finished.
    name: String,
    position: Position,
    /// Bytes of records that were appended before it began.
    appended_bytes: u64,
    buffer: Vec<u8>,
    hasher: Hasher,
    /// Bytes written to the file, the header included.
    written: u64,
    unsynced: u64,
    finished: bool,
}

impl SnapshotWriter {
    /// Makes the file. The caller has made sure that no other is being written.
    pub(crate) fn new(
        shared: Arc<Shared>,
        position: Position,
        appended_bytes: u64,
    ) -> Result<SnapshotWriter, SnapshotError> {
        let name = unfinished_snapshot_name(position.0);
        let file = match shared.disk.create(&name) {
            Ok(file) => file,
            Err(source) => {
                shared.state.lock().snapshotting = false;
                return Err(SnapshotError::Io { doing: "make", file: name, source });
            }
        };
        let header = FileHeader { kind: FileKind::Snapshot, seed: shared.seed, position: position.0 };
        Ok(SnapshotWriter {
            shared,
            file,
            name,
            position,
            appended_bytes,
            buffer: header.encode().to_vec(),
            hasher: Hasher::new(),
            written: 0,
            unsynced: 0,
            finished: false,
        })
    }

    /// Ends the snapshot: waits until all records up to its position are synced, puts it in its place, and
    /// removes the segments and snapshots that nobody needs any more. When it returns, a crash finds it so.
    pub fn finish(mut self) -> Result<(), SnapshotError> {
        let refused = |doing| {
            let file = self.name.clone();
            move |source| SnapshotError::Io { doing, file, source }
        };
        let (write, sync, rename) = (refused("write"), refused("sync"), refused("rename"));
        let sync_directory = refused("sync the directory of");
        self.write_out().map_err(write)?;
        let trailer = snapshot_trailer(self.hasher.clone(), self.written - FILE_HEADER_BYTES);
        self.file.write_at(self.written, &trailer).and_then(|()| self.file.sync_data()).map_err(sync)?;
        // A snapshot of what might yet be lost would say that it was there.
        self.shared.wait_synced(self.position)?;
        let name = snapshot_name(self.position.0);
        let disk = Arc::clone(&self.shared.disk);
        disk.rename(&self.name, &name).map_err(rename)?;
        self.finished = true;
        disk.sync_directory().map_err(sync_directory)?;
        let bytes = self.written + SNAPSHOT_TRAILER_BYTES;
        self.shared
            .snapshot_made(SnapshotFile { name, position: self.position.0, bytes }, self.appended_bytes);
        Ok(())
    }

    /// Writes what is in the buffer.
    fn write_out(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_at(self.written, &self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.unsynced += self.buffer.len() as u64;
        self.buffer.clear();
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= CHUNK {
            self.write_out()?;
        }
        let taken = bytes.len().min(CHUNK);
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.shared.disk.remove(&self.name)
        {
            // The next start removes it.
            tracing::warn!(file = self.name, %error, "an unfinished snapshot was left behind");
        }
        self.shared.state.lock().snapshotting = false;
    }
}

/// Reads a snapshot that was found whole. An error while reading, or at its end, says that the disk changed what it
/// had given before.
pub struct SnapshotReader {
    name: String,
    file: Box<dyn File>,
    seed: u128,
    position: Position,
    size: u64,
    /// Bytes of the state that were read from the file.
    read: u64,
    buffer: Vec<u8>,
    start: usize,
    hasher: Hasher,
}

impl SnapshotReader {
    /// The last record whose effect is in it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Bytes that were written to it.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn seed(&self) -> u128 {
        self.seed
    }

    /// Reads the next bytes of the state; none at its end, which is when the checksum is compared.
    fn read_chunk(&mut self) -> io::Result<()> {
        let wanted = (self.size - self.read).min(CHUNK as u64) as usize;
        if wanted == 0 {
            return Ok(());
        }
        self.buffer.resize(wanted, 0);
        self.start = 0;
        let filled = self.file.read_at(FILE_HEADER_BYTES + self.read, &mut self.buffer)?;
        if filled < wanted {
            self.buffer.clear();
            return Err(self.changed());
        }
        self.hasher.update(&self.buffer);
        self.read += wanted as u64;
        if self.read == self.size && !self.ends_well()? {
            return Err(self.changed());
        }
        Ok(())
    }

    /// Whether the trailer is that of what was read.
    fn ends_well(&self) -> io::Result<bool> {
        let mut trailer = [0; SNAPSHOT_TRAILER_BYTES as usize];
        let filled = self.file.read_at(FILE_HEADER_BYTES + self.size, &mut trailer)?;
        Ok(filled == trailer.len() && trailer == snapshot_trailer(self.hasher.clone(), self.size))
    }

    fn changed(&self) -> io::Error {
        let what =
            format!("{} changed while it was read: is somebody writing to the data directory?", self.name);
        io::Error::new(io::ErrorKind::InvalidData, what)
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.read_chunk()?;
        }
        let taken = buffer.len().min(self.buffer.len() - self.start);
        buffer[..taken].copy_from_slice(&self.buffer[self.start..self.start + taken]);
        self.start += taken;
        Ok(taken)
    }
}

/// What is wrong with a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Damage {
    pub offset: u64,
    pub what: &'static str,
}

/// Reads a snapshot through, and gives it to be read from its beginning if it is whole.
pub(crate) fn verify(
    disk: &dyn Disk,
    name: &str,
    position: u64,
) -> Result<Result<SnapshotReader, Damage>, OpenError> {
    let unreadable = || refused("read", name);
    let file = disk.open(name).map_err(unreadable())?;
    let size = file.size().map_err(unreadable())?;
    let Some(state) = size.checked_sub(FILE_HEADER_BYTES + SNAPSHOT_TRAILER_BYTES) else {
        return Ok(Err(Damage { offset: size, what: "the file is too short" }));
    };
    let mut head = [0; FILE_HEADER_BYTES as usize];
    file.read_at(0, &mut head).map_err(unreadable())?;
    let header = match FileHeader::decode(FileKind::Snapshot, &head) {
        Ok(header) => header,
        Err(crate::format::BadHeader::Damaged) => {
            return Ok(Err(Damage { offset: 0, what: "the header is not one" }));
        }
        Err(version) => return Err(bad_header(name, version)),
    };
    if header.position != position {
        return Ok(Err(Damage { offset: 0, what: "the snapshot has another one's name" }));
    }
    let mut hasher = Hasher::new();
    hasher.update(&head);
    let mut reader = SnapshotReader {
        name: name.to_owned(),
        file,
        seed: header.seed,
        position: Position(position),
        size: state,
        read: 0,
        buffer: Vec::new(),
        start: 0,
        hasher: hasher.clone(),
    };
    let whole = match reader.read_through() {
        Ok(whole) => whole,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => false,
        Err(error) => return Err(unreadable()(error)),
    };
    if !whole {
        return Ok(Err(Damage { offset: reader.read, what: "the checksum is wrong" }));
    }
    reader.read = 0;
    reader.hasher = hasher;
    Ok(Ok(reader))
}

impl SnapshotReader {
    /// Whether all of it is as its trailer says.
    fn read_through(&mut self) -> io::Result<bool> {
        while self.read < self.size {
            self.read_chunk()?;
        }
        self.buffer.clear();
        self.ends_well()
    }
}
