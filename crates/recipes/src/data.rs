//! What a group remembers: ephemeral keys, that die with the member who set them, and persistent ones.
//!
//! ```text
//! /<group>/ephemeral/<key>
//! /<group>/persistent/<key>
//! ```
//!
//! An ephemeral key hangs on its member's lease, and is deleted when the member leaves. Whoever sets a key that is
//! another's takes it over.

use hyrax_coordination::{
    DeleteRangeRequest, Key, KeyRange, Op, OpResponse, PutRequest, RangeRequest, TxnError, TxnRequest, Value,
};
use hyrax_types::Revision;

use crate::group::layout::{key_of, name_of, range_of};
use crate::group::{Group, GroupError, Seat};
use crate::mirror::load_once;
use crate::names::{BadName, check_name};

/// The folder of ephemeral keys.
pub(crate) const EPHEMERAL: &str = "ephemeral";

/// The folder of persistent keys.
const PERSISTENT: &str = "persistent";

/// The ephemeral keys of a group.
#[derive(Clone)]
pub struct Ephemeral {
    group: Group,
}

impl Ephemeral {
    /// Those of this group.
    pub fn new(group: &Group) -> Ephemeral {
        Ephemeral { group: group.clone() }
    }

    /// Sets a key for as long as this member is in the group; the engine's revision. Fails with
    /// [`GroupError::Gone`] when it is not any more.
    pub async fn set(&self, seat: &Seat, key: &str, value: impl Into<Value>) -> Result<Revision, GroupError> {
        seat.set_ephemeral(key, value.into()).await
    }

    /// What a key holds.
    pub async fn get(&self, key: &str) -> Result<Option<Value>, GroupError> {
        get(&self.group, EPHEMERAL, key).await
    }

    /// Deletes a key, whoever set it; whether it was there. `seat` is the member that asks.
    pub async fn del(&self, seat: &Seat, key: &str) -> Result<bool, GroupError> {
        let deleted = del(&self.group, EPHEMERAL, key).await?;
        seat.forget_ephemeral(key).await;
        Ok(deleted)
    }

    /// Every key and what it holds, in the order of the keys.
    pub async fn list(&self) -> Result<Vec<(String, Value)>, GroupError> {
        list(&self.group, EPHEMERAL).await
    }
}

/// The persistent keys of a group.
#[derive(Clone)]
pub struct Persistent {
    group: Group,
}

impl Persistent {
    /// Those of this group.
    pub fn new(group: &Group) -> Persistent {
        Persistent { group: group.clone() }
    }

    /// Sets a key; the engine's revision.
    pub async fn set(&self, key: &str, value: impl Into<Value>) -> Result<Revision, GroupError> {
        let put = PutRequest::new(path(&self.group, PERSISTENT, key)?, value);
        Ok(self.group.engine().put(put).await?.revision)
    }

    /// What a key holds.
    pub async fn get(&self, key: &str) -> Result<Option<Value>, GroupError> {
        get(&self.group, PERSISTENT, key).await
    }

    /// Deletes a key; whether it was there.
    pub async fn del(&self, key: &str) -> Result<bool, GroupError> {
        del(&self.group, PERSISTENT, key).await
    }

    /// Every key and what it holds, in the order of the keys.
    pub async fn list(&self) -> Result<Vec<(String, Value)>, GroupError> {
        list(&self.group, PERSISTENT).await
    }
}

fn path(group: &Group, kind: &str, key: &str) -> Result<Key, BadName> {
    check_name("key", key)?;
    Ok(key_of(group.name(), kind, key))
}

async fn get(group: &Group, kind: &str, key: &str) -> Result<Option<Value>, GroupError> {
    let range = RangeRequest::new(KeyRange::single(path(group, kind, key)?));
    let response = group.engine().range(range).await.map_err(TxnError::from)?;
    Ok(response.kvs.first().map(|kv| kv.value.clone()))
}

async fn del(group: &Group, kind: &str, key: &str) -> Result<bool, GroupError> {
    let range = KeyRange::single(path(group, kind, key)?);
    let delete = Op::DeleteRange(DeleteRangeRequest::new(range));
    let request = TxnRequest { success: vec![delete], ..TxnRequest::default() };
    let response = group.engine().txn(request).await?;
    Ok(matches!(
        response.responses.first(),
        Some(OpResponse::DeleteRange(deleted)) if deleted.deleted > 0
    ))
}

async fn list(group: &Group, kind: &str) -> Result<Vec<(String, Value)>, GroupError> {
    let (_, kvs) = load_once(&**group.engine(), &range_of(group.name(), kind)).await?;
    let mut pairs: Vec<_> = kvs.iter().filter_map(|kv| Some((name_of(&kv.key)?, kv.value.clone()))).collect();
    pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(pairs)
}
