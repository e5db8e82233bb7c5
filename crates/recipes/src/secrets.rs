//! Secrets added while running: global ones, and those attached to a key.
//!
//! ```text
//! \0hyrax/secret/global/<SHA-256 of the secret>       →  the secret
//! \0hyrax/secret/key/<key>/<SHA-256 of the secret>    →  the secret
//! ```
//!
//! The key is escaped, the hash hexadecimal. Every node holds a copy of all, so that an authorizer
//! reads without waiting. Nothing here says what a secret is good for.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyrax_coordination::{
    Compare, Coordination, DeleteRangeRequest, Event, EventKind, Key, KeyRange, KeyValue, Op, OpResponse,
    PutRequest, TxnError, TxnRequest, Unavailable, Value,
};
use hyrax_types::Revision;
use hyrax_types::limits::SECRETS_PER_KEY_MAX;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::layout::{escape, unescape};
use crate::mirror::{Materialized, Mirror};

const PREFIX: &[u8] = b"\0hyrax/secret/";
const GLOBAL: &[u8] = b"\0hyrax/secret/global/";
const OF_KEY: &[u8] = b"\0hyrax/secret/key/";

/// Why the secrets were not changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretsError {
    /// More than a key may have.
    #[error("a key may have at most {SECRETS_PER_KEY_MAX} secrets")]
    TooMany,
    /// The engine could not be asked, or did not answer: the change may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused the transaction.
    #[error("the coordination engine refused: {0}")]
    Refused(TxnError),
}

/// The stored secrets. A change returns after this node's copy shows it.
pub struct Secrets {
    engine: Arc<dyn Coordination>,
    mirror: Mirror<Stored>,
    count: Arc<AtomicUsize>,
}

/// Whose secrets.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Everything,
    Key(&'a [u8]),
}

impl Owner<'_> {
    fn prefix(self) -> Vec<u8> {
        match self {
            Owner::Everything => GLOBAL.to_vec(),
            Owner::Key(key) => {
                let mut prefix = OF_KEY.to_vec();
                escape(key, &mut prefix);
                prefix.push(b'/');
                prefix
            }
        }
    }

    fn secret(self, secret: &[u8]) -> Key {
        let mut key = self.prefix();
        let mut digits = String::with_capacity(64);
        for byte in Sha256::digest(secret) {
            // Writing to a string does not fail.
            _ = write!(digits, "{byte:02x}");
        }
        key.extend_from_slice(digits.as_bytes());
        key.into()
    }
}

impl Secrets {
    /// Reads all secrets, and follows them from there on.
    pub async fn start(engine: Arc<dyn Coordination>) -> Result<Secrets, Unavailable> {
        let stored = Stored::default();
        let count = Arc::clone(&stored.count);
        let mirror = Mirror::start(Arc::clone(&engine), KeyRange::prefix(PREFIX), stored).await?;
        Ok(Secrets { engine, mirror, count })
    }

    /// Whether there is no secret at all. Asked before every write, so it takes no lock.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// The global secrets.
    pub fn global(&self) -> Vec<Value> {
        self.mirror.read(|stored, _| stored.global.values().cloned().collect())
    }

    /// The secrets attached to a key.
    pub fn of_key(&self, key: &[u8]) -> Vec<Value> {
        self.mirror.read(|stored, _| {
            stored.of_key.get(key).map(|secrets| secrets.values().cloned().collect()).unwrap_or_default()
        })
    }

    /// Whether a global secret passes; without a copy of any.
    pub fn any_global(&self, passes: impl FnMut(&[u8]) -> bool) -> bool {
        let mut passes = passes;
        self.mirror.read(|stored, _| stored.global.values().any(|secret| passes(secret)))
    }

    /// Whether a secret attached to the key passes; without a copy of any.
    pub fn any_of_key(&self, key: &[u8], passes: impl FnMut(&[u8]) -> bool) -> bool {
        let mut passes = passes;
        self.mirror.read(|stored, _| {
            stored.of_key.get(key).is_some_and(|secrets| secrets.values().any(|secret| passes(secret)))
        })
    }

    /// Adds a global secret; whether it was not there.
    pub async fn add_global(&self, secret: &[u8]) -> Result<bool, SecretsError> {
        self.add(Owner::Everything, secret).await
    }

