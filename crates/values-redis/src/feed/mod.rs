//! What happens in Redis, as it happens: who follows what, and the way of an announcement to the hub.
//!
//! A task of its own ([`follower`]) keeps one connection to each server, subscribed to just the keys that are followed
//! (or to whole slots, while anybody monitors prefixes). Whenever a subscription begins anew, what was told in
//! between is lost, so the key is [lost](hyrax_values::Feed::lost): its monitors ask for its value again. An
//! announcement that comes before the subscription counts as begun is left out: the value asked for then has it.

mod announcement;
mod deadlines;
mod followed;
mod follower;
mod link;

use crate::Address;
use crate::nodes::Nodes;
use crate::notice::Noticing;
use crate::waiting::Awaited;
use follower::Follower;
use hyrax_types::{Revision, limits};
use link::{Link, Told};
use redis::RedisResult;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A client's key.
    Key(Box<[u8]>),
    /// All keys of a slot.
    Slot(u16),
}

/// What the follower is told.
pub enum Event {
    /// Somebody wants to hear of a key; of everything, where there is none.
    Follow(Option<Box<[u8]>>),
    /// Somebody does not any more.
    Unfollow(Option<Box<[u8]>>),
    /// Somebody waits until a followed key is heard of; everything, where there is none.
    Await(Option<Box<[u8]>>, oneshot::Sender<()>),
    /// Somebody waits until all that has happened was told.
    Settle(oneshot::Sender<()>),
    /// A server told something, on the connection of this number.
    Told(u64, Told),
    /// A connection to a server is up, or is not.
    Connected(String, u64, RedisResult<Link>),
    /// A connection tells of these from now on, or does not.
    Subscribed(u64, Vec<Topic>, RedisResult<()>),
    /// Something was given up.
    Left(Topic),
    /// A connection no longer answers.
    Silent(u64),
    /// It is time to try again.
    Retry,
    /// When a key expires, as Redis last said (-1 for never, -2 for a key that is gone); nothing where it did not
    /// answer.
    Expires(Box<[u8]>, Option<i64>),
    /// A key was looked at: its revision, and when it expires.
    Looked(Box<[u8]>, Revision, Option<i64>),
    /// A call of which the answer says that has come back.
    Noticed,
    /// Everything that had happened when somebody asked was told.
    Settled(oneshot::Sender<()>),
}

/// The way to the follower.
#[derive(Clone)]
pub struct Feed {
    events: mpsc::UnboundedSender<Event>,
}

/// While it lives, a key (or everything) is followed.
pub struct Following {
    what: Option<Box<[u8]>>,
    events: mpsc::UnboundedSender<Event>,
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Unfollow(self.what.take()));
    }
}

impl Feed {
    /// Starts the follower, which runs until it is stopped.
    pub fn start(
        address: &Address,
        nodes: Arc<Nodes>,
        hub: Arc<dyn hyrax_values::Feed>,
        awaited: Arc<Awaited>,
        noticing: Arc<Noticing>,
    ) -> (Self, AbortHandle) {
        let (events, received) = mpsc::unbounded_channel();
        let follower = Follower::new(address, nodes, hub, awaited, noticing, events.downgrade());
        let task = tokio::spawn(follower.run(received));
        (Feed { events }, task.abort_handle())
    }

    /// Follows a key; everything, where there is none.
    pub fn follow(&self, key: Option<&[u8]>) -> Following {
        self.tell(Event::Follow(key.map(Into::into)));
        Following { what: key.map(Into::into), events: self.events.clone() }
    }

    /// Waits until a key is heard of (or everything), if it is followed at all; not for ever.
    pub async fn ready(&self, key: Option<Box<[u8]>>) {
        let (tell, told) = oneshot::channel();
        self.tell(Event::Await(key, tell));
        // Where it is not heard of in time, a reset makes up for what is missed.
        let _ = timeout(limits::REDIS_FOLLOW_MAX, told).await;
    }

    /// Waits until everything that has happened so far was told.
    pub async fn settled(&self) {
        let (tell, told) = oneshot::channel();
        self.tell(Event::Settle(tell));
        let _ = told.await;
    }

    /// Notes what a look at a key has told: its revision, and when it expires.
    pub fn looked(&self, key: &[u8], rev: Revision, at: i64) {
        self.tell(Event::Looked(key.into(), rev, Some(at)));
    }

    fn tell(&self, event: Event) {
        // It ends only with the engine.
        let _ = self.events.send(event);
    }
}
