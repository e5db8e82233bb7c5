//! What may be chosen about a journal.

use hyrax_types::limits::{JOURNAL_PENDING_BYTES_MAX, JOURNAL_SEGMENT_BYTES};

/// What may be chosen about a journal.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// A random number, which a new journal is named by. Its upper half is the journal's identity and may be shown
    /// to anybody; its lower half salts the checksums, so that no value that a client writes can look like a piece
    /// of the journal. A journal that exists already keeps its own.
    pub seed: u128,
    /// Bytes of a segment's file. A record that is longer gets a segment of its size.
    pub segment_bytes: u64,
    /// Bytes that may be reserved or appended without being synced. More are refused as
    /// [`TooBusy`](crate::AppendError::TooBusy).
    pub pending_bytes_max: u64,
    /// Snapshots kept, at least one. With two, a broken newest one is replaced by the one before it and the records
    /// since then.
    pub snapshots_kept: usize,
}

impl JournalSettings {
    /// The usual ones for a journal named by `seed`.
    pub fn new(seed: u128) -> JournalSettings {
        JournalSettings {
            seed,
            segment_bytes: JOURNAL_SEGMENT_BYTES,
            pending_bytes_max: JOURNAL_PENDING_BYTES_MAX,
            snapshots_kept: 2,
        }
    }
}
