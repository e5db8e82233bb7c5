//! The thread that prepares the next segment while the current one fills, so that beginning it costs nothing and a
//! full disk is known before a record needs the room.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use crate::format::{FileHeader, FileKind, unfinished_segment_name};
use crate::shared::{Phase, Prepared, Shared};

/// How often a full disk is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Works until the journal ends.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut number = 0;
    while let Some(bytes) = next_shortage(shared) {
        number += 1;
        let name = unfinished_segment_name(number);
        match prepare(shared, &name, bytes) {
            Ok(prepared) => {
                let mut state = shared.state.lock();
                state.out_of_space = false;
                if state.room.wanted <= bytes {
                    state.room.wanted = 0;
                }
                let smaller = state.room.prepared.replace(prepared);
                drop(state);
                shared.progress.notify_all();
                if let Some(smaller) = smaller {
                    remove(shared, &smaller.name);
                }
            }
            Err(error) if is_full(&error) => {
                remove(shared, &name);
                wait_for_space(shared, &error);
            }
            Err(error) => {
                shared.fail("prepare", &name, &error);
                return;
            }
        }
    }
}

/// Waits until a segment is to be prepared, and says how large; none when the journal ends.
fn next_shortage(shared: &Shared) -> Option<u64> {
    let mut state = shared.state.lock();
    loop {
        if state.phase != Phase::Open || state.failure.is_some() {
            let prepared = state.room.prepared.take();
            drop(state);
            if let Some(prepared) = prepared {
                remove(shared, &prepared.name);
            }
            return None;
        }
        if let Some(bytes) = state.room.shortage(shared.settings.segment_bytes) {
            return Some(bytes);
        }
        shared.shortage.wait(&mut state);
    }
}

/// Makes a segment that wants nothing but a name.
fn prepare(shared: &Shared, name: &str, bytes: u64) -> io::Result<Prepared> {
    let file = shared.disk.create(name)?;
    file.allocate(bytes)?;
    let header = FileHeader { kind: FileKind::Segment, seed: shared.seed, position: 0 };
    file.write_at(0, &header.encode())?;
    file.sync_data()?;
    Ok(Prepared { name: name.to_owned(), file, bytes })
}

/// Says that the disk is full, and waits until it is worth another attempt.
fn wait_for_space(shared: &Shared, error: &io::Error) {
    let mut state = shared.state.lock();
    if !std::mem::replace(&mut state.out_of_space, true) {
        tracing::error!(directory = shared.disk.name(), %error, "the disk is full: changes will be refused");
    }
    // Who asked for a long record is refused; others need not wait for as much.
    state.room.wanted = 0;
    shared.progress.notify_all();
    shared.shortage.wait_for(&mut state, RETRY_EVERY);
    // With a usual segment at hand nobody tries again but who asks for a longer one.
    state.out_of_space &= state.room.prepared.is_none();
}

/// Whether there is no room, or the user may take no more.
fn is_full(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    error.kind() == io::ErrorKind::StorageFull
        || code == Some(Errno::NOSPC.raw_os_error())
        || code == Some(Errno::DQUOT.raw_os_error())
}

fn remove(shared: &Shared, name: &str) {
    match shared.disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // The next start removes it.
            tracing::warn!(file = name, %error, "a prepared segment was left behind");
        }
        _ => {}
    }
}
