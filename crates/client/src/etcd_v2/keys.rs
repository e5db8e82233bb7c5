//! Keys and directories: read, write, compare, remove.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use hyper::Method;

use super::ask::Ask;
use super::client::Client;
use super::error::Result;
use super::node::Response;

/// Where keys are.
pub(super) const KEYS: &str = "/v2/keys";

/// A request under way.
pub type Sent<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What a node has to be for a change to be made.
///
/// ```
/// use hyrax_client::etcd_v2::Compare;
///
/// let both = Compare::value("Hello World").and_index(1818);
/// assert_ne!(both, Compare::index(1818));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    value: Option<String>,
    index: Option<u64>,
}

impl Compare {
    /// It holds this value, which cannot be empty.
    pub fn value(value: impl Into<String>) -> Compare {
        Compare { value: Some(value.into()), index: None }
    }

    /// It was changed last at this index.
    pub fn index(index: u64) -> Compare {
        Compare { value: None, index: Some(index) }
    }

    /// And it was changed last at this index.
    pub fn and_index(self, index: u64) -> Compare {
        Compare { index: Some(index), ..self }
    }

    fn ask(&self, mut ask: Ask) -> Ask {
        if let Some(value) = &self.value {
            ask = ask.query("prevValue", value);
        }
        match self.index {
            Some(index) => ask.query("prevIndex", &index.to_string()),
            None => ask,
        }
    }
}

/// A key or directory to be read: await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Get {
    client: Client,
    key: String,
    is_recursive: bool,
    is_sorted: bool,
    needs_quorum: bool,
}

impl Get {
    /// With all that is below it, but hidden nodes.
    pub fn recursive(mut self) -> Get {
        self.is_recursive = true;
        self
    }

    /// What is in directories comes in the order of its names.
    pub fn sorted(mut self) -> Get {
        self.is_sorted = true;
        self
    }

    /// What is read is what the cluster agreed on last, and not what the member that is asked has heard of.
    pub fn quorum(mut self) -> Get {
        self.needs_quorum = true;
        self
    }
}

impl IntoFuture for Get {
    type Output = Result<Response>;
    type IntoFuture = Sent<Response>;

    fn into_future(self) -> Sent<Response> {
        let ask = Ask::get(KEYS, &self.key)
            .flag("recursive", self.is_recursive)
            .flag("sorted", self.is_sorted)
            .flag("quorum", self.needs_quorum);
        Box::pin(async move { self.client.ask_keys(&ask).await })
    }
}

/// A key or directory to be written: await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Write {
    client: Client,
    ask: Ask,
    ttl: Option<Duration>,
}

impl Write {
    fn new(client: &Client, ask: Ask) -> Write {
        Write { client: client.clone(), ask, ttl: None }
    }

    /// It ends by itself after this time, in whole seconds, rounded up. Without it, a node that had an end has none
    /// any more.
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Write {
        self.ttl = ttl.into();
        self
    }
}

impl IntoFuture for Write {
    type Output = Result<Response>;
    type IntoFuture = Sent<Response>;

    fn into_future(self) -> Sent<Response> {
        let ask = self.ask.ttl(self.ttl);
        let client = self.client;
        Box::pin(async move { client.ask_keys(&ask).await })
    }
}

/// A key to be set: await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Set {
    write: Write,
}

impl Set {
    /// It ends by itself after this time, in whole seconds, rounded up.
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Set {
        self.write = self.write.ttl(ttl);
        self
    }

    /// Makes a key in this directory instead, named so that it comes after all made so before.
    pub fn ordered(mut self) -> Set {
        self.write.ask.method = Method::POST;
        self
    }
}

impl IntoFuture for Set {
    type Output = Result<Response>;
    type IntoFuture = Sent<Response>;

    fn into_future(self) -> Sent<Response> {
        self.write.into_future()
    }
}

/// A key or directory to be removed: await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Delete {
    client: Client,
    ask: Ask,
}

impl Delete {
    /// Also if it is a directory, which must be empty.
    pub fn dir(mut self) -> Delete {
        self.ask = self.ask.flag("dir", true);
        self
    }

    /// With all that is below it.
    pub fn recursive(mut self) -> Delete {
        self.ask = self.ask.flag("recursive", true);
        self
    }
}

impl IntoFuture for Delete {
    type Output = Result<Response>;
    type IntoFuture = Sent<Response>;

