//! The value of a sorted_set key.

/// Placeholder until its author fills it in.
#[derive(Clone, Debug, Default)]
pub struct SortedSet {}

impl SortedSet {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn crate::ReplySink) {
        reply.map(0);
    }
}
