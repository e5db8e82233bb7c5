//! `/mod/v2/lock` and `/mod/v2/leader`, as etcd had them up to 0.4: fair locks whose places are in-order keys of
//! the tree, below the hidden directory that they were in then, and answers in plain text. A leader is who holds
//! the lock of that name.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use hyrax_recipes::tree::{Content, Ending, Node, Tree, TreeError, TreePath, WatchFor};
use tokio::time::Instant;

use super::error::{Code, Refusal};
use super::form::Form;
use super::parameters::end_ns;
use super::{Caller, Etcd2, FormText, plain};

/// Where the places are.
const LOCKS: &[u8] = b"/_etcd/mod/lock/";

/// What a place holds whose owner gave no value.
const NO_VALUE: &[u8] = b"-";

/// Why there is no answer.
enum Failure {
    /// As all of etcd says it.
    Refused(Refusal),
    /// In a line of text.
    Said(&'static str),
}

impl<E: Into<Refusal>> From<E> for Failure {
    fn from(refusal: E) -> Failure {
        Failure::Refused(refusal.into())
    }
}

type Answer = Result<Bytes, Failure>;

impl Etcd2 {
    /// Answers a request for a lock.
    pub(super) async fn lock(&self, name: &[u8], request: Request<Body>, caller: &Caller) -> Response<Body> {
        let method = request.method().clone();
        let answer = async {
            let text = self.module_form(request, caller).await?;
            let form = text.form()?;
            let folder = TreePath::clean(&[LOCKS, name].concat())?;
            match method {
                Method::GET => self.holder(&folder, &form, "value").await,
                Method::POST => self.acquire(&folder, &form, form.text("value")).await,
                Method::PUT => self.renew(&folder, &form).await,
                _ => self.release(&folder, form.text("index"), form.text("value")).await,
            }
        };
        match method {
            Method::GET | Method::POST | Method::PUT | Method::DELETE => shown(answer.await),
            _ => plain::not_found(),
        }
    }

    /// Answers a request for a leader.
    pub(super) async fn leader(
        &self,
        name: &[u8],
        request: Request<Body>,
        caller: &Caller,
    ) -> Response<Body> {
        let method = request.method().clone();
        let answer = async {
            let text = self.module_form(request, caller).await?;
            let form = text.form()?;
            let folder = TreePath::clean(&[LOCKS, name].concat())?;
            if method == Method::GET {
                return self.holder(&folder, &Form::default(), "value").await;
            }
            let candidate = form.text("name");
            if candidate.is_empty() {
                let cause = if method == Method::PUT { "Set" } else { "Delete" };
                return Err(Refusal::new(Code::NAME_REQUIRED, cause).into());
            }
            match method {
                Method::PUT => self.acquire(&folder, &form, candidate).await,
                _ => self.release(&folder, b"", candidate).await,
            }
        };
        match method {
            Method::GET | Method::PUT | Method::DELETE => shown(answer.await),
            _ => plain::not_found(),
        }
    }

    async fn module_form(&self, request: Request<Body>, caller: &Caller) -> Result<FormText, Refusal> {
        let reads = request.method() == Method::GET;
        if !(if reads { self.may_read(caller) } else { self.may_write(caller) }) {
            return Err(Refusal::unauthorized());
        }
        FormText::read(request, true).await
    }

    /// Waits for the turn, and answers the lock's index.
    async fn acquire(&self, folder: &TreePath, form: &Form<'_>, value: &[u8]) -> Answer {
        let timeout_s = match form.text("timeout") {
            b"" => -1,
            text => number(text).ok_or_else(|| Refusal::new(Code::TIMEOUT_NAN, "Acquire"))?,
        };
        let ttl_s = ttl(form, "Acquire")?;
        // A timeout that ends when no clock can tell is none.
        let until = u64::try_from(timeout_s).ok().filter(|&timeout_s| timeout_s > 0);
        let until = until.and_then(|timeout_s| Instant::now().checked_add(Duration::from_secs(timeout_s)));
        let mut place = self.take_place(folder, value, ttl_s).await?;
        loop {
            let found = self.tree.get(folder, false).await?;
            let Some(at) = found.node.nodes.iter().position(|node| node.path == place.path) else {
                // It was given up in its owner's name, or its time ran out: there is another at the end.
                place = self.take_place(folder, value, ttl_s).await?;
                continue;
            };
            let Some(before) = at.checked_sub(1) else { break };
            if timeout_s == 0 {
                return Err(Failure::Said("failed to acquire lock"));
            }
            let path = found.node.nodes[before].path.clone();
            let what = WatchFor { path, since: found.index + 1, ..WatchFor::default() };
            let mut watcher = self.tree.watch(what).await?;
            let renewal = Duration::from_secs(ttl_s.max(1)) / 2;
            tokio::select! {
                _ = watcher.next() => {}
                () = tokio::time::sleep(renewal), if ttl_s > 0 => {
                    // Should it be too late, the next look finds that.
                    _ = place.renew(ttl_s).await;
                }
                () = sleep_until(until) => return Err(Failure::Said("lock watch closed")),
                () = self.closing.cancelled() => return Err(Failure::Said("lock watch closed")),
            }
        }
        place.renew(ttl_s).await?;
        Ok(place.keep())
    }