    fn into_future(self) -> Sent<Response> {
        Box::pin(async move { self.client.ask_keys(&self.ask).await })
    }
}

/// A request that changes a node is sent to one server, and to another only if that one certainly has not seen it.
impl Client {
    /// Reads a key, or what is in a directory.
    pub fn get(&self, key: &str) -> Get {
        let client = self.clone();
        Get { client, key: key.to_owned(), is_recursive: false, is_sorted: false, needs_quorum: false }
    }

    /// Whether there is such a key or directory.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        match self.get(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets a key, whether it is there or not. The directories above it are made.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use std::time::Duration;
    ///
    /// client.set("/foo/bar", "Hello World").ttl(Duration::from_secs(60)).await?;
    /// let job = client.set("/queue", "a job").ordered().await?;
    /// println!("{}", job.node.key);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(&self, key: &str, value: &str) -> Set {
        Set { write: Write::new(self, put(key).field("value", value)) }
    }

    /// Makes a directory, or one of a key. A directory that is there already is refused with
    /// [`NotFile`](super::ErrorCode::NotFile).
    pub fn set_dir(&self, key: &str) -> Write {
        Write::new(self, put(key).query("dir", "true"))
    }

    /// Makes a key that is not there.
    pub fn create(&self, key: &str, value: &str) -> Write {
        Write::new(self, put(key).query("prevExist", "false").field("value", value))
    }

    /// Makes a directory that is not there.
    pub fn create_dir(&self, key: &str) -> Write {
        Write::new(self, put(key).query("dir", "true").query("prevExist", "false"))
    }

    /// Makes a key in a directory, named so that it comes after all made so before.
    pub fn create_in_order(&self, directory: &str, value: &str) -> Write {
        Write::new(self, Ask::new(Method::POST, KEYS, directory).field("value", value))
    }

    /// Sets a key that is there.
    pub fn update(&self, key: &str, value: &str) -> Write {
        Write::new(self, put(key).query("prevExist", "true").field("value", value))
    }

    /// Sets when a directory that is there ends.
    pub fn update_dir(&self, key: &str) -> Write {
        Write::new(self, put(key).query("dir", "true").query("prevExist", "true"))
    }

    /// Sets when a node ends, and nothing else; who watches is not told.
    pub fn refresh(&self, key: &str, ttl: Duration) -> Write {
        Write::new(self, put(key).query("prevExist", "true").field("refresh", "true")).ttl(ttl)
    }

    /// Sets a key if it is what it is expected to be.
    ///
    /// ```no_run
    /// # async fn example(client: hyrax_client::etcd_v2::Client) -> Result<(), hyrax_client::etcd_v2::Error> {
    /// use hyrax_client::etcd_v2::{Compare, ErrorCode};
    ///
    /// let read = client.get("/foo/bar").await?;
    /// let compare = Compare::index(read.node.modified_index);
    /// match client.compare_and_swap("/foo/bar", "Goodbye", compare).await {
    ///     Ok(_) => println!("it was still the same"),
    ///     Err(error) if error.code() == Some(ErrorCode::TestFailed) => println!("somebody was faster"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn compare_and_swap(&self, key: &str, value: &str, compare: Compare) -> Write {
        Write::new(self, compare.ask(put(key)).field("value", value))
    }

    /// Another name of [`compare_and_swap`](Client::compare_and_swap).
    pub fn test_and_set(&self, key: &str, value: &str, compare: Compare) -> Write {
        self.compare_and_swap(key, value, compare)
    }

    /// Removes a key.
    pub fn delete(&self, key: &str) -> Delete {
        Delete { client: self.clone(), ask: Ask::new(Method::DELETE, KEYS, key) }
    }

    /// Removes an empty directory, or with [`recursive`](Delete::recursive) one with all that is in it. A key is
    /// removed as well.
    pub fn delete_dir(&self, key: &str) -> Delete {
        self.delete(key).dir()
    }

    /// Removes a key if it is what it is expected to be.
    pub fn compare_and_delete(&self, key: &str, compare: Compare) -> Delete {
        Delete { client: self.clone(), ask: compare.ask(Ask::new(Method::DELETE, KEYS, key)) }
    }
}

fn put(key: &str) -> Ask {
    Ask::new(Method::PUT, KEYS, key)
}
