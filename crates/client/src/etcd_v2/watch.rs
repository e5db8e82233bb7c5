//! Watching: the next change, or every one from an index on.
//!
//! A server is asked for the next change from an index on, and told the index after it the next time. So a change is
//! seen once, in order, whatever happens to the connection and whichever server is asked, as long as the history goes
//! back far enough: a thousand changes of all keys. Where it does not, what is there now is read. If that shows that
//! nothing was missed, all goes on; else [`WatchEvent::Cleared`] says so.
//!
//! Streams of events, which etcd offers too, are not used: etcd tells some events twice on them and leaves out others.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::ask::{Ask, Patience, clean};
use super::client::{Client, response};
use super::error::{Error, ErrorCode, EtcdError, Result};
use super::keys::KEYS;
use super::node::{Node, Response};
use super::transport::Answer;

/// Pauses between attempts, from the first to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Who waited for so long was heard. Answers without an event that come faster are a server in trouble.
const HEARD_AFTER: Duration = Duration::from_secs(1);

/// What to watch of a key, and from when on.
///
/// ```
/// use hyrax_client::etcd_v2::WatchOptions;
///
/// let options = WatchOptions::new().recursive().after(1818);
/// ```
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    is_recursive: bool,
    from: Option<u64>,
    reconnect_for: Option<Duration>,
}

impl WatchOptions {
    /// The key alone, from now on.
    pub fn new() -> WatchOptions {
        WatchOptions::default()
    }

    /// All that is below it, too, but hidden nodes.
    pub fn recursive(mut self) -> WatchOptions {
        self.is_recursive = true;
        self
    }

    /// What happened after this index: that of a [`Response`] to miss nothing of what was read, or that of a
    /// [`WatchEvent`] to go on after it.
    pub fn after(self, index: u64) -> WatchOptions {
        self.from(index.saturating_add(1))
    }

    /// What happened from this index on, as etcd's `waitIndex`: 0 is from now on.
    pub fn from(mut self, index: u64) -> WatchOptions {
        self.from = Some(index).filter(|&index| index > 0);
        self
    }

    /// Gives up when no server was to be had for so long. Without it a watch that has once begun never does.
    pub fn reconnect_for(mut self, time: Duration) -> WatchOptions {
        self.reconnect_for = Some(time);
        self
    }
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something was changed.
    Change(Response),
    /// What happened in a part of the past is not known any more.
    Cleared(Cleared),
}

impl WatchEvent {
    /// Up to which index all is told: a watch [after](WatchOptions::after) it goes on.
    pub fn index(&self) -> u64 {
        match self {
            WatchEvent::Change(response) => response.node.modified_index,
            WatchEvent::Cleared(cleared) => cleared.index,
        }
    }

    /// The change, where it is one.
    pub fn change(&self) -> Option<&Response> {
        match self {
            WatchEvent::Change(response) => Some(response),
            WatchEvent::Cleared(_) => None,
        }
    }
}

/// What happened in a part of the past is not known any more, as the history does not go back so far, or as the store
/// is another one. Here is what there is instead; what comes next follows it without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The last index up to which all was told.
    pub after: u64,
    /// The index that `node` was read at.
    pub index: u64,
    /// What is watched, as it is now; none where it is not there.
    pub node: Option<Node>,
}

/// The events of a watch, in order, each once.
///
/// A stream that ends only after an error: one that no other attempt would mend, or
/// [`reconnect_for`](WatchOptions::reconnect_for) has passed. The next event is asked for when it is polled: who lets
/// more than a thousand changes pass meanwhile is told that the history is cleared.
pub struct Events {
    inner: Pin<Box<dyn Stream<Item = Result<WatchEvent>> + Send>>,
}

impl Events {
    /// The next event. Nothing is lost if this is dropped before it is there.
    pub async fn next(&mut self) -> Option<Result<WatchEvent>> {
        self.inner.next().await
    }
}

impl Stream for Events {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Client {
    /// Waits for the next change of a key. A history that does not go back to where the watch is to begin is an error,
    /// [`ErrorCode::EventIndexCleared`].
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use hyrax_client::etcd_v2::WatchOptions;
    ///
    /// let read = client.get("/foo/bar").await?;
    /// let change = client.watch("/foo/bar", &WatchOptions::new().after(read.index)).await?;
    /// println!("{} to {:?}", change.action, change.node.value);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn watch(&self, key: &str, options: &WatchOptions) -> Result<Response> {
        match Follower::new(self, key, options).next().await? {
            WatchEvent::Change(response) => Ok(response),
            WatchEvent::Cleared(cleared) => Err(Error::Etcd(EtcdError {
                code: ErrorCode::EventIndexCleared,
                message: "The event in requested index is outdated and cleared".to_owned(),
                cause: format!("the history after {} is not known any more", cleared.after),
                index: cleared.index,
            })),
        }
    }

