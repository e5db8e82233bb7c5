//! The lock and leader modules, which etcd dropped after 0.4 and Hyrax serves.

use std::future::IntoFuture;
use std::time::Duration;

use hyper::Method;

use super::ask::{Ask, Patience, whole_seconds};
use super::client::Client;
use super::error::{Error, Result};
use super::keys::Sent;

const LOCK: &str = "/mod/v2/lock";
const LEADER: &str = "/mod/v2/leader";

/// What the server says where a lock was not had in time.
const NOT_HAD: [&str; 2] = ["failed to acquire lock", "lock watch closed"];

/// Which place in a lock's queue is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockPlace {
    /// The one with the index that was answered when it was taken.
    Index(u64),
    /// The one with this value.
    Value(String),
}

impl LockPlace {
    fn ask(&self, ask: Ask) -> Ask {
        match self {
            LockPlace::Index(index) => ask.field("index", &index.to_string()),
            LockPlace::Value(value) => ask.field("value", value),
        }
    }
}

impl From<u64> for LockPlace {
    fn from(index: u64) -> LockPlace {
        LockPlace::Index(index)
    }
}

impl From<&str> for LockPlace {
    fn from(value: &str) -> LockPlace {
        LockPlace::Value(value.to_owned())
    }
}

/// A lock to be acquired: await it. Who stops waiting gives up the place.
#[derive(Clone, Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct LockAcquire {
    client: Client,
    ask: Ask,
}

impl LockAcquire {
    /// Who asks. Two that ask with the same value share one place.
    pub fn value(mut self, value: &str) -> LockAcquire {
        self.ask = self.ask.field("value", value);
        self
    }

    /// Waits no longer than this, in whole seconds, rounded up; zero does not wait. A lock that was not had in time is
    /// [`Error::NotAcquired`].
    pub fn timeout(mut self, timeout: Duration) -> LockAcquire {
        self.ask = self.ask.field("timeout", &whole_seconds(timeout).to_string());
        self
    }
}

impl IntoFuture for LockAcquire {
    type Output = Result<u64>;
    type IntoFuture = Sent<u64>;

    fn into_future(self) -> Sent<u64> {
        Box::pin(async move { self.client.ask_index(&self.ask).await })
    }
}

impl Client {
    /// Waits for the turn to hold a lock, and answers the lock's index. It is let go after `ttl`, unless it is renewed;
    /// zero is for ever.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let index = client.lock_acquire("mylock", minute).timeout(Duration::from_secs(10)).await?;
    /// client.lock_renew("mylock", index, minute).await?;
    /// client.lock_release("mylock", index).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock_acquire(&self, name: &str, ttl: Duration) -> LockAcquire {
        let ask = Ask::new(Method::POST, LOCK, name).ttl(Some(ttl)).patience(Patience::Unbounded);
        LockAcquire { client: self.clone(), ask }
    }

    /// Holds a lock, or keeps a place, for that much longer from now on.
    pub async fn lock_renew(&self, name: &str, place: impl Into<LockPlace>, ttl: Duration) -> Result<()> {
        let ask = Ask::new(Method::PUT, LOCK, name).ttl(Some(ttl));
        self.ask(&place.into().ask(ask)).await.map(|_| ())
    }

    /// Lets a lock go, or gives up a place in its queue.
    pub async fn lock_release(&self, name: &str, place: impl Into<LockPlace>) -> Result<()> {
        let ask = Ask::new(Method::DELETE, LOCK, name);
        self.ask(&place.into().ask(ask)).await.map(|_| ())
    }

    /// The index of the lock, where somebody holds it.
    pub async fn lock_retrieve(&self, name: &str) -> Result<Option<u64>> {
        let ask = Ask::get(LOCK, name).query("field", "index");
        let index = some(self.ask_text(&ask).await)?;
        index.map(|index| parse(&index)).transpose()
    }

    /// The value of who holds the lock, where somebody does. `-` is who gave none.
    pub async fn lock_value(&self, name: &str) -> Result<Option<String>> {
        some(self.ask_text(&Ask::get(LOCK, name).query("field", "value")).await)
    }

    /// Waits to lead under this name, or goes on leading; answers the index. The lead ends after `ttl`, unless it is
    /// set again.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use std::time::Duration;
    ///
    /// client.set_leader("my-cluster", "leader-1", Duration::from_secs(60)).await?;
    /// assert_eq!(client.get_leader("my-cluster").await?.as_deref(), Some("leader-1"));
    /// client.delete_leader("my-cluster", "leader-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_leader(&self, cluster: &str, name: &str, ttl: Duration) -> Result<u64> {
        let ask = Ask::new(Method::PUT, LEADER, cluster).field("name", name).ttl(Some(ttl));
        self.ask_index(&ask.patience(Patience::Unbounded)).await
    }

    /// Who leads, where somebody does.
    pub async fn get_leader(&self, cluster: &str) -> Result<Option<String>> {
        some(self.ask_text(&Ask::get(LEADER, cluster)).await)
    }

    /// Leads no more.
    pub async fn delete_leader(&self, cluster: &str, name: &str) -> Result<()> {
        // In the query: who reads forms only where they are usual would find none here.
        self.ask(&Ask::new(Method::DELETE, LEADER, cluster).query("name", name)).await.map(|_| ())
    }

    async fn ask_index(&self, ask: &Ask) -> Result<u64> {
        match self.ask_text(ask).await {
            Ok(index) => parse(&index),
            Err(Error::Refused { message, .. }) if NOT_HAD.contains(&&*message) => Err(Error::NotAcquired),
            Err(error) => Err(error),
        }
    }
}

fn parse(index: &str) -> Result<u64> {
    let shown = || index.chars().take(40).collect::<String>();
    index.parse().map_err(|_| Error::InvalidAnswer {
        endpoint: "the lock module".to_owned(),
        reason: format!("`{}` is no index", shown()),
    })
}

/// Who holds it: nobody does where nobody ever did, or where the answer is empty.
fn some(answer: Result<String>) -> Result<Option<String>> {
    match answer {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
