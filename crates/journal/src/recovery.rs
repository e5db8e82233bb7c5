//! Finds out what a directory holds: which snapshot counts, which records come after it, and whether what is missing
//! or broken is what a crash leaves. Writes only once it is sure: then it cuts the torn tail and the mark of a clean
//! end, and removes what was never finished.

use std::io;

use crate::format::{
    BadHeader, FILE_HEADER_BYTES, FileHeader, FileKind, FileName, FrameKind, MARK_BYTES, VERSION,
    frame_bytes, salt,
};
use crate::frames::{FrameReader, Rest, Step, look_behind};
use crate::records::SegmentToRead;
use crate::snapshot::{Damage, SnapshotReader, verify};
use crate::{Cut, Disk, File, OpenError};

/// A segment's file.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub name: String,
    pub first: u64,
    pub bytes: u64,
}

/// A snapshot's file.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub name: String,
    pub position: u64,
    pub bytes: u64,
}

/// What was found.
pub(crate) struct Found {
    /// None where there was nothing at all.
    pub seed: Option<u128>,
    pub snapshot: Option<SnapshotReader>,
    /// The segments with records after the snapshot, to be read.
    pub to_read: Vec<SegmentToRead>,
    /// All segments, in order.
    pub segments: Vec<SegmentFile>,
    /// All snapshots that count, the oldest first.
    pub snapshots: Vec<SnapshotFile>,
    pub broken_snapshots: Vec<String>,
    pub last: u64,
    /// The last segment, and where its frames end: the mark of a clean end goes there.
    pub tail: Option<Tail>,
    /// Bytes of frames after the snapshot.
    pub bytes_since_snapshot: u64,
    pub cut: Option<Cut>,
    pub clean: bool,
}

/// The last segment.
pub(crate) struct Tail {
    pub name: String,
    pub file: Box<dyn File>,
    pub offset: u64,
}

/// Makes an error of the system say what was tried with which file.
pub(crate) fn refused(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Io { doing, file, source }
}

/// A snapshot that is not whole.
struct BrokenSnapshot {
    name: String,
    position: u64,
    damage: Damage,
}

impl BrokenSnapshot {
    fn error(&self) -> OpenError {
        let Damage { offset, what } = self.damage;
        OpenError::Damaged { file: self.name.clone(), offset, what: what.to_owned() }
    }
}

/// The files of a directory, by their names.
struct Listing {
    segments: Vec<SegmentFile>,
    snapshots: Vec<SnapshotFile>,
    unfinished: Vec<String>,
}

impl Listing {
    fn of(disk: &dyn Disk) -> Result<Listing, OpenError> {
        let mut listing = Listing { segments: Vec::new(), snapshots: Vec::new(), unfinished: Vec::new() };
        for name in disk.list().map_err(refused("list", &disk.name()))? {
            match FileName::parse(&name) {
                Some(FileName::Segment { first }) => {
                    let bytes = size(disk, &name)?;
                    listing.segments.push(SegmentFile { name, first, bytes });
                }
                Some(FileName::Snapshot { position }) => {
                    let bytes = size(disk, &name)?;
                    listing.snapshots.push(SnapshotFile { name, position, bytes });
                }
                Some(FileName::Unfinished) => listing.unfinished.push(name),
                None => {}
            }
        }
        listing.segments.sort_by_key(|segment| segment.first);
        listing.snapshots.sort_by_key(|snapshot| snapshot.position);
        Ok(listing)
    }
}

fn size(disk: &dyn Disk, name: &str) -> Result<u64, OpenError> {
    disk.open(name).and_then(|file| file.size()).map_err(refused("open", name))
}

/// Reads what is on `disk`, and makes it ready to be gone on with.
pub(crate) fn recover(disk: &dyn Disk) -> Result<Found, OpenError> {
    let mut listing = Listing::of(disk)?;
    let mut broken = Vec::new();
    let mut snapshot = None;
    while let Some(candidate) = listing.snapshots.last() {
        match verify(disk, &candidate.name, candidate.position)? {
            Ok(whole) => {
                snapshot = Some(whole);
                break;
            }
            Err(damage) => {
                let SnapshotFile { name, position, .. } = candidate.clone();
                broken.push(BrokenSnapshot { name, position, damage });
                listing.snapshots.pop();
            }
        }
    }
    // Without any snapshot the records alone would do only if there never was one.
    if let (Some(newest), None) = (broken.first(), &snapshot) {
        return Err(newest.error());
    }
    let position = snapshot.as_ref().map_or(0, |whole| whole.position().0);
    let needed = needed(&listing.segments, position)
        .map_err(|missing| broken.first().map_or(missing, BrokenSnapshot::error))?;

    let mut seed = snapshot.as_ref().map(SnapshotReader::seed);
    let mut read = Read { disk, seed: &mut seed, position, to_read: Vec::new(), bytes: 0 };
    let mut end = End { next: position + 1, offset: 0, clean: true, cut: None };
    for (at, segment) in needed.iter().enumerate() {
        end = read.segment(segment, needed.get(at + 1))?;
    }
    let (to_read, bytes_since_snapshot) = (read.to_read, read.bytes);
    // A snapshot is finished when its records are synced, so they must be there.
    if let Some(newest) = broken.first().filter(|newest| end.next <= newest.position) {
        return Err(newest.error());
    }

    let tail = match needed.last() {
        Some(segment) => Some(cut_tail(disk, segment, end.offset)?),
        None => None,
    };
    for name in &listing.unfinished {
        disk.remove(name).map_err(refused("remove", name))?;
    }
    if let (Some(tail), Some(segment)) = (&tail, listing.segments.last_mut()) {
        segment.bytes = tail.offset;
    }
    Ok(Found {
        seed,
        snapshot,
        to_read,
        segments: listing.segments,
        snapshots: listing.snapshots,
        broken_snapshots: broken.into_iter().map(|broken| broken.name).collect(),
        last: end.next - 1,
        tail,
        bytes_since_snapshot,
        cut: end.cut,
        clean: end.clean,
    })
}

