//! Files in a directory of the operating system, locked against a second process.

use std::fs::{self, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::{Disk, File};
use crate::OpenError;

/// The file that a process holds locked while it uses the directory. Its content is that process' number.
const LOCK: &str = "LOCK";

/// Bytes of zeros written at a time where a file system can not take place for a file.
const ZEROS: usize = 256 * 1024;

/// A directory of the operating system, locked for as long as this lives.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    /// Held for its lock.
    _lock: fs::File,
}

impl RealDisk {
    /// Makes the directory, readable for its owner alone, if it is not there, and locks it.
    pub fn open(directory: &Path) -> Result<RealDisk, OpenError> {
        let refused = |doing, path: &Path| {
            let file = path.display().to_string();
            move |source| OpenError::Io { doing, file, source }
        };
        make_directory(directory).map_err(refused("make", directory))?;
        let path = directory.join(LOCK);
        let mut lock = std::os::unix::fs::OpenOptionsExt::mode(&mut fs::OpenOptions::new(), 0o600)
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(refused("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { directory: directory.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(refused("lock", &path)(source)),
        }
        lock.set_len(0).map_err(refused("write", &path))?;
        lock.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(refused("write", &path))?;
        Ok(RealDisk { directory: directory.to_owned(), _lock: lock })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Makes a directory and those above it, and has each new one found after a crash.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_directory(parent)?;
    match std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        outcome => outcome?,
    }
    fs::File::open(parent)?.sync_all()
}

/// The process that holds the lock, by what it wrote there.
fn holder(lock: &mut fs::File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Disk for RealDisk {
    fn name(&self) -> String {
        self.directory.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = std::os::unix::fs::OpenOptionsExt::mode(&mut fs::OpenOptions::new(), 0o600)
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(fs::OpenOptions::new().read(true).write(true).open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        fs::File::open(&self.directory)?.sync_all()
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        loop {
            match fallocate(&self.0, FallocateFlags::empty(), 0, size) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::NOTSUP | Errno::NOSYS) => return self.write_zeros(size),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl RealFile {
    /// Makes the file longer by writing zeros behind what is there.
    fn write_zeros(&self, size: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let mut offset = self.size()?;
        while offset < size {
            let bytes = (size - offset).min(ZEROS as u64);
            self.0.write_all_at(&zeros[..bytes as usize], offset)?;
            offset += bytes;
        }
        Ok(())
    }
}
