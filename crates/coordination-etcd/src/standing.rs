//! Where a cluster stands: its revision, and how far its past is forgotten.
//!
//! etcd tells the latter to nobody who does not hit upon it. So it is searched for, by reads of a key that nobody has,
//! and remembered: it only grows, and the next time one read confirms it.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyrax_coordination::{Fencing, Promises, Status, Unavailable};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::Revision;

use crate::call::{Caller, Effect, RANGE};
use crate::failure::Failure;
use crate::wire;

/// etcd's words for a revision that is forgotten.
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";

/// What was found out.
#[derive(Default)]
pub(crate) struct Standing {
    /// The first revision that could be read, last time; 0 while nothing was known to be forgotten.
    compacted: AtomicU64,
}

impl Standing {
    pub(crate) async fn status(&self, caller: &Caller) -> Result<Status, Unavailable> {
        let revision =
            look(caller, 0).await?.ok_or_else(|| Unavailable::because("etcd denies the present"))?;
        let compacted = self.compacted(caller, revision.0).await?;
        Ok(Status {
            engine: "etcd".to_owned(),
            revision,
            compacted: Revision(compacted),
            promises: Promises { linearizable: true, durable: true, fencing: Fencing::Strong },
        })
    }

    async fn compacted(&self, caller: &Caller, revision: u64) -> Result<u64, Unavailable> {
        let known = self.compacted.load(Ordering::Relaxed);
        if look(caller, known.max(1)).await?.is_some() {
            return Ok(known);
        }
        // Forgotten up to `below` at least; `readable` can be read. The past is most often forgotten to near the
        // present, but a search costs little more.
        let (mut below, mut readable) = (known.max(1), revision);
        while readable - below > 1 {
            let middle = below + (readable - below) / 2;
            match look(caller, middle).await? {
                Some(_) => readable = middle,
                None => below = middle,
            }
        }
        self.compacted.fetch_max(readable, Ordering::Relaxed);
        Ok(readable)
    }
}

/// The present's revision, as a read at `revision` tells it; none where that is forgotten.
async fn look(caller: &Caller, revision: u64) -> Result<Option<Revision>, Unavailable> {
    let request = pb::RangeRequest {
        key: Bytes::from_static(b"\0"),
        revision: wire::number(Revision(revision)),
        count_only: true,
        ..pb::RangeRequest::default()
    };
    match caller.call::<_, pb::RangeResponse>(RANGE, Effect::Reads, request).await {
        Ok(response) => Ok(Some(wire::header(response.header.as_ref()))),
        Err(Failure::Refused(words)) if words == COMPACTED => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}
