//! A disk in memory for tests: it knows what was synced and what was not, and can be asked what a crash would leave
//! of it, to refuse the n-th operation, and to be full.
//!
//! It is harsher than real ones: what was not synced is kept, lost, torn or written in another order, each write and
//! each change of the directory for itself.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::{Disk, File};

/// Bytes that a disk writes as one, usually.
const SECTOR: u64 = 512;

/// What is done with a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// `create`.
    Create,
    /// `write_at`.
    Write,
    /// `sync_data`.
    Sync,
    /// `allocate`.
    Allocate,
    /// `rename`.
    Rename,
    /// `sync_directory`.
    SyncDirectory,
}

/// What a refused operation answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The device failed.
    InputOutput,
    /// The disk is full.
    NoSpace,
}

impl Refusal {
    fn error(self) -> io::Error {
        match self {
            Refusal::InputOutput => Errno::IO.into(),
            Refusal::NoSpace => Errno::NOSPC.into(),
        }
    }
}

/// Called before each operation, while the disk may be asked anything.
pub type Observer = Arc<dyn Fn(&SimulatedDisk, Operation) + Send + Sync>;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    files: HashMap<u64, Content>,
    next_file: u64,
    /// Names as they are now, and as they were at the last sync.
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    done: HashMap<Operation, u64>,
    refusals: Vec<(Operation, u64, Refusal)>,
    capacity: Option<u64>,
    observer: Option<Observer>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Resize(u64),
}

#[derive(Clone)]
enum NameChange {
    Create(String, u64),
    Rename(String, String, u64),
    Remove(String, u64),
}

impl SimulatedDisk {
    /// An empty one, as large as it has to be.
    pub fn new() -> SimulatedDisk {
        SimulatedDisk::default()
    }

    /// Has the `nth` operation of its kind from now on (1 is the next) refused.
    pub fn refuse(&self, operation: Operation, nth: u64, refusal: Refusal) {
        let mut world = self.world();
        let at = world.done.get(&operation).copied().unwrap_or(0) + nth;
        world.refusals.push((operation, at, refusal));
    }

    /// Lets all files together have so many bytes, or any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.world().used()
    }

    /// Has `observer` called before each operation.
    pub fn observe(&self, observer: Observer) {
        self.world().observer = Some(observer);
    }

    /// What a file holds now.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        Some(world.files.get(world.names.get(name)?)?.now.clone())
    }

    /// Changes a file behind everybody's back, as a failing disk does.
    pub fn corrupt(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let World { names, files, .. } = &mut *world;
        if let Some(content) = names.get(name).and_then(|file| files.get_mut(file)) {
            change(&mut content.now);
            content.synced = content.now.clone();
            content.unsynced.clear();
        }
    }

    /// A disk as this one might be found after a crash right now; another seed, another crash.
    pub fn crash(&self, seed: u64) -> SimulatedDisk {
        let world = self.world();
        let mut chance = Chance::new(seed);
        let mut after = World::default();
        // All orders and losses, or only such as a mild file system leaves.
        let manner = Manner::draw(&mut chance);
        let mut names = world.synced_names.clone();
        for change in manner.survivors(&world.unsynced_names, &mut chance) {
            change.apply(&mut names);
        }
        for (name, file) in names {
            let Some(content) = world.files.get(&file) else { continue };
            let mut bytes = content.synced.clone();
            for change in manner.survivors(&content.unsynced, &mut chance) {
                change.apply_after_crash(&mut bytes, manner, &mut chance);
            }
            after
                .files
                .insert(after.next_file, Content { now: bytes.clone(), synced: bytes, unsynced: Vec::new() });
            after.names.insert(name, after.next_file);
            after.next_file += 1;
        }
        after.synced_names = after.names.clone();
        SimulatedDisk { world: Arc::new(Mutex::new(after)) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A test that panicked while it held the lock fails by itself.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, and refuses it where that was asked for.
    fn begin(&self, operation: Operation) -> io::Result<MutexGuard<'_, World>> {
        let observer = self.world().observer.clone();
        if let Some(observer) = observer {
            observer(self, operation);
        }
        let mut world = self.world();
        let count = world.done.entry(operation).or_default();
        *count += 1;
        let count = *count;
        match world.refusals.iter().find(|(what, at, _)| *what == operation && *at == count) {
            Some((.., refusal)) => Err(refusal.error()),
            None => Ok(world),
        }
    }
}

impl World {
    fn used(&self) -> u64 {
        self.names.values().filter_map(|file| self.files.get(file)).map(|file| file.now.len() as u64).sum()
    }

    /// Refuses what would make the disk fuller than it can be.
    fn has_room(&self, file: u64, size: u64) -> io::Result<()> {
        let has = self.files.get(&file).map_or(0, |content| content.now.len() as u64);
        match self.capacity {
            Some(capacity) if self.used() + size.saturating_sub(has) > capacity => {
                Err(Refusal::NoSpace.error())
            }
            _ => Ok(()),
        }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn content(&mut self, file: u64) -> &mut Content {
        self.files.entry(file).or_default()
    }
}

impl NameChange {
    /// Does it. What it is about is the file, whichever names others lost or kept.
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Create(name, file) => {
                names.insert(name.clone(), *file);
            }
            NameChange::Rename(from, to, file) => {
                names.insert(to.clone(), *file);
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
            }
            NameChange::Remove(name, file) => {
                if names.get(name) == Some(file) {
                    names.remove(name);
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Resize(size) => content.resize(*size as usize, 0),
            Change::Write { offset, bytes } => write(content, *offset, bytes),
        }
    }

