//! Where the journal and the runtime meet: who syncs, and who tells what is synced.
//!
//! To wake a thread and to be woken by it again costs both processors more than all the rest of a request, so as
//! few as can be are woken:
//!
//! - A record that comes alone is synced by the thread of the runtime that has appended it. Its client waits for the
//!   disk, and nothing else has to be done meanwhile. It is a task, which that thread runs next: behind all that
//!   the connection has sent.
//! - What the journal's thread has synced is told by the same task, and not by that thread, which goes on with the
//!   next group. Whoever waited then is in the queue of the thread that runs the task. The bell is a socket: a thread that
//!   waits for sockets runs what woke it, while one that is woken by another thread wakes a further one to look for
//!   more.

use std::io::{self, Write};
use std::os::unix::net::UnixStream as Bell;
use std::sync::{Arc, Weak};

use hyrax_journal::{Failure, Journal, Position};
use parking_lot::Mutex;
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Engine, Shared};

/// What the journal has said and nobody has told yet.
#[derive(Debug, Default)]
struct Said {
    synced: Option<Position>,
    failure: Option<Failure>,
    /// Whether the task will look without being woken.
    is_heard: bool,
}

/// What the journal's side and the task share.
struct Post {
    said: Mutex<Said>,
    bell: Bell,
    asked: Notify,
}

impl Post {
    fn say(&self, outcome: Result<Position, Failure>) {
        let mut said = self.said.lock();
        match outcome {
            Ok(position) => said.synced = Some(position),
            Err(failure) => said.failure = Some(failure),
        }
        if !std::mem::replace(&mut said.is_heard, true) {
            drop(said);
            // Where it is full, it rings already.
            _ = (&self.bell).write(&[1]);
        }
    }

    /// Tells what was said.
    fn tell(&self, shared: &Shared) {
        let Said { synced, failure, .. } = std::mem::take(&mut *self.said.lock());
        if let Some(position) = synced {
            shared.synced(Ok(position));
        }
        if let Some(failure) = failure {
            shared.synced(Err(failure));
        }
    }
}

/// The task, for as long as this lives.
pub(super) struct Telling(AbortHandle);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The task's side, before there is an engine.
pub(super) struct Ears {
    post: Arc<Post>,
    rings: UnixStream,
}

/// Has the journal say what it has synced. Where `asks`, it asks for what comes alone to be synced.
pub(super) fn listen(journal: &Journal, asks: bool) -> io::Result<Ears> {
    let (bell, rings) = Bell::pair()?;
    bell.set_nonblocking(true)?;
    rings.set_nonblocking(true)?;
    let rings = UnixStream::from_std(rings)?;
    let post = Arc::new(Post { said: Mutex::default(), bell, asked: Notify::new() });
    let saying = Arc::clone(&post);
    journal.on_synced(Box::new(move |outcome| saying.say(outcome)));
    if asks {
        let asking = Arc::clone(&post);
        journal.on_pending(Box::new(move || asking.asked.notify_one()));
    }
    Ok(Ears { post, rings })
}

impl Ears {
    /// Tells from now on, and syncs what it is asked to.
    pub(super) fn start(self, engine: &Arc<Engine>) -> Telling {
        Telling(tokio::spawn(self.run(Arc::downgrade(engine))).abort_handle())
    }

    async fn run(self, engine: Weak<Engine>) {
        let Ears { post, rings } = self;
        loop {
            let is_asked = tokio::select! {
                biased;
                () = post.asked.notified() => true,
                ready = rings.readable() => {
                    // All that has rung is told at once. The other end is there, as it is the post's own.
                    _ = ready.and_then(|()| rings.try_read(&mut [0; 64]));
                    false
                }
            };
            let Some(engine) = engine.upgrade() else { return };
            if let Some(journal) = engine.journal.as_ref().filter(|_| is_asked) {
                post.said.lock().is_heard = true;
                journal.sync_pending();
            }
            post.tell(&engine.shared);
        }
    }
}
