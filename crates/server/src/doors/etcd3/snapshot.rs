//! A snapshot as etcd's clients expect one: pieces of the state, zeros up to a whole page, and at the end the
//! SHA-256 of all that, which they leave at the end of the file.

use bytes::Bytes;
use hyrax_coordination::SnapshotStream;
use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::limits::SNAPSHOT_MESSAGE_BYTES_MAX;
use sha2::{Digest, Sha256};

use super::error::Refusal;

/// etcd's store is pages. By 32 bytes beyond a multiple of this its clients know that there is a hash.
const PAGE_BYTES: u64 = 512;

/// A snapshot under way.
pub struct Snapshot {
    pieces: Box<dyn SnapshotStream>,
    /// What is left of the last piece.
    rest: Bytes,
    sent: u64,
    /// Of what was sent so far; none once it was sent itself.
    digest: Option<Sha256>,
}

impl Snapshot {
    /// Of these pieces.
    pub(super) fn new(pieces: Box<dyn SnapshotStream>) -> Snapshot {
        Snapshot { pieces, rest: Bytes::new(), sent: 0, digest: Some(Sha256::new()) }
    }

    /// The next message, or none after the last.
    pub async fn next(&mut self) -> Result<Option<pb::SnapshotResponse>, Refusal> {
        let Some(digest) = &mut self.digest else { return Ok(None) };
        while self.rest.is_empty() {
            match self.pieces.next().await? {
                Some(piece) => self.rest = piece,
                None => return Ok(Some(self.last())),
            }
        }
        let blob = self.rest.split_to(self.rest.len().min(SNAPSHOT_MESSAGE_BYTES_MAX));
        digest.update(&blob);
        self.sent += blob.len() as u64;
        let remaining_bytes = self.rest.len() as u64 + self.pieces.remaining().max(1);
        Ok(Some(pb::SnapshotResponse { header: None, remaining_bytes, blob }))
    }

    fn last(&mut self) -> pb::SnapshotResponse {
        let mut blob = vec![0; (self.sent.next_multiple_of(PAGE_BYTES) - self.sent) as usize];
        let mut digest = self.digest.take().unwrap_or_default();
        digest.update(&blob);
        blob.extend_from_slice(&digest.finalize());
        pb::SnapshotResponse { header: None, remaining_bytes: 0, blob: blob.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::future::BoxFuture;
    use hyrax_coordination::Unavailable;
    use hyrax_types::Revision;

    use super::*;

    struct Pieces(Vec<Bytes>);

    impl SnapshotStream for Pieces {
        fn revision(&self) -> Revision {
            Revision(1)
        }

        fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Unavailable>> {
            Box::pin(ready(Ok(self.0.pop())))
        }

        fn remaining(&self) -> u64 {
            self.0.iter().map(|piece| piece.len() as u64).sum()
        }
    }

    #[tokio::test]
    async fn messages_are_short_and_end_with_the_hash_of_whole_pages() {
        let pieces = vec![Bytes::from_static(b"the end"), Bytes::from(vec![7; 300_000]), Bytes::new()];
        let mut snapshot = Snapshot::new(Box::new(Pieces(pieces)));
        let (mut all, mut ended) = (Vec::new(), false);
        while let Some(message) = snapshot.next().await.unwrap() {
            assert!(message.blob.len() <= SNAPSHOT_MESSAGE_BYTES_MAX && !ended);
            ended = message.remaining_bytes == 0;
            all.extend_from_slice(&message.blob);
        }
        assert!(ended && all.len() % 512 == 32, "{}", all.len());
        let (content, hash) = all.split_at(all.len() - 32);
        assert_eq!(hash, &Sha256::digest(content)[..]);
        assert!(
            content[..300_000].iter().all(|byte| *byte == 7) && content[300_000..].starts_with(b"the end")
        );
    }
}