    fn apply_after_crash(&self, content: &mut Vec<u8>, manner: Manner, chance: &mut Chance) {
        match (self, chance.below(4)) {
            (Change::Write { offset, bytes }, 0) if manner == Manner::Anyhow => {
                write_torn(content, *offset, bytes, chance);
            }
            (Change::Write { offset, bytes }, 1) if manner == Manner::Anyhow => {
                write_some_sectors(content, *offset, bytes, chance);
            }
            _ => self.apply(content),
        }
    }
}

fn write(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = offset as usize;
    if content.len() < start + bytes.len() {
        content.resize(start + bytes.len(), 0);
    }
    content[start..start + bytes.len()].copy_from_slice(bytes);
}

/// The write stopped, at a sector or at any byte.
fn write_torn(content: &mut Vec<u8>, offset: u64, bytes: &[u8], chance: &mut Chance) {
    let mut end = chance.below(bytes.len() as u64 + 1);
    if chance.below(2) == 0 {
        end = ((offset + end) / SECTOR * SECTOR).saturating_sub(offset);
    }
    write(content, offset, &bytes[..end as usize]);
}

/// Each sector was written or not.
fn write_some_sectors(content: &mut Vec<u8>, offset: u64, bytes: &[u8], chance: &mut Chance) {
    let mut from = 0;
    while from < bytes.len() {
        let to = ((offset + from as u64) / SECTOR * SECTOR + SECTOR - offset) as usize;
        let to = to.min(bytes.len());
        if chance.below(2) == 0 {
            write(content, offset + from as u64, &bytes[from..to]);
        }
        from = to;
    }
}

/// How a crash treats what was not synced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    NothingKept,
    AllKept,
    /// What came first is kept.
    InOrder,
    /// Each is kept or not, torn, in any order.
    Anyhow,
}

impl Manner {
    fn draw(chance: &mut Chance) -> Manner {
        match chance.below(6) {
            0 => Manner::NothingKept,
            1 => Manner::AllKept,
            2 => Manner::InOrder,
            _ => Manner::Anyhow,
        }
    }

    fn survivors<T: Clone>(self, changes: &[T], chance: &mut Chance) -> Vec<T> {
        match self {
            Manner::NothingKept => Vec::new(),
            Manner::AllKept => changes.to_vec(),
            Manner::InOrder => changes[..chance.below(changes.len() as u64 + 1) as usize].to_vec(),
            Manner::Anyhow => {
                let mut kept: Vec<T> = changes.iter().filter(|_| chance.below(3) > 0).cloned().collect();
                if chance.below(2) == 0 {
                    for at in (1..kept.len()).rev() {
                        kept.swap(at, chance.below(at as u64 + 1) as usize);
                    }
                }
                kept
            }
        }
    }
}

/// Numbers that look random and are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

impl Disk for SimulatedDisk {
    fn name(&self) -> String {
        "a simulated disk".to_owned()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut world = self.begin(Operation::Create)?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.next_file;
        world.next_file += 1;
        world.files.insert(file, Content::default());
        world.change_names(NameChange::Create(name.to_owned(), file));
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = *self.world().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.begin(Operation::Rename)?;
        let file = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.change_names(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        let file = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        world.change_names(NameChange::Remove(name.to_owned(), file));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.begin(Operation::SyncDirectory)?;
        world.synced_names = world.names.clone();
        world.unsynced_names.clear();
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
}

impl File for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.world().content(self.file).now.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.disk.world();
        let content = &world.content(self.file).now;
        let from = (offset as usize).min(content.len());
        let bytes = buffer.len().min(content.len() - from);
        buffer[..bytes].copy_from_slice(&content[from..from + bytes]);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.begin(Operation::Write)?;
        world.has_room(self.file, offset + bytes.len() as u64)?;
        let content = world.content(self.file);
        write(&mut content.now, offset, bytes);
        content.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        let mut world = self.disk.begin(Operation::Allocate)?;
        world.has_room(self.file, size)?;
        let content = world.content(self.file);
        if content.now.len() < size as usize {
            content.now.resize(size as usize, 0);
            content.unsynced.push(Change::Resize(size));
        }
        Ok(())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let content = world.content(self.file);
        content.now.resize(size as usize, 0);
        content.unsynced.push(Change::Resize(size));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.disk.begin(Operation::Sync) {
            Ok(mut world) => {
                let content = world.content(self.file);
                for change in content.unsynced.drain(..) {
                    change.apply(&mut content.synced);
                }
                Ok(())
            }
            Err(error) => {
                // As real systems do: what could not be synced is forgotten, and the next sync says that all is well.
                self.disk.world().content(self.file).unsynced.clear();
                Err(error)
            }
        }
    }
}
