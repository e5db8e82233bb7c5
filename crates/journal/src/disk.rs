//! What the journal needs of a disk: files in one directory. A test's disk can lose, tear and refuse.

mod real;
#[cfg(any(test, feature = "simulation"))]
mod simulated;

pub use real::RealDisk;
#[cfg(any(test, feature = "simulation"))]
pub use simulated::{Observer, Operation, Refusal, SimulatedDisk};

use std::io;

/// Files in one directory. Names have no `/`.
pub trait Disk: Send + Sync {
    /// What to call it in messages: the directory's path.
    fn name(&self) -> String;

    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new, empty file to read and write; one of that name must not exist.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// A file that exists, to read and write.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, and takes that name from whichever had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// When it returns, what was created, renamed and removed before will be found so after a crash.
    fn sync_directory(&self) -> io::Result<()>;
}

/// An open file. Offsets are from its beginning.
pub trait File: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to `buffer`'s length; less only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file `size` bytes long, of zeros where nothing was written, with its place on the disk taken: a
    /// later write within it does not meet a full disk.
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts the file at `size`.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// When it returns, what was written, and the file's size, will be found so after a crash.
    fn sync_data(&self) -> io::Result<()>;
}