    /// Removes a global secret; whether it was there.
    pub async fn remove_global(&self, secret: &[u8]) -> Result<bool, SecretsError> {
        self.remove(Owner::Everything, secret).await
    }

    /// Attaches a secret to a key; whether it was not there.
    pub async fn add_to_key(&self, key: &[u8], secret: &[u8]) -> Result<bool, SecretsError> {
        // Two nodes adding at once may pass this by one each: the bound is on cost, not on trust.
        let present = self.of_key(key);
        if present.len() >= SECRETS_PER_KEY_MAX && !present.iter().any(|other| *other == secret) {
            return Err(SecretsError::TooMany);
        }
        self.add(Owner::Key(key), secret).await
    }

    /// Takes a secret from a key; whether it was there.
    pub async fn remove_from_key(&self, key: &[u8], secret: &[u8]) -> Result<bool, SecretsError> {
        self.remove(Owner::Key(key), secret).await
    }

    /// Makes `secrets` the ones attached to a key, in one step; whether that changed anything.
    pub async fn set_of_key(&self, key: &[u8], secrets: &[Value]) -> Result<bool, SecretsError> {
        let owner = Owner::Key(key);
        let kept: BTreeMap<Key, &Value> =
            secrets.iter().map(|secret| (owner.secret(secret), secret)).collect();
        if kept.len() > SECRETS_PER_KEY_MAX {
            return Err(SecretsError::TooMany);
        }
        let all = KeyRange::prefix(owner.prefix());
        // Everything between those that stay goes; a transaction may not delete what it puts.
        let mut success = Vec::with_capacity(2 * kept.len() + 1);
        let mut from = all.key.clone();
        for key in kept.keys() {
            success.push(Op::DeleteRange(DeleteRangeRequest::new(KeyRange::between(from, key.clone()))));
            from = [key.as_ref(), b"\0"].concat().into();
        }
        success.push(Op::DeleteRange(DeleteRangeRequest::new(KeyRange::between(from, all.range_end))));
        success.extend(kept.into_iter().map(|(key, secret)| Op::Txn(put_if_absent(key, secret.clone()))));
        self.change(TxnRequest { success, ..TxnRequest::default() }).await
    }

    async fn add(&self, owner: Owner<'_>, secret: &[u8]) -> Result<bool, SecretsError> {
        self.change(put_if_absent(owner.secret(secret), Value::copy_from_slice(secret))).await
    }

    async fn remove(&self, owner: Owner<'_>, secret: &[u8]) -> Result<bool, SecretsError> {
        let range = KeyRange::single(owner.secret(secret));
        let success = vec![Op::DeleteRange(DeleteRangeRequest::new(range))];
        self.change(TxnRequest { success, ..TxnRequest::default() }).await
    }

    async fn change(&self, request: TxnRequest) -> Result<bool, SecretsError> {
        let response = self.engine.txn(request).await.map_err(|error| match error {
            TxnError::Unavailable(unavailable) => SecretsError::Unavailable(unavailable),
            error => SecretsError::Refused(error),
        })?;
        let changed = response.responses.iter().any(writes);
        if changed {
            self.mirror.reached(response.revision).await?;
        }
        Ok(changed)
    }
}

fn put_if_absent(key: Key, secret: Value) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare::absent(key.clone())],
        success: vec![Op::Put(PutRequest::new(key, secret))],
        failure: Vec::new(),
    }
}

fn writes(response: &OpResponse) -> bool {
    match response {
        OpResponse::Put(_) => true,
        OpResponse::DeleteRange(delete) => delete.deleted > 0,
        OpResponse::Txn(inner) => inner.responses.iter().any(writes),
        OpResponse::Range(_) => false,
    }
}

/// The copy. Without `Debug`, lest a secret is printed.
#[derive(Default)]
struct Stored {
    global: BTreeMap<Key, Value>,
    of_key: HashMap<Vec<u8>, BTreeMap<Key, Value>>,
    /// How many global secrets, and keys with secrets, there are.
    count: Arc<AtomicUsize>,
}

impl Stored {
    fn count_anew(&self) {
        self.count.store(self.global.len() + self.of_key.len(), Ordering::Release);
    }

    fn insert(&mut self, kv: &KeyValue) {
        if kv.key.starts_with(GLOBAL) {
            self.global.insert(kv.key.clone(), kv.value.clone());
        } else if let Some(owner) = key_of(&kv.key) {
            self.of_key.entry(owner).or_default().insert(kv.key.clone(), kv.value.clone());
        }
    }

