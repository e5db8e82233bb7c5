//! One command in the making.

use std::time::Duration;

use bytes::Bytes;
use hyrax_types::Revision;
use serde_json::json;

use super::client::Client;
use super::value::{Argument, FromValue, json_of};
use super::wire::Request;
use super::{Error, Value};

/// A command that is being given its arguments. Nothing is sent before [`Command::send`] or [`Command::query`].
#[must_use = "a command does nothing until it is sent"]
pub struct Command<'a> {
    client: &'a Client,
    name: String,
    key: Option<Bytes>,
    args: Vec<Bytes>,
    id: Option<Bytes>,
    writes: Vec<Bytes>,
    quiet: bool,
    fence: Option<(Bytes, Revision)>,
    timeout: Option<Duration>,
}

impl<'a> Command<'a> {
    pub(super) fn new(client: &'a Client, name: &str) -> Command<'a> {
        Command {
            client,
            name: name.to_owned(),
            key: None,
            args: Vec::new(),
            id: None,
            writes: Vec::new(),
            quiet: false,
            fence: None,
            timeout: Some(client.settings().command_timeout),
        }
    }

    /// The key: the first word after the command's name.
    pub fn key(mut self, key: impl Into<Argument>) -> Command<'a> {
        self.key = Some(key.into().0);
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl Into<Argument>) -> Command<'a> {
        self.args.push(arg.into().0);
        self
    }

    /// More arguments.
    pub fn args<A: Into<Argument>>(mut self, args: impl IntoIterator<Item = A>) -> Command<'a> {
        self.args.extend(args.into_iter().map(|arg| arg.into().0));
        self
    }

    /// Who sends it: monitors are told.
    pub fn id(mut self, id: impl Into<Argument>) -> Command<'a> {
        self.id = Some(id.into().0);
        self
    }

    /// Nobody is pushed what it changes.
    pub fn quiet(mut self) -> Command<'a> {
        self.quiet = true;
        self
    }

    /// It is refused unless the lock is held with this token, or, where values are kept elsewhere than locks, if a
    /// later token was written under.
    pub fn fence(mut self, lock: impl Into<Argument>, token: Revision) -> Command<'a> {
        self.fence = Some((lock.into().0, token));
        self
    }

    /// A key that it writes, where that is not its key alone: each is signed for, in the command's order.
    pub fn writes(mut self, key: impl Into<Argument>) -> Command<'a> {
        self.writes.push(key.into().0);
        self
    }

    /// How long the answer may take, instead of what the settings say.
    pub fn timeout(mut self, timeout: Duration) -> Command<'a> {
        self.timeout = Some(timeout);
        self
    }

    /// The answer may take for ever, as that of `blpop`.
    pub fn patient(mut self) -> Command<'a> {
        self.timeout = None;
        self
    }

    /// Sends it; the answer as it comes.
    pub async fn send(self) -> Result<Value, Error> {
        let (client, timeout) = (self.client, self.timeout);
        client.ask(self.request(), timeout).await
    }

    /// Sends it; the answer as a type of Rust's.
    pub async fn query<T: FromValue>(self) -> Result<T, Error> {
        self.send().await?.to()
    }

    fn request(self) -> Request {
        let id = self.id.as_deref().unwrap_or_default();
        let written: Vec<&[u8]> = match self.writes.is_empty() {
            true => self.key.iter().map(|key| &key[..]).collect(),
            false => self.writes.iter().map(|key| &key[..]).collect(),
        };
        let signing = self.client.settings().signing.as_ref().filter(|_| !written.is_empty());
        let mut request = Request::new(&self.name).args(&self.args).signed(signing, &self.name, &written, id);
        if let Some(key) = &self.key {
            request = request.key(key);
        }
        if self.id.is_some() {
            request = request.id(id);
        }
        if self.quiet {
            request = request.with("quiet", true);
        }
        if let Some((lock, Revision(token))) = self.fence {
            request = request.with("fence", json!({"lock": json_of(&lock), "token": token}));
        }
        request
    }
}