    /// Every change of a key from now on, or from an index on: none is left out, none told twice.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use hyrax_client::etcd_v2::{WatchEvent, WatchOptions};
    ///
    /// let mut events = client.keep_watching("/foo", &WatchOptions::new().recursive());
    /// while let Some(event) = events.next().await {
    ///     match event? {
    ///         WatchEvent::Change(change) => println!("{} {}", change.action, change.node.key),
    ///         WatchEvent::Cleared(now) => println!("something was missed; now there is {:?}", now.node),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_watching(&self, key: &str, options: &WatchOptions) -> Events {
        let follower = Some(Follower::new(self, key, options));
        let events = stream::unfold(follower, |follower| async {
            let mut follower = follower?;
            let event = follower.next().await;
            let rest = event.is_ok().then_some(follower);
            Some((event, rest))
        });
        Events { inner: Box::pin(events) }
    }

    /// Watches until `is_last` is true of an event, which is answered. Each event is shown to it once, in order.
    pub async fn watch_until(
        &self,
        key: &str,
        options: &WatchOptions,
        mut is_last: impl FnMut(&WatchEvent) -> bool + Send,
    ) -> Result<WatchEvent> {
        let mut follower = Follower::new(self, key, options);
        loop {
            let event = follower.next().await?;
            if is_last(&event) {
                return Ok(event);
            }
        }
    }
}

/// What came of asking once.
#[expect(clippy::large_enum_variant, reason = "it is passed on at once, and mostly is an event")]
enum Step {
    /// Something to tell.
    Event(WatchEvent),
    /// Nothing to tell, but the next time is asked from a later index on.
    Further,
    /// An answer without an event.
    Nothing,
}

/// How far a watch has come.
struct Follower {
    client: Client,
    key: String,
    options: WatchOptions,
    /// The first index whose change is not told yet. None before a server has said where now is.
    next: Option<u64>,
    /// The highest index that the store is known to have reached.
    reached: u64,
    /// Which cluster told so, as far as it said.
    cluster_id: Option<String>,
    /// Whether a server ever took the watch.
    has_begun: bool,
    /// How many attempts in a row brought nothing.
    troubles: u32,
    /// Since when.
    troubled_since: Option<Instant>,
}

impl Follower {
    fn new(client: &Client, key: &str, options: &WatchOptions) -> Follower {
        Follower {
            client: client.clone(),
            key: key.to_owned(),
            next: options.from,
            options: options.clone(),
            reached: 0,
            cluster_id: None,
            has_begun: false,
            troubles: 0,
            troubled_since: None,
        }
    }