    /// The place of who has this value already, or a new one at the end.
    async fn take_place(&self, folder: &TreePath, value: &[u8], ttl_s: u64) -> Result<Place, Failure> {
        if !value.is_empty()
            && let Some(node) = self.places(folder).await?.into_iter().find(|node| holds(node, value))
        {
            return Ok(Place { tree: Arc::clone(&self.tree), path: node.path, kept: false });
        }
        let value = if value.is_empty() { NO_VALUE } else { value };
        let content = Content::File(Bytes::copy_from_slice(value));
        let made = self.tree.create_in_order(folder, content, ending(&self.tree, ttl_s)).await?;
        Ok(Place { tree: Arc::clone(&self.tree), path: made.node.path, kept: false })
    }

    /// All places, the holder's first; none where nobody ever had one.
    async fn places(&self, folder: &TreePath) -> Result<Vec<Node>, Failure> {
        match self.tree.get(folder, false).await {
            Ok(found) => Ok(found.node.nodes),
            Err(TreeError::Refused { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The place that an index or a value names.
    async fn named(
        &self,
        folder: &TreePath,
        index: &[u8],
        value: &[u8],
        cause: &'static str,
    ) -> Result<TreePath, Failure> {
        if !index.is_empty() {
            let number = number(index).and_then(|number| u64::try_from(number).ok());
            let name = number.map_or_else(|| index.to_vec(), |number| format!("{number:020}").into_bytes());
            return Ok(folder.child(&name)?);
        }
        let places = self.tree.get(folder, false).await?.node.nodes;
        let place = places.into_iter().find(|node| holds(node, value));
        Ok(place.ok_or_else(|| Refusal::new(Code::KEY_NOT_FOUND, cause))?.path)
    }

    async fn renew(&self, folder: &TreePath, form: &Form<'_>) -> Answer {
        let ttl_s = ttl(form, "Renew")?;
        let (index, value) = (form.text("index"), form.text("value"));
        if index.is_empty() && value.is_empty() {
            return Err(Refusal::new(Code::INDEX_OR_VALUE_REQUIRED, "Renew").into());
        }
        let path = self.named(folder, index, value, "Renew").await?;
        let (kept, ending) = (value.is_empty(), ending(&self.tree, ttl_s));
        let ending = Ending { refresh: kept, ..ending };
        self.tree.update(&path, Bytes::copy_from_slice(value), ending).await?;
        Ok(Bytes::new())
    }

    async fn release(&self, folder: &TreePath, index: &[u8], value: &[u8]) -> Answer {
        match (index.is_empty(), value.is_empty()) {
            (true, true) => return Err(Refusal::new(Code::INDEX_OR_VALUE_REQUIRED, "Release").into()),
            (false, false) => return Err(Refusal::new(Code::INDEX_VALUE_MUTEX, "Release").into()),
            _ => {}
        }
        let path = self.named(folder, index, value, "Release").await?;
        self.tree.delete(&path, false, false).await?;
        Ok(Bytes::new())
    }

    /// Who holds the lock: the index or the value; nothing where nobody does.
    async fn holder(&self, folder: &TreePath, form: &Form<'_>, default: &str) -> Answer {
        let field = match form.text("field") {
            b"" => default.as_bytes(),
            field => field,
        };
        let nodes = self.tree.get(folder, false).await?.node.nodes;
        let Some(first) = nodes.into_iter().next() else { return Ok(Bytes::new()) };
        match field {
            b"index" => Ok(index_of(&first.path)),
            b"value" => Ok(first.value.unwrap_or_default()),
            _ => Err(Refusal::new(Code::INVALID_FIELD, "Get").into()),
        }
    }
}

/// A place that is waited at. It is given up when this is dropped.
struct Place {
    tree: Arc<Tree>,
    path: TreePath,
    kept: bool,
}

impl Place {
    /// It lives for that long from now on.
    async fn renew(&self, ttl_s: u64) -> Result<(), TreeError> {
        let ending = Ending { refresh: true, ..ending(&self.tree, ttl_s) };
        self.tree.update(&self.path, Bytes::new(), ending).await.map(|_| ())
    }

    /// Keeps it until its time runs out, or somebody gives it up; its index.
    fn keep(mut self) -> Bytes {
        self.kept = true;
        index_of(&self.path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            let (tree, path) = (Arc::clone(&self.tree), self.path.clone());
            // Should the engine not answer, its time runs out.
            tokio::spawn(async move { _ = tree.delete(&path, false, false).await });
        }
    }
}

fn shown(answer: Answer) -> Response<Body> {
    match answer {
        Ok(text) => plain::text(text),
        Err(Failure::Refused(refusal)) => refusal.response(),
        Err(Failure::Said(text)) => plain::error(StatusCode::INTERNAL_SERVER_ERROR, text),
    }
}

fn holds(node: &Node, value: &[u8]) -> bool {
    node.value.as_deref() == Some(value)
}

/// The index that a place's name is, without the zeros before it.
fn index_of(path: &TreePath) -> Bytes {
    let name = path.name();
    let first = name.iter().position(|&digit| digit != b'0').unwrap_or(name.len().saturating_sub(1));
    Bytes::copy_from_slice(&name[first..])
}

/// A time to live of zero is none, as it was to the client that these modules used.
fn ending(tree: &Tree, ttl_s: u64) -> Ending {
    Ending { at_ns: (ttl_s > 0).then(|| end_ns(tree.now_ns(), ttl_s)), refresh: false }
}

fn ttl(form: &Form<'_>, cause: &'static str) -> Result<u64, Refusal> {
    let ttl_s = number(form.text("ttl")).and_then(|ttl_s| u64::try_from(ttl_s).ok());
    ttl_s.ok_or_else(|| Refusal::new(Code::TTL_NAN, cause))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