    fn remove(&mut self, key: &Key) {
        self.global.remove(key);
        if let Some(owner) = key_of(key)
            && let Some(secrets) = self.of_key.get_mut(&owner)
        {
            secrets.remove(key);
            if secrets.is_empty() {
                self.of_key.remove(&owner);
            }
        }
    }
}

/// The live key that a stored secret is attached to.
fn key_of(stored: &[u8]) -> Option<Vec<u8>> {
    let tail = stored.strip_prefix(OF_KEY)?;
    let end = tail.iter().position(|&byte| byte == b'/')?;
    unescape(&tail[..end])
}

impl Materialized for Stored {
    fn reset(&mut self, _revision: Revision, kvs: &[Arc<KeyValue>]) {
        self.global.clear();
        self.of_key.clear();
        for kv in kvs {
            self.insert(kv);
        }
        self.count_anew();
    }

    fn apply(&mut self, _revision: Revision, events: &[Event]) {
        for event in events {
            match event.kind {
                EventKind::Put => self.insert(&event.kv),
                EventKind::Delete => self.remove(&event.kv.key),
            }
        }
        self.count_anew();
    }
}

#[cfg(test)]
mod tests {
    use hyrax_coordination::{Embedded, EmbeddedSettings};
    use hyrax_types::SystemClock;

    use super::*;

    async fn two_nodes() -> [Secrets; 2] {
        let engine: Arc<dyn Coordination> =
            Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()));
        [Secrets::start(Arc::clone(&engine)).await.unwrap(), Secrets::start(engine).await.unwrap()]
    }

    async fn eventually(mut holds: impl FnMut() -> bool) {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        panic!("it never held");
    }

    fn sorted(mut secrets: Vec<Value>) -> Vec<Value> {
        secrets.sort();
        secrets
    }

    #[tokio::test]
    async fn a_change_is_told_once_and_reaches_every_node() {
        let [here, there] = two_nodes().await;
        assert!(here.is_empty());
        assert!(here.add_global(b"one").await.unwrap());
        assert!(!here.add_global(b"one").await.unwrap());
        assert!(here.add_to_key(b"a/b", b"two").await.unwrap());
        assert_eq!(here.global(), ["one"], "a node reads its own writes");
        eventually(|| there.of_key(b"a/b") == ["two"]).await;
        assert!(there.of_key(b"a").is_empty() && there.of_key(b"").is_empty());
        assert!(
            there.any_of_key(b"a/b", |secret| secret == b"two")
                && there.any_global(|secret| secret == b"one")
        );
        assert!(
            !there.any_global(|secret| secret == b"two")
                && !there.any_of_key(b"x", |secret| secret == b"two")
        );
        assert!(there.remove_global(b"one").await.unwrap());
        assert!(!there.remove_global(b"one").await.unwrap());
        assert!(there.remove_from_key(b"a/b", b"two").await.unwrap());
        assert!(there.is_empty());
    }

    #[tokio::test]
    async fn setting_replaces_what_a_key_has_and_nothing_else() {
        let [here, _] = two_nodes().await;
        let values = |secrets: &[&'static str]| secrets.iter().map(|s| Value::from(*s)).collect::<Vec<_>>();
        here.add_to_key(b"other", b"z").await.unwrap();
        assert!(here.set_of_key(b"k", &values(&["a", "b", "c"])).await.unwrap());
        assert!(!here.set_of_key(b"k", &values(&["c", "b", "a", "a"])).await.unwrap());
        assert!(here.set_of_key(b"k", &values(&["b", "d"])).await.unwrap());
        assert_eq!(sorted(here.of_key(b"k")), ["b", "d"]);
        assert!(here.set_of_key(b"k", &[]).await.unwrap());
        assert!(here.of_key(b"k").is_empty());
        assert_eq!(here.of_key(b"other"), ["z"]);
        let many: Vec<Value> = (0..SECRETS_PER_KEY_MAX).map(|i| format!("{i}").into()).collect();
        assert!(here.set_of_key(b"k", &many).await.unwrap());
        assert_eq!(here.add_to_key(b"k", b"more").await, Err(SecretsError::TooMany));
    }
}