    async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            let began = Instant::now();
            match self.step().await {
                Ok(Step::Event(event)) => {
                    self.is_well();
                    return Ok(event);
                }
                Ok(Step::Further) => self.is_well(),
                Ok(Step::Nothing) if began.elapsed() >= HEARD_AFTER => self.is_well(),
                Ok(Step::Nothing) => self.pause().await,
                Err(error) => {
                    self.bear(error)?;
                    self.pause().await;
                }
            }
        }
    }

    /// Asks for the next event.
    async fn step(&mut self) -> Result<Step> {
        let mut answer = match self.client.ask(&self.wait()).await {
            Err(error) if is_cleared(&error) => {
                return Ok(self.catch_up(true).await?.map_or(Step::Further, Step::Event));
            }
            answer => answer?,
        };
        self.has_begun = true;
        let is_other = self.cluster_id.as_ref().is_some_and(|known| *known != answer.cluster_id);
        if is_other || answer.index < self.reached {
            // Another store has other indexes, under which what was missed cannot be asked for; but a member that is
            // behind has the same.
            if let Some(cleared) = self.catch_up(is_other).await? {
                return Ok(Step::Event(cleared));
            }
        }
        self.cluster_id = Some(answer.cluster_id.clone());
        self.reached = self.reached.max(answer.index);
        let next = *self.next.get_or_insert(answer.index.saturating_add(1));
        if let Some(rest) = answer.rest.take() {
            let body = rest.whole_from(&answer.endpoint).await;
            answer.body = body.inspect_err(|_| self.client.leave(&answer))?;
        }
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Step::Nothing);
        }
        self.told(&answer, next).inspect_err(|_| self.client.leave(&answer))
    }

    fn told(&mut self, answer: &Answer, next: u64) -> Result<Step> {
        let event = response(answer)?;
        let index = event.node.modified_index;
        if index < next {
            return Err(answer.invalid(format!("it tells of index {index} who waits for {next}")));
        }
        self.next = Some(index.saturating_add(1));
        self.reached = self.reached.max(index);
        match self.is_hidden(&event.node.key) {
            true => Ok(Step::Further),
            false => Ok(Step::Event(WatchEvent::Change(event))),
        }
    }

    /// Whether a node is one that only those see who ask for it by name. etcd tells of it out of its history, and not
    /// when it happens.
    fn is_hidden(&self, key: &str) -> bool {
        let watched = clean(&self.key);
        key.strip_prefix(&*watched).is_some_and(|below| below.contains("/_"))
    }

    /// Reads what there is now, where the history may not tell any more what led there. None where it shows that
    /// nothing was missed.
    async fn catch_up(&mut self, is_history_lost: bool) -> Result<Option<WatchEvent>> {
        let get = self.client.get(&self.key).quorum();
        let get = if self.options.is_recursive { get.recursive() } else { get };
        let (node, index, cluster_id) = match get.await {
            Ok(read) => (Some(read.node), read.index, Some(read.cluster_id)),
            Err(Error::Etcd(EtcdError {
                code: ErrorCode::KeyNotFound | ErrorCode::NotDir, index, ..
            })) => (None, index, None),
            Err(error) => return Err(error),
        };
        if !is_history_lost && index >= self.reached {
            return Ok(None);
        }
        let next = self.next.unwrap_or(0);
        let is_same_cluster = self.cluster_id.is_none() || cluster_id == self.cluster_id;
        let is_same_store = is_same_cluster && index >= self.reached;
        // A key that is as it was has not been removed and made again either. Of a directory nobody knows.
        let is_same = |node: &Node| !node.dir && node.modified_index < next;
        let is_nothing_missed =
            is_same_store && !self.options.is_recursive && node.as_ref().is_some_and(is_same);
        self.next = Some(index.saturating_add(1));
        self.reached = index;
        self.cluster_id = cluster_id;
        let after = next.saturating_sub(1);
        Ok((!is_nothing_missed).then_some(WatchEvent::Cleared(Cleared { after, index, node })))
    }

    fn wait(&self) -> Ask {
        let ask =
            Ask::get(KEYS, &self.key).query("wait", "true").flag("recursive", self.options.is_recursive);
        let ask = ask.patience(Patience::Head);
        match self.next {
            Some(next) => ask.query("waitIndex", &next.to_string()),
            None => ask,
        }
    }

    fn is_well(&mut self) {
        self.troubles = 0;
        self.troubled_since = None;
    }

    /// Whether to go on after an error.
    fn bear(&mut self, error: Error) -> Result<()> {
        // Who never reached a server is told so at once: it may be the wrong one.
        if !self.has_begun || !error.is_transient() {
            return Err(error);
        }
        let since = *self.troubled_since.get_or_insert_with(Instant::now);
        if self.options.reconnect_for.is_some_and(|limit| since.elapsed() >= limit) {
            return Err(error);
        }
        tracing::debug!(key = self.key, %error, "a watch is begun again");
        Ok(())
    }

    fn pause(&mut self) -> impl Future<Output = ()> + use<> {
        let pause = PAUSE_MIN.saturating_mul(1 << self.troubles.min(7)).min(PAUSE_MAX);
        self.troubles = self.troubles.saturating_add(1);
        // Those who lost the same server do not all come back at the same moment.
        sleep(pause.mul_f64(0.5 + random() / 2.0))
    }
}

/// A number from 0 to 1 that differs from watch to watch: all that is asked of it.
fn random() -> f64 {
    f64::from(RandomState::new().build_hasher().finish() as u32) / f64::from(u32::MAX)
}

fn is_cleared(error: &Error) -> bool {
    matches!(error.code(), Some(ErrorCode::EventIndexCleared | ErrorCode::WatcherCleared))
}