/// The segments that may have records after `position`: from the one that has the next record on.
fn needed(segments: &[SegmentFile], position: u64) -> Result<&[SegmentFile], OpenError> {
    let first = segments.partition_point(|segment| segment.first <= position + 1);
    match (first.checked_sub(1), segments.first()) {
        (Some(first), _) => Ok(&segments[first..]),
        (None, Some(segment)) => Err(OpenError::Missing { first: position + 1, last: segment.first - 1 }),
        (None, None) => Ok(&[]),
    }
}

/// Cuts the last segment where its whole frames end, the mark of a clean end not counted: from now on the journal
/// is in use.
fn cut_tail(disk: &dyn Disk, segment: &SegmentFile, offset: u64) -> Result<Tail, OpenError> {
    let file = disk.open(&segment.name).map_err(refused("open", &segment.name))?;
    if segment.bytes > offset {
        file.truncate(offset).and_then(|()| file.sync_data()).map_err(refused("cut", &segment.name))?;
    }
    Ok(Tail { name: segment.name.clone(), file, offset })
}

/// Where the frames of a segment end.
struct End {
    /// The number that the next record has.
    next: u64,
    offset: u64,
    clean: bool,
    cut: Option<Cut>,
}

/// Reads segments through, and remembers what of them is to be read again.
struct Read<'a> {
    disk: &'a dyn Disk,
    seed: &'a mut Option<u128>,
    position: u64,
    to_read: Vec<SegmentToRead>,
    bytes: u64,
}

impl Read<'_> {
    /// Reads `segment`, which `following` comes after.
    fn segment(&mut self, segment: &SegmentFile, following: Option<&SegmentFile>) -> Result<End, OpenError> {
        let unreadable = || refused("read", &segment.name);
        let file = self.disk.open(&segment.name).map_err(unreadable())?;
        let salt = salt(self.header(segment, file.as_ref())?);
        let mut reader = FrameReader::new(file, segment.bytes, salt);
        let mut next = segment.first;
        let mut clean = false;
        let damaged = |offset, what: &str| {
            Err(OpenError::Damaged { file: segment.name.clone(), offset, what: what.to_owned() })
        };
        let stopped = loop {
            let offset = reader.offset_of_next();
            match reader.next().map_err(unreadable())? {
                Step::Frame { sequence, .. } if sequence != next => {
                    return damaged(offset, "a record is out of order");
                }
                Step::Frame { .. } if clean => return damaged(offset, "something follows the end"),
                Step::Frame { kind: FrameKind::Record, sequence, payload } => {
                    next += 1;
                    if sequence > self.position {
                        self.bytes += frame_bytes(payload.len());
                    }
                }
                Step::Frame { kind, payload, .. } => {
                    if payload != offset.to_le_bytes() {
                        return damaged(offset, "a mark is out of place");
                    }
                    clean = kind == FrameKind::End;
                }
                Step::Nothing => break "the records end here, and more are known to have followed",
                Step::Broken(what) => break what,
            }
        };
        let stopped_at = reader.offset();
        // The mark of a clean end is taken off, and the frames end before it.
        let offset = if clean { stopped_at - MARK_BYTES as u64 } else { stopped_at };
        let mut cut = None;
        if let Some(following) = following {
            if next != following.first {
                return damaged(stopped_at, stopped);
            }
        } else {
            let file = self.disk.open(&segment.name).map_err(unreadable())?;
            let rest = look_behind(file.as_ref(), stopped_at, segment.bytes, salt).map_err(unreadable())?;
            if next <= self.position || rest.proof.is_some() || (clean && rest.written > 0) {
                return damaged(stopped_at, stopped);
            }
            let Rest { written: bytes, .. } = rest;
            cut = (bytes > 0).then(|| Cut { file: segment.name.clone(), offset, bytes });
        }
        if next > self.position + 1 {
            let SegmentFile { name, .. } = segment.clone();
            self.to_read.push(SegmentToRead { name, end: offset, salt });
        }
        Ok(End { next, offset, clean, cut })
    }

    /// The seed in a segment's header, which all files must agree on.
    fn header(&mut self, segment: &SegmentFile, file: &dyn File) -> Result<u128, OpenError> {
        let mut bytes = [0; FILE_HEADER_BYTES as usize];
        let filled = file.read_at(0, &mut bytes).map_err(refused("read", &segment.name))?;
        let header = match FileHeader::decode(FileKind::Segment, &bytes[..filled]) {
            Ok(header) => header,
            Err(bad) => return Err(bad_header(&segment.name, bad)),
        };
        if *self.seed.get_or_insert(header.seed) != header.seed {
            return Err(OpenError::Foreign { file: segment.name.clone() });
        }
        Ok(header.seed)
    }
}

/// What is wrong with a file whose header is not one.
pub(crate) fn bad_header(name: &str, bad: BadHeader) -> OpenError {
    let file = name.to_owned();
    match bad {
        BadHeader::Damaged => {
            OpenError::Damaged { file, offset: 0, what: "the header is not one".to_owned() }
        }
        BadHeader::Version(found) => OpenError::Version { file, found, known: VERSION },
    }
}
